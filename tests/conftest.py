"""Shared fixtures. The builders are plain functions in tests/factories.py; these give the usual cast of three."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client

from studyplatform.voting.models import Study
from tests import factories


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    tmp_path_factory: pytest.TempPathFactory, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """SQLite in a file, as in real use: in memory, threads share one lock and races cannot be shown.

    On PostgreSQL each process of the tests has a database of its own, named by pytest-django.
    """
    for connection in connections.all():
        if connection.vendor == "sqlite":
            connection.settings_dict["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, settings: Any) -> None:
    """Each test has its own masters, stimuli, reports and cache, and never touches var/."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        name: (
            {**storage, "OPTIONS": {**storage["OPTIONS"], "location": tmp_path / name}}
            if "location" in storage.get("OPTIONS", {})
            else storage
        )
        for name, storage in settings.STORAGES.items()
    }
    memory = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": memory, "LOCATION": str(tmp_path)}}


@pytest.fixture
def owner(db: None) -> User:
    """The researcher whose study it is."""
    return factories.user("owner")


@pytest.fixture
def colleague(db: None) -> User:
    """A researcher who may be made a member."""
    return factories.user("colleague")


@pytest.fixture
def stranger(db: None) -> User:
    """A researcher with studies elsewhere."""
    return factories.user("stranger")


@pytest.fixture
def open_study(owner: User) -> Study:
    """An open study of four pairs per session on a tiny grid."""
    return factories.study(owner=owner, state="open")


@pytest.fixture
def as_owner(owner: User) -> Client:
    """A browser in which the owner is signed in."""
    return factories.signed_in(owner)
