"""Settings come from the environment, and production refuses what would hurt it."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import CheckMessage

from studyplatform.config.checks import _sqlite, check_database


def manage(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    names = ("EYEBALLOT_DEBUG", "EYEBALLOT_SECRET_KEY", "DATABASE_URL", "DJANGO_SETTINGS_MODULE")
    clean = {k: v for k, v in os.environ.items() if k not in names}
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=settings.BASE_DIR,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_production_refuses_to_start_without_a_secret_key(tmp_path: Path) -> None:
    done = manage("check", EYEBALLOT_VAR=str(tmp_path))
    assert done.returncode != 0
    assert "EYEBALLOT_SECRET_KEY is not set" in done.stderr


def test_the_deployment_check_is_clean(tmp_path: Path) -> None:
    done = manage(
        "check",
        "--deploy",
        "--fail-level=WARNING",
        EYEBALLOT_VAR=str(tmp_path),
        EYEBALLOT_SECRET_KEY="k9" * 40 + "!#%xyz",
        EYEBALLOT_HOSTS="study.example.org",
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.django_db
def test_the_database_is_configured_to_keep_votes() -> None:
    assert check_database(databases=["default"]) == []


def test_a_database_that_forgets_is_refused() -> None:
    """The planted fault: synchronous=OFF is named with its mend."""
    problems = _with_pragma("synchronous = OFF")
    assert [p.id for p in problems] == ["eyeballot.E001"]
    assert "PRAGMA synchronous=FULL" in str(problems[0].hint)


@pytest.mark.skipif("postgres" not in os.environ.get("DATABASE_URL", ""), reason="SQLite is set up by the settings")
def test_a_server_does_not_start_on_a_database_that_forgets(tmp_path: Path) -> None:
    url = os.environ["DATABASE_URL"]
    forgets = f"{url}{'&' if '?' in url else '?'}options=-c%20synchronous_commit%3Doff"
    for address, code, words in ((url, 0, ""), (forgets, 1, "synchronous_commit=off and would lose votes")):
        environment = os.environ | {"DATABASE_URL": address, "EYEBALLOT_DEBUG": "1", "EYEBALLOT_VAR": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-c", "import studyplatform.config.wsgi"],
            cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr


def _with_pragma(words: str) -> list[CheckMessage]:
    plain = sqlite3.connect(":memory:")
    plain.execute("PRAGMA foreign_keys = ON")
    plain.execute(f"PRAGMA {words}")
    try:
        return _sqlite("default", plain.cursor())
    finally:
        plain.close()
