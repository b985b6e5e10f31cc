"""An upgrade carries over what people have answered."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from studyplatform.voting.models import Block, Vote
from studyplatform.voting.selectors import next_trial, plan_of, step_of
from studyplatform.voting.services import blocks_release_expired
from tests import factories


def migrate(name: str):
    executor = MigrationExecutor(connection)
    executor.migrate([("voting", name)])
    return MigrationExecutor(connection).loader.project_state([("voting", name)]).apps


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
        migrate("0003_real_or_fake")
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
