"""System checks that say in words how to mend a setting."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.db import connections


def check_database(
    *,
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001
    databases: Sequence[str] | None = None,
    **kwargs: Any,  # noqa: ARG001
) -> list[CheckMessage]:
    """A vote that was acknowledged must survive a power cut: refuse a database configured to forget."""
    problems: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                problems += _sqlite(alias, cursor)
            elif connection.vendor == "postgresql":
                problems += _postgresql(alias, cursor)
    return problems


def _sqlite(alias: str, cursor: Any) -> list[CheckMessage]:
    cursor.execute("PRAGMA database_list")
    in_memory = not any(file for _, name, file in cursor.fetchall() if name == "main")
    wanted: dict[str, tuple[set[object], str]] = {
        "journal_mode": ({"memory" if in_memory else "wal"}, "WAL"),
        "synchronous": ({2, 3}, "FULL"),
        "foreign_keys": ({1}, "ON"),
    }
    problems: list[CheckMessage] = []
    for pragma, (good, word) in wanted.items():
        cursor.execute(f"PRAGMA {pragma}")
        (value,) = cursor.fetchone()
        if value not in good:
            problems.append(
                Error(
                    f"Database {alias!r}: SQLite runs with {pragma}={value}.",
                    hint=f"Put PRAGMA {pragma}={word} into the init_command of the database's OPTIONS.",
                    id="eyeballot.E001",
                )
            )
    return problems


def _postgresql(alias: str, cursor: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        cursor.execute(
            "SELECT setting, source, current_user, current_database() FROM pg_settings WHERE name = %s", [setting]
        )
        value, source, role, database = cursor.fetchone()
        if value == "off":
            problems.append(
                Error(
                    f"Database {alias!r}: PostgreSQL runs with {setting}=off and would lose votes in a crash.",
                    hint=_mend(setting, source, role, database),
                    id="eyeballot.E002",
                )
            )
    return problems


def _mend(setting: str, source: str, role: str, database: str) -> str:
    """Where PostgreSQL was told so (``pg_settings.source``) is where it is to be told otherwise."""
    whose = {"user": f"ROLE {role}", "database": f"DATABASE {database}"}
    whose["database user"] = f"ROLE {role} IN DATABASE {database}"
    if source in whose:
        return f"Run ALTER {whose[source]} RESET {setting} in it."
    if source in ("client", "environment variable"):
        return f"Take {setting} out of the options in DATABASE_URL, or out of PGOPTIONS."
    return f"Set {setting} = on in postgresql.conf and reload the server."
