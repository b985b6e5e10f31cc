"""Shared fixtures. The builders are plain functions in tests/factories.py; these give the usual cast of three."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client

from studyplatform.voting.models import Study
from tests import factories


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, settings: Any) -> None:
    """Each test has its own masters, stimuli and reports, and never touches var/."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        name: (
            {**storage, "OPTIONS": {**storage["OPTIONS"], "location": tmp_path / name}}
            if "location" in storage.get("OPTIONS", {})
            else storage
        )
        for name, storage in settings.STORAGES.items()
    }
    cache.clear()


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
    client = Client()
    client.force_login(owner)
    return client
