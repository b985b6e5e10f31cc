"""Reads of generation that are used twice."""

import io
from dataclasses import dataclass

import numpy as np
from django.db.models import Count, Prefetch, QuerySet

from generation.models import Cell, Grid, Job, Render, Score
from generation.services import artifact_bytes


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
        parts = [f"{self.done} of {self.total} rendered"]
        parts += [f"{self.diverged} diverged"] if self.diverged else []
        parts += [f"{self.failed} failed"] if self.failed else []
        return ", ".join(parts)


def grid_progress(grid: Grid) -> GridProgress:
    """Count the cells of a grid by the state of their render."""
    counts = dict(grid.cells.values_list("render__status").annotate(n=Count("pk")))
    return GridProgress(
        total=sum(counts.values()),
        done=counts.get(Render.Status.OK, 0),
        diverged=counts.get(Render.Status.NAN, 0),
        failed=counts.get(Render.Status.FAILED, 0),
    )


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


def jobs_unfinished(grid: Grid) -> QuerySet[Job]:
    """Jobs of a grid that are queued or running."""
    return Job.objects.filter(renders__cells__grid=grid, status__in=[Job.Status.QUEUED, Job.Status.RUNNING]).distinct()


def render_curve(render: Render) -> dict[str, list[float]]:
    """The loss curve of a render: term -> one value per step; empty where there is none."""
    if render.curve_id is None:
        return {}
    with np.load(io.BytesIO(artifact_bytes(render.curve_id)), allow_pickle=False) as curve:
        return {term: np.asarray(curve[term], dtype=float).tolist() for term in curve.files if curve[term].ndim == 1}
