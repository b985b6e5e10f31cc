"""Rows that are there already, copied in SQL: whole rows of our tables, with some columns given."""

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from typing import Any

from tests.live_postgres import OwnPostgres

#: Copied rows are numbered from here on, so that they are told from those that come later.
COPIES_FROM = 10_000_000


@contextmanager
def unchecked(postgres: OwnPostgres, database: str) -> Iterator[Any]:
    """A cursor to copy rows with; afterwards everything is written to the disk and analysed."""
    with closing(postgres.connect(database)) as connection, connection.cursor() as cursor:
        # The rows refer to each other by construction; checking four million references would take minutes.
        cursor.execute("SET session_replication_role = replica")
        yield cursor
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")


def copy(cursor: Any, table: str, given: Mapping[str, str], source: str) -> None:
    """Insert what ``source`` says; its ``x`` is the row that is copied, ``given`` the columns that differ, as SQL."""
    cursor.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608  (names of our own tables)
    columns = [column[0] for column in cursor.description]
    values = ", ".join(given.get(name, f"x.{name}") for name in columns)
    cursor.execute(f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {source}")  # noqa: S608
