"""Grids laid out from files in a folder, and what was measured of them."""

from pathlib import Path
from typing import Any

from generation.models import Grid
from generation.services import GridLayout, grid_layout


def layout_of(folder: Path, text: str, **options: Any) -> GridLayout:
    """The layout of a grid file that lies in ``folder``, with what it names beside it."""
    return grid_layout(text=text, read=lambda file: (folder / file).read_bytes(), folder=folder, **options)


def scores(grid: Grid) -> dict[tuple[str, str], float | None]:
    """The score of each cell of a grid with one metric, by scene and label of the condition."""
    labels = dict(grid.conditions.values_list("condition", "label"))
    rows = grid.cells.values_list("scene__label", "condition", "render__scores__value")
    return {(scene, labels[condition]): value for scene, condition, value in rows}
