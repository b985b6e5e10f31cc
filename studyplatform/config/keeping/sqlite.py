"""SQLite by its online backup: one moment of the database while others go on writing."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from django.db import connection

from studyplatform.config.keeping.manifest import KeepingError, settle
from studyplatform.config.keeping.reading import Facts, facts

PART = "database.sqlite3"
_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
_PATIENCE = 20.0  # seconds that a lock is waited for


def dump(path: Path) -> Facts:
    """Copy the database as one file, and read from the copy what is in it."""
    with closing(_open(str(connection.settings_dict["NAME"]))) as ours, closing(sqlite3.connect(path)) as copy:
        ours.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # a file without companions
        found = _facts_of(copy)
    settle(path)
    return found


def load(path: Path) -> None:
    """Replace the content of the database by that of a copy: one transaction, so all of it or nothing."""
    with scratch(path):  # pages are copied as they are: what does not hold together is not let in
        connection.close()
    try:
        with closing(_open(str(path))) as copy, closing(_open(str(connection.settings_dict["NAME"]))) as ours:
            copy.backup(ours)
            ours.execute("PRAGMA journal_mode = WAL")
    except sqlite3.Error as error:
        raise KeepingError(
            f"The database could not be replaced ({error}) and is as it was. Stop the server and the worker first."
        ) from error


@contextmanager
def scratch(path: Path) -> Iterator[Callable[[], Facts]]:
    """The copy, opened to be read, if it holds together; raises :class:`KeepingError` if it does not."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as copy:
        try:
            ((sound,),) = copy.execute("PRAGMA integrity_check(1)").fetchall()
            torn = copy.execute("PRAGMA foreign_key_check").fetchall()
        except (sqlite3.Error, ValueError) as error:
            raise KeepingError(f"{path} does not open as a database ({error}). Take another backup.") from error
        if sound != "ok":
            raise KeepingError(f"{path} is damaged ({sound}). Take another backup.")
        if torn:
            raise KeepingError(
                f"{path} does not hold together: {len(torn)} rows name rows that are not in it, the first of "
                f"{torn[0][0]} one of {torn[0][2]}. Take another backup."
            )
        yield lambda: _facts_of(copy)


def _open(name: str) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=_PATIENCE, uri=name.startswith("file:"))


def _facts_of(copy: sqlite3.Connection) -> Facts:
    cursor = copy.cursor()
    return facts(cursor, [name for (name,) in cursor.execute(_TABLES).fetchall()])
