"""The vote and the loss in one row: ``derived/votes_analysis.csv`` (specs/evaluation.md 3.2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache

import numpy as np

from evaluation.core.ballots import SHARE_LEFT, analysis_set, grid_conditions
from evaluation.core.dataset import MetricInfo, Scalar, StudyData, Trial
from evaluation.core.verdict import minimiser
from evaluation.core.weights.shape.levels import is_number
from evaluation.core.words import Reason
from generation.core import tasks
from generation.core.csv_text import csv_bytes, csv_cell

NAME = "derived/votes_analysis.csv"
WIN = {"left": 1, "right": 0}


def votes_analysis(data: StudyData, *, question: str | None = None) -> bytes:
    """One row per vote that enters the analysis, by trial, with every metric of the two pictures it chose between.

    ``question``: of this one only (default: of all). ``y`` is 1 for left, 0 for right, 0.5 for a tie; ``win_left`` is
    empty for a tie (as R's binomial wants it). ``<metric>_left`` and ``<metric>_right`` are the values as stored,
    ``d_<metric>`` is left minus right, ``dz_<metric>`` the same in standard deviations of the scene; all are empty
    where a value is missing, ``dz`` also where the scene's values cannot be compared. ``param_<name>_left`` and
    ``_right`` are the parameters that differ between conditions, ``x_<name>_left`` and ``_right`` the numeric ones on
    the scale of the analysis.
    """
    data = data.canonical()
    condition = data.condition
    metrics, of_condition = _metric_names(data), _params(data)
    params, scales = _param_names(data, of_condition), _scales(data, of_condition)
    head = ["trial_id", "question_id", "participant_id", "scene_id", "stimulus_left", "stimulus_right"]
    head += ["condition_left", "condition_right", "choice", "win_left", "y", "rt_ms", "simulated"]
    head += [f"param_{name}_{side}" for name in params for side in ("left", "right")]
    head += [f"x_{name}_{side}" for name in scales for side in ("left", "right")]
    head += [f"{name}_{end}" for name in metrics.values() for end in ("left", "right")]
    head += [f"{way}_{name}" for name in metrics.values() for way in ("d", "dz")]
    values = {(s.stimulus, s.metric): s.value for s in data.scores}
    spread = {m.id: _spreads(data, m) for m in data.metrics}
    stimulus = data.stimulus

    @cache  # a study has more votes than pairs
    def pair(left: str, right: str) -> tuple[list[str], list[str]]:
        shown = [condition[stimulus[side].condition] for side in (left, right)]
        own = [of_condition[c.id] for c in shown]
        found = [csv_cell(p.get(name)) for name in params for p in own]
        found += [csv_cell(_x(p.get(name), scale)) for name, scale in scales.items() for p in own]
        both = {m: (values.get((left, m)), values.get((right, m))) for m in metrics}
        found += [csv_cell(value) for sides in both.values() for value in sides]
        for metric, (a, b) in both.items():
            d = None if a is None or b is None else a - b
            sd = spread[metric].get(stimulus[left].scene)
            found += [csv_cell(d), csv_cell(None if d is None or sd is None else d / sd if sd else 0.0)]
        return [csv_cell(c.label) for c in shown], found

    simulated = csv_cell(data.simulated)

    def row(t: Trial) -> list[str]:
        labels, measured = pair(t.left, t.right)
        names = [csv_cell(name) for name in (t.id, t.question, t.participant, t.scene, t.left, t.right)]
        answer = [csv_cell(v) for v in (t.choice, WIN.get(t.choice), SHARE_LEFT[t.choice], t.rt_ms)]
        return [*names, *labels, *answer, simulated, *measured]

    asked = [q.id for q in data.questions if question in (None, q.id)]
    votes = [t for q in asked for t in analysis_set(data, q)[0]]
    return csv_bytes([head, *(row(t) for t in sorted(votes, key=lambda t: t.id))])


def _metric_names(data: StudyData) -> dict[str, str]:
    """Metric id -> its key, or key and id where two metrics share a key."""
    keys = [m.key for m in data.metrics]
    return {m.id: m.key if keys.count(m.key) == 1 else f"{m.key}_{m.id}" for m in data.metrics}


def _params(data: StudyData) -> dict[str, dict[str, Scalar]]:
    """Condition -> its parameters and the columns derived from them."""
    return {c.id: {**c.params, **tasks.derived(c.method, c.params)} for c in data.conditions}


def _param_names(data: StudyData, params: Mapping[str, Mapping[str, Scalar]]) -> list[str]:
    """What differs between the conditions; what all of them share stands in conditions.csv."""
    grid = [params[c.id] for c in data.conditions if c.role == "grid"]
    names = {name for own in grid for name in own}
    return sorted(name for name in names if len({repr(own.get(name)) for own in grid}) > 1)


def _scales(data: StudyData, params: Mapping[str, Mapping[str, Scalar]]) -> dict[str, Callable[[float], float]]:
    """The scale of every numeric parameter of the grid with two levels at least: log10, or linear where a level is not
    above zero (specs/evaluation.md, E9)."""
    found: dict[str, Callable[[float], float]] = {}
    grid = [params[c.id] for c in data.conditions if c.role == "grid"]
    for name in _param_names(data, params):
        levels = {own[name] for own in grid if own.get(name) is not None}
        numbers = [level for level in levels if is_number(level)]
        if len(numbers) == len(levels) > 1:
            found[name] = math.log10 if min(numbers) > 0 else float
    return found


def _x(value: object, scale: Callable[[float], float]) -> float | None:
    return scale(value) if is_number(value) else None


def _spreads(data: StudyData, metric: MetricInfo) -> dict[str, float]:
    """Scene -> population SD of the metric over its grid conditions, where the metric is complete and comparable."""
    table = minimiser.cells(data, metric)
    found: dict[str, float] = {}
    for scene in (s.id for s in data.scenes):
        items: Sequence[str] = grid_conditions(data, scene)
        minimum = minimiser.scene_minimum(data, metric, table, scene, items, scene)
        if not isinstance(minimum, Reason):
            found[scene] = float(np.std(list(minimum.values.values())))
        elif minimum.code == "NC_CONSTANT_METRIC":
            found[scene] = 0.0
    return found
