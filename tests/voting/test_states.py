"""The life of a study: which steps there are, what each writes, and that the rest is refused in words."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db.models import FloatField, PositiveIntegerField
from django.urls import reverse

from generation.core.spec import digest
from studyplatform.voting.identity import cookie_name, participant_key
from studyplatform.voting.models import Block, Preregistration, Study
from studyplatform.voting.services import (
    NotTakingPart,
    StudyError,
    participant_join,
    study_transition,
    study_update,
)
from tests import factories
from tests.at_once import at_once

pytestmark = pytest.mark.django_db
STATES = [str(s) for s in Study.State]


@pytest.mark.parametrize(("state", "to"), list(itertools.product(STATES, STATES)))
def test_every_step_is_taken_or_refused_as_the_table_says(owner, state, to):
    study = factories.study(owner=owner, state=state)
    entries = study.audit.count()
    if to in Study.TRANSITIONS[Study.State(state)]:
        study_transition(study=study, to=to, by=owner, comment="because")
        assert study.state == to
        entry = study.audit.first()
        assert (entry.action, entry.user, entry.comment) == (f"{state} → {to}", owner, "because")
    else:
        with pytest.raises(StudyError, match=f"is {state} and cannot become {to}"):
            study_transition(study=study, to=to, by=owner)
        study.refresh_from_db()
        assert study.state == state
        assert study.audit.count() == entries


def test_opening_preregisters_once_and_pausing_changes_nothing_of_it(owner):
    study = factories.study(owner=owner, state="open", hypothesis="The lowest loss does not win.")
    written = Preregistration.objects.get(study=study)
    assert written.content["hypothesis"] == "The lowest loss does not win."
    assert written.content["design_sha256"] == study.design_digest
    assert written.content["primary_metric"] == {"tiny": ["total_loss"]}
    blocks = study.blocks.count()
    study_transition(study=study, to="paused", by=owner)
    study_transition(study=study, to="open", by=owner)
    assert Preregistration.objects.get(study=study) == written
    assert study.blocks.count() == blocks


def test_closing_sets_the_end_of_the_grace_period(owner):
    study = factories.study(owner=owner, state="closed", grace_hours=5)
    assert (study.votes_until - study.closed_at).total_seconds() == 5 * 3600


def test_a_study_with_an_endless_grace_period_from_before_is_closed_all_the_same(owner):
    study = factories.study(owner=owner, state="open")
    Study.objects.filter(pk=study.pk).update(grace_hours=999_999_999)
    study.refresh_from_db()
    study_update(study=study, by=owner, public_report=True)
    study_transition(study=study, to="closed", by=owner)
    assert (study.state, (study.votes_until - study.closed_at).days) == ("closed", 60)


MOST = {
    "grace_hours": 60 * 24,
    "break_every": 500,
    "resume_after_minutes": 60 * 24 * 30,
    "hold_minutes": 60 * 24 * 30,
    "seed": 2**31 - 1,
}


@pytest.mark.parametrize(("name", "most"), MOST.items())
def test_the_numbers_of_a_study_have_a_most(owner, name, most):
    study = factories.study(owner=owner)
    study_update(study=study, by=owner, **{name: most})
    with pytest.raises(ValidationError, match=f"less than or equal to {most}"):
        study_update(study=study, by=owner, **{name: most + 1})


def test_no_number_of_a_study_is_without_a_most():
    numbers = [f for f in Study._meta.fields if isinstance(f, PositiveIntegerField | FloatField)]
    assert len(numbers) > 12
    bounded = [
        f
        for f in numbers
        if any(isinstance(rule, MaxValueValidator) for rule in f.deconstruct()[3].get("validators", []))
    ]
    assert [f.name for f in numbers if f not in bounded] == []


def test_a_pilot_leaves_marked_participants_and_fresh_plans(owner):
    study = factories.study(owner=owner, state="pilot")
    pilot = factories.finished(study)
    half = factories.participant(study)
    factories.cast(half)
    study_transition(study=study, to="open", by=owner)
    person = factories.participant(study)
    assert (pilot.is_pilot, half.is_pilot, person.is_pilot) == (True, True, False)
    assert study.blocks.filter(state=Block.State.FREE).count() == study.sessions_planned - 1
    assert not study.blocks.filter(state=Block.State.HELD, holder=half).exists()


def test_back_to_draft_thaws_the_design(owner):
    study = factories.study(owner=owner, state="pilot")
    assert study.design_digest
    study_transition(study=study, to="draft", by=owner)
    assert study.design is None
    assert not study.blocks.exists()


def test_back_to_draft_ends_the_sessions_of_the_pilot(owner, client):
    study = factories.study(owner=owner, state="pilot")
    done, half = factories.finished(study), factories.participant(study)
    factories.cast(half)
    client.cookies[cookie_name(study.slug)] = participant_key(half)
    study_transition(study=study, to="draft", by=owner)
    study_transition(study=study, to="pilot", by=owner)
    for who in (done, half):
        who.session.refresh_from_db()
    assert (done.session.outcome, half.session.outcome) == ("complete", "failed")
    assert not study.blocks.filter(state=Block.State.HELD).exists()
    for address in ("landing", "trial"):
        page = client.get(reverse(f"voting:{address}", args=[study.slug]), follow=True).content.decode()
        assert "This pilot is over." in page
        assert "long pause" not in page


@pytest.mark.parametrize("state", ["draft", "paused", "closed", "archived"])
def test_nobody_joins_a_study_that_is_not_running(owner, state):
    study = factories.study(owner=owner, state=state)
    with pytest.raises(NotTakingPart) as refusal:
        participant_join(study=study)
    assert refusal.value.code == state
    assert not study.participants.exists()


# --- two people at once, stale pages ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("state", "to"), [("draft", "open"), ("open", "closed"), ("pilot", "draft")])
def test_of_two_who_take_the_same_step_at_once_one_takes_it_and_one_is_told(owner, colleague, state, to):
    pk = factories.study(owner=owner, state=state).pk

    def step(by: Any) -> Callable[[], Any]:
        return lambda: study_transition(study=Study.objects.get(pk=pk), to=to, by=by, seen=state)

    found = at_once(step(owner), step(colleague))
    refused = [f for f in found if isinstance(f, Exception)]
    assert [type(f) for f in refused] == [StudyError]
    assert f"has become {to} since by" in str(refused[0])
    study = Study.objects.get(pk=pk)
    assert study.audit.filter(action=f"{state} → {to}").count() == 1
    if to == "open":
        assert Preregistration.objects.filter(study=study).count() == 1
        assert study.blocks.count() == study.sessions_planned
        assert study.stimuli.count() == 6


@pytest.mark.django_db(transaction=True)
def test_an_edit_and_an_opening_at_once_leave_a_design_that_is_what_the_study_says(owner):
    pk = factories.study(owner=owner).pk

    def edit() -> Any:
        return study_update(study=Study.objects.get(pk=pk), by=owner, title="Edited")

    found = at_once(edit, lambda: study_transition(study=Study.objects.get(pk=pk), to="open", by=owner))
    assert all(f is None or isinstance(f, Study | StudyError) for f in found), found
    study = Study.objects.get(pk=pk)
    assert study.state == "open"
    assert study.design["study"]["title"] == study.title
    assert study.design_digest == digest(study.design)


def test_a_step_from_a_stale_page_is_refused_and_says_who_was_quicker(owner, colleague):
    study = factories.study(owner=owner, state="open")
    study_transition(study=study, to="paused", by=colleague, comment="a fault")
    with pytest.raises(StudyError, match="was open when this page was made and has become paused since by colleague"):
        study_transition(study=study, to="closed", by=owner, seen="open")
    study.refresh_from_db()
    assert study.state == "paused"


def test_a_stale_page_of_the_admin_saves_nothing_and_gives_back_what_was_typed(owner, as_owner):
    study = factories.study(owner=owner)
    study_transition(study=study, to="open", by=owner)
    address = reverse("admin:voting_study_change", args=[study.pk])
    typed = {"_state": "draft", "title": "My better title", "_step": "pilot", "_comment": "because", "reward": "3.00"}
    answer = as_owner.post(address, typed)
    assert answer.status_code == 409
    for words in ("has become open since", "My better title", "because", "3.00"):
        assert words in answer.content.decode()
    study.refresh_from_db()
    assert (study.title, study.state, study.reward) == ("The study study", "open", None)
    transition = reverse("admin:voting_study_transition", args=[study.pk])
    page = as_owner.post(transition, {"to": "closed", "seen": "paused"}, follow=True).content.decode()
    assert "was paused when this page was made" in page
    assert Study.objects.get(pk=study.pk).state == "open"
