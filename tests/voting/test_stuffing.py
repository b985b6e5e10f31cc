"""F23: one desk cannot fill a study, no address is kept, and what nobody counts is noticed."""

import io
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse

from evaluation.exports import Export, bundle_zip, export_record
from studyplatform.voting import addresses
from studyplatform.voting.core.networks import is_near, network_of
from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.identity import BOT_HEADER, bot_mark, participant_key
from studyplatform.voting.models import JoinCount, JoinSalt, Panel, Study
from studyplatform.voting.services import NotTakingPart, joins, participant_join, participation, quota_add
from tests import factories
from tests.fault_table import FULL

pytestmark = pytest.mark.django_db

#: The specification's 200 joins from one address.
JOINS, MOST = (200, 100) if FULL else (40, 20)
DESK, ELSEWHERE, PROXY = "198.18.0.7", "198.18.0.8", "10.0.0.2"
BUSY = "Many people have begun this study from your network today"


@pytest.fixture(autouse=True)
def _limit(settings: Any) -> None:
    settings.EYEBALLOT_JOINS_PER_NETWORK = MOST


@pytest.fixture
def wide(owner) -> Study:
    """An open study with room for everybody who tries."""
    return factories.study("wide", owner=owner, trials_per_session=2, sessions_planned=2 * JOINS, state="open")


def join(study: Study, peer: str, **headers: str) -> Any:
    """Start a session as a client of its own."""
    address = reverse("voting:api-session", args=[study.slug])
    return Client(headers=headers).post(address, {}, "application/json", REMOTE_ADDR=peer)


def stuffed(study: Study, joins: int = JOINS, peer: Callable[[int], str] = lambda _: DESK, **headers: str) -> int:
    """How many of ``joins`` from one desk got through. A check that must hold: :data:`MOST`."""
    statuses = Counter(join(study, peer(n), **headers).status_code for n in range(joins))
    assert set(statuses) <= {201, 429}
    assert study.participants.count() == study.sessions.count() == statuses[201]
    return statuses[201]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.18.0.7", "198.18.0.7"),
        (" 198.18.0.7 ", "198.18.0.7"),
        ("198.18.0.7:5678", "198.18.0.7"),
        ("[2001:db8:1:2::5]:443", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::5]", "2001:db8:1:2::/64"),
        ("127.0.0.1:5678", ""),
        ("198.18.0.7:", ""),
        ("[198.18.0.7", ""),
        ("unknown:5678", ""),
        ("::ffff:198.18.0.7", "198.18.0.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("127.0.0.1", ""),
        ("::1", ""),
        ("::ffff:127.0.0.1", ""),
        ("::", ""),
        ("", ""),
        ("unknown", ""),
        ("198.18.0.7, 1.2.3.4", ""),
        ("198.18.0.300", ""),
    ],
)
def test_a_network_is_an_address_or_a_64(address, network):
    assert network_of(address) == network


def test_a_proxy_of_ours_is_near():
    assert all(is_near(peer) for peer in ("", "127.0.0.1", "::1", "10.1.2.3", "172.18.0.1", "192.168.1.1", "fd00::1"))
    assert not any(is_near(peer) for peer in ("8.8.8.8", "172.32.0.1", "2001:db8::1", "rubbish"))


@pytest.mark.fault("F23")
def test_two_hundred_joins_from_one_address_end_at_the_limit(wide, tried):
    through = stuffed(wide)
    assert through == MOST
    refused = join(wide, DESK)
    assert (refused.status_code, refused.json()["code"]) == (429, "crowded")
    assert BUSY in refused.json()["detail"]
    assert 0 < int(refused["Retry-After"]) <= 86_401
    assert join(wide, ELSEWHERE).status_code == 201
    noted = {entry.action: entry.comment for entry in wide.audit.filter(user=None)}
    assert set(noted) == {joins.MANY, joins.REFUSED}
    assert wide.audit.filter(action=joins.REFUSED).count() == 1
    tried("F23", joins_from_one_address=JOINS, let_through=through, limit=MOST)


@pytest.mark.fault("F23")
def test_the_page_says_so_and_whoever_has_begun_goes_on(wide, settings):
    settings.EYEBALLOT_JOINS_PER_NETWORK = 1
    first, second = Client(REMOTE_ADDR=DESK), Client(REMOTE_ADDR=DESK)
    start = reverse("voting:start", args=[wide.slug])
    assert first.post(start).status_code == 302
    page = second.post(start)
    assert (page.status_code, "Retry-After" in page.headers) == (429, True)
    assert BUSY in page.content.decode()
    assert "Aus Ihrem Netz" in second.post(start, headers={"Accept-Language": "de"}).content.decode()
    assert first.post(start).status_code == 302  # the session of this browser
    assert wide.participants.count() == 1


@pytest.mark.fault("F23")
def test_studies_are_counted_apart_and_so_are_the_64s_of_ipv6(wide, owner):
    other = factories.study("other", owner=owner, trials_per_session=2, sessions_planned=9, state="open")
    assert stuffed(wide, MOST + 1) == MOST
    assert join(other, DESK).status_code == 201
    assert join(wide, "2001:db8:0:2::1").status_code == 201
    study = factories.study("six", owner=owner, trials_per_session=2, sessions_planned=2 * JOINS, state="open")
    assert stuffed(study, peer=lambda n: f"2001:db8:0:1::{n + 1:x}") == MOST


@pytest.mark.fault("F23")
def test_behind_a_proxy_the_last_address_counts_and_nobody_else_is_believed(wide, owner, settings):
    settings.EYEBALLOT_BEHIND_PROXY = True
    spoofed = {"X-Forwarded-For": f"203.0.113.9, {DESK}"}
    for number in range(MOST + 3):
        spoofed["X-Forwarded-For"] = f"203.0.113.{number}, {DESK}"
        join(wide, PROXY, **spoofed)
    assert wide.participants.count() == MOST
    assert join(wide, PROXY, **{"X-Forwarded-For": ELSEWHERE}).status_code == 201
    # Past the proxy, straight to the server: what the header says is not asked.
    assert join(wide, DESK, **{"X-Forwarded-For": "203.0.113.200"}).status_code == 429
    settings.EYEBALLOT_BEHIND_PROXY = False
    assert join(wide, DESK, **{"X-Forwarded-For": "203.0.113.201"}).status_code == 429


def forging(study: Study) -> int:
    """How many come through who write another address into the header each time."""
    for number in range(MOST + 5):
        join(study, DESK, **{"X-Forwarded-For": f"203.0.113.{number}"})
    return study.participants.count()


@pytest.mark.fault("F23")
def test_a_header_written_by_the_asking_side_changes_nothing(wide, settings):
    settings.EYEBALLOT_BEHIND_PROXY = True
    assert forging(wide) == MOST


@pytest.mark.fault("F23", planted=True)
def test_a_header_believed_from_anybody_is_found(wide, settings, monkeypatch):
    settings.EYEBALLOT_BEHIND_PROXY = True
    monkeypatch.setattr(addresses, "is_near", lambda _peer: True)
    assert forging(wide) == MOST + 5


@pytest.mark.fault("F23", planted=True)
def test_the_first_address_of_the_header_believed_is_found(wide, settings, monkeypatch):
    settings.EYEBALLOT_BEHIND_PROXY = True
    first = lambda request: network_of(request.headers["X-Forwarded-For"].partition(",")[0])  # noqa: E731
    monkeypatch.setattr("studyplatform.voting.api.participant.network_asking", first)
    for number in range(MOST + 5):
        join(wide, PROXY, **{"X-Forwarded-For": f"203.0.113.{number}, {DESK}"})
    assert wide.participants.count() == MOST + 5


@pytest.mark.fault("F23", planted=True)
def test_a_limit_that_is_not_asked_is_found(wide, monkeypatch):
    monkeypatch.setattr("studyplatform.voting.services.participation.join_check", lambda **_: None)
    monkeypatch.setattr("studyplatform.voting.services.participation.join_count", lambda **_: None)
    assert stuffed(wide, MOST + 3) == MOST + 3


@pytest.mark.fault("F23", planted=True)
def test_counts_without_the_study_are_found(wide, owner, monkeypatch):
    other = factories.study("other", owner=owner, trials_per_session=2, sessions_planned=9, state="open")
    real = joins.join_check
    monkeypatch.setattr("studyplatform.voting.services.participation.join_check", lambda study, asking: real(
        study=wide, asking=joins.join_asking(study=wide, network=DESK)
    ))  # fmt: skip
    assert stuffed(wide, MOST + 1) == MOST
    assert join(other, DESK).status_code == 429


def test_what_is_refused_or_known_or_simulated_is_not_counted(owner, settings):
    settings.EYEBALLOT_JOINS_PER_NETWORK = 2
    study = factories.study("small", owner=owner, trials_per_session=2, sessions_planned=3, state="pilot")
    assert join(study, DESK, **{BOT_HEADER: bot_mark(study.slug)}).status_code == 201
    assert not JoinCount.objects.exists()
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE")
    known = {"study": Study.objects.get(pk=study.pk), "network": DESK}
    who = participant_join(**known, arrival=Arrival("prolific", "a" * 24, {}))
    assert participant_join(**known, arrival=Arrival("prolific", "a" * 24, {})) == who
    assert JoinCount.objects.get().joins == 1
    with pytest.raises(NotTakingPart, match="by its link"):
        participant_join(**known)
    participant_join(**known, arrival=Arrival("prolific", "b" * 24, {}))
    study.blocks.update(state="done")
    settings.EYEBALLOT_JOINS_PER_NETWORK = 9
    with pytest.raises(NotTakingPart, match="all the participants"):
        participant_join(**known, arrival=Arrival("prolific", "c" * 24, {}))
    assert JoinCount.objects.get().joins == 2
    settings.EYEBALLOT_JOINS_PER_NETWORK = 0
    study.blocks.update(state="free", holder=None)
    participant_join(**known, arrival=Arrival("prolific", "d" * 24, {}))
    assert JoinCount.objects.get().joins == 2


# --- at once ---------------------------------------------------------------------------------------------------------

THREADS = 8


def raced(study: Study) -> int:
    """Joins from one desk at once; how many came through."""
    barrier, refused = threading.Barrier(THREADS, timeout=60), []

    def begin() -> None:
        try:
            barrier.wait()
            participant_join(study=Study.objects.get(pk=study.pk), network=DESK)
        except NotTakingPart as refusal:
            refused.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=begin) for _ in range(THREADS)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    through: int = study.participants.count()
    assert refused == [joins.CROWDED] * (THREADS - through)
    return through


@pytest.mark.fault("F23")
@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_no_more_than_the_limit_come_through(wide, settings, tried):
    settings.EYEBALLOT_JOINS_PER_NETWORK = 3
    assert raced(wide) == 3
    assert JoinCount.objects.get().joins == 3
    assert wide.blocks.filter(state="held").count() == 3  # a refusal takes nobody's pairs
    tried("F23", raced_joins=THREADS, let_through=3)


@pytest.mark.fault("F23", planted=True)
@pytest.mark.django_db(transaction=True)
def test_counting_after_looking_is_found(wide, settings, monkeypatch):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time: what looks first and counts then cannot be seen to fail.")
    settings.EYEBALLOT_JOINS_PER_NETWORK = 3

    def looking(*, study: Study, asking: joins.Asking) -> None:
        joins.join_check(study=study, asking=asking)
        time.sleep(0.3)  # all look before any of them has counted
        mine = {"study": study, "day": asking.day, "network": asking.network}
        JoinCount.objects.bulk_create([JoinCount(**mine)], ignore_conflicts=True)
        JoinCount.objects.filter(**mine).update(joins=F("joins") + 1)

    monkeypatch.setattr("studyplatform.voting.services.participation.join_count", looking)
    assert raced(wide) > 3


# --- nothing is kept -------------------------------------------------------------------------------------------------


def everything() -> str:
    """Every value of every row of the database."""
    return "\n".join(str(row) for model in apps.get_models() for row in model._base_manager.values_list())


def hashed(study: Study, network: str) -> str:
    """What the network is counted under today."""
    asking = joins.join_asking(study=study, network=network)
    assert asking is not None
    return asking.network


@pytest.fixture
def days(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Make it the day after so many days."""

    def turn(by: int) -> None:
        monkeypatch.setattr(joins, "_today", lambda: date(2030, 1, 1) + timedelta(days=by))

    turn(0)
    return turn  # type: ignore[return-value]


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


def test_a_vote_asks_nothing_of_it(wide, django_assert_num_queries):
    who = factories.participant(wide)
    key = {"Authorization": f"Bearer {participant_key(who)}"}
    body = {"uuid": str(uuid4()), "trial": factories.next_trial(who).pk, "choice": "left"}
    address = reverse("voting:api-votes", args=[wide.slug])
    with django_assert_num_queries(1):
        answer = Client(headers=key).post(address, body, "application/json", REMOTE_ADDR=DESK)
    assert answer.status_code == 201
