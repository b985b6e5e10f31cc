"""Which parameters vary over a grid, and along which conditions one of them can be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generation.core.drawing.numbers import short
from generation.core.report.data import Axis, Report
from generation.core.spec import Scalar


@dataclass(frozen=True)
class Family:
    """Conditions along which one axis changes while the others stay. ``words``: what the others are; empty where none
    varies."""

    words: str
    conditions: tuple[int, ...]


def varying(report: Report) -> list[Axis]:
    """The axes with more than one value over the grid's conditions, in their order."""
    return [a for a in report.axes if len(levels(report, a)) > 1]


def levels(report: Report, axis: Axis, among: Sequence[int] | None = None) -> list[Scalar]:
    """Distinct values of an axis: numbers by size, others in grid order."""
    found = [report.conditions[i].value(axis.name) for i in (report.points if among is None else among)]
    distinct = list({repr(v): v for v in found if v is not None}.values())
    return sorted(distinct) if all(is_number(v) for v in distinct) else distinct


def numeric(report: Report, axis: Axis) -> bool:
    """Whether all values of an axis are numbers (a switch is not)."""
    return all(is_number(v) for v in levels(report, axis))


def is_number(value: object) -> bool:
    """Whether a value is a number and no switch."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def families(report: Report, axis: Axis) -> list[Family]:
    """The families of conditions that show ``axis`` at work: at least two of its values, the other axes held.

    In a design that changes one parameter at a time this leaves the one family around the default. Where no family
    would show half of the axis because others change with it (the other weight of a pair, the learning rate of each
    optimiser), those are not held; a choice is held all the same while a number changes, for a line through several
    optimisers says nothing. What a derived column comes from is never held.
    """
    beside = [a for a in varying(report) if not a.of and a.name != axis.name and a.name not in axis.of]
    strict = _families(report, axis, beside)
    most = max((len(levels(report, axis, f.conditions)) for f in strict), default=0)
    if axis.of or 2 * most >= len(levels(report, axis)) or _around_one(report):
        return strict
    free = [a for a in beside if _nested(report, axis, a) and (numeric(report, a) or not numeric(report, axis))]
    return _families(report, axis, [a for a in beside if a not in free]) or strict


def _families(report: Report, axis: Axis, held: Sequence[Axis]) -> list[Family]:
    groups: dict[tuple[str, ...], list[int]] = {}
    for i in report.points:
        if report.conditions[i].value(axis.name) is not None:
            groups.setdefault(tuple(repr(report.conditions[i].value(a.name)) for a in held), []).append(i)
    found = [m for m in groups.values() if len(levels(report, axis, m)) > 1]
    return [Family(others(report, held, m[0]), tuple(m)) for m in found]


def _around_one(report: Report) -> bool:
    """Whether all conditions differ from one of them in a single parameter."""
    base = [a.name for a in varying(report) if not a.of]
    rows = [tuple(repr(report.conditions[i].value(n)) for n in base) for i in report.points]
    return any(all(sum(x != y for x, y in zip(a, b, strict=True)) <= 1 for b in rows) for a in rows)


def _nested(report: Report, axis: Axis, other: Axis) -> bool:
    """Whether at most half of the pairs of values of two parameters are there: they are not crossed."""
    return 2 * _pairs(report, axis, other) <= _count(report, axis) * _count(report, other)


def one_to_one(report: Report, axis: Axis, other: Axis) -> bool:
    """Whether each of the two parameters decides the other over the grid, as in groups of weights."""
    return _pairs(report, axis, other) == _count(report, axis) == _count(report, other)


def _count(report: Report, axis: Axis) -> int:
    return _pairs(report, axis, axis)


def _pairs(report: Report, axis: Axis, other: Axis) -> int:
    points = [report.conditions[i] for i in report.points]
    return len({(repr(c.value(axis.name)), repr(c.value(other.name))) for c in points})


def follows(report: Report, axis: Axis, among: Sequence[Axis]) -> bool:
    """Whether an earlier choice decides this one: the options that belong to each optimiser."""
    earlier = among[: among.index(axis)]
    return not numeric(report, axis) and any(
        not numeric(report, a) and _pairs(report, a, axis) == _count(report, a) for a in earlier
    )


def others(report: Report, held: Sequence[Axis], condition: int) -> str:
    """'style 1, content 5': values of several axes in a condition, without those that only follow another."""
    return ", ".join(place(report, a, condition) for a in held if not follows(report, a, held))


def place(report: Report, axis: Axis, condition: int) -> str:
    """'lr 0.01': an axis and its value in a condition."""
    return f"{axis.short} {text(report.conditions[condition].value(axis.name))}"


def text(value: Scalar | None) -> str:
    """A parameter's value as a short text."""
    if value is None:
        return "not set"
    if isinstance(value, bool):
        return "on" if value else "off"
    if not isinstance(value, int | float):
        return value or "none"
    # What was written in a grid file is shown as written; what was computed need not be.
    return short(float(value), 6 if float(f"{value:.6g}") == value else 4)
