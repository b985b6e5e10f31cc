"""An upgrade carries over what people have answered."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from studyplatform.voting.models import Block, Study, Vote
from studyplatform.voting.selectors import next_trial, plan_of, step_of
from studyplatform.voting.services import (
    blocks_release_expired,
    consent_give,
    preview_start,
    session_finish,
    vote_undo,
)
from tests import factories


def migrate(name: str):
    executor = MigrationExecutor(connection)
    executor.migrate([("voting", name)])
    return MigrationExecutor(connection).loader.project_state([("voting", name)]).apps


def migrate_all():
    """What other apps built on these rows went with them, and comes back too."""
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.django_db(transaction=True)
def test_from_the_first_version_to_this_one_and_back():
    study = factories.study(state="open")
    done, halfway = factories.finished(study), factories.participant(study)
    factories.cast(halfway, "right")
    before = list(Vote.objects.order_by("submitted_at").values_list("uuid", "choice", "trial"))
    try:
        old = migrate("0001_initial")
        # As the first version wrote it.
        for block in old.get_model("voting", "Block").objects.all():
            block.plan = [{k: v for k, v in i.items() if k not in ("kind", "expected", "repeats")} for i in block.plan]
            block.save()
        assert old.get_model("voting", "Vote").objects.count() == 5
    finally:
        migrate_all()
    assert list(Vote.objects.order_by("submitted_at").values_list("uuid", "choice", "trial")) == before
    for who in (done, halfway):
        who.session.refresh_from_db()
    assert (done.session.outcome, step_of(done.session), step_of(halfway.session)) == ("complete", "thanks", "trial")
    assert next_trial(halfway.session).turn == 1
    assert [pair["position"] for pair in plan_of(halfway.session)] == [0, 1, 2, 3]
    factories.cast(halfway)
    later = timezone.now() + timedelta(days=1)
    blocks_release_expired(study=study, now=later)
    assert len(Block.objects.get(is_remainder=True).plan) == 2
    assert factories.participant(study).trials.count() == 4  # a plan of the first version


@pytest.mark.django_db(transaction=True)
def test_on_the_way_back_a_preview_becomes_no_study(owner):
    study = factories.study(owner=owner, catch_trials=1, allow_undo=True)
    looks = preview_start(study=study, by=owner)
    consent_give(session=looks.session)
    factories.cast(looks)
    vote_undo(session=looks.session)
    factories.answer_all(looks)
    session_finish(session=looks.session)
    assert Study.everything.count() == 2
    try:
        old = migrate("0003_real_or_fake")
        assert [row.slug for row in old.get_model("voting", "Study").objects.all()] == [study.slug]
        for table in ("Vote", "Trial", "Participant", "Session", "Stimulus"):
            assert not old.get_model("voting", table).objects.exists(), table
    finally:
        migrate_all()
    assert Study.everything.get() == study
