"""Studies of style networks from the trained grid to the verdict: whether the minimum of the loss wins or loses."""

from pathlib import Path
from statistics import fmean, stdev

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User

from evaluation.services import analysis_run
from generation.models import Grid
from generation.services.work import work
from studyplatform.voting.models import Participant, Question, Study, Trial
from studyplatform.voting.services import VoteStored, session_finish, study_transition
from tests import factories
from tests.generation.test_style_network_grid import STYLES, lay

pytestmark = pytest.mark.django_db

CONDITIONS = {
    "feedforward": 'design = "product"\nat_epoch = [1, 2, 4]',
    "arbitrary": 'design = "product"\nstrength = [0.0, 0.5, 1.0]',
}


@pytest.fixture(params=CONDITIONS)
def rendered(request: pytest.FixtureRequest, owner: User, settings: LazySettings, tmp_path: Path) -> Grid:
    settings.EYEBALLOT_SCRATCH = tmp_path / "scratch"
    method: str = request.param
    grid = lay(owner, method, CONDITIONS[method], STYLES if method == "arbitrary" else "", epochs=4)
    work(engine="serial", grid=grid)
    return grid


def losses(grid: Grid) -> dict[tuple[int, int], float]:
    """(Scene, condition) -> the primary metric of its picture."""
    primary = grid.metrics.get(is_primary=True).metric
    assert primary.key == "total_loss"
    found = {}
    for cell in grid.cells.filter(condition__role="grid").select_related("render"):
        value = cell.render.scores.get(metric=primary).value
        assert value is not None
        found[cell.scene_id, cell.condition_id] = value
    return found


def answer(who: Participant, utility: dict[int, float]) -> None:
    """Everybody chooses the condition of higher utility, whatever side it is on."""
    while (trial := factories.next_trial(who)) is not None:
        if trial.kind == Trial.Kind.CATCH:
            choice = trial.expected
        else:
            left, right = (utility[shown.render.condition_id] for shown in (trial.left, trial.right))
            choice = "left" if left > right else "right"
        assert isinstance(factories.cast(who, choice, trial=trial), VoteStored)
    session_finish(session=who.session)


def test_the_verdict_says_whether_the_minimum_wins(owner: User, rendered: Grid) -> None:
    found = losses(rendered)
    scenes, conditions = ({key[place] for key in found} for place in (0, 1))
    standing = dict.fromkeys(conditions, 0.0)  # z-scores within scenes, added up
    for scene in scenes:
        values = [found[scene, condition] for condition in conditions]
        for condition in conditions:
            standing[condition] += (found[scene, condition] - fmean(values)) / stdev(values)
    for follows, verdict in ((True, "confirmed"), (False, "refuted")):
        study = Study.objects.create(
            owner=owner, slug=f"painted-{verdict}", title="Painted", trials_per_session=6, sessions_planned=12,
            simulated=True, show_photograph=False,
        )  # fmt: skip
        study.grids.add(rendered)
        Question.objects.create(study=study, preset=Question.Preset.NATURAL)
        study_transition(study=study, to="open", by=owner)
        sign = -1.0 if follows else 1.0
        utility = {condition: sign * value for condition, value in standing.items()}
        for _ in range(12):
            answer(factories.participant(study, is_bot=True), utility)
        study_transition(study=study, to="closed", by=owner)
        (analysis,) = analysis_run(study=study)
        head = analysis.results["headline"]
        assert head["verdict"] == verdict, head["sentence"]
        assert (head["favourite"] == head["minimiser"]) is follows
