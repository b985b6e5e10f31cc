"""The database that the house runs on, by its vendor."""

from importlib import import_module
from types import ModuleType

from django.db import connection

from studyplatform.config.keeping.manifest import KeepingError

_BY_VENDOR = {"postgresql": "postgres", "sqlite": "sqlite"}


def ours() -> ModuleType:
    """The module with ``PART``, ``dump``, ``load`` and ``scratch`` for our database."""
    if connection.vendor not in _BY_VENDOR:
        raise KeepingError(f"Backups are made of PostgreSQL and of SQLite, not of {connection.vendor}.")
    return import_module(f"studyplatform.config.keeping.{_BY_VENDOR[connection.vendor]}")
