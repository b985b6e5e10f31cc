"""The colour grid that the demo opens: trained and rendered by our own command, of pictures that may be given away."""

import pytest
from django.contrib.auth.models import User

from generation.core.grid import parse
from generation.models import Grid, Training
from generation.selectors import grid_progress
from generation.services import grid_lay, grid_layout
from studyplatform.config import demo

pytestmark = pytest.mark.django_db
FILE = demo.FIXTURES / "grids" / "colour-tiny.toml"


@pytest.fixture
def grid(owner: User) -> Grid:
    return demo.colours(owner)


def test_every_picture_has_its_numbers_or_a_reason(grid: Grid) -> None:
    assert grid_progress(grid).finished
    for cell in grid.cells.select_related("render"):
        scores = {s.metric.key: s for s in cell.render.scores.select_related("metric")}
        lacking = {key for key, score in scores.items() if score.value is None}
        if cell.condition.role == "grid":
            assert lacking == set()
        assert all(scores[key].reason for key in lacking)


def test_colour_is_learnt(grid: Grid) -> None:
    errors = {t.digest: t.losses["val_ab_error"] / t.losses["grey_val_ab_error"] for t in Training.objects.all()}
    assert len(errors) == 8
    assert min(errors.values()) < 0.6, "the best network is far better than grey on the places kept apart"
    assert sum(error < 1 for error in errors.values()) >= 7


def test_the_shipped_pack_is_that_of_the_grid_file(grid: Grid, owner: User) -> None:
    text = FILE.read_text()
    assert grid.toml == text
    assert [c.label for c in parse(text).conditions] == list(grid.conditions.values_list("label", flat=True))
    folder = FILE.parent
    layout = grid_layout(text=text, read=lambda file: (folder / file).read_bytes(), folder=folder)
    # Photographs, settings and code that trains are those of the pack: nothing is trained again.
    assert grid_lay(owner=owner, layout=layout) == grid
    assert not Training.objects.filter(status=Training.Status.PLANNED).exists()


def test_it_is_small(grid: Grid) -> None:
    assert sum(f.stat().st_size for f in demo.COLOURS.rglob("*") if f.is_file()) < 4_000_000
