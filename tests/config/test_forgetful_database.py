"""A database that would forget what it acknowledged (fault F9): the web server does not start on it, and says the mend.

Real servers: a PostgreSQL of the tests' own, made forgetful in each way there is, and SQLite files.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.conf import settings

from tests.live_postgres import ROOT, OwnPostgres, house, own_postgres

START = "import studyplatform.config.wsgi"
BLIND = f"import studyplatform.config.checks as checks\nchecks.check_database = lambda **asked: []\n{START}"
SYSTEM, DATABASE, ROLE = "ALTER SYSTEM", "ALTER DATABASE postgres", "ALTER ROLE postgres"
WAYS = [
    ("fsync", SYSTEM, "postgresql.conf"),
    ("full_page_writes", SYSTEM, "postgresql.conf"),
    ("synchronous_commit", SYSTEM, "postgresql.conf"),
    ("synchronous_commit", DATABASE, "ALTER DATABASE postgres RESET"),
    ("synchronous_commit", ROLE, "ALTER ROLE postgres RESET"),
    ("synchronous_commit", f"{ROLE} IN DATABASE postgres", "ALTER ROLE postgres IN DATABASE postgres RESET"),
    ("synchronous_commit", "DATABASE_URL", "DATABASE_URL"),
]
real_postgres = pytest.mark.skipif(
    "postgresql" not in settings.DATABASES["default"]["ENGINE"],
    reason="these tests misconfigure a PostgreSQL of their own: run them with EYEBALLOT_TEST_POSTGRES=1",
)


def start(environment: dict[str, str], script: str = START) -> subprocess.CompletedProcess[str]:
    """What gunicorn does first: the return code is 0 if the application was made."""
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def postgres() -> Iterator[OwnPostgres]:
    with own_postgres() as server:
        yield server


@contextmanager
def forgetting(postgres: OwnPostgres, setting: str, way: str) -> Iterator[str]:
    """The address of a PostgreSQL that has ``setting`` off by one of the ways; afterwards it is as it was."""
    if way == "DATABASE_URL":
        yield f"{postgres.url()}&options=-c%20{setting}%3Doff"
        return
    postgres.execute(f"{way} SET {setting} = off")
    postgres.execute("SELECT pg_reload_conf()")
    try:
        yield postgres.url()
    finally:
        postgres.execute(f"{way} RESET {setting}")
        postgres.execute("SELECT pg_reload_conf()")


@pytest.mark.fault("F9")
@real_postgres
def test_no_server_starts_on_a_postgresql_that_forgets(
    postgres: OwnPostgres, tmp_path: Path, tried: Callable[..., None]
):
    for setting, way, mend in WAYS:
        with forgetting(postgres, setting, way) as url:
            refused = start(house(url, tmp_path))
        assert refused.returncode == 1, (way, refused.stderr)
        assert f"PostgreSQL runs with {setting}=off and would lose votes in a crash." in refused.stderr
        assert mend in refused.stderr
        assert "Traceback" not in refused.stderr
    tried("F9", ways_to_forget=len(WAYS), servers_that_started=0)


@real_postgres
def test_a_server_starts_on_a_postgresql_that_keeps(postgres: OwnPostgres, tmp_path: Path):
    """And on one that is away for now: that passes, and votes are answered with 503 meanwhile."""
    done = start(house(postgres.url(), tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    done = start(house("postgres://postgres@/postgres?host=/nowhere", tmp_path))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.fault("F9", planted=True)
@real_postgres
def test_without_the_check_it_would_start(postgres: OwnPostgres, tmp_path: Path):
    with forgetting(postgres, "synchronous_commit", ROLE) as url:
        assert start(house(url, tmp_path), BLIND).returncode == 0


def sqlite_house(folder: Path, pragmas: str) -> dict[str, str]:
    """A house whose settings give its SQLite other pragmas than ours."""
    (folder / "others.py").write_text(
        f"from studyplatform.config.settings import *\nDATABASES['default']['OPTIONS']['init_command'] = {pragmas!r}\n"
    )
    environment = house(f"sqlite:///{folder / 'votes.sqlite3'}", folder, DJANGO_SETTINGS_MODULE="others")
    return environment | {"PYTHONPATH": f"{folder}{os.pathsep}{environment['PYTHONPATH']}"}


SQLITE = (
    ("PRAGMA journal_mode=DELETE; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", "journal_mode=WAL"),
    ("PRAGMA journal_mode=MEMORY; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON", "journal_mode=WAL"),
    ("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON", "synchronous=FULL"),
    ("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON", "synchronous=FULL"),
)


@pytest.mark.fault("F9")
def test_no_server_starts_on_an_sqlite_that_forgets(tmp_path: Path, tried: Callable[..., None]):
    for number, (pragmas, mend) in enumerate(SQLITE):
        (folder := tmp_path / str(number)).mkdir()
        refused = start(sqlite_house(folder, pragmas))
        assert refused.returncode == 1, (pragmas, refused.stderr)
        assert f"Put PRAGMA {mend} into the init_command" in refused.stderr
        assert "Traceback" not in refused.stderr
    tried("F9", ways_of_SQLite_to_forget=len(SQLITE), servers_that_started=0)


@pytest.mark.fault("F9", planted=True)
def test_without_the_check_it_would_start_on_sqlite_too(tmp_path: Path):
    environment = sqlite_house(tmp_path, "PRAGMA journal_mode=DELETE; PRAGMA synchronous=OFF")
    assert start(environment, BLIND).returncode == 0
