"""The data flow through every room once: a task that only a test knows, or images made elsewhere, to a verdict.

Voting and evaluation are not touched for either: to them a stimulus is a picture and a metric is a number.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from evaluation.models import Analysis
from generation.models import Grid
from generation.services import grid_lay, grid_layout
from generation.services.work import work
from studyplatform.voting.models import Question, Study, Vote
from studyplatform.voting.services import session_finish, study_transition
from tests import factories
from tests.generation import gamma_task

pytestmark = pytest.mark.django_db
PEOPLE = 12


@pytest.fixture(autouse=True)
def _gamma() -> Iterator[None]:
    with gamma_task.registered():
        yield


def gamma_grid(owner: User, _folder: Path) -> Grid:
    """A grid of the test's own task, rendered."""
    grid = grid_lay(owner=owner, layout=grid_layout(text=gamma_task.TOML, read=gamma_task.read))
    work(engine="serial", grid=grid)
    return grid


def imported_grid(owner: User, folder: Path) -> Grid:
    """Images made elsewhere."""
    lines = ["file,scene,condition,blur"]
    for seed in range(6):
        (folder / f"{seed}.png").write_bytes(gamma_task.picture(seed))
        lines.append(f"{seed}.png,scene {seed % 2},{('soft', 'plain', 'hard')[seed // 2]},{seed // 2}")
    (folder / "scores.csv").write_text("\n".join(lines) + "\n")
    declared = ["--metric", "blur:lower_better:all", "--owner", owner.username]
    call_command("import_renders", str(folder), "scores.csv", "--title", "Blur and naturalness", *declared)
    return Grid.objects.get(slug="blur-and-naturalness")


@pytest.mark.parametrize(("make", "metric"), [(gamma_grid, "Brightness error"), (imported_grid, "blur")])
def test_from_pictures_to_a_verdict(
    owner: User, client: Client, tmp_path: Path, make: Callable[[User, Path], Grid], metric: str
) -> None:
    grid = make(owner, tmp_path)
    study = Study.objects.create(
        owner=owner, slug="whole-way", title="The whole way", trials_per_session=6, sessions_planned=PEOPLE
    )
    study.grids.add(grid)
    Question.objects.create(study=study)
    study = study_transition(study=study, to=Study.State.OPEN, by=owner)
    assert {s.role for s in study.stimuli.all()} == {"grid"}, "controls are shown only where the study asks for them"
    favourite = grid.conditions.get(position=1).label
    for number in range(PEOPLE):
        _take_part(study, favourite, number)
    assert Vote.objects.filter(study=study).count() == study.trials.count() > 0
    study_transition(study=study, to=Study.State.CLOSED, by=owner)
    call_command("evaluate", study.slug)
    result = Analysis.objects.get(study=study).results
    assert result["headline"]["favourite_label"] == favourite
    assert metric in {m["label"] for m in result["metrics"]}
    client.force_login(owner)
    page = client.get(reverse("evaluation:report", args=[study.slug]))
    assert page.status_code == 200
    assert "SIMULATED" not in page.content.decode()


def _take_part(study: Study, favourite: str, number: int) -> None:
    """Somebody who takes the favourite wherever it is shown, and otherwise the left or the right one in turn."""
    participant = factories.participant(study)
    for place, trial in enumerate(participant.trials.select_related("left", "right").order_by("position")):
        sides = {trial.left.label: "left", trial.right.label: "right"}
        choice = sides.get(favourite) or ("left", "right")[(place + number) % 2]
        factories.cast(participant, choice, trial=trial)
    session_finish(session=participant.session)
