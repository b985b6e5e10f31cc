"""Plans are taken one by one, run out, and come back when they are left."""

import contextlib
import threading
from datetime import timedelta
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from studyplatform.voting.models import Block, Study
from studyplatform.voting.services import (
    NotTakingPart,
    blocks_release_expired,
    participant_join,
    session_finish,
    session_withdraw,
    study_transition,
)
from tests import factories
from tests.at_once import at_once

pytestmark = pytest.mark.django_db
HOLD = timedelta(minutes=Study._meta.get_field("hold_minutes").default)


def pairs(items: list[dict[str, int]]) -> list[tuple[int, int, int]]:
    return [(item["question"], item["left"], item["right"]) for item in items]


def test_joining_takes_the_next_block_and_lays_every_trial_at_once(open_study):
    first, second = factories.participant(open_study), factories.participant(open_study)
    assert [b.number for p in (first, second) for b in p.blocks.all()] == [1, 2]
    for person in (first, second):
        block = person.blocks.get()
        laid = [(t.question_id, t.left_id, t.right_id) for t in person.trials.order_by("position")]
        assert laid == pairs(block.plan)
        assert all(0 < t.design_prob <= 1 and t.strategy == "balanced" for t in person.trials.all())


def test_the_study_is_full_when_the_blocks_run_out(owner):
    study = factories.study(owner=owner, sessions_planned=2, state="open")
    participant_join(study=study)
    participant_join(study=study)
    with pytest.raises(NotTakingPart) as refusal:
        participant_join(study=study)
    assert refusal.value.code == "full"
    assert study.participants.count() == 2


def test_an_abandoned_block_comes_back_with_what_was_not_answered(owner):
    study = factories.study(owner=owner, sessions_planned=1, state="open")
    gone = factories.participant(study)
    factories.cast(gone)
    plan = gone.blocks.get().plan
    later = timezone.now() + HOLD + timedelta(minutes=1)
    assert blocks_release_expired(study=study, now=timezone.now() + HOLD - timedelta(minutes=1)) == 0
    assert blocks_release_expired(study=study, now=later) == 1
    old, new = study.blocks.order_by("number")
    assert (old.state, new.state, new.holder) == (Block.State.DONE, Block.State.FREE, None)
    assert pairs(new.plan) == pairs(plan[1:])
    assert blocks_release_expired(study=study, now=later) == 0
    assert participant_join(study=study).trials.count() == 3


def test_a_recent_vote_keeps_the_block(owner):
    study = factories.study(owner=owner, sessions_planned=1, state="open")
    slow = factories.participant(study)
    study.blocks.update(expires_at=timezone.now() - timedelta(seconds=1))
    factories.cast(slow)
    assert blocks_release_expired(study=study) == 0
    assert study.blocks.get().expires_at > timezone.now() + HOLD - timedelta(minutes=1)


def test_withdrawing_deals_the_whole_plan_again(owner):
    study = factories.study(owner=owner, sessions_planned=1, state="open")
    who = factories.participant(study)
    factories.cast(who)
    session_withdraw(session=who.session)
    session_withdraw(session=who.session)  # twice is once
    assert study.blocks.filter(state=Block.State.FREE).count() == 1
    assert pairs(study.blocks.last().plan) == pairs(study.blocks.first().plan)


def dealt(study: Study) -> list[tuple[int, int, int]]:
    """Every pair that waits for somebody."""
    return sorted(pair for block in study.blocks.filter(state=Block.State.FREE) for pair in pairs(block.plan))


def test_withdrawing_after_the_block_was_dealt_again_deals_only_the_rest(owner):
    study = factories.study(owner=owner, sessions_planned=1, state="open")
    who = factories.participant(study)
    factories.cast(who)
    plan = who.blocks.get().plan
    blocks_release_expired(study=study, now=timezone.now() + HOLD + timedelta(minutes=1))
    factories.cast(who)  # came back: this pair is laid for somebody else already
    session_withdraw(session=who.session)
    assert dealt(study) == sorted(pairs(plan))
    laid = study.blocks.get(state=Block.State.FREE)  # what was left twice is one whole session
    assert (pairs(laid.plan), laid.is_remainder) == ([*pairs(plan[1:]), *pairs(plan[:1])], True)


def test_withdrawing_after_finishing_deals_the_whole_plan_again(owner):
    study = factories.study(owner=owner, sessions_planned=1, state="open")
    who = factories.finished(study)
    session_withdraw(session=who.session)
    assert dealt(study) == sorted(pairs(who.blocks.get().plan))


def test_a_pilot_who_withdraws_from_the_opened_study_adds_nothing_to_it(owner):
    study = factories.study(owner=owner, state="pilot")
    pilot = factories.finished(study)
    study_transition(study=study, to="open", by=owner)
    before = dealt(study)
    session_withdraw(session=pilot.session)
    assert pilot.session.withdrew_at
    assert dealt(study) == before


def test_finishing_needs_every_vote_and_gives_one_code(open_study):
    who = factories.participant(open_study)
    for _ in range(3):
        factories.cast(who)
        with pytest.raises(NotTakingPart) as refusal:
            session_finish(session=who.session)
        assert refusal.value.code == "unfinished"
    factories.cast(who)
    code = session_finish(session=who.session)
    assert session_finish(session=who.session).code == code.code
    assert who.blocks.get().state == Block.State.DONE


def test_people_who_look_into_a_rehearsal_are_previews_and_take_no_block(owner):
    study = factories.study(owner=owner, simulated=True, sessions_planned=1, state="open")
    bot, person = factories.participant(study, is_bot=True), factories.participant(study)
    assert (bot.is_bot, bot.is_preview, person.is_bot, person.is_preview) == (True, False, False, True)
    assert person.trials.count() == 4
    assert person.blocks.count() == 0


def test_bots_are_refused_where_people_are_asked(open_study):
    with pytest.raises(NotTakingPart, match="asks people"):
        participant_join(study=open_study, is_bot=True)


@pytest.mark.django_db(transaction=True)
def test_twenty_who_join_at_once_get_a_block_each():
    study = factories.study(sessions_planned=20, state="open")
    barrier, refused = threading.Barrier(8), []

    def join_some() -> None:
        try:
            barrier.wait()
            for _ in range(3):
                try:
                    participant_join(study=Study.objects.get(pk=study.pk))
                except NotTakingPart as refusal:
                    refused.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=join_some) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    holders = list(study.blocks.values_list("holder", flat=True))
    assert len(set(holders)) == 20
    assert None not in holders
    assert refused == ["full"] * 4


@pytest.mark.django_db(transaction=True)
def test_eight_who_withdraw_at_once_are_all_out_and_every_plan_comes_back():
    """Without the lock two of them give the same number to a new block, and one withdrawal is lost (PostgreSQL)."""
    for turn in range(3):
        study = factories.study(f"turn-{turn}", sessions_planned=8, state="open")
        people = [factories.participant(study) for _ in range(8)]
        plans = sorted(pair for who in people for pair in pairs(who.blocks.get().plan))
        errors = at_once(*(partial(session_withdraw, session=who.session) for who in people))
        assert not [error for error in errors if isinstance(error, Exception)]
        assert study.sessions.filter(withdrew_at=None).count() == 0
        assert dealt(study) == plans


@pytest.mark.django_db(transaction=True)
def test_a_withdrawal_and_joins_that_find_the_block_expired_deal_each_pair_once():
    for turn in range(4):
        study = factories.study(f"turn-{turn}", sessions_planned=4, state="open")
        gone = [factories.participant(study) for _ in range(4)]
        [factories.cast(who) for who in gone]
        plans = sorted(pair for who in gone for pair in pairs(who.blocks.get().plan))
        past = timezone.now() - HOLD - timedelta(minutes=1)
        study.blocks.update(expires_at=past)
        study.votes.update(submitted_at=past)
        leaving = (partial(session_withdraw, session=who.session) for who in gone)
        errors = at_once(*[partial(join, study)] * 4, *leaving)
        assert not [error for error in errors if isinstance(error, Exception)]
        joined = study.participants.exclude(pk__in=[who.pk for who in gone])
        taken = [pair for who in joined for block in who.blocks.all() for pair in pairs(block.plan)]
        # Three abandoned pairs of each of four people are three sessions; the fourth is there once somebody withdraws.
        assert joined.count() in (3, 4)
        assert sorted([*dealt(study), *taken]) == plans


def join(study: Study) -> None:
    with contextlib.suppress(NotTakingPart):
        participant_join(study=Study.objects.get(pk=study.pk))
