"""The vote and the loss in one row: ``derived/votes_analysis.csv`` (specs/evaluation.md 3.2)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from evaluation.core.ballots import SHARE_LEFT, analysis_set, grid_conditions
from evaluation.core.bundle.kinds import kind, widest
from evaluation.core.dataset import MetricInfo, Scalar, StudyData, Trial
from evaluation.core.derived.columns import VOTES
from evaluation.core.verdict import minimiser
from evaluation.core.weights.shape.levels import is_number
from evaluation.core.words import Reason
from generation.core import tasks
from generation.core.csv_text import csv_cell, csv_line

NAME = "derived/votes_analysis.csv"
WIN = {"left": 1, "right": 0}


class VoteRows:
    """The lines of votes_analysis.csv.

    ``y`` is 1 for left, 0 for right, 0.5 for a tie; ``win_left`` is empty for a tie (as R's binomial wants it).
    ``<metric>_left`` and ``<metric>_right`` are the values as stored, ``d_<metric>`` is left minus right,
    ``dz_<metric>`` the same in standard deviations of the scene; all are empty where a value is missing, ``dz`` also
    where the scene's values cannot be compared. ``param_<name>_left`` and ``_right`` are the parameters that differ
    between conditions, ``x_<name>_left`` and ``_right`` the numeric ones on the scale of the analysis.

    header : names of the columns.
    types : of the columns beyond those that every study has (i, f, b or s).
    """

    def __init__(self, data: StudyData) -> None:
        """``data`` in canonical order; its trials are not looked at."""
        self._data = data
        self._metrics, self._params = _metric_names(data), _params(data)
        self._named, self._scales = _param_names(data, self._params), _scales(data, self._params)
        both = ("left", "right")
        params = {f"param_{name}_{side}": self._kind(name) for name in self._named for side in both}
        numbers = [f"x_{name}_{side}" for name in self._scales for side in both]
        numbers += [f"{name}_{end}" for name in self._metrics.values() for end in both]
        numbers += [f"{way}_{name}" for name in self._metrics.values() for way in ("d", "dz")]
        self.types = params | dict.fromkeys(numbers, "f")
        self.header = [*VOTES, *self.types]
        self._values = {(s.stimulus, s.metric): s.value for s in data.scores}
        self._spread = {m.id: _spreads(data, m) for m in data.metrics}
        self._pair = cache(self._of_pair)  # a study has more votes than pairs

    def csv(self, votes: Iterable[Trial], *, header: bool = False) -> bytes:
        """The lines of ``votes`` in their order, with the names of the columns before them or without."""
        head = [csv_line(self.header)] if header else []
        return "".join(f"{line}\n" for line in (*head, *map(self.line, votes))).encode()

    def line(self, t: Trial) -> str:
        """One vote, without the end of its line."""
        labels, measured = self._pair(t.left, t.right)
        names = [csv_cell(name) for name in (t.id, t.question, t.participant, t.scene, t.left, t.right)]
        answer = [csv_cell(v) for v in (t.choice, WIN.get(t.choice), SHARE_LEFT[t.choice], t.rt_ms)]
        return ",".join([csv_line(names), labels, csv_line([*answer, csv_cell(self._data.simulated)]), *measured])

    def _of_pair(self, left: str, right: str) -> tuple[str, list[str]]:
        """The labels of a pair, and all that is measured of it, ready to be written."""
        stimulus, condition = self._data.stimulus, self._data.condition
        shown = [condition[stimulus[side].condition] for side in (left, right)]
        own = [self._params[c.id] for c in shown]
        found = [csv_cell(p.get(name)) for name in self._named for p in own]
        found += [csv_cell(_x(p.get(name), scale)) for name, scale in self._scales.items() for p in own]
        both = {m: (self._values.get((left, m)), self._values.get((right, m))) for m in self._metrics}
        found += [csv_cell(value) for sides in both.values() for value in sides]
        for metric, (a, b) in both.items():
            d = None if a is None or b is None else a - b
            sd = self._spread[metric].get(stimulus[left].scene)
            found += [csv_cell(d), csv_cell(None if d is None or sd is None else d / sd if sd else 0.0)]
        return csv_line([csv_cell(c.label) for c in shown]), [csv_line(found)] if found else []

    def _kind(self, name: str) -> str:
        """The narrowest type of a parameter's cells."""
        return widest({kind(csv_cell(own[name])) for own in self._params.values() if own.get(name) not in (None, "")})


def votes_analysis(data: StudyData, *, question: str | None = None) -> bytes:
    """One line per vote that enters the analysis, by trial, with every metric of the two pictures it chose between
    (:class:`VoteRows`). ``question``: of this one only (default: of all)."""
    data = data.canonical()
    rows = VoteRows(data)
    asked = [q.id for q in data.asked if question in (None, q.id)]
    votes = [t for q in asked for t in analysis_set(data, q)[0]]
    return rows.csv(sorted(votes, key=lambda t: t.id), header=True)


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
