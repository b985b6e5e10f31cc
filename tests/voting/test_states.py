"""The life of a study: which steps there are, what each writes, and that the rest is refused in words."""

import itertools

import pytest

from studyplatform.voting.models import Block, Preregistration, Study
from studyplatform.voting.services import NotTakingPart, StudyError, participant_join, study_transition
from tests import factories

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


@pytest.mark.parametrize("state", ["draft", "paused", "closed", "archived"])
def test_nobody_joins_a_study_that_is_not_running(owner, state):
    study = factories.study(owner=owner, state=state)
    with pytest.raises(NotTakingPart) as refusal:
        participant_join(study=study)
    assert refusal.value.code == state
    assert not study.participants.exists()
