"""The numbers of a study's pictures as ``generation.core.confounds`` wants them. Votes are not looked at."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from generation.core.confounds import WANTED, Confounds, Found, Measure, judge, lacking, start_of
from generation.core.confounds.judging import LPIPS, STYLE
from generation.core.confounds.links import FloatArray
from generation.core.confounds.words import joined
from generation.core.protocols import read_curve
from generation.core.spec import canonical_json
from generation.models import Cell, Condition, Grid, GridCondition, GridMetric, Metric, Score
from generation.services import artifact_bytes
from generation.services.artifacts import ArtifactMissing
from studyplatform.voting.models import Question, Study
from studyplatform.voting.selectors.studies import cells_shown, task_of

IDENTITY = "identity"
#: Questions that a picture may win by being stylised less.
_MISTAKABLE = (Question.Preset.NATURAL, Question.Preset.CONTENT, Question.Preset.COLOURS)
_MINIMISED = (Metric.Role.OBJECTIVE, Metric.Role.PART, Metric.Role.REFERENCE)


@dataclass(frozen=True)
class _Pictures:
    """The shown pictures of the grids: scenes and conditions in order, (render, scene, condition) by place."""

    cells: Sequence[Cell]
    scenes: Mapping[int, int]
    conditions: Mapping[int, int]
    values: Mapping[tuple[int, int], float]  # (render, metric) -> number

    def table(self, metric: int) -> FloatArray:
        """(S, C) mean over replicates; NaN where a picture or its number is missing."""
        total = np.zeros((len(self.scenes), len(self.conditions)))
        count = np.zeros_like(total)
        for cell in self.cells:
            place = self.scenes[cell.scene_id], self.conditions[cell.condition_id]
            total[place] += self.values.get((cell.render_id, metric), np.nan)
            count[place] += 1
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def confounds_of(study: Study) -> Confounds:
    """What may be taken for a preference for low loss in this study, from the numbers of its grids alone."""
    every = list(cells_shown(study).select_related("condition", "scene"))
    cells = list({(c.scene_id, c.render_id): c for c in every if c.condition.role == Condition.Role.GRID}.values())
    asked = list(GridMetric.objects.filter(grid__studies=study).select_related("metric").order_by("grid", "position"))
    metrics = {row.metric_id: row.metric for row in asked}
    values = _values(study, metrics)
    pictures = _Pictures(cells, _places(c.scene_id for c in cells), _places(c.condition_id for c in cells), values)
    one_objective = len({_objective(c) for c in {c.condition_id: c for c in cells}.values()}) == 1
    usable = {pk: m for pk, m in metrics.items() if _comparable(m, one_objective=one_objective)}
    primary = {row.metric_id for row in asked if row.is_primary}
    measures = _measures(pictures, usable, primary)
    properties = [m for pk, m in measures.items() if usable[pk].role == Metric.Role.DESCRIPTOR]
    losses = [m for pk, m in measures.items() if usable[pk].role != Metric.Role.DESCRIPTOR]
    presets = {Question.Preset(q.preset): str(q) for q in study.questions.all()}
    unjudged = [*_lacking(study, every, asked, values), *_incomparable(metrics, usable)]
    styled = any(c.scene.style_id for c in cells)
    return judge(
        conditions=_labels(study, pictures),
        losses=losses,
        properties=properties,
        start=_photographs(pictures, every, usable) if styled else None,
        asked=next((text for preset, text in presets.items() if preset in _MISTAKABLE), ""),
        to_add="" if Question.Preset.STYLE in presets else str(Question.Preset.STYLE.label),
        unjudged=unjudged,
    )


def _places(keys: Iterable[int]) -> dict[int, int]:
    return {key: place for place, key in enumerate(dict.fromkeys(keys))}


def _values(study: Study, metrics: Iterable[int]) -> dict[tuple[int, int], float]:
    scores = Score.objects.filter(render__in=cells_shown(study).values("render"), metric__in=list(metrics))
    numbers = scores.filter(value__isnull=False).order_by().values_list("render", "metric", "value")
    return {(render, metric): value for render, metric, value in numbers if value is not None}


def _objective(cell: Cell) -> str:
    """What the condition's generator minimised; all of its parameters where nobody here knows."""
    task, params = task_of(cell.scene.task), cell.condition.params
    return canonical_json(dict(task.objective(params) if task else params))


def _comparable(metric: Metric, *, one_objective: bool) -> bool:
    """Whether the conditions of a scene can be put in its order."""
    if metric.comparable_within == Metric.Scope.OBJECTIVE:
        return one_objective
    return metric.comparable_within != Metric.Scope.RUN


def _measures(pictures: _Pictures, metrics: Mapping[int, Metric], primary: Collection[int]) -> dict[int, Measure]:
    """Metric's pk -> its numbers, for those that have any. Grids with two metrics of one name tell them by digest."""
    labels = Counter(m.label for m in metrics.values())
    found = {}
    for pk, metric in metrics.items():
        table = pictures.table(pk)
        if np.isfinite(table).any():
            label = metric.label if labels[metric.label] == 1 else f"{metric.label}, {metric.digest[:6]}"
            lower = metric.direction == Metric.Direction.LOWER
            # Of pictures made elsewhere the label is what their researcher called the column.
            key = metric.label if "imported_with" in metric.config else metric.key
            found[pk] = Measure(key, label, table, lower, pk in primary or metric.role in _MINIMISED)
    return found


def _labels(study: Study, pictures: _Pictures) -> list[str]:
    rows = GridCondition.objects.filter(grid__studies=study).order_by("grid", "position")
    called: dict[int, str] = {}
    for condition, label in rows.values_list("condition", "label"):
        called.setdefault(condition, label)
    return [called[condition] for condition in pictures.conditions]


def _lacking(
    study: Study, cells: Sequence[Cell], asked: Sequence[GridMetric], values: Mapping[tuple[int, int], float]
) -> list[str]:
    """Sentences about what is not measured, grid by grid."""
    said = []
    for grid in study.grids.order_by("pk"):
        own = {c.render_id: c for c in cells if c.grid_id == grid.pk and c.condition.role == Condition.Role.GRID}
        if not own:
            continue
        metrics = [row.metric for row in asked if row.grid_id == grid.pk]
        wanted = [*WANTED, *([LPIPS] if any(c.scene.style_id for c in own.values()) else [])]
        numbers = Counter(metric for render, metric in values if render in own)
        short_of = [m.pk for m in metrics if numbers[m.pk] < len(own)]
        reasons = _reasons(grid, short_of) if short_of else {}
        found = [Found(m.key, m.label, numbers[m.pk], reasons.get(m.pk, "")) for m in metrics]
        said += lacking(title=grid.title, slug=grid.slug, pictures=len(own), found=found, wanted=wanted)
    return said


def _reasons(grid: Grid, metrics: Sequence[int]) -> dict[int, str]:
    """Metric's pk -> why a picture of the grid has no number of it; one of the reasons."""
    scores = Score.objects.filter(render__cells__grid=grid, metric__in=metrics, value__isnull=True)
    scores = scores.filter(render__condition__role=Condition.Role.GRID).exclude(reason="")
    return dict(scores.order_by().values_list("metric", "reason").distinct())


def _incomparable(metrics: Mapping[int, Metric], usable: Mapping[int, Metric]) -> list[str]:
    labels = [m.label for pk, m in metrics.items() if pk not in usable]
    if not labels:
        return []
    are = "is" if len(labels) == 1 else "are"
    return [f"{joined(labels)} {are} left out: numbers of different objectives or runs cannot be put in one order."]


def _photographs(pictures: _Pictures, cells: Sequence[Cell], metrics: Mapping[int, Metric]) -> FloatArray:
    """(S,) raw style loss of each scene's photograph: of the control, else at the head of one loss curve."""
    start = np.full(len(pictures.scenes), np.nan)
    metric = next((m for m in metrics.values() if m.key == STYLE), None)
    if metric is None:
        return start
    rendered: dict[int, int] = {}
    for cell in cells:
        if cell.scene_id not in pictures.scenes:
            continue
        if cell.condition.method == IDENTITY:
            start[pictures.scenes[cell.scene_id]] = pictures.values.get((cell.render_id, metric.pk), np.nan)
        else:
            rendered.setdefault(cell.scene_id, cell.pk)
    without = [rendered[scene] for scene, place in pictures.scenes.items() if np.isnan(start[place])]
    for cell in Cell.objects.filter(pk__in=without).select_related("condition", "render"):
        if cell.render.curve_id:
            try:
                curve = read_curve(artifact_bytes(cell.render.curve_id))
            except ArtifactMissing:
                continue
            found = start_of(curve, cell.condition.params, metric.config)
            start[pictures.scenes[cell.scene_id]] = np.nan if found is None else found
    return start
