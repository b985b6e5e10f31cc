"""Settings come from the environment, and production refuses what would hurt it."""

import os
import re
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


@pytest.mark.fault("F20")
def test_production_refuses_to_start_without_a_secret_key(tmp_path: Path) -> None:
    done = manage("check", EYEBALLOT_VAR=str(tmp_path))
    assert done.returncode != 0
    assert "EYEBALLOT_SECRET_KEY is not set" in done.stderr


def test_a_limit_that_would_let_nobody_begin_is_refused(tmp_path: Path) -> None:
    done = manage("check", EYEBALLOT_VAR=str(tmp_path), EYEBALLOT_DEBUG="1", EYEBALLOT_JOINS_PER_NETWORK="-1")
    assert done.returncode != 0
    assert "EYEBALLOT_JOINS_PER_NETWORK is -1, which would let nobody begin." in done.stderr
    done = manage("check", EYEBALLOT_VAR=str(tmp_path), EYEBALLOT_DEBUG="1", EYEBALLOT_JOINS_PER_NETWORK="0")
    assert done.returncode == 0, done.stderr


def test_proxies_are_networks(tmp_path: Path) -> None:
    house = {"EYEBALLOT_VAR": str(tmp_path), "EYEBALLOT_DEBUG": "1"}
    done = manage("check", **house, EYEBALLOT_PROXIES="100.64.0.0/10, 203.0.113.5,fd00::/8")
    assert done.returncode == 0, done.stderr
    done = manage("check", **house, EYEBALLOT_PROXIES="my-balancer")
    assert done.returncode != 0
    assert "EYEBALLOT_PROXIES: 'my-balancer' does not appear to be an IPv4 or IPv6 network." in done.stderr


DANGERS = {
    "eyeballot.E003": {"EYEBALLOT_HOSTS": "*"},
    "eyeballot.E004": {"EYEBALLOT_ORIGINS": "http://study.example.org"},
    "eyeballot.E005": {"EYEBALLOT_LOG_FORMAT": "plain"},
    "eyeballot.W001": {},
    "eyeballot.W002": {"EYEBALLOT_BEHIND_PROXY": "1"},
}


@pytest.mark.fault("F19", planted=True)
@pytest.mark.parametrize("danger", DANGERS)
def test_what_would_hurt_a_study_is_said(tmp_path: Path, danger: str) -> None:
    tmp_path.chmod(0o755 if danger == "eyeballot.W001" else 0o700)
    done = deployment_check(tmp_path, **DANGERS[danger])
    assert done.returncode != 0
    assert re.findall(r"\((\w+\.[EW]\d+)\)", done.stderr) == [danger]


@pytest.mark.fault("F19")
def test_the_deployment_check_is_clean(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    done = deployment_check(tmp_path)
    assert done.returncode == 0, done.stderr


def deployment_check(var: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {"EYEBALLOT_HOSTS": "study.example.org", "EYEBALLOT_SECRET_KEY": "k9" * 40 + "!#%xyz", **environment}
    return manage("check", "--deploy", "--fail-level=WARNING", EYEBALLOT_VAR=str(var), **own)


@pytest.mark.django_db
def test_the_database_is_configured_to_keep_votes() -> None:
    assert check_database(databases=["default"]) == []


@pytest.mark.fault("F9", planted=True)
def test_a_database_that_forgets_is_refused() -> None:
    """The planted fault: synchronous=OFF is named with its mend."""
    problems = _with_pragma("synchronous = OFF")
    assert [p.id for p in problems] == ["eyeballot.E001"]
    assert "PRAGMA synchronous=FULL" in str(problems[0].hint)


def _with_pragma(words: str) -> list[CheckMessage]:
    plain = sqlite3.connect(":memory:")
    plain.execute("PRAGMA foreign_keys = ON")
    plain.execute(f"PRAGMA {words}")
    try:
        return _sqlite("default", plain.cursor())
    finally:
        plain.close()
