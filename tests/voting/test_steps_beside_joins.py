"""Joins beside a step of the study: whoever was quicker is let through, everybody else joins the study as it is then.

Each test stops a join for a while at a row that it has to lock, and takes the step meanwhile.
"""

from typing import Any

import pytest

from studyplatform.voting.models import Block, JoinCount, Participant, Quota, Session, Study
from studyplatform.voting.services import (
    NotTakingPart,
    VoteStored,
    consent_give,
    joins,
    participant_join,
    quota_add,
    study_transition,
)
from tests import factories
from tests.beside import Beside, locked, one_writer, until_waiting
from tests.voting.conftest import DESK

pytestmark = [
    pytest.mark.django_db(transaction=True),
    one_writer,
]


def joins_now(study: Study) -> Beside:
    return Beside(lambda: participant_join(study=Study.objects.get(pk=study.pk), network=DESK))


@pytest.fixture
def pilot(owner) -> Study:
    study = factories.study(owner=owner, state="pilot", sessions_planned=4)
    quota_add(study=study, by=owner, kind="device", value="phone", most=3)
    return study


def before_its_block(study: Study, *steps: str) -> Any:
    """What comes of a join that has looked at the study and then waits for a quota, while the study takes steps."""
    with locked(Quota.objects.filter(study=study)):
        joining = joins_now(study)
        until_waiting(1)
        for to in steps:
            study_transition(study=study, to=to, by=study.owner)
    return joining.ended()


def step_behind_a_join(study: Study, to: str) -> tuple[Beside, Beside]:
    """A join that held a block and had to wait before it was counted, and a step that has waited for that block."""
    asking = joins.join_asking(study=study, network=DESK)
    joins.join_count(study=study, asking=asking)
    with locked(JoinCount.objects.filter(study=study)):
        joining = joins_now(study)
        until_waiting(1)
        step = Beside(lambda: study_transition(study=Study.objects.get(pk=study.pk), to=to, by=study.owner))
        until_waiting(2)
    return joining, step


def with_its_block(study: Study, to: str) -> tuple[Any, Any]:
    """What comes of both."""
    joining, step = step_behind_a_join(study, to)
    return joining.ended(), step.ended()


def test_who_began_in_the_pilot_takes_no_block_of_the_opened_study_as_a_pilot(pilot):
    who = before_its_block(pilot, "open")
    assert isinstance(who, Participant)
    assert not who.is_pilot
    assert not Block.objects.filter(study=pilot, holder__is_pilot=True).exists()
    assert pilot.blocks.count() == 4
    assert who.blocks.get().state == Block.State.HELD


def test_who_began_before_it_closed_is_refused(pilot, owner):
    study_transition(study=pilot, to="open", by=owner)
    refused = before_its_block(pilot, "closed")
    assert isinstance(refused, NotTakingPart)
    assert refused.code == "closed"
    assert not pilot.participants.exists()


def test_who_began_in_a_pilot_that_went_back_to_draft_is_refused(pilot):
    refused = before_its_block(pilot, "draft")
    assert isinstance(refused, NotTakingPart)
    assert refused.code == "draft"
    assert not pilot.sessions.exists()


def test_who_began_in_one_pilot_is_in_the_next(pilot):
    who = before_its_block(pilot, "draft", "pilot")
    assert isinstance(who, Participant)
    assert who.session.outcome == ""
    assert who.blocks.get().state == Block.State.HELD


@pytest.mark.parametrize(("to", "outcome"), [("open", ""), ("draft", "failed")])
def test_a_step_waits_for_who_holds_a_block_of_the_pilot(pilot, to, outcome):
    who, step = with_its_block(pilot, to)
    assert isinstance(who, Participant)
    assert isinstance(step, Study), step
    who.session.refresh_from_db()
    assert (who.is_pilot, who.session.outcome, who.blocks.get().state) == (True, outcome, Block.State.DONE)
    assert pilot.blocks.filter(state=Block.State.FREE).count() == (4 if to == "open" else 0)


def test_who_held_a_block_skips_a_pair_while_the_step_waits_for_somebody_else(pilot):
    """The skip locks its session and lays a trial of the block; the step has waited for the block and will end the
    session. They must not wait for each other."""
    before = factories.participant(pilot)
    with locked(Session.objects.filter(participant=before)):
        joining, step = step_behind_a_join(pilot, "draft")
        who = joining.ended()
        until_waiting(1)
        consent_give(session=who.session)
        trial = factories.next_trial(who)
        skip = Beside(lambda: factories.cast(who, "skip", trial=trial))
        assert isinstance(skip.ended(), VoteStored), skip.found
    assert isinstance(step.ended(), Study), step.found
    assert who.session.trials.filter(reasks=trial).exists()


def test_closing_waits_for_who_holds_a_block(pilot, owner):
    study_transition(study=pilot, to="open", by=owner)
    who, step = with_its_block(pilot, "closed")
    assert isinstance(who, Participant)
    assert step.state == "closed"
    assert who.created_at < step.closed_at


def while_it_opens(study: Study) -> Any:
    """What comes of a join in the middle of the step that opens a pilot: the step waits to close somebody's block."""
    held = study.blocks.filter(state=Block.State.HELD)
    assert held.exists()
    with locked(held):
        step = Beside(lambda: study_transition(study=Study.objects.get(pk=study.pk), to="open", by=study.owner))
        until_waiting(1)
        joining = joins_now(study)
        until_waiting(2)
    assert isinstance(step.ended(), Study)
    return joining.ended()


def test_who_waits_for_a_block_that_opening_deletes_is_not_told_that_the_study_is_full(pilot):
    factories.participant(pilot)
    who = while_it_opens(pilot)
    assert isinstance(who, Participant)
    assert (who.is_pilot, who.blocks.get().state) == (False, Block.State.HELD)


def test_who_looks_into_a_rehearsal_while_it_opens_looks_into_what_was_opened(owner):
    study = factories.study(owner=owner, simulated=True, state="pilot")
    factories.participant(study, is_bot=True)
    who = while_it_opens(study)
    assert (who.is_preview, who.is_pilot) == (True, False)
