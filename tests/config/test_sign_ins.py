"""Guessing passwords under many names: a lock stays, and a network has a limit of its own (V6).

All in the cache of the settings; other tests have one in memory.
"""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from studyplatform.config import settings as production
from tests import factories

pytestmark = pytest.mark.django_db
DESK, ELSEWHERE = "198.51.100.7", "203.0.113.9"


@pytest.fixture(autouse=True)
def used_cache(settings: Any) -> None:
    settings.CACHES = production.CACHES


def signs_in(name: str, word: str = "guess", network: str = DESK) -> int:
    """The status of the sign-in page: 200 shows it again, 302 lets in, 429 is locked."""
    answer = Client(REMOTE_ADDR=network).post("/admin/login/", {"username": name, "password": word})
    return int(answer.status_code)


def fails(name: str, network: str) -> None:
    """A failed sign-in without its page."""
    asking = RequestFactory(REMOTE_ADDR=network).post("/admin/login/")
    assert authenticate(asking, username=name, password="guess") is None


def rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM shared_cache")
        return int(cursor.fetchone()[0])


def test_a_lock_is_not_washed_out_by_failures_under_other_names(owner: User) -> None:
    # Several, for a cache that is full throws away what stands first in the order of its hashed keys.
    locked = [owner.username, *(f"locked-{n}" for n in range(8))]
    for name in locked * 10:
        fails(name, DESK)
    assert {signs_in(name) for name in locked} == {429}
    for n in range(1200):
        fails(f"name-{n}", f"198.18.{n // 50}.1")
    assert {signs_in(name) for name in locked} == {429}
    assert signs_in("owner", "pass-owner") == 429
    assert signs_in("owner", "pass-owner", ELSEWHERE) == 302


def test_a_network_has_a_limit_whatever_the_names(owner: User, settings: Any) -> None:
    settings.EYEBALLOT_FAILURES_PER_NETWORK = 12
    factories.user("colleague")
    statuses = [signs_in(f"name-{n}") for n in range(20)]
    assert statuses == [200] * 12 + [429] * 8
    assert rows() == 13  # what is refused leaves nothing behind
    assert signs_in("owner", "pass-owner") == 429
    assert signs_in("colleague", "pass-colleague", ELSEWHERE) == 302


def test_the_limit_of_a_network_ends_with_the_hour(owner: User, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EYEBALLOT_FAILURES_PER_NETWORK = 3
    assert [signs_in(f"name-{n}") for n in range(4)] == [200, 200, 200, 429]
    later = timezone.now() + timedelta(hours=1)
    monkeypatch.setattr("studyplatform.config.sign_ins.timezone.now", lambda: later)
    assert signs_in("owner", "pass-owner") == 302


def test_where_nobody_is_told_apart_no_network_is_locked(owner: User, settings: Any) -> None:
    settings.EYEBALLOT_FAILURES_PER_NETWORK = 3
    assert [signs_in(f"name-{n}", network="127.0.0.1") for n in range(5)] == [200] * 5
    assert signs_in("owner", "pass-owner", "127.0.0.1") == 302


def test_counts_that_lock_nobody_any_more_are_forgotten(owner: User) -> None:
    signs_in("owner")
    call_command("forget_networks", verbosity=0)
    assert rows() == 2
    with connection.cursor() as cursor:
        gone = connection.ops.adapt_datetimefield_value(timezone.now() - timedelta(seconds=1))
        cursor.execute("UPDATE shared_cache SET expires = %s", [gone])
    call_command("forget_networks", verbosity=0)
    assert rows() == 0
