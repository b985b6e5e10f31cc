"""Faults F26 and F27: what a house keeps of people, searched in every table, file and word that it says.

A real gunicorn is driven by somebody whose address and browser are marked; then the whole database as text, the file
of an SQLite database byte by byte, every file of the house, an export, a backup and the logs are searched.
"""

import http.client
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

from tests.live_postgres import ROOT, Gunicorn, OwnPostgres, house, manage, own_postgres, python

pytestmark = pytest.mark.slow
ADDRESS, AGENT, LANGUAGE, REFERRER = "203.0.113.77", "MarkedBrowser/9.71", "tlh-marked", "marked.example.net"
MARKS = (ADDRESS, AGENT, "MarkedBrowser", LANGUAGE, REFERRER)
PANEL_ID = "60b1c2d3e4f5a6b7c8d9e0f1"
SEED = """
from studyplatform.voting.models import Panel
from tests import factories
study = factories.study("kept", trials_per_session=4, sessions_planned=12, state="open")
Panel.objects.create(study=study, provider="prolific", complete_code="DONE")
"""
# The planted fault: the browser's words are stored with what happened in a session.
CURIOUS = """
from django.utils import timezone
from studyplatform.config.wsgi import application as real

def application(environ, start_response):
    from studyplatform.voting.models import Event, Session
    answer = real(environ, start_response)
    session = Session.objects.order_by("-pk").first()
    if session is not None:
        words = {"browser": environ.get("HTTP_USER_AGENT", "")}
        Event.objects.create(session=session, kind="help", at=timezone.now(), data=words)
    return answer
"""
NAMES = """
import json
from studyplatform.voting.models import Participant
from studyplatform.voting.selectors import panel_hash, participant_hash
who = Participant.objects.get(panel__external_id="60b1c2d3e4f5a6b7c8d9e0f1")
print(json.dumps([
    who.token, participant_hash(who.study, who.token), who.completion_code.code, "60b1c2d3e4f5a6b7c8d9e0f1",
    panel_hash(who.study, "prolific", "60b1c2d3e4f5a6b7c8d9e0f1"),
]))
"""
CLOSE = """
from studyplatform.voting.models import Study
from studyplatform.voting.services import study_transition
study = Study.objects.get(slug="kept")
study_transition(study=study, to="closed", by=study.owner)
"""


@dataclass
class Home:
    """A house whose every trace can be searched."""

    folder: Path
    environment: dict[str, str]
    postgres: OwnPostgres | None
    said: list[str] = field(default_factory=list)

    def text(self) -> str:
        """The whole database as SQL."""
        if self.postgres is None:
            with closing(sqlite3.connect(self.folder / "home.sqlite3")) as there:
                return "\n".join(there.iterdump())
        command = [
            f"{self.postgres.programs}/pg_dump",
            "--inserts",
            "--dbname",
            f"host={self.postgres.host} user=postgres dbname=home",
        ]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def found(self, words: Sequence[str]) -> list[str]:
        """Which of the words are anywhere, and where."""
        text = self.text()
        places = [f"{word} in the database" for word in words if word.lower() in text.lower()]
        for path in sorted(path for path in self.folder.rglob("*") if path.is_file()):
            if path.name.endswith(("-wal", "-shm")):
                continue  # of the running database; what is in force is in the text
            data = path.read_bytes()
            places += [f"{word} in {path.name}" for word in words if word.encode() in data or word in str(path)]
        return places + [f"{word} was said" for word in words if word in "".join(self.said)]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    folder = tmp_path / "home"
    folder.mkdir()
    if "postgresql" not in settings.DATABASES["default"]["ENGINE"]:
        home = Home(folder, house(f"sqlite:///{folder / 'home.sqlite3'}", folder, EYEBALLOT_LOG="INFO"), None)
        _furnish(home)
        yield home
        return
    with own_postgres() as server:
        server.execute("CREATE DATABASE home")
        more = {"EYEBALLOT_PG_BIN": server.programs, "EYEBALLOT_LOG": "INFO"}
        home = Home(folder, house(server.url("home"), folder, **more), server)
        _furnish(home)
        yield home


def _furnish(home: Home) -> None:
    manage(home.environment, "migrate", "-v0")
    manage(home.environment, "collectstatic", "-v0", "--no-input")
    python(home.environment, SEED)


class Visitor:
    """Somebody with a marked browser at a marked address, as the proxy in front tells it."""

    def __init__(self, port: int) -> None:
        self._port = port

    def ask(self, method: str, path: str, body: object = None, key: str = "") -> tuple[int, bytes]:
        """Status and bytes of an answer."""
        head = {
            "User-Agent": AGENT,
            "X-Forwarded-For": ADDRESS,
            "X-Real-IP": ADDRESS,
            "Forwarded": f"for={ADDRESS}",
            "Accept-Language": LANGUAGE,
            "Referer": f"https://{REFERRER}/",
            "X-Forwarded-Proto": "https",
            "Content-Type": "application/json",
            **({"Authorization": f"Bearer {key}"} if key else {}),
        }
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)) as connection:
            connection.request(method, path, json.dumps(body) if body is not None else None, head)
            answer = connection.getresponse()
            return answer.status, answer.read()

    def take_part(self) -> None:
        """The whole way through a study as one comes from a panel, with everything that may go wrong on it."""
        session = "/api/v1/studies/kept/session/"
        assert self.ask("GET", f"/s/kept/?PROLIFIC_PID={PANEL_ID}&STUDY_ID=s&SESSION_ID=x")[0] == 200
        status, data = self.ask("POST", session, {"parameters": {"PROLIFIC_PID": PANEL_ID}})
        assert status == 201, data
        key = json.loads(data)["key"]
        for step in ("consent/", "instructions/"):
            assert self.ask("POST", session + step, {}, key)[0] in (200, 201)
        trials = json.loads(self.ask("GET", session + "plan/", None, key)[1])["trials"]
        for pair in trials:
            ballot = {"uuid": str(uuid4()), "trial": pair["id"], "choice": "left"}
            assert self.ask("POST", session + "votes/", ballot, key)[0] == 201
            assert self.ask("GET", pair["left"]["src"])[0] == 200
        now = {"kind": "help", "at": "2026-11-22T12:00:00Z", "data": {}}
        assert self.ask("POST", session + "events/", {"events": [now]}, key)[0] == 201
        assert self.ask("POST", session + "finish/", {}, key)[0] == 200
        # What makes a server write something down: wrong addresses, wrong bodies, wrong passwords.
        self.ask("GET", "/nowhere/")
        self.ask("POST", session + "votes/", {"uuid": "no"}, key)
        self.ask("POST", "/admin/login/", {"username": "owner", "password": "wrong"})
        self.ask("GET", "/admin/login/")
        self.ask("TRACE", "/")


def visited(home: Home, application: str = "studyplatform.config.wsgi", folder: Path | None = None) -> None:
    """Let somebody take part on a real server; its words are kept in the house's folder."""
    environment = dict(home.environment)
    if folder is not None:
        environment["PYTHONPATH"] = f"{folder}{os.pathsep}{environment['PYTHONPATH']}"
    web = Gunicorn(application, environment, log=home.folder / "gunicorn.log")
    web.start()
    try:
        Visitor(web.port).take_part()
    finally:
        web.stop()


@pytest.mark.fault("F27")
@pytest.mark.fault("F26")
def test_no_address_and_no_browser_is_kept_and_whoever_is_erased_is_gone(
    home: Home, tmp_path: Path, tried: Callable[..., None]
):
    visited(home)
    assert home.found(MARKS) == []
    names = json.loads(python(home.environment, NAMES).splitlines()[-1])
    assert {names[0], names[2], names[3]} <= {place.split(" in ")[0] for place in home.found(names)}, "nothing to lose"
    done = _run(home, "erase_participant", "kept", names[1], "--yes")
    home.said.append(done)
    python(home.environment, CLOSE)
    home.said.append(_run(home, "export_study", "kept", "--out", str(home.folder / "export")))
    home.said.append(_run(home, "backup", str(home.folder / "kept")))
    assert (home.folder / "export").is_dir()
    assert home.found(names) == []
    assert home.found(MARKS) == []
    tried("F27", marks_sought=len(MARKS), found=0)
    tried("F26", names_sought=len(names), found=0)


def _run(home: Home, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=home.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.fault("F27", planted=True)
@pytest.mark.fault("F26", planted=True)
def test_a_stored_browser_and_a_withdrawal_that_deletes_nothing_are_seen(home: Home, tmp_path: Path):
    (tmp_path / "curious.py").write_text(CURIOUS)
    visited(home, "curious", tmp_path)
    assert f"{AGENT} in the database" in home.found(MARKS)
    names = json.loads(python(home.environment, NAMES).splitlines()[-1])
    # Marked as withdrawn and nothing more.
    withdraw = "from studyplatform.voting.services import session_withdraw\nsession_withdraw(session=who.session)\n"
    python(home.environment, NAMES + withdraw)
    assert f"{PANEL_ID} in the database" in home.found(names)
