"""F23: who starts and answers nothing holds their pairs for half an hour, and keeps nobody out for longer."""

from datetime import timedelta

import pytest
from django.utils import timezone

from studyplatform.voting.models import Block, Study
from studyplatform.voting.services import blocks_release_expired
from studyplatform.voting.services.blocks import FIRST_VOTE
from tests import factories
from tests.voting.conftest import DESK, ELSEWHERE, join

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


def pass_by(study: Study, by: timedelta) -> None:
    """Make what has happened so far be so much longer ago."""
    for block in study.blocks.filter(state=Block.State.HELD):
        Block.objects.filter(pk=block.pk).update(expires_at=block.expires_at - by)
    for vote in study.votes.all():
        study.votes.filter(pk=vote.pk).update(submitted_at=vote.submitted_at - by)


@pytest.mark.fault("F23")
def test_starting_alone_keeps_a_study_full_for_half_an_hour_and_no_longer(owner, tried):
    study = factories.study(owner=owner, state="open", sessions_planned=12)
    assert {join(study, DESK).status_code for _ in range(12)} == {201}
    pass_by(study, FIRST_VOTE - MINUTE)
    assert join(study, ELSEWHERE).json()["code"] == "full"
    pass_by(study, 2 * MINUTE)
    assert join(study, ELSEWHERE).status_code == 201
    tried("F23", starts_without_an_answer=12, minutes_full=30)


@pytest.mark.fault("F23")
def test_a_lab_behind_one_address_gets_in(owner):
    study = factories.study(owner=owner, state="open", sessions_planned=40)
    assert {join(study, DESK).status_code for _ in range(30)} == {201}


def test_who_has_answered_keeps_the_pairs_for_as_long_as_the_study_says(owner):
    study = factories.study(owner=owner, state="open", sessions_planned=2, hold_minutes=90)
    answers, looks = factories.participant(study), factories.participant(study)
    factories.cast(answers)
    pass_by(study, timedelta(minutes=89))
    assert blocks_release_expired(study=study) == 1
    assert [who.blocks.get().state for who in (answers, looks)] == [Block.State.HELD, Block.State.DONE]
    pass_by(study, 2 * MINUTE)
    assert blocks_release_expired(study=study) == 1


def test_a_shorter_hold_is_kept_before_the_first_answer_too(owner):
    study = factories.study(owner=owner, state="open", sessions_planned=1, hold_minutes=10)
    factories.participant(study)
    assert blocks_release_expired(study=study, now=timezone.now() + timedelta(minutes=11)) == 1
