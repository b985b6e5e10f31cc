"""The report of a grid from its rows: gathered here, drawn by ``generation.core.report``, kept until a row changes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from django.core.files.base import ContentFile
from django.core.files.storage import storages

from generation import kept
from generation.core import images, tasks
from generation.core.protocols import loss_terms, read_curve
from generation.core.report.axes import is_number
from generation.core.report.data import Axis, Condition, Curve, Measure, Report, Run, Value
from generation.core.report.figures import INDEX, VERSION, report_files
from generation.core.spec import Scalar, digest
from generation.models import Cell, Grid, GridCondition, Metric, Render
from generation.selectors import features_note, grid_cells
from generation.services.artifacts import ArtifactMissing, artifact_bytes
from generation.trained import gather_trainings

THUMBNAIL = 320  # px on the longest side
#: What the figures speak of, in this order, where the grid has it, behind its primary metric.
SHOWN = {
    "style_loss": "style, raw",
    "content_loss": "content, raw",
    "total_loss": "total",
    "lpips_content": "LPIPS",
}
#: Labels of the derived columns; another is called by its name.
DERIVED = {"sc_ratio": "Style weight / content weight", "weight_magnitude": "Weight magnitude"}


def gather(grid: Grid, *, curves: bool = True) -> Report:
    """All that a report of ``grid`` is made of; without ``curves`` no file is read."""
    task = tasks.get(grid.task) if grid.task in tasks.names() else None
    rows = list(grid.conditions.select_related("condition"))
    methods = {r.condition.method for r in rows if r.condition.role == "grid"}
    method = task.methods.get(next(iter(methods))) if task and len(methods) == 1 else None
    conditions = tuple(_condition(row, method) for row in rows)
    at = {r.condition_id: i for i, r in enumerate(rows)}
    metrics = [m.metric for m in grid.metrics.select_related("metric")]
    measures = {m.pk: _measure(m, metrics, conditions) for m in metrics}
    cells = list(grid_cells(grid).select_related("render__curve"))
    scenes = {c.scene_id: c.scene.label for c in cells}
    place = {pk: i for i, pk in enumerate(scenes)}
    primary = grid.metrics.filter(is_primary=True).values_list("metric_id", flat=True).first()
    by_key = {m.key: m for m in reversed(measures.values())}
    first = [measures[pk] for pk in [primary] if pk in measures and measures[pk].key not in SHOWN]
    shown = first + [by_key[k] for k in SHOWN if k in by_key]
    return Report(
        title=grid.title,
        slug=grid.slug,
        task=task.label if task else grid.task,
        scenes=tuple(scenes.values()),
        conditions=conditions,
        axes=(*_axes(method, conditions), *_derived_axes(method, conditions)),
        measures=tuple(measures.values()),
        shown=tuple(shown),
        runs=tuple(_run(c, place[c.scene_id], at[c.condition_id], measures, curves=curves) for c in cells),
        preset=_preset(grid, method),
        notes=tuple(grid.notes),
        features=features_note(grid),
        trainings=gather_trainings(grid, cells, at, task, curves=curves),
    )


def _condition(row: GridCondition, method: tasks.Method | None) -> Condition:
    params, role = row.condition.params, row.condition.role
    derived = _derived(method, params) if role == "grid" else {}
    return Condition(row.label, _params(params), derived, role, row.is_default)


def _params(params: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The parameters of a condition. ``at_step = 0`` asks for the end of the run, which is the step ``steps``: said so,
    it stands at its place on an axis."""
    if params.get("at_step") == 0 and "steps" in params:
        return {**params, "at_step": params["steps"]}
    return dict(params)


def _derived(method: tasks.Method | None, params: Mapping[str, Scalar]) -> dict[str, float]:
    columns = method.derived(params) if method else {}
    return {name: float(value) for name, value in columns.items() if math.isfinite(value)}


def _preset(grid: Grid, method: tasks.Method | None) -> str:
    """The grid's preset by name, with what it is and where it stands written."""
    known = method.presets.get(grid.preset) if method else None
    return f"{grid.preset}, {known.label} ({known.source})" if known else grid.preset


def _axes(method: tasks.Method | None, conditions: tuple[Condition, ...]) -> list[Axis]:
    """The parameters in the method's order; what it does not declare (imported grids) by name."""
    declared = dict(method.params) if method else {}
    there = dict.fromkeys(name for c in conditions if c.role == "grid" for name in c.params)
    names = [*(n for n in declared if n in there), *(n for n in there if n not in declared)]
    return [
        Axis(n, declared[n].label, declared[n].short, declared[n].scale == "log" or _wide(conditions, n))
        if n in declared
        else Axis(n, n.replace("_", " "), n, _wide(conditions, n))
        for n in names
    ]


def _derived_axes(method: tasks.Method | None, conditions: tuple[Condition, ...]) -> list[Axis]:
    names = dict.fromkeys(name for c in conditions for name in c.derived)
    return [
        Axis(n, DERIVED.get(n, n.replace("_", " ")), n, _wide(conditions, n), _sources(method, conditions, n))
        for n in names
    ]


def _sources(method: tasks.Method | None, conditions: tuple[Condition, ...], name: str) -> tuple[str, ...]:
    """The parameters that a derived column follows: it moves when one of them takes another value of the grid."""
    points = [c for c in conditions if c.role == "grid"]
    first = points[0]
    moved = [
        parameter
        for parameter in first.params
        if any(
            _derived(method, {**c.params, parameter: other.params[parameter]}).get(name) != c.derived.get(name)
            for c in points[:1]
            for other in points
            if parameter in other.params
        )
    ]
    return tuple(moved) or tuple(first.params)


def _wide(conditions: tuple[Condition, ...], name: str) -> bool:
    """Whether the values of a parameter span so much that a log axis shows them better."""
    values = [c.value(name) for c in conditions if c.role == "grid"]
    numbers = [float(v) for v in values if is_number(v) and isinstance(v, int | float)]
    return bool(numbers) and min(numbers) > 0 and max(numbers) >= 20 * min(numbers)


def _measure(metric: Metric, metrics: list[Metric], conditions: tuple[Condition, ...]) -> Measure:
    twice = sum(m.key == metric.key for m in metrics) > 1
    weight = f"{metric.key.removesuffix('_loss')}_weight"
    weighs = metric.role == Metric.Role.PART and any(weight in c.params for c in conditions)
    return Measure(
        id=f"{metric.key}_{metric.digest[:6]}" if twice else metric.key,
        key=metric.key,
        label=metric.label,
        short=SHOWN.get(metric.key, metric.label),
        role=metric.role,
        lower=metric.direction == Metric.Direction.LOWER,
        unit=metric.unit,
        weight=weight if weighs else "",
    )


def _run(cell: Cell, scene: int, condition: int, measures: Mapping[int, Measure], *, curves: bool) -> Run:
    render = cell.render
    scores: dict[str, Value] = {
        measures[s.metric_id].id: s.value if s.value is not None else (s.reason or s.get_status_display())
        for s in render.scores.all()
        if s.metric_id in measures
    }
    return Run(
        scene=scene,
        condition=condition,
        seed=render.seed,
        status=render.status,
        scores=scores,
        reason=render.reason,
        steps=render.steps,
        seconds=render.seconds,
        device=str(render.provenance.get("device", "")),
        image=render.image_id or "",
        width=(render.image.width or 0) if render.image else 0,
        height=(render.image.height or 0) if render.image else 0,
        weights=dict(render.spec.get("weights", {})),
        curve_sha256=render.curve_id or "",
        curve=_curve(render) if curves else {},
    )


def _curve(render: Render) -> Curve:
    """The terms of the stored curve; none where there is no curve or its file is away."""
    if render.curve_id is None:
        return {}
    try:
        return loss_terms(read_curve(artifact_bytes(render.curve_id)))
    except ArtifactMissing:
        return {}


def thumbnail(sha256: str) -> bytes:
    """A render, small, as WebP; made once. Raises :class:`ArtifactMissing`."""
    storage, name = storages["default"], f"thumbnails/{sha256[:2]}/{sha256}.webp"
    if not storage.exists(name):
        storage.save(name, ContentFile(images.thumbnail(images.decode(artifact_bytes(sha256)), THUMBNAIL)))
    with storage.open(name) as file:
        data: bytes = file.read()
    return data


def stored_file(grid: Grid, name: str) -> bytes | None:
    """A file of the grid's report as its rows stand now; drawn on the first look. None where there is no such file."""
    return kept.read(f"{_folder(grid)}/{name}")


def stored_files(grid: Grid) -> dict[str, bytes]:
    """All files of the grid's report, by name."""
    folder = _folder(grid)
    return {name: kept.read(f"{folder}/{name}") or b"" for name in sorted(storages["default"].listdir(folder)[1])}


def _folder(grid: Grid) -> str:
    """Where the report of the rows as they stand now lies; it is drawn unless it is there."""
    key = digest([VERSION, asdict(gather(grid, curves=False))])
    return kept.kept(f"grid-reports/{grid.slug}", key, lambda: report_files(gather(grid)), last=INDEX)


def figures_of(index: bytes | None) -> list[dict[str, Any]]:
    """The figures' texts and sizes, as ``figures.json`` has them."""
    found: list[dict[str, Any]] = json.loads(index or b"[]")
    return found
