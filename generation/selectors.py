"""Reads of generation that are used twice."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from django.db.models import Count, Prefetch, QuerySet

from generation.core.weights import RANDOM_SHALLOW
from generation.models import Cell, Grid, Render, Score, Training


@dataclass(frozen=True)
class GridProgress:
    """How far a grid is: renders by state. ``waiting`` are planned and not begun."""

    total: int
    done: int
    diverged: int
    failed: int

    @property
    def waiting(self) -> int:
        """Renders that are still to be made."""
        return self.total - self.done - self.diverged - self.failed

    @property
    def finished(self) -> bool:
        """True when nothing is left to be rendered."""
        return self.waiting == 0

    @property
    def words(self) -> str:
        """For people: ``36 of 36 rendered``, with what went wrong."""
        if not self.total:
            return "a draft, nothing is rendered"
        parts = [f"{self.done} of {self.total} rendered"]
        parts += [f"{self.diverged} diverged"] if self.diverged else []
        parts += [f"{self.failed} failed"] if self.failed else []
        return ", ".join(parts)


def grid_progress(grid: Grid) -> GridProgress:
    """Count the cells of a grid by the state of their render."""
    return grids_progress([grid.pk]).get(grid.pk, GridProgress(0, 0, 0, 0))


def grids_progress(grids: Collection[int]) -> dict[int, GridProgress]:
    """The same for many grids by their ids, counted at once; a grid without cells is not among them."""
    counts: dict[int, dict[str, int]] = {}
    rows = Cell.objects.filter(grid__in=grids).order_by().values_list("grid", "render__status")
    for grid, status, n in rows.annotate(n=Count("pk")):
        counts.setdefault(grid, {})[status] = n
    return {grid: _progress(found) for grid, found in counts.items()}


def _progress(counts: Mapping[str, int]) -> GridProgress:
    return GridProgress(
        total=sum(counts.values()),
        done=counts.get(Render.Status.OK, 0),
        diverged=counts.get(Render.Status.NAN, 0),
        failed=counts.get(Render.Status.FAILED, 0),
    )


@dataclass(frozen=True)
class TrainingProgress:
    """How far the networks of a grid are trained; ``failed`` are among ``done``."""

    total: int
    done: int
    failed: int


def grid_trainings(grid: Grid) -> TrainingProgress:
    """Count the trainings of a grid by their state."""
    rows = Training.objects.filter(pk__in=grid.cells.values("render__training")).order_by()
    counts = dict(rows.values_list("status").annotate(n=Count("pk")))
    total = sum(counts.values())
    failed = counts.get(Training.Status.FAILED, 0)
    return TrainingProgress(total, total - counts.get(Training.Status.PLANNED, 0), failed)


def grid_cells(grid: Grid) -> QuerySet[Cell]:
    """The cells of a grid in its order, with scene, render and scores fetched at once."""
    return (
        grid.cells.select_related("scene", "condition", "render", "render__image")
        .prefetch_related(Prefetch("render__scores", Score.objects.select_related("metric")))
        .order_by("position")
    )


def condition_labels(grid: Grid) -> dict[int, str]:
    """Condition id -> what this grid calls it."""
    return dict(grid.conditions.values_list("condition_id", "label"))


def grid_pictures(grid: Grid) -> list[str]:
    """Hashes of two pictures of the grid's first scene, its first and its last condition; none before they are made."""
    cells = grid.cells.filter(render__image__isnull=False, condition__role="grid")
    first = cells.first()
    if first is None:
        return []
    shas = list(cells.filter(scene=first.scene).values_list("render__image", flat=True))
    return [shas[0], shas[-1]]


def features_note(grid: Grid) -> str:
    """What must be said wherever the grid's pictures or losses are shown; empty for pretrained networks."""
    networks = {c.condition.params.get("backbone") for c in grid.conditions.select_related("condition")}
    if RANDOM_SHALLOW not in networks:
        return ""
    return "Rendered and scored with random-shallow: seeded random filters, not a pretrained network."
