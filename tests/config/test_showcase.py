"""What the demo opens on: shipped renders that can be remade, and a planted truth that is what it says."""

import json
from collections import defaultdict

import pytest
from django.contrib.auth.models import User

from generation.core.grid import parse
from generation.models import Grid
from generation.selectors import grid_progress
from studyplatform.config import demo
from tests.curves import render_curve

pytestmark = pytest.mark.django_db


@pytest.fixture
def grid(owner: User) -> Grid:
    return demo.showcase(owner)


def test_it_is_six_by_six_or_more_at_384_pixels_in_about_ten_megabytes(grid: Grid) -> None:
    cells = grid.cells.filter(condition__role="grid").select_related("render__image", "scene")
    per_scene = defaultdict(set)
    for cell in cells:
        per_scene[cell.scene_id].add(cell.condition_id)
        image = cell.render.image
        assert image is not None
        assert max(image.width or 0, image.height or 0) >= 384
    assert len(per_scene) >= 6
    assert min(len(conditions) for conditions in per_scene.values()) >= 6
    size = sum(f.stat().st_size for f in demo.SHOWCASE.rglob("*") if f.is_file() and "paintings" not in f.parts)
    assert size < 15_000_000


def test_every_render_has_its_losses_lpips_curve_and_provenance(grid: Grid) -> None:
    assert grid_progress(grid).finished
    for cell in grid.cells.select_related("render"):
        scores = {s.metric.key: s for s in cell.render.scores.select_related("metric")}
        lacking = {key for key, score in scores.items() if score.value is None}
        if cell.condition.role == "grid":
            assert lacking == set()
            assert {"style", "content", "total"} <= set(render_curve(cell.render))
            assert cell.render.provenance["weights"]
        else:
            assert lacking == {"own_loss"}
        assert {"style_loss", "content_loss", "total_loss", "lpips_content"} <= set(scores)


def test_the_shipped_grid_file_is_the_one_that_remakes_it(grid: Grid) -> None:
    file = parse((demo.SHOWCASE / "grid.toml").read_text())
    manifest = json.loads((demo.SHOWCASE / "manifest.json").read_text())
    assert [c.digest for c in file.conditions] == [c["digest"] for c in manifest["conditions"]]
    assert [c.label for c in file.conditions] == list(grid.conditions.values_list("label", flat=True))
    assert {s.sha256 for s in file.sources.values() if s.sha256} <= {s["sha256"] for s in manifest["sources"]}


def test_nothing_of_the_paintings_is_shipped() -> None:
    shipped = {f.name for f in demo.SHOWCASE.rglob("*") if f.is_file() and "paintings" not in f.parts}
    assert not [name for name in shipped if name.endswith((".jpg", ".jpeg"))]


@pytest.mark.parametrize("follows_loss", [True, False])
def test_the_planted_truth_is_what_it_says(grid: Grid, follows_loss: bool) -> None:
    utilities, favourite = demo.planted_tastes(grid, follows_loss=follows_loss)
    table = demo.losses(grid)
    mean_loss = {label: sum(scene[label] for scene in table.values()) for label in next(iter(table.values()))}
    minimiser = min(mean_loss, key=lambda label: mean_loss[label])
    assert (favourite == minimiser) is follows_loss
    for scene in table:
        best = max(mean_loss, key=lambda label: utilities[scene, label])
        assert best == favourite
