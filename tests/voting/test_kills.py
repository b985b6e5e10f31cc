"""SIGKILL under load (faults F6, F7, F8): what was acknowledged is stored, once, and nothing else is.

Real processes: a gunicorn of two workers with four threads each, a PostgreSQL of the test's own, and people who vote
at once, each keeping a ledger of what was sent and what was acknowledged. A ballot without an answer is sent again with
the same number, as our page does. A few rounds by default; EYEBALLOT_KILL_ROUNDS=full runs the specification's numbers.
"""

import http.client
import json
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings

from tests.live_postgres import Gunicorn, OwnPostgres, house, kill, manage, own_postgres, python

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        "postgresql" not in settings.DATABASES["default"]["ENGINE"],
        reason="these tests kill a PostgreSQL of their own: run them with EYEBALLOT_TEST_POSTGRES=1",
    ),
]
FULL = os.environ.get("EYEBALLOT_KILL_ROUNDS") == "full"
ALL, ONE, DATABASE = (20, 20, 10) if FULL else (3, 3, 2)
VOTERS = 8
PATIENCE = 10.0  # seconds within which votes must be taken again

SEED = """
import sys
from tests import factories
grid = factories.rendered_grid(learning_rates=[place / 10 for place in range(1, 10)])
factories.study("kills", grid=grid, trials_per_session=40, sessions_planned=int(sys.argv[1]), state="open")
"""

# The planted fault: the answer leaves first, the vote is stored a little later by a thread.
HASTY = """
import queue, threading, time
from django.utils import timezone
from studyplatform.config.wsgi import application
from studyplatform.voting import services

store, waiting = services.vote_cast, queue.Queue()

def vote_cast(**ballot):
    waiting.put(ballot)
    now = timezone.now().isoformat()
    return services.VoteStored(ballot["trial"], str(ballot["uuid"]), ballot["choice"], now, late=False, replayed=False)

def work():
    while True:
        ballot = waiting.get()
        time.sleep(0.02)
        store(**ballot)

services.vote_cast = vote_cast
threading.Thread(target=work, daemon=True).start()
"""


@dataclass
class Ledger:
    """What the people know: ballots by their number, as (trial, choice)."""

    sent: dict[str, tuple[int, str]] = field(default_factory=dict)
    acknowledged: dict[str, tuple[int, str]] = field(default_factory=dict)
    unanswered: int = 0  # requests sent of which no answer came
    resolved: int = 0  # of those, the ones that had been stored: sending again said so
    busy: int = 0  # 503 with Retry-After
    wrong: list[str] = field(default_factory=list)  # every other answer; it ends the session of whoever got it
    last: float = 0.0  # when the latest acknowledged request was sent

    def compare(self, postgres: OwnPostgres) -> dict[str, int]:
        """Hold the ledger against the table."""
        rows = postgres.execute("SELECT uuid::text, trial_id, choice FROM voting_vote", "kills")
        stored = {uuid: (trial, choice) for uuid, trial, choice in rows}
        return {
            "acknowledged": len(self.acknowledged),
            "lost": sum(stored.get(uuid) != vote for uuid, vote in self.acknowledged.items()),
            "duplicate": len(rows) - len({trial for _, trial, _ in rows}),
            "phantom": sum(self.sent.get(uuid) != vote for uuid, vote in stored.items()),
            "unanswered": self.unanswered,
            "resolved": self.resolved,
            "busy": self.busy,
        }


class Voter(threading.Thread):
    """Somebody who takes part in one session after the other until told to stop, and sends again what got no answer."""

    def __init__(self, port: int, ledger: Ledger, enough: threading.Event) -> None:
        super().__init__(daemon=True)
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._ledger, self._enough, self._key = ledger, enough, ""

    def run(self) -> None:
        while not self._enough.is_set():
            self._key = ""
            self._key = self._ask("POST", "")["key"]
            self._ask("POST", "consent/")
            self._ask("POST", "instructions/", {})
            for pair in self._ask("GET", "plan/")["trials"]:
                if self._enough.is_set():
                    break
                self._vote(pair["id"])
        self._connection.close()

    def _vote(self, trial: int) -> None:
        uuid, choice = str(uuid4()), random.choice(["left", "right"])
        self._ledger.sent[uuid] = (trial, choice)
        attempts: list[float] = []
        answer = self._ask("POST", "votes/", {"uuid": uuid, "trial": trial, "choice": choice}, attempts)
        self._ledger.acknowledged[uuid] = (trial, choice)
        self._ledger.resolved += bool(answer["replayed"])
        self._ledger.last = attempts[-1]

    def _ask(self, method: str, path: str, body: object = None, sent: list[float] | None = None) -> dict:
        """The JSON of a 2xx answer, however long that takes; ``sent`` takes the time of each attempt."""
        head = {"Content-Type": "application/json", "X-Forwarded-Proto": "https"}
        if self._key:
            head["Authorization"] = f"Bearer {self._key}"
        while True:
            if sent is not None:
                sent.append(time.monotonic())
            try:
                self._connection.request(method, f"/api/v1/studies/kills/session/{path}", json.dumps(body or {}), head)
            except (http.client.HTTPException, OSError):
                self._connection.close()
                time.sleep(0.05)
                continue
            try:
                answer = self._connection.getresponse()
                data = answer.read()
            except (http.client.HTTPException, OSError):
                self._ledger.unanswered += sent is not None
                self._connection.close()
                continue
            if answer.status in (200, 201):
                return json.loads(data)
            if answer.status != 503 or not answer.getheader("Retry-After"):
                self._ledger.wrong.append(f"{answer.status} {method} {path} {data[:200]!r}")
                sys.exit()  # this thread alone
            self._ledger.busy += 1
            time.sleep(0.1)


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnPostgres]:
    """A server of the module's own, with a migrated database to copy: an open study that has room for everybody."""
    with own_postgres() as server:
        server.execute("CREATE DATABASE laid")
        ours = house(server.url("laid"), tmp_path_factory.mktemp("house"))
        manage(ours, "migrate", "-v0")
        python(ours, SEED, ["1500" if FULL else "200"])
        yield server


@pytest.fixture
def environment(postgres: OwnPostgres, tmp_path: Path) -> Iterator[dict[str, str]]:
    """A house with a copy of that database."""
    postgres.execute("CREATE DATABASE kills TEMPLATE laid")
    yield house(postgres.url("kills"), tmp_path)
    postgres.execute("DROP DATABASE kills WITH (FORCE)")


@contextmanager
def people(port: int) -> Iterator[Ledger]:
    """Voters for as long as the block runs; afterwards each brings the ballot in hand to its end."""
    ledger, enough = Ledger(), threading.Event()
    voters = [Voter(port, ledger, enough) for _ in range(VOTERS)]
    [voter.start() for voter in voters]
    try:
        yield ledger
    finally:
        enough.set()
        [voter.join(60) for voter in voters]
    assert not any(voter.is_alive() for voter in voters), "a ballot found no answer within a minute"


def until(true: Callable[[], bool], patience: float = 30.0) -> float:
    """Wait; returns the seconds it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < patience, f"nothing after {patience:g} seconds"
        time.sleep(0.01)
    return time.monotonic() - began


def taken_again(ledger: Ledger) -> float:
    """Seconds until a vote that is sent from now on has been acknowledged."""
    now = time.monotonic()
    seconds = until(lambda: ledger.last > now or len(ledger.wrong) >= VOTERS)
    assert len(ledger.wrong) < VOTERS, ledger.wrong
    return seconds


def under_load() -> None:
    time.sleep(random.uniform(0.3, 0.9))


def test_no_vote_is_lost_doubled_or_made_up_by_a_kill(postgres, environment, tmp_path, capsys):
    log = tmp_path / "gunicorn.log"
    web = Gunicorn("studyplatform.config.wsgi", environment, log=log)
    recoveries: dict[str, list[float]] = {"all": [], "one": [], "database": []}
    busy_while_down = 0
    web.start()
    try:
        with people(web.port) as ledger:
            taken_again(ledger)
            for _ in range(ALL):
                under_load()
                web.kill()
                web.start(wait=False)
                recoveries["all"].append(taken_again(ledger))
            for _ in range(ONE):
                under_load()
                kill(random.sample(web.workers(), 1))
                recoveries["one"].append(taken_again(ledger))
            for _ in range(DATABASE):
                under_load()
                postgres.kill()
                before = ledger.busy
                until(lambda before=before: ledger.busy > before + VOTERS)
                busy_while_down += ledger.busy - before
                began = time.monotonic()
                postgres.start()
                taken_again(ledger)
                recoveries["database"].append(time.monotonic() - began)
        found = ledger.compare(postgres)
    finally:
        web.stop()
    longest = {fault: round(max(seconds), 1) for fault, seconds in recoveries.items()}
    with capsys.disabled():
        print(f"\n{ALL}/{ONE}/{DATABASE} kills: {found}, longest recovery in seconds: {longest}")
    assert not ledger.wrong, "\n".join([*ledger.wrong, log.read_text()[-4000:]])
    assert (found["lost"], found["duplicate"], found["phantom"]) == (0, 0, 0)
    assert max(longest.values()) <= PATIENCE
    assert busy_while_down
    if FULL:
        assert found["acknowledged"] >= 2000
        assert found["resolved"] >= 5


def test_a_server_that_answers_before_it_stores_is_caught(postgres, environment, tmp_path):
    """The positive control: with this fault planted, the same ledger finds lost votes."""
    (tmp_path / "hasty.py").write_text(HASTY)
    path = f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"
    web = Gunicorn("hasty", {**environment, "PYTHONPATH": path})
    web.start()
    try:
        with people(web.port) as ledger:
            taken_again(ledger)
            under_load()
            web.kill()
            web.start(wait=False)
            taken_again(ledger)
        time.sleep(1)  # what waits in the threads is stored by now
        found = ledger.compare(postgres)
    finally:
        web.stop()
    assert found["lost"] > 0, found
