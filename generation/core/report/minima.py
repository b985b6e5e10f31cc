"""Where a measure is lowest, by how much, in how many scenes, and whether that is at the edge of the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generation.core.drawing.numbers import short
from generation.core.report.axes import levels, numeric, text, varying
from generation.core.report.data import Axis, Measure, Report, Value, cell, over_scenes

EDGE = "the minimum lies at the edge of the grid"
#: With fewer levels every value is at an edge, and to say so says nothing.
EDGE_LEVELS = 3


@dataclass(frozen=True)
class Minimum:
    """The best condition of a measure among some conditions. ``scene``: None for the mean over scenes. ``next``: the
    runner-up, None where there is no other; ``margin``: how far below it the minimum lies, as a share of it (None where
    the runner-up is 0); ``scenes``: in how many scenes the same condition is the best, of ``of_scenes``."""

    measure: Measure
    scene: int | None
    condition: int
    value: float
    next: int | None
    margin: float | None
    scenes: int
    of_scenes: int


def values(report: Report, measure: Measure, scene: int | None, among: Sequence[int]) -> dict[int, Value]:
    """Condition -> its value in a scene, or its mean over all scenes (None)."""
    return {
        c: over_scenes(report, measure, c) if scene is None else cell(report, measure, scene, c) for c in among
    }  # fmt: skip


def minimum(
    report: Report, measure: Measure, scene: int | None = None, among: Sequence[int] | None = None
) -> Minimum | None:
    """The minimum of a measure (the maximum where higher is better); None where nothing has a value. Of equal values
    the first in grid order wins, with a margin of 0."""
    among = report.points if among is None else among
    ranked = _ranked(report, measure, scene, among)
    if not ranked:
        return None
    (best, value), second = ranked[0], ranked[1] if len(ranked) > 1 else None
    margin = abs(second[1] - value) / abs(second[1]) if second and second[1] else None
    firsts = [_ranked(report, measure, s, among) for s in range(len(report.scenes))]
    won = sum(1 for one in firsts if one and dict(one).get(best) == one[0][1])
    return Minimum(
        measure, scene, best, value, second[0] if second else None, margin, won, sum(1 for one in firsts if one)
    )


def best(report: Report, measure: Measure, scene: int | None, among: Sequence[int]) -> tuple[int, float] | None:
    """The best condition and its value, without the rest of :func:`minimum`."""
    return next(iter(_ranked(report, measure, scene, among)), None)


def _ranked(report: Report, measure: Measure, scene: int | None, among: Sequence[int]) -> list[tuple[int, float]]:
    found = [(c, v) for c, v in values(report, measure, scene, among).items() if isinstance(v, float)]
    return sorted(found, key=lambda item: item[1] if measure.lower else -item[1])


def edge_words(measure: Measure) -> str:
    """That the best lies at the edge, in words."""
    return EDGE if measure.lower else EDGE.replace("minimum", "maximum")


def end_of(report: Report, axis: Axis, condition: int, among: Sequence[int]) -> str:
    """'smallest' or 'largest' where a condition has that of at least three numbers of an axis, else nothing."""
    there, at = levels(report, axis, among), report.conditions[condition].value(axis.name)
    if not numeric(report, axis) or len(there) < EDGE_LEVELS or at not in (there[0], there[-1]):
        return ""
    return "smallest" if at == there[0] else "largest"


def edges(report: Report, found: Minimum) -> list[str]:
    """'learning rate 0.3 is its largest value': the numeric parameters at an end of their range at the minimum.

    The range is that of the conditions with the same choices as the minimum: a learning rate is no number that two
    optimisers share.
    """
    there = [axis for axis in varying(report) if not axis.of]
    choices = [axis.name for axis in there if not numeric(report, axis)]
    chosen = report.conditions[found.condition]
    alike = [c for c in report.points if all(report.conditions[c].value(n) == chosen.value(n) for n in choices)]
    return [
        f"{axis.label[0].lower()}{axis.label[1:]} {text(chosen.value(axis.name))} is its {end} value"
        for axis in there
        if (end := end_of(report, axis, found.condition, alike))
    ]


def margin_words(report: Report, found: Minimum) -> str:
    """'3.2 % below the next (lr 0.03)': how clear the minimum is."""
    if found.next is None:
        return "no other has a value"
    name, side = report.conditions[found.next].label, "below" if found.measure.lower else "above"
    if found.margin is None:
        return f"the next ({name}) is 0"
    return f"{percent(found.margin)} {side} the next ({name})" if found.margin else f"the same value as {name}"


def percent(share: float) -> str:
    """A share as '3.2 %', with enough digits to tell it from 0."""
    return f"{100 * share:.1f}\u00a0%" if share >= 0.001 else f"{short(100 * share, 1)}\u00a0%"
