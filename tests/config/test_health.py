"""What balancers and containers ask: whether the process is there, and whether it can do its work."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from studyplatform.config import health
from tests.live_house import ask, served
from tests.live_postgres import house


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    health._migrated.cache_clear()
    yield
    health._migrated.cache_clear()


def asked(path: str = "/health/ready") -> tuple[int, dict[str, Any]]:
    response = Client().get(path)
    return response.status_code, json.loads(response.content)


@pytest.mark.django_db
def test_a_house_that_works_is_ready() -> None:
    assert asked() == (200, {"status": "ready"})
    assert asked("/health/live") == (200, {"status": "live"})


@pytest.mark.django_db
@pytest.mark.parametrize("urlconf", ["urls", "participant_urls"])
def test_it_is_asked_without_https_a_known_name_or_a_session(settings: Any, urlconf: str) -> None:
    settings.ROOT_URLCONF = f"studyplatform.config.{urlconf}"
    settings.SECURE_SSL_REDIRECT, settings.ALLOWED_HOSTS = True, ["study.example.org"]
    for path in ("/health/live", "/health/ready"):
        response = Client().get(path, headers={"host": "10.1.2.3:8000"})
        assert response.status_code == 200
        assert not response.cookies
        assert "no-store" in response["Cache-Control"]
        assert Client().post(path).status_code == 405


@pytest.mark.django_db
def test_migrations_that_have_not_run_are_said_until_they_have() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(name) FROM django_migrations WHERE app = 'voting'")
        (latest,) = cursor.fetchone()
        cursor.execute("UPDATE django_migrations SET app = 'gone' WHERE app = 'voting' AND name = %s", [latest])
        assert asked() == (503, {"status": "not_ready", "reasons": ["database_not_migrated"]})
        cursor.execute("UPDATE django_migrations SET app = 'voting' WHERE app = 'gone'")
    assert asked()[0] == 200


@pytest.mark.django_db
def test_a_storage_in_which_nothing_can_be_written_is_said(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("where a folder should be")
    masters = settings.STORAGES["masters"]
    settings.STORAGES = settings.STORAGES | {
        "masters": {**masters, "OPTIONS": {**masters["OPTIONS"], "location": tmp_path / "a file"}}
    }
    assert asked() == (503, {"status": "not_ready", "reasons": ["storage_not_writable"]})


def test_a_database_that_is_away_leaves_the_process_live(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    away = house(f"postgres://nobody:a-password@/nothing?host={tmp_path}", tmp_path)
    with served(away, workers=1) as server:
        answer, body = ask(server.port, "GET", "/health/live", X_Forwarded_Proto="http", Host="anything")
        assert (answer.status, json.loads(body)) == (200, {"status": "live"})
        answer, body = ask(server.port, "GET", "/health/ready", X_Forwarded_Proto="http", Host="anything")
        assert (answer.status, json.loads(body)) == (503, {"status": "not_ready", "reasons": ["database_away"]})
