"""F24: whoever skips a step is refused with the right code, and nothing is stored; each condition of the one INSERT is
taken out in turn, and some story here must then see a vote that should not be there."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from evaluation.core.ballots import analysis_set
from evaluation.inputs import study_data
from studyplatform.voting.identity import participant_key
from studyplatform.voting.models import Participant, Session, Study, Trial, Vote
from studyplatform.voting.services import (
    checks_answer,
    consent_decline,
    participant_erase,
    participant_exclude,
    preview_start,
    previews_end,
    session_withdraw,
    study_transition,
    votes,
)
from tests import factories

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Step:
    """A vote that skips a step: who sends which pair, and how it must be refused."""

    key: str
    slug: str
    trial: int
    status: int
    code: str
    choice: str = "left"
    expected: int | None = None


def step(who: Participant, status: int, code: str, trial: Trial | None = None, **more: Any) -> Step:
    return Step(participant_key(who), who.study.slug, (trial or who.trials.in_turn()[0]).pk, status, code, **more)


def send(skipping: Step, uuid: Any = None) -> Any:
    address = reverse("voting:api-votes", args=[skipping.slug])
    body = {"uuid": str(uuid or uuid4()), "trial": skipping.trial, "choice": skipping.choice}
    return Client(headers={"Authorization": f"Bearer {skipping.key}"}).post(address, body, "application/json")


def holds(skipping: Step) -> bool:
    """Whether the vote is refused as it must be, with no row stored and no traceback shown."""
    before = Vote.objects.count()
    answer = send(skipping)
    if answer.status_code >= 500 or Vote.objects.count() != before:
        return False
    said = answer.json()
    told = skipping.expected is None or said["expected"] == skipping.expected
    sentence = said["detail"].endswith((".", "!"))
    return (answer.status_code, said["code"]) == (skipping.status, skipping.code) and told and sentence


def opened(owner: User, **fields: Any) -> Study:
    return factories.study(owner=owner, state="open", **fields)


def before_consent(owner: User) -> Step:
    return step(factories.participant(opened(owner), ready=False), 403, "consent")


def declined(owner: User) -> Step:
    who = factories.participant(opened(owner), ready=False)
    consent_decline(session=who.session)
    return step(who, 403, "consent")


def before_the_screen_check(owner: User) -> Step:
    return step(factories.participant(opened(owner, check_brightness=True, screen_out=True)), 403, "checks")


def screened_out(owner: User) -> Step:
    who = factories.participant(opened(owner, check_brightness=True, screen_out=True))
    for tries in range(2):
        checks_answer(session=who.session, tries=tries)
    return step(who, 410, "ended")


def ended_after_the_checks(owner: User) -> Step:
    """A session that was over for good after it had been admitted: its pilot went back to draft and was begun again."""
    who = factories.participant(opened(owner))
    Session.objects.filter(participant=who).update(outcome="screened_out")
    return step(who, 410, "ended")


def the_thirtieth_before_the_first(owner: User) -> Step:
    study = opened(owner, trials_per_session=30, grid=wide_grid(owner), sessions_planned=2)
    trials = list(factories.participant(study).trials.in_turn())
    assert len(trials) == 30
    return step(trials[0].participant, 409, "out_of_order", trials[29], expected=trials[0].pk)


def the_third_before_the_second(owner: User) -> Step:
    who = factories.participant(opened(owner))
    factories.cast(who)
    trials = list(who.trials.in_turn())
    return step(who, 409, "out_of_order", trials[2], expected=trials[1].pk)


def after_withdrawal(owner: User) -> Step:
    who = factories.participant(opened(owner))
    session_withdraw(session=who.session)
    return step(who, 410, "withdrawn")


def after_erasure(owner: User) -> Step:
    who = factories.participant(opened(owner))
    skipping = step(who, 404, "not_found")
    participant_erase(participant=who, by=owner)
    return skipping


def in_pause(owner: User) -> Step:
    who = factories.participant(opened(owner))
    study_transition(study=who.study, to="paused", by=owner)
    return step(who, 409, "paused")


def after_the_grace(owner: User) -> Step:
    who = factories.participant(opened(owner))
    study_transition(study=who.study, to="closed", by=owner)
    Study.objects.update(votes_until=timezone.now() - timedelta(seconds=1))
    return step(who, 410, "closed")


def after_the_grace_in_the_archive(owner: User) -> Step:
    skipping = after_the_grace(owner)
    study_transition(study=Study.objects.get(), to="archived", by=owner)
    return skipping


def of_a_pilot_back_in_draft(owner: User) -> Step:
    study = factories.study(owner=owner, state="pilot")
    who = factories.participant(study)
    study_transition(study=study, to="draft", by=owner)
    # A session that failed keeps what waits on the device, but not where nothing is asked any more.
    return step(who, 410, "closed")


def on_a_preview_that_ended(owner: User) -> Step:
    study = factories.study(owner=owner)
    who = preview_start(study=study, by=owner)
    skipping = step(who, 410, "preview_over")
    previews_end(study=study)
    return skipping


def somebody_elses(owner: User) -> Step:
    study = opened(owner)
    who, other = factories.participant(study), factories.participant(study)
    return step(who, 404, "not_found", other.trials.in_turn()[0])


def by_way_of_another_study(owner: User) -> Step:
    who = factories.participant(opened(owner))
    elsewhere = factories.study("elsewhere", owner=owner, state="open")
    return Step(participant_key(who), elsewhere.slug, who.trials.in_turn()[0].pk, 404, "not_found")


def a_tie_where_none_is_offered(owner: User) -> Step:
    return step(factories.participant(opened(owner)), 400, "choice", choice="tie")


def a_pair_that_is_not_there(owner: User) -> Step:
    who = factories.participant(opened(owner))
    return Step(participant_key(who), who.study.slug, 2**40, 404, "not_found")


STORIES: tuple[Callable[[User], Step], ...] = (
    before_consent, declined, before_the_screen_check, screened_out, ended_after_the_checks,
    the_thirtieth_before_the_first, the_third_before_the_second, after_withdrawal, after_erasure, in_pause,
    after_the_grace, after_the_grace_in_the_archive, of_a_pilot_back_in_draft, on_a_preview_that_ended,
    somebody_elses, by_way_of_another_study, a_tie_where_none_is_offered, a_pair_that_is_not_there,
)  # fmt: skip


def wide_grid(owner: User) -> Any:
    """Enough pairs for thirty different ones."""
    rates = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
    return factories.rendered_grid("wide", owner=owner, contents=("a", "b"), learning_rates=rates)


@pytest.mark.fault("F24")
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
def test_a_vote_that_skips_a_step_is_refused_and_stores_nothing(owner, story, tried):
    assert holds(story(owner))
    tried("F24", step_skipped=story.__name__.replace("_", " "), rows=0)


# --- at the door -----------------------------------------------------------------------------------------------------


@pytest.mark.fault("F24")
@pytest.mark.parametrize(
    ("dates", "status", "code"),
    [({"opens_at": timedelta(hours=1)}, 409, "early"), ({"ends_at": timedelta(hours=-1)}, 410, "late")],
)
def test_nobody_begins_before_the_first_or_after_the_last_hour(open_study, dates, status, code):
    who = factories.participant(open_study)
    Study.objects.update(**{name: timezone.now() + by for name, by in dates.items()})
    answer = Client().post(reverse("voting:api-session", args=[open_study.slug]), {}, "application/json")
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert Client().post(reverse("voting:start", args=[open_study.slug])).status_code == status
    assert open_study.participants.get() == who
    # Who has begun may finish.
    assert send(step(who, 0, "")).status_code == 201


@pytest.mark.fault("F24")
def test_an_excluded_participant_may_go_on_and_nothing_of_it_is_analysed(open_study, owner):
    out, stays = factories.participant(open_study), factories.participant(open_study)
    factories.cast(stays)
    participant_exclude(participant=out, by=owner, reason="failed the catch pairs")
    # The exclusion can be undone, so what is answered meanwhile is kept; it stays out of the analysis.
    assert send(step(out, 0, "")).status_code == 201
    data = study_data(Study.objects.get(pk=open_study.pk))
    kept, _flow = analysis_set(data, data.questions[0].id)
    assert len(kept) == 1


# --- the queue of a closed study -------------------------------------------------------------------------------------


@pytest.mark.fault("F24")
def test_the_queue_is_delivered_within_the_grace_in_its_order_and_marked_late(owner, tried):
    who = factories.participant(opened(owner, trials_per_session=8, grid=wide_grid(owner)))
    trials = list(who.trials.in_turn())
    for trial in trials[:3]:
        assert send(step(who, 0, "", trial)).status_code == 201
    study_transition(study=who.study, to="closed", by=owner)
    for wrong in (7, 5, 4):
        assert holds(step(who, 409, "out_of_order", trials[wrong], expected=trials[3].pk))
    for trial in trials[3:7]:
        answer = send(step(who, 0, "", trial))
        assert (answer.status_code, answer.json()["late"]) == (201, True)
    stored = Vote.objects.order_by("submitted_at").values_list("trial", "late")
    assert list(stored) == [(t.pk, n > 2) for n, t in enumerate(trials[:7])]
    Study.objects.update(votes_until=timezone.now() - timedelta(seconds=1))
    assert holds(step(who, 410, "closed", trials[7]))
    assert send(step(who, 0, "", trials[6])).json()["replayed"] is True
    tried("F24", queue_delivered_after_closing=4, lost=0, out_of_order_stored=0)


# --- the mutations ---------------------------------------------------------------------------------------------------


def conditions(text: str) -> tuple[str, list[str], str]:
    """The statement up to its WHERE, the conditions that AND joins there, and the rest."""
    head, _, rest = text.partition("\nWHERE ")
    where, conflict, tail = rest.partition("\nON CONFLICT")
    depth, parts, start = 0, [], 0
    for found in re.finditer(r"[()]|\bAND\b", where):
        depth += {"(": 1, ")": -1}.get(found.group(), 0)
        if found.group() == "AND" and depth == 0:
            parts.append(where[start : found.start()].strip())
            start = found.end()
    return head, [*parts, where[start:].strip()], conflict + tail


HEAD, CONDITIONS, TAIL = conditions(votes.INSERT)
#: The story that must see a condition missing, in the order of the statement.
SEEN_BY = {
    "t.id = ": a_pair_that_is_not_there,
    "p.token = ": somebody_elses,
    "s.slug = ": by_way_of_another_study,
    "e.admitted_at ": before_the_screen_check,
    "e.withdrew_at ": after_withdrawal,
    "e.outcome ": ended_after_the_checks,
    "(s.state ": in_pause,
    "(%(choice)s ": a_tie_where_none_is_offered,
    "NOT EXISTS ": the_thirtieth_before_the_first,
}
#: Changes inside a condition, and the story that must see each.
RUNNING, GRACE, TURN = "s.state IN ('pilot', 'open')", "s.votes_until >= %(now)s", "before.turn = t.turn - 1"
WITHIN: dict[str, tuple[str, str, Callable[[User], Step]]] = {
    "votes without consent": ("e.admitted_at IS NOT NULL", "e.started_at IS NOT NULL", before_consent),
    "a pause takes votes": (RUNNING, "s.state IN ('pilot', 'open', 'paused')", in_pause),
    "a draft takes votes": (RUNNING, "s.state IN ('pilot', 'open', 'draft')", of_a_pilot_back_in_draft),
    "the grace never ends": (f" AND {GRACE}", "", after_the_grace),
    "an archive never closes": (GRACE, f"(s.state = 'archived' OR {GRACE})", after_the_grace_in_the_archive),
    "every outcome votes": ("e.outcome IN ('', 'failed')", "e.outcome <> 'complete'", ended_after_the_checks),
    "the turn before is not asked": (TURN, "before.turn < t.turn - 1", the_third_before_the_second),
    "the turn before that is asked": (TURN, "before.turn = t.turn - 2", the_third_before_the_second),
}


def without(place: int) -> str:
    kept = [condition for n, condition in enumerate(CONDITIONS) if n != place]
    return f"{HEAD}\nWHERE {' AND '.join(kept)}\n{TAIL}"


def test_the_conditions_are_read_from_the_statement():
    assert len(CONDITIONS) == 9
    assert CONDITIONS[0] == "t.id = %(trial)s"
    assert CONDITIONS[-1].startswith("NOT EXISTS (")
    assert " ".join(f"{HEAD} WHERE {' AND '.join(CONDITIONS)} {TAIL}".split()) == " ".join(votes.INSERT.split())


def test_every_condition_has_its_story():
    assert [name for name, condition in zip(SEEN_BY, CONDITIONS, strict=True) if not condition.startswith(name)] == []


@pytest.mark.fault("F24", planted=True)
@pytest.mark.parametrize("place", range(len(CONDITIONS)), ids=lambda n: CONDITIONS[n][:40])
def test_a_condition_taken_out_of_the_statement_is_found(owner, monkeypatch, place):
    monkeypatch.setattr(votes, "_statement", lambda: without(place))
    assert not holds(list(SEEN_BY.values())[place](owner))
    assert Vote.objects.exists()


@pytest.mark.fault("F24", planted=True)
@pytest.mark.parametrize("name", WITHIN)
def test_a_condition_that_is_weakened_is_found(owner, monkeypatch, name):
    old, new, story = WITHIN[name]
    assert votes.INSERT.count(old) == 1
    monkeypatch.setattr(votes, "_statement", lambda: votes.INSERT.replace(old, new))
    assert not holds(story(owner))
    assert Vote.objects.exists()


@pytest.mark.fault("F24", planted=True)
def test_a_refusal_with_another_code_is_found(owner, monkeypatch):
    real = votes._refusal

    def vague(*asked: Any) -> Any:
        told = real(*asked)
        return told and votes.VoteRefused(409, "refused", told.sentence, told.expected)

    monkeypatch.setattr(votes, "_refusal", vague)
    assert not holds(before_consent(owner))
