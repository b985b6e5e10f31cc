"""What is counted in a database and which files its rows name, by plain SQL: it runs on a copy as on the house."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from generation.models import Artifact
from generation.services.artifacts import master_name
from studyplatform.voting.models import Stimulus, Study


class Cursor(Protocol):
    """What Django's, psycopg2's and sqlite3's cursors have in common."""

    def execute(self, sql: str, /) -> Any: ...
    def fetchall(self) -> Any: ...


@dataclass(frozen=True)
class Facts:
    """One consistent look at a database."""

    rows: dict[str, int]  # by table
    migrations: list[str]
    masters: list[str]  # names in the `masters` storage
    stimuli: list[str]  # names in the `stimuli` storage


def facts(cursor: Cursor, tables: Iterable[str]) -> Facts:
    """Count every table, and read which files are named. The caller sees to it that all is read of one moment."""
    rows = {table: int(_column(cursor, f'SELECT COUNT(*) FROM "{table}"')[0]) for table in sorted(tables)}  # noqa: S608 (own names)
    return Facts(
        rows=rows,
        migrations=migrations(cursor, rows),
        masters=[master_name(sha) for sha in _column(cursor, _MASTERS)] if Artifact._meta.db_table in rows else [],
        stimuli=_column(cursor, _STIMULI) if Stimulus._meta.db_table in rows else [],
    )


def migrations(cursor: Cursor, tables: Iterable[str]) -> list[str]:
    """The migrations that were applied, in their order; none where nothing ever was."""
    if "django_migrations" not in tables:
        return []
    return _column(cursor, "SELECT app || '.' || name FROM django_migrations ORDER BY id")


# Names of our own models, nothing from outside.
_MASTERS = f"SELECT sha256 FROM {Artifact._meta.db_table} WHERE stored ORDER BY sha256"  # noqa: S608 (own names)
_STIMULI = (
    "SELECT study.token || '/' || stimulus.public_name || '.png' "  # noqa: S608 (own names)
    f"FROM {Stimulus._meta.db_table} stimulus JOIN {Study._meta.db_table} study ON study.id = stimulus.study_id "
    "ORDER BY stimulus.public_name"
)


def _column(cursor: Cursor, sql: str) -> list[Any]:
    cursor.execute(sql)
    return [row[0] for row in cursor.fetchall()]
