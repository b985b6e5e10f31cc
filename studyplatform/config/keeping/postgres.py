"""PostgreSQL through its own tools: dumped of one snapshot, restored in one transaction."""

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2  # type: ignore[import-untyped]
from django.conf import settings
from django.db import connection, transaction
from psycopg2.extensions import make_dsn  # type: ignore[import-untyped]

from studyplatform.config.keeping.manifest import KeepingError, settle
from studyplatform.config.keeping.reading import Facts, facts

PART = "database.dump"
_HEAD = 2048  # bytes; the settings stand before all else


def dump(path: Path) -> Facts:
    """Write the database as pg_dump's custom format, and read of the same snapshot what is in it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        (snapshot,) = cursor.fetchone()
        _run(
            "pg_dump", ["--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}", f"--file={path}"]
        )
        found = facts(cursor, connection.introspection.table_names(cursor))
    settle(path)
    return found


def load(path: Path, database: str | None = None) -> None:
    """Replace all tables of the database by those of a dump: one transaction, so all of it or nothing."""
    script = path.with_name(f"{path.name}.sql")
    first = ["SET lock_timeout = '20s'"]  # somebody who still writes would be waited for without end
    if database is None:
        quoted = ", ".join(f'"{table}"' for table in connection.introspection.table_names())
        first += [f"DROP TABLE {quoted} CASCADE"] if quoted else []
        first += [f"DROP ROUTINE {name} CASCADE" for name in _routines()]  # of triggers, which the dump brings along
    try:
        _run("pg_restore", ["--no-owner", "--no-privileges", f"--file={script}", str(path)], connected=False)
        _understood(script)
        commands = [f"--command={command}" for command in first]
        ways = ["--quiet", "--no-psqlrc", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--single-transaction"]
        _run("psql", [*ways, *commands, f"--file={script}"], database=database)
    finally:
        script.unlink(missing_ok=True)


def _routines() -> list[str]:
    """What a dump would find in its way beside tables: functions by name and arguments, but for those of extensions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT oid::regprocedure::text FROM pg_proc p WHERE pronamespace = current_schema()::regnamespace "
            "AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')"
        )
        return [name for (name,) in cursor.fetchall()]


def _understood(script: Path) -> None:
    """Make comments, in place, of the settings at the head of a script that only newer servers than ours know.

    pg_restore writes what its own version has (17: ``SET transaction_timeout``), also for an older server.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_settings")
        known = {name.encode() for (name,) in cursor.fetchall()}
    with script.open("r+b") as file:
        for found in re.finditer(rb"^SET (\w+) = ", file.read(_HEAD), re.MULTILINE):
            if found[1] not in known:
                file.seek(found.start())
                file.write(b"--")


@contextmanager
def scratch(path: Path) -> Iterator[Callable[[], Facts]]:
    """A database of its own on the same server with the dump in it; gone afterwards."""
    name = f"eyeballot_drill_{secrets.token_hex(6)}"
    with closing(_connect()) as server, server.cursor() as cursor:
        try:
            cursor.execute(f'CREATE DATABASE "{name}"')
        except psycopg2.Error as error:
            raise KeepingError(
                f"The hashes are right, but the drill needs a database of its own and could not make one ({error}). "
                "Let the role create databases (ALTER ROLE … CREATEDB), or run the drill on another server."
            ) from error
        try:
            load(path, name)
            yield lambda: _facts_of(name)
        finally:
            cursor.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def _facts_of(database: str) -> Facts:
    with closing(_connect(database)) as there, there.cursor() as cursor:
        return facts(cursor, connection.introspection.table_names(cursor))


def _connect(database: str | None = None) -> Any:
    """A connection of its own: a database is not made inside a transaction."""
    made = psycopg2.connect(**_parameters(database))
    made.autocommit = True
    return made


def _run(tool: str, arguments: Sequence[str], *, database: str | None = None, connected: bool = True) -> None:
    """Run one of PostgreSQL's tools against our database; raises :class:`KeepingError` with what it said."""
    parameters = _parameters(database)
    # Other users of the machine can read command lines.
    environment = os.environ | ({"PGPASSWORD": str(parameters.pop("password"))} if parameters.get("password") else {})
    to_server = [f"--dbname={make_dsn(**parameters)}"] if connected else []
    command = [_found(tool), *arguments, *to_server]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", check=False)  # noqa: S603 (no shell)
    if done.returncode:
        said = " ".join(done.stderr.split())[-600:]
        raise KeepingError(f"{tool} gave up, and nothing was changed by it: {said}")


def _parameters(database: str | None) -> dict[str, Any]:
    """How the house connects, to ``database`` if another is meant."""
    parameters = {k: v for k, v in connection.get_connection_params().items() if k != "cursor_factory"}
    return parameters | ({"dbname": database} if database else {})


def _found(tool: str) -> str:
    """The tool in EYEBALLOT_PG_BIN or on the PATH. One that is older than the server cannot dump it."""
    folder = settings.EYEBALLOT_PG_BIN
    path = shutil.which(tool, path=folder or None)
    needed = connection.pg_version // 10000  # type: ignore[attr-defined]
    if path is None:
        where = f"in EYEBALLOT_PG_BIN ({folder})" if folder else "on the PATH"
        raise KeepingError(
            f"There is no {tool} {where}. Install PostgreSQL's client {needed} (on Debian: "
            f"postgresql-client-{needed}), or name the folder of its programs by EYEBALLOT_PG_BIN."
        )
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603 (no shell)
    version = re.search(r"(\d+)", said)
    if version is None or int(version[1]) < needed:
        raise KeepingError(
            f"{path} is of version {version[1] if version else 'unknown'}, the server of version {needed}: an older "
            f"{tool} cannot read it. Install PostgreSQL's client {needed} and name its folder by EYEBALLOT_PG_BIN."
        )
    return path
