"""Backups and restores that are killed on their way: the next run goes on, and nobody who was erased is let back in."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import DatabaseError
from django.test import Client

from studyplatform.config import restoring
from studyplatform.config.keeping import KeepingError, backup_make, backup_restore, backups_forget, databases, restore
from studyplatform.voting.models import Participant
from studyplatform.voting.services import participant_erase
from tests import factories
from tests.live_postgres import ROOT, house, manage, python

pytestmark = pytest.mark.usefixtures("postgres_programs")
KILLED_IN_A_FILE = """
import os, signal, sys
from pathlib import Path
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from studyplatform.config.keeping import backup

class Kills:
    def sha256(self):
        return self
    def update(self, piece):
        os.kill(os.getpid(), signal.SIGKILL)

storages["default"].save("data/own.json", ContentFile(b"{}"))
backup.hashlib = Kills()
backup.backup_make(folder=Path(sys.argv[1]))
"""
ERASED = """
from studyplatform.voting.services import participant_erase
from pathlib import Path
import sys
from tests import factories
from studyplatform.config.keeping import backup_make
person = factories.participant(factories.study(state="open"))
backup_make(folder=Path(sys.argv[1]))
participant_erase(participant=person)
"""
KILLED_BEFORE_THE_ERASURES = """
import os, signal, sys
from pathlib import Path
from studyplatform.config.keeping import restore
restore.erasures_repeat = lambda: os.kill(os.getpid(), signal.SIGKILL)
restore.backup_restore(folder=Path(sys.argv[1]), replace=True)
"""
START = "import studyplatform.config.wsgi"
BLIND = f"import studyplatform.config.restoring as restoring\nrestoring.under_way = lambda: False\n{START}"


@pytest.fixture
def own_house(tmp_path: Path) -> dict[str, str]:
    """The environment of a house of its own on SQLite: its processes may be killed."""
    (tmp_path / "house").mkdir()
    settings = "studyplatform.config.settings"
    address = f"sqlite:///{tmp_path / 'house' / 'votes.sqlite3'}"
    environment = house(address, tmp_path / "house", DJANGO_SETTINGS_MODULE=settings)
    manage(environment, "migrate", "-v0")
    return environment


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def script(environment: dict[str, str], text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run(environment, "-c", f"import django\ndjango.setup()\n{text}", *arguments)


def people_in(folder: Path) -> int:
    with closing(sqlite3.connect(folder / "house" / "votes.sqlite3")) as there:
        return int(there.execute("SELECT COUNT(*) FROM voting_participant").fetchone()[0])


@pytest.mark.fault("F29")
def test_after_a_backup_killed_in_the_midst_of_a_file_the_next_is_made(own_house: dict[str, str], tmp_path: Path):
    folder = tmp_path / "kept"
    assert script(own_house, KILLED_IN_A_FILE, str(folder)).returncode == -signal.SIGKILL
    assert any(path.is_file() for path in folder.glob(".part-*"))
    manage(own_house, "backup", str(folder))
    manage(own_house, "backup", "--check", str(folder))
    assert not list(folder.glob(".part-*"))


@pytest.mark.fault("F26")
def test_after_a_restore_killed_before_the_erasures_no_server_starts(own_house: dict[str, str], tmp_path: Path):
    folder = str(tmp_path / "kept")
    python(own_house, ERASED, [folder])
    assert people_in(tmp_path) == 0
    assert run(own_house, "-c", START).returncode == 0
    assert script(own_house, KILLED_BEFORE_THE_ERASURES, folder).returncode == -signal.SIGKILL
    assert people_in(tmp_path) == 1, "the fault was not planted"
    refused = run(own_house, "-c", START)
    assert (refused.returncode, refused.stderr.strip()) == (1, restoring.SENTENCE)
    manage(own_house, "restore", folder, "--replace", "lose 0 votes")
    assert people_in(tmp_path) == 0
    assert run(own_house, "-c", START).returncode == 0


@pytest.mark.fault("F26", planted=True)
def test_without_the_mark_a_server_starts_with_somebody_erased(own_house: dict[str, str], tmp_path: Path):
    python(own_house, ERASED, [str(tmp_path / "kept")])
    script(own_house, KILLED_BEFORE_THE_ERASURES, str(tmp_path / "kept"))
    assert people_in(tmp_path) == 1
    assert run(own_house, "-c", BLIND).returncode == 0


@pytest.mark.django_db(transaction=True)
def test_while_a_restore_is_under_way_the_house_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    factories.study()
    backup_make(folder=tmp_path / "kept")
    asked = []

    def repeat() -> int:
        asked.append(Client().get("/health/ready").json())
        return 0

    monkeypatch.setattr(restore, "erasures_repeat", repeat)
    backup_restore(folder=tmp_path / "kept", replace=True)
    assert asked == [{"status": "not_ready", "reasons": ["restore_not_ended"]}]
    assert Client().get("/health/ready").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("replaced", [False, True])
def test_a_restore_that_fails_leaves_nobody_erased_and_the_server_may_start(
    replaced: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The answer to the commit was lost: whether it took place or not, both are safe."""
    gone = factories.participant(factories.study(state="open"))
    backup_make(folder=tmp_path / "kept")
    participant_erase(participant=gone)
    database = databases.ours()
    load = database.load

    def fails(path: Path) -> None:
        if replaced:
            load(path)
        raise DatabaseError("server closed the connection unexpectedly")

    monkeypatch.setattr(database, "load", fails)
    with pytest.raises(KeepingError, match=r"server closed the connection .*run it again"):
        backup_restore(folder=tmp_path / "kept", replace=True)
    assert not Participant.objects.exists()
    assert not restoring.under_way()


@pytest.mark.django_db(transaction=True)
def test_a_backup_that_was_half_deleted_is_none_and_goes_with_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "kept"
    backup, _ = backup_make(folder=folder)
    backup.rename(folder / (datetime.now(UTC) - timedelta(days=40)).strftime("%Y-%m-%dT%H%M%SZ"))
    newest, _ = backup_make(folder=folder)

    def killed(path: Path) -> None:
        (path / "files.tsv").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            backups_forget(folder=folder, days=30)
    assert [path.name for path in folder.glob("2*")] == [newest.name]
    backup_restore(folder=folder, replace=True)
    backup_make(folder=folder)
    assert not list(folder.glob(".part-*"))
    assert len(list(folder.glob("*/database.*"))) == 2


def test_the_daily_errand_keeps_backups_as_long_as_people_are_promised():
    promised = "--keep 30"
    assert promised in (ROOT / "docs/backups.md").read_text()
    assert f"backup {promised} " in (ROOT / "deploy/systemd/eyeballot-daily.service").read_text()
