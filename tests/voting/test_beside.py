"""Small races made certain: midnight while somebody joins, and what arrives while somebody is erased (PostgreSQL)."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from studyplatform.voting.models import JoinCount, Participant, PayDecision, Study, Tombstone
from studyplatform.voting.services import joins, participant_erase, participant_join
from tests import factories
from tests.beside import Beside, locked, one_writer, until_waiting
from tests.voting.conftest import DESK

pytestmark = [pytest.mark.django_db(transaction=True), one_writer]


def test_a_count_that_is_forgotten_at_midnight_refuses_nobody(open_study):
    joins.join_count(study=open_study, asking=joins.join_asking(study=open_study, network=DESK))
    counts = JoinCount.objects.filter(study=open_study)
    with locked(counts, at_end=counts.delete):
        joining = Beside(lambda: participant_join(study=Study.objects.get(pk=open_study.pk), network=DESK))
        until_waiting(1)
    assert isinstance(joining.ended(), Participant), joining.found
    assert counts.get().joins == 1


def test_what_arrives_again_and_again_does_not_keep_somebody_from_being_erased(open_study, owner):
    who = factories.finished(open_study)
    arrived = []

    def arrives(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        """Once what was decided about the person is deleted, a colleague decides again, three times."""
        done = execute(sql, params, many, context)
        if sql.startswith('DELETE FROM "voting_paydecision"') and len(arrived) < 3:
            # Undone at once, so that it waits for no other decision.
            row = {"participant_id": who.pk, "decision": "reject", "by": owner, "undone_at": timezone.now()}
            arrived.append(Beside(lambda: PayDecision.objects.create(**row)).ended())
        return done

    PayDecision.objects.create(participant=who, decision="approve", by=owner)
    with connection.execute_wrapper(arrives):
        participant_erase(participant=who, by=owner)
    assert [type(row) for row in arrived] == [PayDecision] * 3
    assert Tombstone.objects.get().votes == 4
    assert not Participant.objects.exists()
    assert not PayDecision.objects.exists()
