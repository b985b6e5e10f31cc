"""F23: one desk cannot fill a study, whatever it writes into its headers, and what nobody counts is noticed."""

import time
from collections import Counter
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.urls import reverse

from studyplatform.voting import addresses
from studyplatform.voting.core.networks import network_of
from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.identity import BOT_HEADER, bot_mark, participant_key
from studyplatform.voting.models import JoinCount, Panel, Study
from studyplatform.voting.services import NotTakingPart, joins, participant_join
from tests import factories
from tests.at_once import at_once
from tests.voting.conftest import DESK, ELSEWHERE, JOINS, MOST, PROXY, join

pytestmark = pytest.mark.django_db
BUSY = "Many people have begun this study from your network today"


def stuffed(study: Study, joins: int = JOINS, peer: Callable[[int], str] = lambda _: DESK, **headers: str) -> int:
    """How many of ``joins`` from one desk got through. A check that must hold: :data:`MOST`."""
    statuses = Counter(join(study, peer(n), **headers).status_code for n in range(joins))
    assert set(statuses) <= {201, 429}
    assert study.participants.count() == study.sessions.count() == statuses[201]
    return statuses[201]


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
    monkeypatch.setattr(addresses, "is_near", lambda *_: True)
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

    def counted() -> int:
        asking = joins.join_asking(study=study, network=DESK)
        assert asking is not None
        return JoinCount.objects.get(network=asking.network).joins

    assert counted() == 1
    with pytest.raises(NotTakingPart, match="by its link"):
        participant_join(**known)
    participant_join(**known, arrival=Arrival("prolific", "b" * 24, {}))
    study.blocks.update(state="done")
    settings.EYEBALLOT_JOINS_PER_NETWORK = 9
    with pytest.raises(NotTakingPart, match="all the participants"):
        participant_join(**known, arrival=Arrival("prolific", "c" * 24, {}))
    assert counted() == 2
    settings.EYEBALLOT_JOINS_PER_NETWORK = 0
    study.blocks.update(state="free", holder=None)
    participant_join(**known, arrival=Arrival("prolific", "d" * 24, {}))
    settings.EYEBALLOT_JOINS_PER_NETWORK = 9
    assert counted() == 2


THREADS = 8


def raced(study: Study) -> int:
    """Joins from one desk at once; how many came through."""
    found = at_once(*[lambda: participant_join(study=Study.objects.get(pk=study.pk), network=DESK)] * THREADS)
    through: int = study.participants.count()
    refused = [refusal.code for refusal in found if isinstance(refusal, NotTakingPart)]
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


def test_a_vote_asks_nothing_of_it(wide, django_assert_num_queries):
    who = factories.participant(wide)
    key = {"Authorization": f"Bearer {participant_key(who)}"}
    body = {"uuid": str(uuid4()), "trial": factories.next_trial(who).pk, "choice": "left"}
    address = reverse("voting:api-votes", args=[wide.slug])
    with django_assert_num_queries(1):
        answer = Client(headers=key).post(address, body, "application/json", REMOTE_ADDR=DESK)
    assert answer.status_code == 201
