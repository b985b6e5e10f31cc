"""Pairs that are asked again: taken back, skipped, or left by somebody else."""

from datetime import timedelta

import pytest
from django.utils import timezone

from studyplatform.voting import selectors
from studyplatform.voting.models import Block, Event, Trial, Vote
from studyplatform.voting.services import (
    NotTakingPart,
    VoteStored,
    blocks_release_expired,
    session_finish,
    vote_undo,
)
from tests import factories

pytestmark = pytest.mark.django_db


def pair(trial: Trial) -> frozenset[int]:
    return frozenset((trial.left_id, trial.right_id))


def test_an_answer_taken_back_is_asked_again_at_once_and_both_stay(owner):
    study = factories.study(owner=owner, allow_undo=True, state="open")
    who = factories.participant(study)
    factories.cast(who, "left")
    first = who.trials.get(votes__isnull=False)
    again = vote_undo(session=who.session)
    assert vote_undo(session=who.session) == again  # the answer was lost: asking twice is once
    assert (pair(again), again.left_id, again.supersedes, again.turn) == (pair(first), first.left_id, first, first.turn)
    assert selectors.next_trial(who.session) == again
    plan = selectors.plan_of(who.session)
    assert (len(plan), plan[0]["id"]) == (4, again.pk)
    refused = factories.cast(who, "left", trial=who.trials.get(position=1))
    assert (refused.code, refused.expected) == ("out_of_order", again.pk)
    assert isinstance(factories.cast(who, "right"), VoteStored)
    with pytest.raises(NotTakingPart, match="no answer to take back"):
        vote_undo(session=who.session)  # once
    assert [v.choice for v in Vote.objects.order_by("submitted_at")] == ["left", "right"]
    assert Event.objects.get().kind == "undo"
    assert selectors.progress_of(who.session).answered == 1
    factories.cast(who, "left")
    vote_undo(session=who.session)  # the next answer can be taken back again
    factories.answer_all(who)
    session_finish(session=who.session)
    with pytest.raises(NotTakingPart):
        vote_undo(session=who.session)  # what is complete is complete


def test_undo_is_refused_where_the_study_does_not_allow_it(open_study):
    who = factories.participant(open_study)
    factories.cast(who)
    with pytest.raises(NotTakingPart) as refusal:
        vote_undo(session=who.session)
    assert refusal.value.code == "nothing_to_undo"
    assert who.trials.count() == 4


def test_a_pair_that_cannot_load_is_asked_again_at_the_end_and_given_up_after_that(open_study):
    who = factories.participant(open_study)
    first = factories.next_trial(who)
    skipped = factories.cast(who, "skip")
    replay = factories.cast(who, "skip", trial=first)
    assert replay.replayed
    assert replay.appended["id"] == skipped.appended["id"]
    again = Trial.objects.get(pk=skipped.appended["id"])
    assert (pair(again), again.reasks, again.position) == (pair(first), first, 4)
    assert [p["id"] for p in selectors.plan_of(who.session)][-1] == again.pk
    assert len(selectors.plan_of(who.session)) == 4  # the skipped one does not stand any more
    for _ in range(3):
        factories.cast(who)
    with pytest.raises(NotTakingPart):
        session_finish(session=who.session)
    appended = factories.cast(who, "skip").appended
    assert appended is not None
    assert factories.cast(who, "skip").appended is None  # never endless
    session_finish(session=who.session)
    assert who.session.outcome == "complete"


def test_a_skip_by_two_tabs_at_once_is_asked_again_once(open_study):
    who = factories.participant(open_study)
    trial = factories.next_trial(who)
    for _ in range(3):
        factories.cast(who, "skip", trial=trial)
    assert who.trials.count() == 5


def test_a_pair_answered_after_a_skip_is_not_dealt_again(owner):
    study = factories.study(owner=owner, sessions_planned=1, hold_minutes=10, state="open")
    who = factories.participant(study)
    plan = who.blocks.get().plan
    factories.cast(who, "skip")
    for _ in range(3):
        factories.cast(who)
    factories.cast(who, "left")  # the first pair, asked again
    blocks_release_expired(study=study, now=timezone.now() + timedelta(minutes=11))
    assert not study.blocks.filter(state=Block.State.FREE).exists()
    other = factories.study("other", owner=owner, sessions_planned=1, hold_minutes=10, state="open")
    who = factories.participant(other)
    plan = who.blocks.get().plan
    factories.cast(who, "skip")
    blocks_release_expired(study=other, now=timezone.now() + timedelta(minutes=11))
    assert len(other.blocks.get(state=Block.State.FREE).plan) == len(plan)


def test_what_others_left_grows_to_whole_sessions_and_is_dealt_last(owner):
    study = factories.study(
        owner=owner, sessions_planned=4, hold_minutes=10, practice_trials=1, catch_trials=1, state="open"
    )
    for _ in range(3):
        who = factories.participant(study)
        factories.cast(who)  # practice
        factories.cast(who)
        if factories.next_trial(who).kind == "catch":
            factories.cast(who)
    blocks_release_expired(study=study, now=timezone.now() + timedelta(minutes=11))
    left = study.blocks.filter(state=Block.State.FREE, is_remainder=True)
    assert all(sum(i["kind"] == "main" for i in block.plan) <= 4 for block in left)
    assert sum(sum(i["kind"] == "main" for i in block.plan) for block in left) == 9
    for block in left:
        assert [i["kind"] for i in block.plan].count("practice") == 1
        assert "catch" in {i["kind"] for i in block.plan}
        mains = [frozenset((i["left"], i["right"])) for i in block.plan if i["kind"] == "main"]
        assert len(set(mains)) == len(mains)
    assert not factories.participant(study).blocks.get().is_remainder
    assert factories.participant(study).blocks.get().is_remainder
