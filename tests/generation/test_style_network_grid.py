"""Grids of style networks through the real trainer: every picture with its numbers, and none trained twice."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.conf import settings as project
from django.contrib.auth.models import User
from django.core.management import call_command

from generation.core.grid import GridError, parse
from generation.models import Grid, Render, Score, Training
from generation.report import gather
from generation.selectors import grid_progress
from generation.services import grid_lay, grid_layout
from generation.services.rerender import rerender
from generation.services.work import work

pytestmark = pytest.mark.django_db

FOLDER: Path = project.BASE_DIR / "fixtures" / "grids"

TINY = """
[grid]
title = "Tiny styles"
slug = "tiny-styles"
task = "style_transfer"
method = "{method}"
[sources.cat]
file = "../colour/scenes/cat.jpg"
title = "Cat"
[sources.eddies]
file = "../sources/eddies.png"
title = "Eddies"
[sources.mist]
file = "../sources/mist.png"
title = "Mist"
[scenes]
content = ["cat"]
style = ["eddies", "mist"]
[data]
folder = "../colour/photographs"
crops = 4
{styles}
[parameters]
backbone = "random-shallow"
style_layers = ["level1", "level2"]
content_layers = ["level2"]
content_form = "mean"
tv_form = "l2"
width = 4
blocks = 1
train_size = 32
learning_rate = 3e-3
epochs = {epochs}
size = 96
{conditions}
[controls]
photograph = true
"""
STYLES = """
[styles]
folder = "../sources"
with_scenes = true
"""


def lay(owner: User, method: str, conditions: str, styles: str = "", epochs: int = 2) -> Grid:
    """Lay a tiny grid; nothing is trained yet."""
    text = TINY.format(method=method, styles=styles, epochs=epochs, conditions=f"[[conditions]]\n{conditions}")
    read = lambda file: (FOLDER / file).read_bytes()  # noqa: E731
    return grid_lay(owner=owner, layout=grid_layout(text=text, read=read, folder=FOLDER))


def of_label(grid: Grid, label: str) -> dict[str, Render]:
    """The renders of a condition by the style of their scene."""
    cells = grid.cells.filter(condition__in=grid.conditions.filter(label=label).values("condition"))
    return {cell.scene.label.split(" × ")[1]: cell.render for cell in cells.select_related("scene", "render")}


def scores(render: Render) -> Mapping[str, float | None]:
    return {s.metric.key: s.value for s in render.scores.select_related("metric")}


@pytest.fixture(autouse=True)
def _alone(settings: LazySettings, tmp_path: Path) -> None:
    settings.EYEBALLOT_SCRATCH = tmp_path
    settings.EYEBALLOT_DETERMINISTIC = True


def test_a_network_for_each_style_and_one_for_all_its_epochs(owner: User) -> None:
    grid = lay(owner, "feedforward", 'design = "product"\nat_epoch = [1, 2]')
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "6 of 6 rendered"
    assert Training.objects.count() == 2, "two styles"
    assert not Score.objects.filter(status=Score.Status.FAILED).exists()
    early, late = (of_label(grid, f"epoch {epoch}") for epoch in (1, 2))
    assert len({r.image_id for r in (*early.values(), *late.values())}) == 4
    one, other = scores(late["Eddies"]), scores(late["Mist"])
    assert one["train_total"] != other["train_total"]
    assert one["train_total"] != scores(early["Eddies"])["train_total"]
    for key in ("total_loss", "own_loss", "style_loss", "content_loss", "val_total", "ssim_content"):
        assert one[key] is not None, key
    assert [(t.style, t.conditions) for t in gather(grid).trainings] == [("Eddies", (0, 1)), ("Mist", (0, 1))]
    again = rerender(render=late["Eddies"])
    assert again.same, again.words


def test_one_network_for_every_style_and_strength(owner: User) -> None:
    grid = lay(owner, "arbitrary", 'design = "product"\nstrength = [0.0, 0.5, 1.0]', STYLES)
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "8 of 8 rendered"
    assert Training.objects.count() == 1
    assert not Score.objects.filter(status=Score.Status.FAILED).exists()
    none, full = (of_label(grid, f"strength {strength}") for strength in (0, 1))
    assert none["Eddies"].image_id == none["Mist"].image_id, "the photograph's own style"
    assert full["Eddies"].image_id != full["Mist"].image_id
    assert scores(none["Eddies"])["train_total"] == scores(full["Mist"])["train_total"]
    assert [t.style for t in gather(grid).trainings] == [""], "it is for many styles"


def test_the_same_pictures_trained_again_train_nothing(owner: User) -> None:
    conditions = 'design = "product"\nat_epoch = [1, 2]'
    work(engine="serial", grid=lay(owner, "feedforward", conditions))
    trained = list(Training.objects.values_list("digest", "seconds"))
    text = TINY.format(method="feedforward", styles="", epochs=2, conditions=f"[[conditions]]\n{conditions}")
    other = text.replace("tiny-styles", "other-styles").replace("size = 96", "size = 64")
    grid = grid_lay(
        owner=owner, layout=grid_layout(text=other, read=lambda f: (FOLDER / f).read_bytes(), folder=FOLDER)
    )
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "6 of 6 rendered"
    assert list(Training.objects.values_list("digest", "seconds")) == trained


def test_the_search_of_rates_gives_a_grid_of_defaults_and_best(owner: User, tmp_path: Path) -> None:
    rows = ", ".join(
        f'{{ optimizer = "{name}", learning_rate = {rate} }}' for name in ("adam", "rmsprop") for rate in (1e-3, 1e-2)
    )
    grid = lay(owner, "feedforward", f'design = "list"\nrows = [{rows}]')
    work(engine="serial", grid=grid)
    trained = Training.objects.count()
    assert trained == 8
    for pictures in ("colour", "sources"):  # its paths lead as those of the search do
        (tmp_path / pictures).symlink_to(FOLDER.parent / pictures)
    out = tmp_path / "grids" / "tiny-best.toml"
    out.parent.mkdir()
    call_command("best_rates", grid.slug, out=out)
    text = out.read_text("utf-8")
    file = parse(text)
    assert file.data is not None
    labels = [c.label for c in file.conditions if c.role == "grid"]
    assert any(label.startswith("Adam, default") for label in labels)
    best = grid_lay(owner=owner, layout=grid_layout(text=text, read=lambda f: (FOLDER / f).read_bytes(), folder=FOLDER))
    work(engine="serial", grid=best)
    assert Training.objects.count() == trained, "what was searched is trained already"


def test_what_a_grid_of_networks_needs_is_said(owner: User) -> None:
    with pytest.raises(GridError, match="no condition is trained on a folder of styles"):
        lay(owner, "feedforward", 'design = "product"\nat_epoch = [1, 2]', STYLES)
    with pytest.raises(GridError, match=r"no \[styles\] table"):
        lay(owner, "arbitrary", 'design = "product"\nstrength = [0.0, 1.0]')
    with pytest.raises(GridError, match="strength is not a parameter"):
        lay(owner, "feedforward", 'design = "product"\nstrength = [0.0, 1.0]')
