"""Which condition has the lowest value of a metric: per scene exactly, and pooled over scenes by mean z-score.

A value may only be compared within the metric's scope; a minimum across that border is refused (specs/evaluation.md,
decision 12). Raw losses of different scenes differ by orders of magnitude, so the pooled minimiser is the condition
with the lowest mean of within-scene z-scores (population SD): every scene weighs the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.core import words
from evaluation.core.dataset import MetricInfo, StudyData
from evaluation.core.words import Reason

#: (scene, condition) -> mean over replicates of the metric as printed, or None where a score is missing.
Cells = Mapping[tuple[str, str], float | None]


@dataclass(frozen=True)
class Minimum:
    """The minimisers of a metric in a group: one condition, or several that tie.

    ``values``: condition -> value as printed (one scene) or mean z-score, lower predicted better (pooled).
    ``scenes``: ids of the scenes it rests on; in ``scenes_agree`` of them one of these is the scene's own minimiser.
    ``margin``: distance to the next condition in the unit of ``values``.
    """

    items: tuple[str, ...]
    values: Mapping[str, float]
    margin: float
    scenes: tuple[str, ...]
    scenes_agree: int
    reasons: tuple[Reason, ...] = ()

    @property
    def n_scenes(self) -> int:
        """In how many scenes the metric has a minimum at all."""
        return len(self.scenes)


def cells(data: StudyData, metric: MetricInfo) -> Cells:
    """Metric values of the grid's images by scene and condition; replicates are averaged."""
    value = {s.stimulus: s.value if s.status == "ok" else None for s in data.scores if s.metric == metric.id}
    found: dict[tuple[str, str], list[float | None]] = {}
    for stimulus in data.stimuli:
        if stimulus.role == "grid":
            found.setdefault((stimulus.scene, stimulus.condition), []).append(value.get(stimulus.id))
    return {
        key: None if any(v is None for v in values) else float(np.mean([v for v in values if v is not None]))
        for key, values in found.items()
    }


def out_of_scope(data: StudyData, metric: MetricInfo, conditions: Sequence[str]) -> Reason | None:
    """The refusal of an argmin over ``conditions`` where the metric's values are not comparable, else None."""
    if metric.comparable_within == "run" and len(conditions) > 1:
        return words.reason("NC_SCOPE", metric=metric.label, count=len(conditions), border="training runs")
    if metric.comparable_within == "objective":
        objectives = {data.condition[c].objective_id for c in conditions}
        if len(objectives) > 1:
            return words.reason("NC_SCOPE", metric=metric.label, count=len(objectives), border="objectives")
    return None


def scene_minimum(
    data: StudyData, metric: MetricInfo, table: Cells, scene: str, conditions: Sequence[str], group: str
) -> Minimum | Reason:
    """The metric's minimiser among ``conditions`` in one scene, exactly; ties are equal values."""
    refusal = out_of_scope(data, metric, conditions)
    if refusal is not None:
        return refusal
    values = {c: table.get((scene, c)) for c in conditions}
    missing = [c for c, v in values.items() if v is None]
    if missing:
        return words.reason(
            "NC_MISSING_SCORE", metric=metric.label, missing=len(missing), total=len(values), group=group
        )
    known = {c: v for c, v in values.items() if v is not None}
    if len(known) < 2:
        return words.reason("NC_ONE_CONDITION", group=group)
    if max(known.values()) == min(known.values()):
        return words.reason("NC_CONSTANT_METRIC", metric=metric.label, group=group)
    return _minimum(data, metric, known, metric.sign, 0.0, (scene,), 1)


def pooled_minimum(
    data: StudyData, metric: MetricInfo, table: Cells, scenes: Sequence[str], conditions: Sequence[str], group: str
) -> Minimum | Reason:
    """The condition with the lowest mean within-scene z-score over the scenes where the metric is complete."""
    refusal = out_of_scope(data, metric, conditions)
    if refusal is not None:
        return refusal
    rows: list[dict[str, float]] = []
    used: list[str] = []
    own: list[tuple[str, ...]] = []
    refused: list[Reason] = []
    for scene in scenes:
        label = next(s.label for s in data.scenes if s.id == scene)
        minimum = scene_minimum(data, metric, table, scene, conditions, f"scene {label}")
        if isinstance(minimum, Reason):
            refused.append(minimum)
            continue
        rows.append(within_scene_z(minimum.values, metric.sign))
        used.append(scene)
        own.append(minimum.items)
    if not rows:
        return refused[0] if refused else words.reason("NC_ONE_CONDITION", group=group)
    mean = {c: float(np.mean([row[c] for row in rows])) for c in conditions}
    best = min(mean.values())
    lowest = {c for c, v in mean.items() if v <= best + 1e-12}
    agree = sum(bool(lowest & set(items)) for items in own)
    result = _minimum(data, metric, mean, 1.0, 1e-12, tuple(used), agree)
    return Minimum(**{**result.__dict__, "reasons": (*result.reasons, *refused)})


def within_scene_z(values: Mapping[str, float], sign: float = 1.0) -> dict[str, float]:
    """z-scores over the conditions of one scene (population SD), oriented so that lower is predicted better."""
    array = np.array(list(values.values())) * sign
    spread = array.std()
    z = (array - array.mean()) / spread if spread > 0 else np.zeros_like(array)
    return dict(zip(values, z.tolist(), strict=True))


def _minimum(
    data: StudyData,
    metric: MetricInfo,
    values: Mapping[str, float],
    sign: float,
    tolerance: float,
    scenes: tuple[str, ...],
    scenes_agree: int,
) -> Minimum:
    oriented = {c: sign * v for c, v in values.items()}
    best = min(oriented.values())
    items = tuple(c for c, v in oriented.items() if v <= best + tolerance)
    others = [v for c, v in oriented.items() if c not in items]
    reasons: tuple[Reason, ...] = ()
    if len(items) > 1:
        names = ", ".join(data.condition[c].label for c in items)
        reasons = (words.reason("NC_TIED_MIN", metric=metric.label, count=len(items), items=names),)
    margin = min(others) - best if others else 0.0
    return Minimum(items, values, margin, scenes, scenes_agree, reasons)
