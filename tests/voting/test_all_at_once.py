"""Votes while everything else happens to the study at the same time (fault F5): nothing waits in a circle.

Four people vote and finish, take back and withdraw; beside them participants are erased, left out and taken in again,
abandoned plans are dealt anew, the study pauses and goes on, quotas come and go, previews are walked and taken down.
And while people join and vote, a pilot goes back to draft and begins anew, opens, and is closed.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from studyplatform.voting import services
from studyplatform.voting.identity import participant_key
from studyplatform.voting.models import Block, CompletionCode, Participant, Session, Study, Tombstone, Trial, Vote
from studyplatform.voting.selectors import quota_taken
from studyplatform.voting.services import NotTakingPart, StudyError
from tests import factories
from tests.fault_table import FULL

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
SECONDS = 20 if FULL else 5
PEOPLE = 4
REFUSALS = (NotTakingPart, StudyError)
GONE = (Participant.DoesNotExist, Session.DoesNotExist)  # erased meanwhile by somebody else


class Bustle:
    """What the threads share: the study, when to stop, what was acknowledged and what went wrong."""

    def __init__(self, study: Study) -> None:
        self.study, self.by = study, study.owner
        self.end = time.monotonic() + SECONDS
        self.acknowledged: dict[int, str] = {}  # trial -> choice
        self.done: Counter[str] = Counter()
        self.wrong: list[str] = []

    def run(self, *actions: Callable[["Bustle"], object]) -> "Bustle":
        """Repeat each action in a thread of its own until time is up."""
        threads = [threading.Thread(target=self._repeat, args=[action]) for action in actions]
        [thread.start() for thread in threads]
        [thread.join(120) for thread in threads]
        assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
        return self

    def _repeat(self, action: Callable[["Bustle"], object]) -> None:
        try:
            while time.monotonic() < self.end and not self.wrong:
                try:
                    action(self)
                    self.done[action.__name__] += 1
                except (*REFUSALS, *GONE):
                    time.sleep(0.02)
        except Exception as error:
            self.wrong.append(f"{action.__name__}: {type(error).__name__}: {error}")
        finally:
            connection.close()

    def anybody(self) -> Participant:
        """A participant of the study at random."""
        found = Participant.objects.filter(study=self.study).order_by("?").select_related("session").first()
        if found is None:
            raise Participant.DoesNotExist
        return found


def takes_part(bustle: Bustle) -> None:
    """One session over HTTP, from joining to its end."""
    study = Study.objects.get(pk=bustle.study.pk)
    who = services.participant_join(study=study, device=random.choice(Participant.Device.values))
    services.consent_give(session=who.session)
    ask = browser(bustle, who)
    for trial in ask("GET", "plan/").get("trials", []):
        choice = random.choice(["left", "right", "left", "right", "skip"])
        answer = ask("POST", "votes/", {"uuid": str(uuid4()), "trial": trial["id"], "choice": choice})
        if answer.get("uuid"):
            bustle.acknowledged[trial["id"]] = choice
        if random.random() < 0.1:
            ask("POST", "undo/", {})
        if random.random() < 0.02:
            ask("POST", "withdraw/", {})
    ask("POST", "finish/", {})


def browser(bustle: Bustle, who: Participant) -> Callable[..., dict[str, Any]]:
    """``ask(method, path, body)`` as that participant; an answer of 500 or above is noted as wrong."""
    client = Client(raise_request_exception=False, headers={"Authorization": f"Bearer {participant_key(who)}"})

    def ask(method: str, path: str, body: object = None) -> dict[str, Any]:
        address = f"/api/v1/studies/{who.study.slug}/session/{path}"
        answer = client.generic(method, address, json.dumps(body or {}), content_type="application/json")
        bustle.done[f"answered {answer.status_code}"] += 1
        if answer.status_code >= 500:
            bustle.wrong.append(f"{answer.status_code} {method} {path} {answer.content[:300]!r}")
        return dict(answer.json()) if answer.status_code < 500 else {}

    return ask


def goes(bustle: Bustle) -> None:
    who = bustle.anybody()
    random.choice([services.session_withdraw, services.session_finish])(session=who.session)
    if random.random() < 0.3:
        services.participant_erase(participant=bustle.anybody(), by=bustle.by)
    time.sleep(0.05)


def is_left_out(bustle: Bustle) -> None:
    who = bustle.anybody()
    services.participant_exclude(participant=who, by=bustle.by, reason="while all votes")
    if random.random() < 0.5:
        services.participant_include(participant=who, by=bustle.by, reason="was a mistake")


def pauses(bustle: Bustle) -> None:
    """The study stops and goes on; a quota comes and goes; whoever is slow loses the rest of the plan."""
    services.study_transition(study=bustle.study, to="paused", by=bustle.by)
    time.sleep(0.02)
    services.study_transition(study=bustle.study, to="open", by=bustle.by)
    quota = services.quota_add(study=bustle.study, by=bustle.by, kind="device", value="phone", most=1)
    services.blocks_release_expired(study=bustle.study, now=timezone.now() + timedelta(days=1))
    services.quota_remove(quota=quota, by=bustle.by)
    time.sleep(0.2)


def looks_in(bustle: Bustle) -> None:
    """A preview, which is taken down in the middle of its votes."""
    who = services.preview_start(study=bustle.study, by=bustle.by)
    services.consent_give(session=who.session)
    ask = browser(bustle, who)
    trials = ask("GET", "plan/")["trials"]
    ending = threading.Thread(target=_end_previews, args=[bustle])
    for place, trial in enumerate(trials):
        if place == 2:
            ending.start()
        ask("POST", "votes/", {"uuid": str(uuid4()), "trial": trial["id"], "choice": random.choice(["left", "skip"])})
    ending.join()


def _end_previews(bustle: Bustle) -> None:
    try:
        services.previews_end(study=bustle.study)
    except Exception as error:
        bustle.wrong.append(f"previews_end: {type(error).__name__}: {error}")
    finally:
        connection.close()


def joins(bustle: Bustle) -> None:
    """Begins and does no more, so that many are beginning at any moment."""
    who = services.participant_join(study=Study.objects.get(pk=bustle.study.pk))
    bustle.done["joined a pilot" if who.is_pilot else "joined"] += 1


def takes_its_steps(bustle: Bustle) -> None:
    """A pilot goes back to draft and begins anew for most of the time; then it opens, and is closed."""
    study, left = Study.objects.get(pk=bustle.study.pk), bustle.end - time.monotonic()
    if left > SECONDS / 3:
        ways = ("draft", "pilot")
    else:
        ways = ("open",) if study.state == Study.State.PILOT else ("closed",) if left < SECONDS / 6 else ()
    for to in ways:
        services.study_transition(study=study, to=to, by=bustle.by)
        bustle.done[to] += 1
    time.sleep(0.05)


def deadlocks() -> int:
    """How many PostgreSQL has seen in this database; SQLite has one writer at a time and none."""
    if connection.vendor == "sqlite":
        return 0
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_stat_clear_snapshot(), deadlocks FROM pg_stat_database WHERE datname=current_database()"
        )
        return int(cursor.fetchone()[1])


def nothing_went_wrong(bustle: Bustle, before: int) -> None:
    time.sleep(1.2)  # PostgreSQL's sessions report what they counted within a second
    assert not bustle.wrong, bustle.wrong
    assert deadlocks() == before


@pytest.fixture
def study(owner) -> Study:
    grid = factories.rendered_grid(owner=owner, learning_rates=[place / 10 for place in range(1, 8)])
    return factories.study(
        owner=owner, grid=grid, trials_per_session=12, sessions_planned=2000, allow_undo=True, state="open"
    )


@pytest.mark.fault("F5")
def test_votes_while_everything_else_happens(study: Study, tried: Callable[..., None]):
    before = deadlocks()
    quota = services.quota_add(study=study, by=study.owner, kind="device", value="tablet", most=15)
    bustle = Bustle(study).run(*[takes_part] * PEOPLE, goes, is_left_out, pauses, looks_in)
    nothing_went_wrong(bustle, before)
    alive = set(Trial.objects.filter(study=study).values_list("pk", flat=True))
    stored = dict(Vote.objects.filter(study=study).values_list("trial", "choice"))
    kept = {trial: choice for trial, choice in bustle.acknowledged.items() if trial in alive}
    assert {trial: stored.get(trial) for trial in kept} == kept
    assert Vote.objects.filter(study=study).count() == len(stored)
    complete = Session.objects.filter(study=study, outcome="complete")
    assert not Trial.objects.filter(session__in=complete, votes=None).exists()
    codes = CompletionCode.objects.filter(study=study)
    assert set(codes.values_list("participant")) >= set(complete.values_list("participant"))
    assert quota_taken(quota) <= 15
    held = Block.objects.filter(study=study, state=Block.State.HELD)
    assert not held.exclude(holder__session__outcome="", holder__session__withdrew_at=None).exists()
    services.previews_end(study=study)
    assert not Study.everything.filter(preview_of=study.pk).exists()
    erased = Tombstone.objects.filter(study=study).count()
    # Every part of it took place, or nothing has been tried.
    assert all(bustle.done[part] for part in ("takes_part", "goes", "is_left_out", "pauses", "looks_in")), bustle.done
    assert erased
    tried("F5", seconds_of_everything_at_once=SECONDS, votes=len(bustle.acknowledged), lost=0, deadlocks=0)


@pytest.mark.fault("F5")
def test_joins_and_votes_while_the_study_takes_every_step(owner, tried: Callable[..., None]):
    before = deadlocks()
    grid = factories.rendered_grid(owner=owner, learning_rates=[place / 10 for place in range(1, 5)])
    study = factories.study(owner=owner, grid=grid, trials_per_session=6, sessions_planned=150, state="pilot")
    bustle = Bustle(study).run(*[joins] * PEOPLE, takes_part, takes_its_steps)
    nothing_went_wrong(bustle, before)
    study.refresh_from_db()
    assert study.state == Study.State.CLOSED
    people = study.participants.select_related("session")
    # The counted design went to those who count, a session each, and to nobody who came once it was closed.
    whole = study.blocks.filter(is_remainder=False)
    counted = whole.order_by("-number")[:150]
    assert not [block for block in counted if block.holder is not None and block.holder.is_pilot]
    assert not study.blocks.filter(state=Block.State.HELD, holder__is_pilot=True).exists()
    assert study.blocks.filter(holder__is_pilot=False).count() == people.filter(is_pilot=False).count()
    assert whole.filter(holder__is_pilot=False).count() <= 150
    assert not people.filter(created_at__gt=study.closed_at).exists()
    assert not people.exclude(is_pilot=False).exclude(design_digest=study.design_digest).exists()
    # A pilot that went back to draft left nobody behind who thinks that it goes on; who withdrew has no outcome.
    last = study.audit.filter(action="draft → pilot").order_by("-at").first()
    assert last is not None
    assert not people.filter(session__outcome="", session__withdrew_at=None, created_at__lt=last.at).exists()
    assert all(bustle.done[part] for part in ("joined a pilot", "joined", "draft", "pilot", "open", "closed")), (
        bustle.done
    )
    tried("F5", steps_of_a_study_beside_joins=sum(bustle.done[to] for to in ("draft", "pilot", "open", "closed")))


@pytest.mark.fault("F5", planted=True)
def test_two_locks_in_opposite_order_are_seen(study: Study):
    """The planted fault: one takes the study and then the session, the other the session and then the study."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets one write at a time: nobody can wait in a circle")
    before, who = deadlocks(), factories.participant(study)

    def both(first: Any, second: Any) -> None:
        with transaction.atomic():
            first.select_for_update().get()
            time.sleep(0.1)
            second.select_for_update().get()

    rows = Study.objects.filter(pk=study.pk), Session.objects.filter(pk=who.session.pk)

    def one(bustle: Bustle) -> None:
        both(*rows)

    def other(bustle: Bustle) -> None:
        both(*reversed(rows))

    bustle = Bustle(study).run(one, other)
    with pytest.raises(AssertionError):
        nothing_went_wrong(bustle, before)
    time.sleep(0.5)
    assert deadlocks() > before
