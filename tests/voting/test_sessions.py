"""A session from its screen checks to its end: gaps, declining, debrief, the own result, the grace."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F
from django.utils import timezone

from studyplatform.voting import selectors
from studyplatform.voting.core import screens
from studyplatform.voting.models import Block, Event, Participant, Session, Study, Trial, Vote
from studyplatform.voting.selectors import results
from studyplatform.voting.services import (
    NotTakingPart,
    VoteStored,
    checks_answer,
    consent_decline,
    consent_give,
    debrief_answer,
    session_finish,
    session_resume,
    study_transition,
)
from tests import factories

pytestmark = pytest.mark.django_db


def pair(trial: Trial) -> frozenset[int]:
    return frozenset((trial.left_id, trial.right_id))


def later(who: Participant, minutes: int) -> None:
    """As if everything so far had happened ``minutes`` ago."""
    ago = timedelta(minutes=minutes)
    Session.objects.filter(participant=who).update(instructed_at=F("instructed_at") - ago)
    Vote.objects.filter(trial__participant=who).update(submitted_at=F("submitted_at") - ago)
    who.session.refresh_from_db()


def right_answers(session: Session) -> dict[str, Any]:
    seed = selectors.check_seed(session)
    plates = tuple(screens.plate_number(seed, number) for number in range(screens.PLATES))
    tries = session.checks.get("attempts", 0)
    return {"tries": tries, "shapes": screens.brightness_shapes(seed)[1], "plates": plates, "px_per_mm": 3.8}


@pytest.fixture
def checked(owner) -> Study:
    checks = {"check_window": True, "check_brightness": True, "check_colour": True}
    return factories.study(owner=owner, screen_out=True, state="open", **checks)


def test_votes_wait_for_the_screen_checks(checked):
    who = factories.participant(checked)
    assert selectors.step_of(who.session) == "checks"
    refused = factories.cast(who)
    assert (refused.status, refused.code) == (403, "checks")
    assert checks_answer(session=who.session, **right_answers(who.session))
    assert who.session.checks["px_per_mm"] == 3.8
    assert isinstance(factories.cast(who), VoteStored)


def test_who_fails_twice_is_thanked_and_the_pairs_go_to_somebody_else(checked):
    who = factories.participant(checked)
    first = right_answers(who.session)
    for _ in range(2):  # a double click is one answer
        assert not checks_answer(session=who.session, tries=0, shapes=0, plates=("1", "2", "3"))
    assert (who.session.outcome, who.session.checks["attempts"]) == ("", 1)
    assert right_answers(who.session) != first  # new pictures
    assert not checks_answer(session=who.session, tries=1, shapes=0)
    assert who.session.outcome == "screened_out"
    assert selectors.step_of(who.session) == "ended"
    assert checked.blocks.filter(state=Block.State.FREE, is_remainder=True).count() == 1
    assert factories.cast(who).code == "ended"
    with pytest.raises(NotTakingPart):
        session_finish(session=who.session)


def test_without_screening_out_a_failed_check_is_only_recorded(owner):
    study = factories.study(owner=owner, check_brightness=True, state="open")
    who = factories.participant(study)
    assert checks_answer(session=who.session, tries=0, shapes=None)
    assert who.session.checks["passed"] is False


@pytest.mark.parametrize("policy", ["resume", "instructions", "restart", "block"])
def test_who_comes_back_after_a_gap(owner, policy):
    study = factories.study(owner=owner, resume=policy, resume_after_minutes=30, state="open")
    who = factories.participant(study)
    factories.cast(who, "left")
    factories.cast(who, "right")
    later(who, 20)
    session_resume(session=who.session)
    assert selectors.step_of(who.session) == "trial"  # a short pause changes nothing
    later(who, 20)
    session_resume(session=who.session)
    step = {"resume": "trial", "instructions": "instructions", "restart": "instructions", "block": "ended"}[policy]
    assert selectors.step_of(who.session) == step
    assert Event.objects.filter(kind="gap").count() == (0 if policy == "resume" else 1)
    session_resume(session=who.session)
    progress = selectors.progress_of(who.session)
    assert (progress.answered, progress.total) == ((0 if policy == "restart" else 2), 4)
    if policy == "restart":
        assert pair(selectors.next_trial(who.session)) == pair(who.trials.get(position=0))
        factories.answer_all(who)
        session_finish(session=who.session)
        assert Vote.objects.count() == 6
    if policy == "block":
        assert who.session.outcome == "failed"
        assert isinstance(factories.cast(who), VoteStored)  # answered before the gap, kept offline until now
        assert len(study.blocks.get(is_remainder=True).plan) == 2


def test_to_decline_stores_no_consent_and_frees_the_place(open_study):
    who = factories.participant(open_study, ready=False)
    consent_decline(session=who.session)
    assert (who.session.outcome, selectors.step_of(who.session)) == ("no_consent", "ended")
    consent_give(session=who.session)
    assert who.session.consented_at is None
    assert len(open_study.blocks.get(is_remainder=True).plan) == 4


def test_the_session_is_complete_before_the_two_questions_are_answered(owner):
    study = factories.study(owner=owner, ask_debrief=True, state="open")
    who = factories.participant(study)
    factories.answer_all(who)
    session_finish(session=who.session)
    assert (selectors.step_of(who.session), who.session.outcome) == ("debrief", "complete")
    debrief_answer(session=who.session, answers={"trouble": "  ", "looked_at": " the sky "})
    assert (who.session.debrief, selectors.step_of(who.session)) == ({"looked_at": "the sky"}, "thanks")


def test_the_own_result_counts_pairs_in_which_the_lower_loss_was_chosen(owner, monkeypatch):
    monkeypatch.setattr(results, "FEWEST_OTHERS", 2)
    study = factories.study(owner=owner, show_own_result=True, trials_per_session=6, state="open")
    losses = selectors.losses_of(study)

    def take_part(lower: int) -> Participant:
        who = factories.participant(study)
        for number, trial in enumerate(who.trials.in_turn()):
            low = "left" if losses[trial.left_id].value < losses[trial.right_id].value else "right"
            factories.cast(who, low if number < lower else {"left": "right", "right": "left"}[low])
        assert selectors.own_result(who.session) is None  # only after the last vote
        session_finish(session=who.session)
        return who

    first = take_part(3)
    assert selectors.own_result(first.session) == selectors.OwnResult(50, None)
    second = take_part(6)
    assert selectors.own_result(second.session) == selectors.OwnResult(100, None)  # one other is no “others”
    third = take_part(0)
    assert selectors.own_result(third.session) == selectors.OwnResult(0, 75)
    study.show_own_result = False
    third.session.study = study
    assert selectors.own_result(third.session) is None


def test_what_others_preferred_is_told_of_ten_at_least():
    assert results.FEWEST_OTHERS == 10


def test_an_archived_study_keeps_its_grace(owner):
    study = factories.study(owner=owner, state="open")
    who = factories.participant(study)
    for step in ("closed", "archived"):
        study_transition(study=study, to=step, by=owner)
    stored = factories.cast(who)
    assert stored.late
    Study.objects.update(votes_until=timezone.now() - timedelta(hours=1))
    assert factories.cast(who).code == "closed"
