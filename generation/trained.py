"""The trainings of a grid's report from their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from generation.core import tasks
from generation.core.protocols import read_curve
from generation.core.report import data
from generation.models import Cell, Grid, SourceImage, Training
from generation.services.artifacts import ArtifactMissing, artifact_bytes


def gather_trainings(
    grid: Grid, cells: Sequence[Cell], at: Mapping[int, int], task: tasks.Task | None, *, curves: bool
) -> tuple[data.Training, ...]:
    """The trainings behind the ``cells`` of ``grid``, in the order of the conditions whose pictures they make, then by
    style and by seed.

    ``at``: condition -> its place in the report; without ``curves`` no file is read.
    """
    makes: dict[int, set[int]] = {}
    for cell in cells:
        if cell.render.training_id is not None:
            makes.setdefault(cell.render.training_id, set()).add(at[cell.condition_id])
    rows = Training.objects.filter(pk__in=makes)
    styles = _styles(grid, cells)
    found = [
        _training(row, tuple(sorted(makes[row.pk])), task, styles.get(row.style_id or "", ""), curves=curves)
        for row in rows
    ]
    return tuple(sorted(found, key=lambda t: (t.conditions, t.style, t.seed)))


def _styles(grid: Grid, cells: Sequence[Cell]) -> dict[str, str]:
    """SHA-256 of each style picture of the scenes -> a name that no other of them has: its title where that will do.

    A pack of styles is not among them: a network for many styles is called after none.
    """
    there = {cell.scene.style_id for cell in cells if cell.scene.style_id}
    sources = SourceImage.objects.filter(owner=grid.owner, artifact__in=there)
    titles = dict.fromkeys(there, "Style") | dict(sources.values_list("artifact", "title"))
    shown = Counter(titles.values())
    return {sha: title if shown[title] == 1 else f"{title} {sha[:8]}" for sha, title in titles.items()}


def _training(
    row: Training, places: tuple[int, ...], task: tasks.Task | None, style: str, *, curves: bool
) -> data.Training:
    photographs = row.provenance.get("photographs", {})
    return data.Training(
        conditions=places,
        seed=row.spec["seed"],
        status=row.status,
        losses=dict(row.losses),
        reason=row.reason,
        final_reason=row.final_reason,
        epochs=row.epochs,
        seconds=row.seconds,
        device=str(row.provenance.get("device", "")),
        dtype=str(row.provenance.get("dtype", "")),
        photographs=(photographs.get("train", 0), photographs.get("validation", 0)),
        objective=task.objective(row.spec["params"]) if task else {},
        data=row.data_id,
        digest=row.digest,
        curve=_curve(row) if curves else {},
        style=style,
        **({"loss": trainer.loss} if (trainer := _trainer(row, task)) else {}),
    )


def _trainer(row: Training, task: tasks.Task | None) -> tasks.Trainer | None:
    method = task.methods.get(row.spec["method"]) if task else None
    return method.trainer if method else None


def _curve(row: Training) -> data.Losses:
    """The losses by epoch; none where there is no curve or its file is away."""
    if row.curve_id is None:
        return {}
    try:
        return read_curve(artifact_bytes(row.curve_id))
    except ArtifactMissing:
        return {}
