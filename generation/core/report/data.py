"""What a report is made of: conditions, scenes, renders and their numbers, as plain frozen data.

A :data:`Value` is a number or the sentence why there is none; NaN and infinities never get this far.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from statistics import fmean

import numpy as np
import numpy.typing as npt

from generation.core.spec import Scalar

#: A finite number, or the reason why there is none, in words.
Value = float | str
#: Term -> its raw values by step and its weight in the total (``core.protocols.loss_terms``).
Curve = Mapping[str, tuple[npt.NDArray[np.float64], float]]
#: Loss -> its values by epoch.
Losses = Mapping[str, npt.NDArray[np.float64]]
#: What a training says at its end when it was hopeless.
GIVEN_UP = "given up"
#: What the trainings of colorization minimise.
GENERATOR = "g"


@dataclass(frozen=True)
class Axis:
    """A parameter, or a column derived from the parameters ``of``. ``log``: drawn on a log axis where all are > 0."""

    name: str
    label: str
    short: str
    log: bool = False
    of: tuple[str, ...] = ()


@dataclass(frozen=True)
class Measure:
    """A metric of the grid. ``weight``: the parameter that weighs it in a condition's own total, if one does."""

    id: str
    key: str
    label: str
    short: str
    role: str = "independent"
    lower: bool = True
    unit: str = ""
    weight: str = ""

    @property
    def best(self) -> str:
        """'lowest', or 'highest' where a higher value is better."""
        return "lowest" if self.lower else "highest"


@dataclass(frozen=True)
class Condition:
    """A point of the grid as the grid calls it. ``role``: ``grid`` or ``control``."""

    label: str
    params: Mapping[str, Scalar]
    derived: Mapping[str, float] = field(default_factory=dict)
    role: str = "grid"
    is_default: bool = False

    def value(self, name: str) -> Scalar | None:
        """Value of a parameter or derived column; None where the condition has no such thing."""
        return self.derived.get(name, self.params.get(name))


@dataclass(frozen=True)
class Run:
    """One render. ``scene`` and ``condition`` are places in the report's lists; ``status`` as in the rows: planned, ok,
    nan (diverged), failed. ``scores``: measure id -> value; ``weights``: network -> SHA-256; ``seconds``: wall time.
    """

    scene: int
    condition: int
    seed: int
    status: str
    scores: Mapping[str, Value] = field(default_factory=dict)
    reason: str = ""
    steps: int = 0
    seconds: float = 0.0
    device: str = ""
    image: str = ""
    width: int = 0
    height: int = 0
    weights: Mapping[str, str] = field(default_factory=dict)
    curve_sha256: str = ""
    curve: Curve = field(default_factory=dict, compare=False)

    @property
    def trouble(self) -> str:
        """Why the render counts for nothing, in words; empty for a finished one."""
        words = {"ok": "", "nan": "diverged", "failed": "failed"}.get(self.status, "not rendered yet")
        return f"{words}: {self.reason}" if words and self.reason else words


@dataclass(frozen=True)
class Training:
    """One trained network. ``conditions``: places of those whose pictures it makes, in grid order; ``status`` as in the
    rows: planned, ok, nan (diverged), failed; ``losses``: of its last finite epoch, with what a grey picture would
    score; ``objective``: what fixes the units of its losses; ``data``: SHA-256 of the photographs, of which there are
    ``photographs`` (to train on, to validate on), zeros before it is trained; ``curve``: losses by epoch; ``loss``: the
    one that is minimised; ``style``: the name of the one style picture that the network is for, if it is for one.
    """

    conditions: tuple[int, ...]
    seed: int
    status: str
    losses: Mapping[str, float] = field(default_factory=dict)
    reason: str = ""
    final_reason: str = ""
    epochs: int = 0
    seconds: float = 0.0
    device: str = ""
    dtype: str = ""
    photographs: tuple[int, int] = (0, 0)
    objective: Mapping[str, Scalar] = field(default_factory=dict)
    data: str = ""
    digest: str = ""
    curve: Losses = field(default_factory=dict, compare=False)
    loss: str = GENERATOR
    style: str = ""

    @property
    def trouble(self) -> str:
        """Why its losses stand for nothing, without the reason: diverged, failed, given up; empty otherwise."""
        given_up = GIVEN_UP if self.final_reason == GIVEN_UP else ""
        return {"nan": "diverged", "failed": "failed"}.get(self.status, given_up)

    @property
    def finished(self) -> bool:
        """Whether it was trained to its end and its losses stand."""
        return self.status == "ok" and not self.trouble


@dataclass(frozen=True)
class Report:
    """A grid with all its numbers. ``axes``: parameters of the method, then derived columns; ``measures``: all metrics
    of the grid; ``shown``: those that figures and sentences speak of. ``notes``: sentences of the grid itself;
    ``trainings``: the networks that make its pictures, none where a method trains nothing."""

    title: str
    slug: str
    task: str
    scenes: tuple[str, ...]
    conditions: tuple[Condition, ...]
    axes: tuple[Axis, ...]
    measures: tuple[Measure, ...]
    shown: tuple[Measure, ...]
    runs: tuple[Run, ...]
    preset: str = ""
    notes: tuple[str, ...] = ()
    features: str = ""
    trainings: tuple[Training, ...] = ()

    @property
    def points(self) -> tuple[int, ...]:
        """Places of the conditions that belong to the grid (controls do not)."""
        return tuple(i for i, c in enumerate(self.conditions) if c.role == "grid")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of the grid's renders, sorted."""
        return tuple(sorted({r.seed for r in self.runs if self.conditions[r.condition].role == "grid"}))

    def of(self, scene: int, condition: int) -> Sequence[Run]:
        """The renders of a cell, one per seed."""
        return self._cells.get((scene, condition), ())

    @cached_property
    def _cells(self) -> dict[tuple[int, int], list[Run]]:
        cells: dict[tuple[int, int], list[Run]] = {}
        for run in self.runs:
            cells.setdefault((run.scene, run.condition), []).append(run)
        return cells


def cell(report: Report, measure: Measure, scene: int, condition: int) -> Value:
    """A measure in one cell: the mean over its seeds, or why there is none. A diverged run has no final value: its
    picture is only the last finite one."""
    runs = report.of(scene, condition)
    if not runs:
        return "not in this grid"
    values: list[float] = []
    for run in runs:
        value = run.trouble or run.scores.get(measure.id, "not measured")
        if isinstance(value, str):
            return value if len(runs) == 1 else f"seed {run.seed} {value}"
        values.append(value)
    return fmean(values)


def over_scenes(report: Report, measure: Measure, condition: int) -> Value:
    """A measure of a condition, the mean over all scenes; a reason where one of them has no value."""
    values: list[float] = []
    for scene, label in enumerate(report.scenes):
        value = cell(report, measure, scene, condition)
        if isinstance(value, str):
            return value if len(report.scenes) == 1 else f"{label}: {value}"
        values.append(value)
    return fmean(values) if values else "the grid has no scene"


def weighted(report: Report, measure: Measure, condition: int, raw: Value) -> Value:
    """``raw`` times the condition's own weight of that term."""
    weight = report.conditions[condition].params.get(measure.weight)
    if isinstance(raw, str):
        return raw
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        return "this condition has no such weight"
    return raw * weight
