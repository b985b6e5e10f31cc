"""F23, F27: the network of whoever joins is counted for a day under a salt of that day, and no address is kept."""

import io
import threading
import time
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection

from evaluation.exports import Export, bundle_zip, export_record
from studyplatform.voting.models import JoinCount, JoinSalt, Study
from studyplatform.voting.services import joins, participation, quota_add
from tests.voting.conftest import DESK, ELSEWHERE, join

pytestmark = pytest.mark.django_db


def everything() -> str:
    """Every value of every row of the database."""
    return "\n".join(str(row) for model in apps.get_models() for row in model._base_manager.values_list())


def hashed(study: Study, network: str) -> str:
    """What the network is counted under today."""
    asking = joins.join_asking(study=study, network=network)
    assert asking is not None
    return asking.network


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Make it the day after so many days."""

    def turn(by: int) -> None:
        monkeypatch.setattr(joins, "_today", lambda: date(2030, 1, 1) + timedelta(days=by))

    turn(0)
    return turn


def remembered(wide: Study, days: Callable[[int], None]) -> int:
    """How many of yesterday's counts can be matched with a network today. A check that must hold: none."""
    join(wide, DESK)
    yesterday = set(JoinCount.objects.values_list("network", flat=True))
    days(1)
    join(wide, ELSEWHERE)
    hashes = {hashed(wide, network) for network in (DESK, ELSEWHERE)}
    return len(yesterday & hashes) + JoinCount.objects.filter(network__in=yesterday).count()


@pytest.mark.fault("F23")
def test_yesterdays_hashes_mean_nothing(wide, days):
    assert remembered(wide, days) == 0
    assert list(JoinSalt.objects.values_list("day", flat=True)) == [date(2030, 1, 2)]


@pytest.mark.fault("F23", planted=True)
def test_a_salt_that_stays_is_found(wide, days, monkeypatch):
    monkeypatch.setattr(JoinSalt._meta.get_field("salt"), "_get_default", lambda: "the same every day")
    assert remembered(wide, days) > 0


@pytest.mark.parametrize("later", [DESK, ELSEWHERE])
@pytest.mark.django_db(transaction=True)
def test_joins_on_both_sides_of_midnight_do_not_wait_for_each_other_in_a_circle(wide, days, monkeypatch, later):
    quota_add(study=wide, by=wide.owner, kind="language", value="en", most=9)
    join(wide, DESK)
    real, held, found = participation.quotas_admit, threading.Event(), []

    def slowly(**what: Any) -> None:
        if not held.is_set():
            held.set()
            time.sleep(1.5)  # the day turns, and the other one comes as far as the quota
        real(**what)

    monkeypatch.setattr(participation, "quotas_admit", slowly)

    def begin(peer: str) -> None:
        try:
            found.append(join(wide, peer).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=begin, args=[peer]) for peer in (DESK, later)]
    threads[0].start()
    assert held.wait(30)
    days(1)
    threads[1].start()
    [thread.join() for thread in threads]
    assert found == [201, 201]
    assert JoinSalt.objects.get().day == date(2030, 1, 2)


@pytest.mark.fault("F23")
def test_a_day_without_a_join_is_forgotten_by_the_command(wide, days, capsys):
    join(wide, DESK)
    call_command("forget_networks")
    assert (JoinSalt.objects.count(), JoinCount.objects.count()) == (1, 1)
    days(3)
    call_command("forget_networks")
    assert (JoinSalt.objects.count(), JoinCount.objects.count()) == (0, 0)
    assert "Forgot the networks of 1 day." in capsys.readouterr().out


@pytest.mark.fault("F23")
@pytest.mark.fault("F27")
def test_no_address_is_in_the_database_and_no_hash_leaves_the_house(wide, owner, settings):
    settings.EYEBALLOT_JOINS_PER_NETWORK = 3
    for _ in range(5):
        join(wide, DESK)
    join(wide, "2001:db8:5:6::9")
    text = everything()
    for address in (DESK, "2001:db8:5:6"):
        assert address not in text
    marks = [*JoinCount.objects.values_list("network", flat=True), *JoinSalt.objects.values_list("salt", flat=True)]
    assert len(marks) == 3
    # Each stands in its own row and nowhere else: not in the log, not at a participant.
    assert [text.count(mark) for mark in marks] == [1, 1, 1]
    parts = bundle_zip(Export(wide, images=False), record=export_record(study=wide, contents="everything", by=owner))
    with zipfile.ZipFile(io.BytesIO(b"".join(parts))) as archive:
        left = b"\n".join(archive.read(name) for name in archive.namelist())
    assert not [mark for mark in (*marks, DESK, "2001:db8:5:6") if mark.encode() in left]
    assert not [f for f in JoinCount._meta.get_fields() if f.name == "participant"]


@pytest.mark.fault("F23", planted=True)
@pytest.mark.fault("F27", planted=True)
def test_an_address_that_is_kept_is_found(wide, monkeypatch):
    monkeypatch.setattr(joins, "_hash", lambda study, network, day: network)
    join(wide, DESK)
    assert DESK in everything()
