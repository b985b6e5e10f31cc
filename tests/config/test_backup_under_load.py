"""Fault F29: a backup taken while people vote restores every vote acknowledged before it began, and voting goes on.

Real processes: gunicorn, people over HTTP who keep a ledger, PostgreSQL or SQLite, and the two commands.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from django.conf import settings

from tests.fault_table import FULL
from tests.live_postgres import ROOT, Gunicorn, OwnPostgres, house, manage, own_postgres, python
from tests.voting.voters import SEED, people, taken_again, under_load

pytestmark = pytest.mark.slow
BACKUPS = 2 if FULL else 1

# The planted fault: each table as it is at its own moment, into a database that asks for no foreign keys meanwhile.
ONE_AFTER_ANOTHER = {
    "postgresql": """
import io, sys, time
from pathlib import Path
from django.core.management import call_command
from django.db import connection
from studyplatform.config.keeping import postgres

def dump(path):
    ours = postgres._connect()
    ours.cursor().execute("CREATE DATABASE naive")
    postgres._run("pg_dump", ["--schema-only", f"--file={path}.sql"])
    postgres._run("psql", ["--quiet", "--output=/dev/null", f"--file={path}.sql"], database="naive")
    Path(f"{path}.sql").unlink()
    there = postgres._connect("naive")
    source, target = ours.cursor(), there.cursor()
    target.execute("SET session_replication_role = replica")
    for table in sorted(connection.introspection.table_names()):
        time.sleep(1 if table in ("voting_trial", "voting_vote") else 0)
        rows = io.StringIO()
        source.copy_expert(f'COPY "{table}" TO STDOUT', rows)
        rows.seek(0)
        target.copy_expert(f'COPY "{table}" FROM STDIN', rows)
    postgres._run("pg_dump", ["--format=custom", f"--file={path}"], database="naive")
    return postgres._facts_of("naive")

postgres.dump = dump
call_command("backup", sys.argv[1])
""",
    "sqlite": """
import sqlite3, sys, time
from django.core.management import call_command
from django.db import connection
from studyplatform.config.keeping import sqlite

def dump(path):
    ours, copy = sqlite3.connect(connection.settings_dict["NAME"], timeout=20), sqlite3.connect(path)
    schema = "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    for table, sql in ours.execute(schema).fetchall():
        time.sleep(1 if table in ("voting_trial", "voting_vote") else 0)
        copy.execute(sql)
        rows = ours.execute(f'SELECT * FROM "{table}"').fetchall()
        if rows:
            copy.executemany(f'INSERT INTO "{table}" VALUES ({", ".join("?" * len(rows[0]))})', rows)
    copy.commit()
    return sqlite._facts_of(copy)

sqlite.dump = dump
call_command("backup", sys.argv[1])
""",
}


@dataclass
class Houses:
    """Houses on databases of one kind, each with a folder of its own."""

    kind: str
    folder: Path
    postgres: OwnPostgres | None

    def build(self, name: str) -> dict[str, str]:
        """The environment of a house on an empty database."""
        if self.postgres is None:
            (self.folder / name).mkdir()
            address = f"sqlite:///{self.folder / name / 'house.sqlite3'}"
            return house(address, self.folder / name, EYEBALLOT_JOINS_PER_NETWORK="0")
        self.postgres.execute(f"CREATE DATABASE {name}")
        more = {"EYEBALLOT_PG_BIN": self.postgres.programs, "EYEBALLOT_JOINS_PER_NETWORK": "0"}
        return house(self.postgres.url(name), self.folder / name, **more)

    def votes(self, name: str) -> list[tuple[str, int, str]]:
        """Number, trial and choice of every vote in a house."""
        sql = "SELECT uuid, trial_id, choice FROM voting_vote"
        if self.postgres is not None:
            return [(str(uuid), trial, choice) for uuid, trial, choice in self.postgres.execute(sql, name)]
        import sqlite3

        with closing(sqlite3.connect(self.folder / name / "house.sqlite3")) as there:
            return [(str(UUID(uuid)), trial, choice) for uuid, trial, choice in there.execute(sql)]


@pytest.fixture(params=["postgresql", "sqlite"])
def houses(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Houses]:
    on_postgres = "postgresql" in settings.DATABASES["default"]["ENGINE"]
    if request.param == "sqlite":
        if on_postgres and not FULL:
            pytest.skip("the run on SQLite shows it")
        yield Houses("sqlite", tmp_path, None)
        return
    if not on_postgres:
        pytest.skip("a PostgreSQL of the test's own: run with EYEBALLOT_TEST_POSTGRES=1")
    with own_postgres() as server:
        yield Houses("postgresql", tmp_path, server)


@pytest.fixture
def busy(houses: Houses) -> dict[str, str]:
    """A house with an open study."""
    environment = houses.build("busy")
    manage(environment, "migrate", "-v0")
    python(environment, SEED, ["1500"])  # room for all who come however slow the machine is
    return environment


def said(environment: dict[str, str], *command: str) -> tuple[int, str]:
    """The exit status of a command and all its words."""
    done = subprocess.run(
        [sys.executable, "manage.py", *command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.fault("F29")
def test_a_backup_under_load_restores_every_acknowledged_vote(
    houses: Houses, busy: dict[str, str], tmp_path: Path, tried: Callable[..., None]
):
    kept, before = tmp_path / "kept", []
    web = Gunicorn("studyplatform.config.wsgi", busy)
    web.start()
    try:
        with people(web.port) as ledger:
            taken_again(ledger)
            for _ in range(BACKUPS):
                under_load()
                before.append(dict(ledger.acknowledged))
                sent = len(ledger.sent)
                manage(busy, "backup", str(kept))
                assert len(ledger.sent) > sent, "nobody voted during the backup"
                taken_again(ledger)
    finally:
        web.stop()
    assert not ledger.wrong
    lost = duplicates = 0
    backups = sorted(kept.glob("2*"))
    assert len(backups) == BACKUPS
    for number, (backup, acknowledged) in enumerate(zip(backups, before, strict=True)):
        again = houses.build(f"again{number}")
        code, words = said(again, "restore", str(backup))
        assert code == 0, words
        rows = houses.votes(f"again{number}")
        stored = {uuid: (trial, choice) for uuid, trial, choice in rows}
        lost += sum(stored.get(uuid) != vote for uuid, vote in acknowledged.items())
        duplicates += len(rows) - len({trial for _, trial, _ in rows})
        assert all(ledger.sent.get(uuid) == vote for uuid, vote in stored.items())
    assert (lost, duplicates) == (0, 0)
    code, words = said(again, "backup", "--check", str(kept))
    assert code == 0, words
    web = Gunicorn("studyplatform.config.wsgi", again)
    web.start()
    try:
        with people(web.port) as later:
            taken_again(later)
    finally:
        web.stop()
    assert not later.wrong
    assert len(houses.votes(f"again{number}")) == len(rows) + len(later.acknowledged)
    tried(
        "F29",
        database=houses.kind,
        backups=BACKUPS,
        acknowledged_before=len(before[-1]),
        lost=lost,
        duplicates=duplicates,
    )


@pytest.mark.fault("F29", planted=True)
def test_a_backup_of_many_moments_is_seen(houses: Houses, busy: dict[str, str], tmp_path: Path):
    kept = tmp_path / "kept"
    web = Gunicorn("studyplatform.config.wsgi", busy)
    web.start()
    try:
        with people(web.port) as ledger:
            taken_again(ledger)
            python(busy, ONE_AFTER_ANOTHER[houses.kind], [str(kept)])
    finally:
        web.stop()
    assert not ledger.wrong
    code, words = said(busy, "backup", "--check", str(kept))
    assert code == 1, words
    assert "does not hold together" in words or "violates foreign key" in words, words
    again = houses.build("again")
    manage(again, "migrate", "-v0")
    code, words = said(again, "restore", str(kept))
    assert code == 1, words
    assert houses.votes("again") == []
