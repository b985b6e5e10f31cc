"""Which conditions the next round should have: the axes that can be moved along, and the points on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import expit

from evaluation.core.evidence import Evidence
from evaluation.core.scale.inference import Scale
from evaluation.core.suggestion.surface import Axis, Surface
from evaluation.core.weights.learned import learned_section
from evaluation.core.weights.shape.levels import is_number
from generation.core import tasks
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

Row = dict[str, Any]
#: Two points are one where they are closer than this on every axis (the tested range has length 2).
NEAR = 0.08


@dataclass(frozen=True)
class Region:
    """The fitted peak along one axis, with 95 % bounds. ``at_end``: the curve still rises where the search ends."""

    axis: Axis
    peak: float
    low: float
    high: float
    at_end: bool

    @property
    def words(self) -> str:
        """'learning rate 0.018 (95 % CI 0.012–0.022)'."""
        if self.at_end:
            return f"{_spoken(self.axis)} {self.peak:.2g} or further (the curve still rises there)"
        return f"{_spoken(self.axis)} {self.peak:.2g} (95 % CI {self.low:.2g}–{self.high:.2g})"


@dataclass(frozen=True)
class Design:
    """``rows``: (parameters, reason) of each condition. ``region``: where the peak lies along each axis.
    ``note``: what was learned about the weights of the loss and how the curve was fitted; sentences or empty."""

    rows: tuple[tuple[Row, str], ...]
    region: tuple[Region, ...]
    note: str


@dataclass(frozen=True)
class Round:
    """What this round says, in numbers of the items of ``scale``: which ``items`` the surface covers, who is the
    ``favourite``, the ``minimiser`` (or None) and who may still be the favourite (``kept``, among ``items``).
    ``varying``: names of the parameters that differ over the grid."""

    scale: Scale
    items: IntArray
    favourite: int
    minimiser: int | None
    kept: IntArray
    varying: tuple[str, ...]


def axes_of(
    params: Sequence[Mapping[str, Any]], varying: Sequence[str], favourite: int, grid: Mapping[str, Any]
) -> tuple[tuple[Axis, ...], IntArray]:
    """The numeric parameters among ``varying`` and the items to fit: those that share the favourite's other settings
    (optimiser and the like), since between names there is nothing to move along."""
    numeric = [n for n in varying if all(is_number(p.get(n)) for p in params)]
    others = [n for n in varying if n not in numeric]
    items = np.array([i for i, p in enumerate(params) if all(p.get(n) == params[favourite].get(n) for n in others)])
    axes = []
    for name in numeric:
        levels = tuple(sorted({float(params[i][name]) for i in items}))
        if len(levels) >= 2:
            whole = all(isinstance(params[i][name], int) for i in items)
            axes.append(Axis(name, levels, whole, *_limits(grid, name)))
    return tuple(axes), items


def choose(evidence: Evidence, known: Round, surface: Surface, *, most: int, least: int) -> Design:
    """Between ``least`` and ``most`` conditions around the fitted peak, with the favourite and the minimiser."""
    axes, favourite, minimiser, varying = surface.axes, known.favourite, known.minimiser, known.varying
    conditions = [evidence.data.condition[c] for c in known.scale.items]

    def place_of(number: int) -> FloatArray:
        return np.array([a.place(float(str(conditions[number].params[a.name]))) for a in axes])

    low, high = _search(surface, np.array([place_of(i) for i in known.kept]))
    peak, drawn = surface.peak(low, high, evidence.options.seed)
    bounds = np.quantile(drawn, [0.025, 0.25, 0.75, 0.975], axis=0)
    base = minimiser if minimiser is not None and minimiser in known.items else favourite

    rows: list[tuple[Row, str, FloatArray]] = []

    def add(place: FloatArray, why: str, changed: Row | None = None) -> None:
        place = np.clip(place, low, high)
        row = {n: conditions[favourite].params[n] for n in varying}
        row |= {a.name: a.value(float(z)) for a, z in zip(axes, place, strict=True)} | (changed or {})
        if len(rows) < most and (changed or all(np.abs(place - at).max() > NEAR for *_, at in rows)):
            if any(row == chosen for chosen, *_ in rows):
                return
            win = surface.lead(place, base)
            expected = f"expected to win {_meetings(win)} against {conditions[base].label}"
            if np.abs(place).max() > 1 + 1e-9:
                expected += ", a guess outside what was tested"
            rows.append((row, why if changed else f"{why}; {expected}", place))

    def keep(number: int, why: str) -> None:
        row = {n: conditions[number].params[n] for n in varying}
        if all(row != chosen for chosen, *_ in rows):
            rows.append((row, why, place_of(number)))

    keep(favourite, f"{conditions[favourite].label}: the favourite of this round, to tie the rounds together")
    if minimiser is not None:
        keep(minimiser, f"{conditions[minimiser].label}: the minimum of this round's loss, to be met again")
    add(peak, "the peak of the fitted curve")
    changed, note = _learned(evidence, conditions[favourite].params)
    if changed:
        add(peak, "the same place with the content weight that the votes would choose; untested weights", changed)
    widest = np.argsort(bounds[0] - bounds[-1])[:2]
    for i in widest:
        for at, side in ((bounds[0], "lower"), (bounds[3], "upper")):
            place = peak.copy()
            place[i] = at[i]
            add(place, f"the {side} end of where the peak may lie along {_spoken(axes[i])} (95 % region)")
    for at, side in ((bounds[1], "lower"), (bounds[2], "upper")):
        add(at, f"the {side} quartile of where the peak may lie")
    for step in (0.25, -0.25, 0.5, -0.5, 0.75, -0.75):
        if len(rows) < least:
            place = peak.copy()
            place[widest[0]] += step
            add(place, f"beside the peak along {_spoken(axes[widest[0]])}: the region is narrow, a curve needs width")
    rows.sort(key=lambda r: tuple(r[2]))
    if surface.local:
        note = (
            f"{note} One curve did not describe the whole grid: this one is fitted beside the favourite, so its "
            "interval is not that of the report's curve."
        ).strip()
    region = []
    for i, axis in enumerate(axes):
        at_end = bool(peak[i] in (low[i], high[i]))
        top, first, last = (axis.value(float(x[i])) for x in (peak, bounds[0], bounds[3]))
        region.append(Region(axis, top, first, last, at_end))
    return Design(tuple((row, why) for row, why, _ in rows), tuple(region), note)


def _search(surface: Surface, kept: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Where to look: where the curve was fitted, and one step beyond an end of the grid that may be the favourite
    (``kept``: (n, d) places of those)."""
    low, high = surface.low.copy(), surface.high.copy()
    for i, axis in enumerate(surface.axes):
        step = 2 / (len(axis.levels) - 1)
        low[i] -= step if kept[:, i].min() <= -1 + 1e-9 else 0.0
        high[i] += step if kept[:, i].max() >= 1 - 1e-9 else 0.0
        if np.isfinite(axis.minimum) and (axis.minimum > 0 or not axis.log):
            low[i] = max(low[i], axis.place(axis.minimum))
        if np.isfinite(axis.maximum):
            high[i] = min(high[i], axis.place(axis.maximum))
    return low, high


def _learned(evidence: Evidence, params: Mapping[str, Any]) -> tuple[Row, str]:
    """The weights of the loss in the learned ratio, where it is known and is not the generator's own."""
    if not {"style_weight", "content_weight"} <= set(params):
        return {}, ""
    found = learned_section(evidence).summary.get("raw")
    if not found or found["lambda_low"] is None or found["p"] is None:
        return {}, "The votes do not say how style and content loss should be weighed: the weights stay."
    share, low, high = found["lambda"], found["lambda_low"], found["lambda_high"]
    interval = f"95 % CI {100 * low:.0f}–{100 * high:.0f} for style"
    said = f"style : content {100 * share:.0f} : {100 * (1 - share):.0f}, {interval}"
    if found["p"] > evidence.options.alpha:
        return {}, f"The learned weights ({said}) cannot be told from the generator's own: the weights stay."
    style = float(params["style_weight"])
    if not 0.01 < share < 0.99 or style <= 0:
        return {}, f"The learned weights ({said}) lie at an end, which no grid should follow: the weights stay."
    weight = float(f"{style * (1 - share) / share:.2g}")
    return {"content_weight": weight}, f"The learned weights ({said}) are put to the test in one condition."


def _limits(grid: Mapping[str, Any], name: str) -> tuple[float, float]:
    """Smallest and largest value the task allows; none where the task is not known here."""
    head = grid.get("grid", {})
    try:
        task = tasks.get(str(head.get("task")))
    except KeyError:
        return -np.inf, np.inf
    param = task.methods.get(str(head.get("method")), task.default_method).params.get(name)
    low = param.minimum if param is not None and param.minimum is not None else -np.inf
    high = param.maximum if param is not None and param.maximum is not None else np.inf
    return low, high


def _meetings(difference: tuple[float, float, float]) -> str:
    win, low, high = (100 * float(expit(d)) for d in difference)
    return f"{win:.0f} of 100 meetings (95 % CI {low:.0f}–{high:.0f})"


def _spoken(axis: Axis) -> str:
    return axis.name.replace("_", " ")
