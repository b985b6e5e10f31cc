"""A disk that is really full, and a database that is really read-only or too slow, under load (fault F10).

A gunicorn, a database on a small disk of its own, and people who vote with a ledger. The disk is filled to the last
byte; everybody is told to come back; room is made; votes are taken again by the same web server, and none is missing.
"""

import contextlib
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from studyplatform.voting.services import StudyError, study_transition
from tests import factories
from tests.fault_table import FULL
from tests.live_postgres import Gunicorn, OwnPostgres, house, manage, own_postgres, python
from tests.voting.voters import SEED, VOTERS, Ledger, people, taken_again, under_load, until

pytestmark = pytest.mark.slow
ON_POSTGRES = "postgresql" in settings.DATABASES["default"]["ENGINE"]
real_postgres = pytest.mark.skipif(not ON_POSTGRES, reason="for PostgreSQL: run with EYEBALLOT_TEST_POSTGRES=1")
ROUNDS = 6 if FULL else 2


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A folder that is a file system of its own."""
    disk = Path(tempfile.mkdtemp(prefix="eyeballot-small-disk-"))
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(disk)]
    if shutil.which("mount") is None or subprocess.run(mounting, capture_output=True, check=False).returncode:
        disk.rmdir()
        pytest.skip("a full disk needs a small disk of its own, and mounting one takes root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)
        disk.rmdir()


@contextmanager
def filled(disk: Path, *, spare: int = 0) -> Iterator[None]:
    """Not a byte is left on the disk, or about ``spare``."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while file.write(b"x" * size):
                    pass
        file.truncate(max(0, file.tell() - spare))
    try:
        yield
    finally:
        ballast.unlink()


def told_to_come_back(ledger: Ledger) -> None:
    """Wait until everybody was, or was answered wrongly."""
    before = ledger.busy
    until(lambda: ledger.busy > before + 2 * VOTERS or bool(ledger.wrong))


def taken_again_from(postgres: OwnPostgres, ledger: Ledger) -> None:
    """Wait until votes are taken, starting the database again where it went down, as its keeper would."""
    now, end = time.monotonic(), time.monotonic() + 60
    while ledger.last <= now and not ledger.wrong:
        assert time.monotonic() < end, "no vote is taken a minute after there was room again"
        with contextlib.suppress(Exception):
            postgres.start()
        time.sleep(0.3)


def holds(ledger: Ledger, rows: list[tuple[Any, ...]], log: Path) -> dict[str, int]:
    """The ledger against the table: nothing lost, doubled or made up, and no answer but votes and 503."""
    found = ledger.compare(rows)
    assert not ledger.wrong, "\n".join([*ledger.wrong, log.read_text()[-4000:]])
    assert (found["lost"], found["duplicates"], found["phantoms"]) == (0, 0, 0)
    assert found["busy"] > VOTERS
    return found


@contextmanager
def web_of(environment: dict[str, str], log: Path) -> Iterator[Gunicorn]:
    web = Gunicorn("studyplatform.config.wsgi", environment, log=log)
    web.start()
    try:
        yield web
    finally:
        web.stop()


@contextmanager
def laid(postgres: OwnPostgres, folder: Path) -> Iterator[dict[str, str]]:
    """A house on that server, with an open study."""
    postgres.execute("CREATE DATABASE kills")
    environment = house(postgres.url("kills"), folder)
    manage(environment, "migrate", "-v0")
    python(environment, SEED, ["200"])
    yield environment


def stored(postgres: OwnPostgres) -> list[tuple[Any, ...]]:
    return postgres.execute("SELECT uuid::text, trial_id, choice FROM voting_vote", "kills")


@pytest.mark.fault("F10")
@pytest.mark.skipif(not FULL, reason="a PostgreSQL that goes down on a full disk takes its time: make faults")
@real_postgres
def test_no_vote_is_lost_on_a_full_disk_under_postgresql(tmp_path: Path, tried: Callable[..., None]):
    """PostgreSQL itself may go down when its log finds no room, and is then started again; the web server is not."""
    log = tmp_path / "gunicorn.log"
    with (
        small_disk(160) as disk,
        own_postgres(disk) as postgres,
        laid(postgres, tmp_path) as environment,
        web_of(environment, log) as web,
    ):
        with people(web.port) as ledger:
            taken_again(ledger)
            for _ in range(ROUNDS):
                under_load()
                with filled(disk):
                    # Recycled files of the log still have room; a new one has none.
                    for _ in range(20):
                        with contextlib.suppress(Exception):
                            postgres.execute("SELECT pg_switch_wal()")
                    told_to_come_back(ledger)
                taken_again_from(postgres, ledger)
        found = holds(ledger, stored(postgres), log)
    tried("F10", times_the_disk_of_PostgreSQL_was_full=ROUNDS, **found)


@pytest.mark.fault("F10")
@pytest.mark.skipif(ON_POSTGRES and not FULL, reason="in the run on SQLite")
def test_no_vote_is_lost_on_a_full_disk_under_sqlite(tmp_path: Path, tried: Callable[..., None]):
    log = tmp_path / "gunicorn.log"
    with small_disk(24) as disk:
        environment = house(f"sqlite:///{disk / 'votes.sqlite3'}", tmp_path)
        manage(environment, "migrate", "-v0")
        python(environment, SEED, ["100"])
        with web_of(environment, log) as web, people(web.port) as ledger:
            taken_again(ledger)
            for _ in range(ROUNDS):
                under_load()
                with filled(disk):
                    told_to_come_back(ledger)
                taken_again(ledger)
        with contextlib.closing(sqlite3.connect(disk / "votes.sqlite3")) as database:
            rows = database.execute("SELECT uuid, trial_id, choice FROM voting_vote").fetchall()
        spelt = [("-".join((u[:8], u[8:12], u[12:16], u[16:20], u[20:])), trial, choice) for u, trial, choice in rows]
        found = holds(ledger, spelt, log)
    tried("F10", times_the_disk_of_SQLite_was_full=ROUNDS, **found)


@pytest.mark.fault("F10")
@real_postgres
def test_a_database_that_takes_no_writes_for_a_while(tmp_path: Path, tried: Callable[..., None]):
    """Set for new connections only, which the web server then has: it must not keep them when the fault is over."""
    log, faults = tmp_path / "gunicorn.log", {"default_transaction_read_only": "on", "statement_timeout": "1"}
    drop = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'kills'"
    with own_postgres() as postgres, laid(postgres, tmp_path) as environment, web_of(environment, log) as web:
        with people(web.port) as ledger:
            taken_again(ledger)
            for setting, value in [*faults.items()] * (ROUNDS // 2):
                under_load()
                postgres.execute(f"ALTER DATABASE kills SET {setting} = {value}")
                postgres.execute(drop)
                told_to_come_back(ledger)
                postgres.execute(f"ALTER DATABASE kills RESET {setting}")
                taken_again(ledger)
        found = holds(ledger, stored(postgres), log)
    tried("F10", times_read_only_and_times_too_slow=ROUNDS // 2, **found)


@pytest.mark.fault("F10")
@pytest.mark.django_db
def test_a_study_does_not_open_half_where_its_pictures_find_no_room(settings: Any):
    study = factories.study()
    with small_disk(1) as disk:
        options = {**settings.STORAGES["stimuli"]["OPTIONS"], "location": disk}
        settings.STORAGES = {**settings.STORAGES, "stimuli": {**settings.STORAGES["stimuli"], "OPTIONS": options}}
        with filled(disk, spare=40_000), pytest.raises(StudyError, match=r"No space left on device\. Mend that"):
            study_transition(study=study, to="open", by=study.owner)
        study.refresh_from_db()
        assert study.state == "draft"
        assert not study.stimuli.exists()
        assert not [path for path in disk.rglob("*") if path.is_file()]
        study_transition(study=study, to="open", by=study.owner)
        assert sum(path.is_file() for path in disk.rglob("*")) == study.stimuli.count() > 0
