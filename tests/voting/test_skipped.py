"""F23: pairs that somebody could not see are dealt again, and who saw hardly any has not completed."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from studyplatform.voting.core.panels import Arrival
from studyplatform.voting.identity import participant_key
from studyplatform.voting.models import Block, CompletionCode, Panel, Participant, Study
from studyplatform.voting.services import NotTakingPart, consent_give, participant_join, reconcile, session_finish
from tests import factories

pytestmark = pytest.mark.django_db
MAIN = ("main", "real_fake")


def skips(who: Participant, pairs: int) -> list[tuple[int, ...]]:
    """Say of so many main pairs that they did not load as often as they are asked, and answer all others."""
    unseen: list[tuple[int, ...]] = []
    while (trial := factories.next_trial(who)) is not None:
        pair = (trial.question_id, *sorted((trial.left_id, trial.right_id)))
        if trial.kind in MAIN and pair not in unseen and len(unseen) < pairs:
            unseen.append(pair)
        factories.cast(who, "skip" if pair in unseen else "left", trial=trial)
    return sorted(unseen)


def free(study: Study) -> list[tuple[int, ...]]:
    """The main pairs that wait for somebody."""
    items = [i for b in study.blocks.filter(state=Block.State.FREE) for i in b.plan if i["kind"] in MAIN]
    return sorted((i["question"], *sorted((i["left"], i["right"]))) for i in items)


@pytest.fixture
def study(owner: Any) -> Study:
    """An open study of one session, with six main pairs and two catch pairs."""
    grid = factories.rendered_grid(owner=owner, learning_rates=[0.1, 0.2, 0.3, 0.4])
    return factories.study(
        owner=owner, grid=grid, trials_per_session=6, catch_trials=2, sessions_planned=1, state="open"
    )


@pytest.mark.fault("F23")
def test_skipping_every_pair_gives_no_code_and_takes_no_pair_out_of_the_design(study, tried):
    who = factories.participant(study)
    before = len(who.blocks.get().plan)
    unseen = skips(who, 6)
    for _again in range(2):
        with pytest.raises(NotTakingPart) as refusal:
            session_finish(session=who.session)
        assert refusal.value.code == "ended"
    assert (who.session.outcome, who.session.finished_at) == ("failed", None)
    assert not CompletionCode.objects.exists()
    assert (len(unseen), free(study), who.blocks.get().state) == (6, unseen, Block.State.DONE)
    # Somebody whose pictures load has the whole session, catch pairs too.
    other = factories.finished(study)
    assert (other.session.outcome, other.trials.count()) == ("complete", before)
    assert free(study) == []
    tried("F23", pairs_skipped=6, codes_given=0, pairs_lost=0)


@pytest.mark.parametrize(("pairs", "outcome"), [(1, "complete"), (3, "complete"), (4, "failed")])
def test_a_few_pictures_that_do_not_load_cost_the_pairs_alone(study, pairs, outcome):
    who = factories.participant(study)
    unseen = skips(who, pairs)
    if outcome == "complete":
        assert session_finish(session=who.session) == session_finish(session=who.session)
    else:
        with pytest.raises(NotTakingPart, match="is over"):
            session_finish(session=who.session)
    assert (who.session.outcome, free(study)) == (outcome, unseen)


def test_the_pages_say_so_and_lead_back_with_the_code_of_failed_sessions(study):
    Panel.objects.create(study=study, provider="prolific", complete_code="DONE1", failed_code="FAIL1")
    who = participant_join(study=study, arrival=Arrival("prolific", "a" * 24, {}))
    consent_give(session=who.session)
    skips(who, 6)
    browser = Client()
    start = browser.post(reverse("voting:start", args=[study.slug]), {"PROLIFIC_PID": "a" * 24})
    assert start.status_code == 302
    page = browser.get(reverse("voting:thanks", args=[study.slug]), follow=True).content.decode()
    assert "More than half of the pictures did not load" in page
    assert "FAIL1" in page
    assert "DONE1" not in page
    finish = reverse("voting:api-finish", args=[study.slug])
    answer = Client(headers={"Authorization": f"Bearer {participant_key(who)}"}).post(finish)
    assert (answer.status_code, answer.json()["code"]) == (410, "ended")


def test_reconcile_completes_nobody_who_saw_nothing(study, owner):
    who = factories.participant(study)
    skips(who, 6)
    found = reconcile(study=study, mend=True, by=owner)
    assert (found.mended, found.complete, found.sentences) == ([], 0, [])
    who.session.refresh_from_db()
    assert who.session.outcome == "failed"
    assert not study.audit.filter(action="session completed").exists()
