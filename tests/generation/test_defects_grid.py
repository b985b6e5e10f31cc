"""A grid of defects through the real trainer: every marking with its numbers, its controls, packed and made again."""

from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import call_command

from generation.core import images
from generation.core.grid import GridError
from generation.core.segmentation.marking import shown
from generation.models import (
    Artifact,
    Cell,
    Checkpoint,
    Grid,
    Job,
    Render,
    Scene,
    Score,
    SourceImage,
    Training,
)
from generation.selectors import grid_progress
from generation.services import artifact_bytes, photo_render
from generation.services.packs import pack_read, pack_write
from generation.services.rerender import rerender
from generation.services.work import work
from tests import factories
from tests.generation import defects_grid

pytestmark = pytest.mark.django_db

ROWS = (
    defects_grid.HEAD
    + """
[[conditions]]
design = "list"
rows = [
    { label = "Adam" },
    { label = "epoch 1", at_epoch = 1 },
    { label = "bold", threshold = 0.1 },
    { label = "Rprop", optimizer = "rprop", learning_rate = 0.001 },
]
[controls]
photograph = true
marking = true
"""
)


def told(cell: Cell) -> dict[str, float | str]:
    """Key -> value, or the reason why there is none."""
    rows = cell.render.scores.select_related("metric")
    return {s.metric.key: s.value if s.value is not None else s.reason for s in rows}


def of(grid: Grid) -> dict[str, Cell]:
    """The picture of each condition in the first scene."""
    labels = dict(grid.conditions.values_list("condition_id", "label"))
    first = grid.cells.order_by("position").first()
    assert first is not None
    cells = grid.cells.filter(scene=first.scene).select_related("render__image")
    return {labels[cell.condition_id]: cell for cell in cells}


def picture(cell: Cell) -> images.Image:
    assert cell.render.image is not None
    return images.decode(artifact_bytes(cell.render.image.pk))


@pytest.fixture
def rendered(owner: User, settings: LazySettings, tmp_path: Path) -> Grid:
    settings.EYEBALLOT_SCRATCH = tmp_path / "scratch"
    settings.EYEBALLOT_DETERMINISTIC = True
    grid = defects_grid.lay(owner, ROWS)
    work(engine="serial", grid=grid)
    return grid


def test_two_networks_mark_for_all_conditions(rendered: Grid) -> None:
    assert grid_progress(rendered).words == "12 of 12 rendered"
    assert Training.objects.count() == 2, "epochs and thresholds train nothing"
    assert not Score.objects.filter(status=Score.Status.FAILED).exists()
    cells = of(rendered)
    numbers = {label: told(cell) for label, cell in cells.items()}
    assert numbers["epoch 1"]["train_loss"] != numbers["Adam"]["train_loss"], "each epoch has its own losses"
    assert numbers["bold"]["train_loss"] == numbers["Adam"]["train_loss"]
    assert numbers["bold"]["defect_loss"] == numbers["Adam"]["defect_loss"], "the loss knows no threshold"
    assert float(numbers["bold"]["marked_share"]) > float(numbers["Adam"]["marked_share"])
    assert (numbers["true marking"]["iou"], numbers["true marking"]["boundary_f"]) == (1, 1)
    assert numbers["photograph"]["marked_share"] == 0
    assert "No trained network marked" in str(numbers["photograph"]["defect_loss"])

    plain = picture(cells["photograph"])
    for label, cell in cells.items():
        assert shown(picture(cell), plain).mean() == pytest.approx(float(numbers[label]["marked_share"])), label
    assert plain.shape == (96, 96, 3)
    assert np.ptp(plain.astype(int), axis=2).max() == 0, "the fleece is grey, so that only markings have a colour"

    again = rerender(render=cells["bold"].render)
    assert again.same, again.words


def test_packed_and_read_elsewhere(rendered: Grid, tmp_path: Path) -> None:
    """The pictures keep their numbers and their masks; the true marking can be made from them."""
    folder = tmp_path / "pack"
    before = {label: told(cell) for label, cell in of(rendered).items()}
    pack_write(grid=rendered, folder=folder)
    control = of(rendered)["true marking"]
    marked = picture(control)
    for model in (Cell, Grid, Score, Render, Checkpoint, Training, Job, Scene, SourceImage, Artifact):
        model.objects.all().delete()
    grid = pack_read(owner=factories.user("other"), folder=folder)
    cells = of(grid)
    assert {label: told(cell) for label, cell in cells.items()} == before
    again = photo_render(scene=cells["true marking"].scene, size=96, method="true_marking")
    assert again.digest == cells["true marking"].render.digest
    assert np.array_equal(picture(cells["true marking"]), marked)


def test_reports_and_sheets_of_the_grid(rendered: Grid, tmp_path: Path) -> None:
    call_command("grid_report", rendered.slug, out=tmp_path / "report")
    assert any((tmp_path / "report").iterdir())


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('mask = ["hole-mask", "fold-mask"]', "", "mask"),
        ('mask = ["hole-mask", "fold-mask"]', 'mask = ["hole-mask"]', "mask"),
        ('mask = ["hole-mask", "fold-mask"]', 'mask = ["hole", "fold-mask"]', "and one other value"),
        ('masks = "learning/masks"', "", "masks"),
        ('masks = "learning/masks"', 'masks = "nowhere"', "nowhere"),
        ("levels = 3", "levels = 6", "1 x 1 after 5"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(owner: User, old: str, new: str, words: str) -> None:
    assert old in defects_grid.TOML
    with pytest.raises(GridError, match=words):
        defects_grid.lay(owner, defects_grid.TOML.replace(old, new))
    assert not Job.objects.exists()
