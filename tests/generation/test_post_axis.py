"""Post-processing renders nothing anew, steps share a run, and a stored point can be made again: through the rows."""

import io
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from generation.core.spec import JobSpec
from generation.models import Grid, Job, Render
from generation.selectors import grid_progress
from generation.services import grid_lay, grid_layout
from generation.services.work import work
from tests.generation.style_grid import SHALLOW, grid_toml

pytestmark = pytest.mark.django_db
SOURCES = Path(__file__).resolve().parents[2] / "fixtures" / "sources"
FILES = {"cat.png": SOURCES / "chelsea.png", "eddies.png": SOURCES / "eddies.png"}


def lay(owner: User, slug: str, axis: str) -> Grid:
    text = grid_toml(
        slug,
        f'[[conditions]]\ndesign = "product"\n{axis}\n',
        parameters=f'{SHALLOW}steps = 6\ndecay = "none"',
        contents=["cat"],
        style="eddies",
    )
    return grid_lay(owner=owner, layout=grid_layout(text=text, read=lambda file: FILES[file].read_bytes()))


def test_post_processing_of_what_is_there_takes_the_stored_picture(owner: User) -> None:
    work(engine="serial", grid=lay(owner, "plain", "learning_rate = [0.01, 0.05]"))
    grid = lay(owner, "post", "learning_rate = [0.01, 0.05]\ndownscale = [1.0, 2.0]\n")
    (job,) = Job.objects.filter(renders__cells__grid=grid, status=Job.Status.QUEUED).distinct()
    items = JobSpec.from_json(job.spec).items
    assert len(items) == 2
    assert all(item.base for item in items)
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "4 of 4 rendered"
    for cell in grid.cells.filter(condition__params__downscale=2.0).select_related("render"):
        before = Render.objects.get(condition__params={**cell.condition.params, "downscale": 1.0})
        assert cell.render.provenance["base"] == before.image_id
        assert cell.render.curve_id == before.curve_id
        assert cell.render.image_id != before.image_id
        assert cell.render.scores.get(metric__key="content_loss").value is not None


def test_a_new_run_with_post_processing_is_rendered_once(owner: User) -> None:
    grid = lay(owner, "both", 'downscale = [1.0, 2.0]\ndenoise = ["none", "median"]\nsteps = [3, 6]')
    assert Job.objects.filter(renders__cells__grid=grid).distinct().count() == 1, "one run, eight pictures"
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "8 of 8 rendered"
    assert {tuple(r.provenance["scales"]) for r in Render.objects.all()} == {(64,)}
    curves = set(grid.cells.values_list("render__curve", flat=True))
    assert len(curves) == 2, "one per number of steps"
    assert len(set(grid.cells.values_list("render__image", flat=True))) == 8


def test_a_deterministic_point_comes_out_bit_for_bit(owner: User, settings: LazySettings) -> None:
    settings.EYEBALLOT_DETERMINISTIC = True
    grid = lay(owner, "exact", "learning_rate = [0.01, 0.05]\ndownscale = [1.0, 2.0]")
    work(engine="serial", grid=grid)
    said = io.StringIO()
    call_command("rerender", "exact", stdout=said)
    assert said.getvalue().count("the same bytes.") == 4


def test_a_point_of_a_batch_is_compared_in_words(owner: User) -> None:
    grid = lay(owner, "batch", "learning_rate = [0.01, 0.05]")
    work(engine="serial", grid=grid)
    render = grid.cells.get(condition__params__learning_rate=0.05).render
    other = grid.cells.get(condition__params__learning_rate=0.01).render
    Render.objects.filter(pk=render.pk).update(image=other.image)
    said = io.StringIO()
    call_command("rerender", "batch", condition="lr 0.05", stdout=said)
    assert "lr 0.05: another picture, PSNR " in said.getvalue()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nothing"], "There is no grid 'nothing'. Grids: named."),
        (["named", "--scene", "x"], "The grid has no scene 'x'. Scenes: cat × eddies."),
        (["named", "--condition", "x"], "The grid has no condition 'x'. Conditions: default."),
    ],
)
def test_a_name_nobody_knows_is_a_sentence(owner: User, arguments: list[str], sentence: str) -> None:
    lay(owner, "named", "learning_rate = [0.01]")
    with pytest.raises(CommandError) as said:
        call_command("rerender", *arguments)
    assert str(said.value) == sentence


def test_a_picture_that_is_made_meanwhile_is_waited_for_and_taken(owner: User) -> None:
    """The second grid is laid before the first is rendered; its job needs nothing but the first one's picture."""
    lay(owner, "first", "learning_rate = [0.01, 0.05]")
    second = lay(owner, "second", "downscale = [2.0]\nlearning_rate = [0.05]")
    job = Job.objects.get(renders__cells__grid=second)
    assert job.depends_on.count() == 1
    assert work(engine="serial", grid=second) == 2, "the job that is waited for, and then its own"
    (cell,) = second.cells.select_related("render", "condition")
    before = Render.objects.get(condition__params={**cell.condition.params, "downscale": 1.0})
    assert cell.render.provenance["base"] == before.image_id
    assert cell.render.provenance["weights"] == before.provenance["weights"]
    assert (cell.render.curve_id, cell.render.steps) == (before.curve_id, before.steps)


def test_a_job_that_failed_is_not_waited_for(owner: User) -> None:
    first = lay(owner, "first", "learning_rate = [0.01, 0.05]")
    second = lay(owner, "second", "downscale = [2.0]\nlearning_rate = [0.05]")
    Job.objects.filter(renders__cells__grid=first).update(status=Job.Status.FAILED)
    Render.objects.filter(cells__grid=first).update(status=Render.Status.FAILED)
    assert work(engine="serial", grid=second) == 1
    assert grid_progress(second).words == "1 of 1 rendered"


def test_what_is_made_of_a_diverged_picture_is_diverged(owner: User) -> None:
    first = lay(owner, "first", "learning_rate = [0.01]")
    work(engine="serial", grid=first)
    Render.objects.update(status=Render.Status.NAN, reason="It diverged.", final_step_reason="diverged")
    second = lay(owner, "second", "downscale = [2.0]\nlearning_rate = [0.01]")
    work(engine="serial", grid=second)
    (cell,) = second.cells.select_related("render")
    assert (cell.render.status, cell.render.reason) == ("nan", "It diverged.")
    assert cell.render.image_id
