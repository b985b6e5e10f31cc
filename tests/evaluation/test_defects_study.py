"""A study of markings from the trained grid to the verdict: what is shown, and whether the minimum of the loss wins."""

from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from evaluation.services import analysis_run
from generation.models import Grid, Scene
from generation.services.work import work
from studyplatform.voting.models import Participant, Question, Study, Trial
from studyplatform.voting.services import StudyError, VoteStored, session_finish, study_transition
from studyplatform.voting.services.pictures.catches import known_words
from tests import factories
from tests.generation import defects_grid

pytestmark = pytest.mark.django_db


@pytest.fixture
def rendered(owner: User, settings: LazySettings, tmp_path: Path) -> Grid:
    settings.EYEBALLOT_SCRATCH = tmp_path / "scratch"
    grid = defects_grid.lay(owner)
    work(engine="serial", grid=grid)
    return grid


def asked(owner: User, grid: Grid, **fields: object) -> Study:
    study = Study.objects.create(
        owner=owner, slug="markings", title="Markings", trials_per_session=6, simulated=True, **fields
    )
    study.grids.add(grid)
    Question.objects.create(study=study, preset=Question.Preset.MARKING)
    return study


def answer(who: Participant, utility: dict[str, float]) -> None:
    """Everybody chooses the condition of higher utility, whatever side it is on."""
    while (trial := factories.next_trial(who)) is not None:
        if trial.kind == Trial.Kind.CATCH:
            choice = trial.expected
        else:
            left, right = (utility[shown.render.condition.params["optimizer"]] for shown in (trial.left, trial.right))
            choice = "left" if left > right else "right"
        assert isinstance(factories.cast(who, choice, trial=trial), VoteStored)
    session_finish(session=who.session)


def test_markings_are_judged_beside_the_unmarked_picture(owner: User, rendered: Grid) -> None:
    study = asked(owner, rendered, catch_trials=2, show_photograph=False)
    study_transition(study=study, to="open", by=owner)
    question = study.questions.get()
    assert str(question) == "Which marking fits the defect better?"
    assert known_words(question).startswith("The true marking beside the photograph itself")
    labels = {s.label for s in study.stimuli.filter(role="catch")}
    assert labels == {"catch: true_marking", "catch: identity"}
    who = factories.participant(study)
    trials = list(who.trials.in_turn())
    for trial in trials:
        if trial.kind == Trial.Kind.CATCH:
            assert getattr(trial, trial.expected).label == "catch: true_marking"
    assert study.stimuli.filter(role="reference").count() == 2
    sizes = {(s.width, s.height) for s in study.stimuli.exclude(role="reference")}
    assert sizes == {(96, 96)}


def test_a_scene_without_a_mask_has_no_known_answer(owner: User, rendered: Grid) -> None:
    study = asked(owner, rendered, catch_trials=1)
    Scene.objects.update(mask=None)
    with pytest.raises(StudyError, match=r"No pair with a known answer can be made for “Which marking fits.*no mask"):
        study_transition(study=study, to="open", by=owner)


@pytest.mark.parametrize("follows", [True, False])
def test_the_verdict_says_whether_the_minimum_wins(owner: User, rendered: Grid, follows: bool) -> None:
    study = asked(owner, rendered, sessions_planned=12, show_photograph=False)
    study_transition(study=study, to="open", by=owner)
    primary = rendered.metrics.get(is_primary=True).metric
    assert primary.key == "defect_loss"
    losses: dict[str, float] = {}
    for cell in rendered.cells.filter(condition__role="grid").select_related("render", "condition"):
        value = cell.render.scores.get(metric=primary).value
        assert value is not None
        name = cell.condition.params["optimizer"]
        losses[name] = losses.get(name, 0.0) + value
    utility = {name: -value if follows else value for name, value in losses.items()}
    for _ in range(12):
        answer(factories.participant(study, is_bot=True), utility)
    study_transition(study=study, to="closed", by=owner)
    (analysis,) = analysis_run(study=study)
    head = analysis.results["headline"]
    lowest = min(losses, key=lambda name: losses[name])
    assert head["metric"] == "defect_loss"
    assert head["minimiser_label"].startswith(f"optimiser {lowest}")
    assert head["verdict"] == ("confirmed" if follows else "refuted")
    assert (head["favourite"] == head["minimiser"]) is follows
