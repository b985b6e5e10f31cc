"""The vote path: what is stored, what is a replay, and every way to be refused (faults F2, F3, F4, F24)."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from studyplatform.voting.models import Study, Vote
from studyplatform.voting.services import (
    VoteRefused,
    VoteStored,
    consent_give,
    session_withdraw,
    study_transition,
    vote_cast,
)
from tests import factories

pytestmark = pytest.mark.django_db


def refused(answer: VoteStored | VoteRefused) -> tuple[int, str]:
    assert isinstance(answer, VoteRefused), answer
    assert answer.sentence.endswith((".", "!"))
    return answer.status, answer.code


def test_a_vote_is_stored_with_everything_about_it(open_study):
    who, uuid, seen = factories.participant(open_study), uuid4(), timezone.now() - timedelta(seconds=3)
    trial = factories.next_trial(who)
    answer = factories.cast(who, "right", uuid=uuid, rt_ms=1234, shown_at=seen, client={"input": "keyboard", "dpr": 2})
    assert isinstance(answer, VoteStored)
    assert (answer.trial, answer.uuid, answer.choice, answer.late, answer.replayed) == (
        trial.pk, str(uuid), "right", False, False,
    )  # fmt: skip
    vote = Vote.objects.get()
    assert (vote.study, vote.uuid, vote.trial, vote.choice, vote.rt_ms) == (open_study, uuid, trial, "right", 1234)
    assert (vote.shown_at, vote.client, vote.late) == (seen, {"input": "keyboard", "dpr": 2}, False)
    assert vote.submitted_at.isoformat() == answer.submitted_at


def test_two_tabs_and_back_give_one_vote(open_study):
    who = factories.participant(open_study)
    trial, uuid = factories.next_trial(who), uuid4()
    first = factories.cast(who, "left", trial=trial, uuid=uuid)
    again = factories.cast(who, "left", trial=trial, uuid=uuid)
    other_tab = factories.cast(who, "left", trial=trial)
    for replay in (again, other_tab):
        assert isinstance(replay, VoteStored)
        assert replay.replayed
        assert (replay.uuid, replay.choice, replay.submitted_at) == (first.uuid, "left", first.submitted_at)
    assert refused(factories.cast(who, "right", trial=trial, uuid=uuid)) == (409, "conflict")
    assert refused(factories.cast(who, "right", trial=trial)) == (409, "conflict")
    assert Vote.objects.get().choice == "left"


def test_a_foreign_trial_is_not_found_and_tells_nothing(open_study, owner):
    who, other = factories.participant(open_study), factories.participant(open_study)
    factories.cast(other, "right")
    trial = other.trials.first()
    for choice in ("left", "right"):
        answer = factories.cast(who, choice, trial=trial)
        assert refused(answer) == (404, "not_found")
        assert other.token not in str(answer)
    elsewhere = factories.study("elsewhere", owner=owner, state="open")
    args = {"participant": who.token, "trial": who.trials.first().pk, "uuid": uuid4(), "choice": "left"}
    assert refused(vote_cast(study=elsewhere.slug, **args)) == (404, "not_found")
    assert Vote.objects.count() == 1


def test_a_foreign_ballot_number_is_refused_and_shows_nothing_of_the_other(open_study):
    who, other, uuid = factories.participant(open_study), factories.participant(open_study), uuid4()
    factories.cast(other, "right", uuid=uuid)
    answer = factories.cast(who, "right", uuid=uuid)
    assert refused(answer) == (409, "uuid")
    assert str(answer.expected) not in [str(t.pk) for t in other.trials.all()]
    assert Vote.objects.count() == 1


def test_no_vote_before_consent(open_study):
    who = factories.participant(open_study, ready=False)
    assert refused(factories.cast(who)) == (403, "consent")
    assert not Vote.objects.exists()
    consent_give(session=who.session)
    assert isinstance(factories.cast(who), VoteStored)


def test_pairs_are_answered_in_order_and_the_next_is_named(open_study):
    who = factories.participant(open_study)
    trials = list(who.trials.order_by("position"))
    for skipped in trials[1:]:
        answer = factories.cast(who, trial=skipped)
        assert refused(answer) == (409, "out_of_order")
        assert answer.expected == trials[0].pk
    for trial in trials:
        assert isinstance(factories.cast(who, trial=trial), VoteStored)
    assert Vote.objects.count() == 4


def test_no_vote_after_withdrawing(open_study):
    who = factories.participant(open_study)
    factories.cast(who)
    session_withdraw(session=who.session)
    assert refused(factories.cast(who)) == (410, "withdrawn")
    assert Vote.objects.count() == 1


def test_no_tie_where_none_is_offered(open_study, owner):
    assert refused(factories.cast(factories.participant(open_study), "tie")) == (400, "choice")
    study = factories.study("ties", owner=owner, allow_ties=True, state="open")
    assert isinstance(factories.cast(factories.participant(study), "tie"), VoteStored)


def test_a_paused_study_takes_no_vote_until_it_goes_on(open_study, owner):
    who = factories.participant(open_study)
    study_transition(study=open_study, to="paused", by=owner)
    assert refused(factories.cast(who)) == (409, "paused")
    study_transition(study=open_study, to="open", by=owner)
    assert isinstance(factories.cast(who), VoteStored)


def test_a_running_session_may_deliver_after_closing_and_is_marked_late(open_study, owner):
    who = factories.participant(open_study)
    factories.cast(who)
    study_transition(study=open_study, to="closed", by=owner)
    answer = factories.cast(who)
    assert isinstance(answer, VoteStored)
    assert answer.late
    assert sorted(Vote.objects.values_list("late", flat=True)) == [False, True]
    Study.objects.filter(pk=open_study.pk).update(votes_until=timezone.now() - timedelta(seconds=1))
    assert refused(factories.cast(who)) == (410, "closed")
    assert Vote.objects.count() == 2


def test_a_replay_is_answered_whatever_happened_since(open_study, owner):
    who = factories.participant(open_study)
    trial = factories.next_trial(who)
    factories.cast(who, trial=trial)
    study_transition(study=open_study, to="closed", by=owner)
    study_transition(study=open_study, to="archived", by=owner)
    assert factories.cast(who, trial=trial).replayed


def test_a_vote_cannot_be_saved_by_hand():
    with pytest.raises(ValueError, match="vote_cast"):
        Vote().save()


def test_the_vote_is_one_statement(open_study, django_assert_num_queries):
    who = factories.participant(open_study)
    trial = factories.next_trial(who)
    with django_assert_num_queries(1):
        factories.cast(who, trial=trial)
