"""The grid's parameters as axes: which of them vary, and where their values stand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from evaluation.core.figures.chart import Json
from generation.core.drawing import ticks
from generation.core.drawing.numbers import short, short_number


def varying(result: Json) -> dict[str, dict[str, Any]]:
    """Parameter -> condition id -> its value, for the parameters that all conditions have and that are not constant."""
    conditions = [(c["id"], c.get("params", {})) for c in result["conditions"]]
    shared = [name for name in (conditions[0][1] if conditions else {}) if all(name in p for _, p in conditions)]
    values = {name: {c: p[name] for c, p in conditions} for name in shared}
    return {name: found for name, found in values.items() if len(set(map(repr, found.values()))) > 1}


def is_number(value: object) -> bool:
    """Whether a parameter's value is a number (a switch is not)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def only_number(result: Json) -> tuple[str, dict[str, float]] | None:
    """The one parameter that varies, with its value in each condition, where there is one and it is a number."""
    found = varying(result)
    if len(found) != 1:
        return None
    name, values = next(iter(found.items()))
    if not all(is_number(v) for v in values.values()) or len(set(values.values())) != len(values):
        return None
    return name, {c: float(v) for c, v in values.items()}


def spoken(name: str) -> str:
    """A parameter's name as words."""
    return name.replace("_", " ").replace(".", " ")


def level(value: Any) -> str:
    """A parameter's value as a short text."""
    if not is_number(value):
        return str(value)
    return short_number(value) if abs(value) >= 1e5 else short(value)


def scale_x(axes: Axes, values: Sequence[float], inches: float) -> None:
    """Put ``values`` on the x axis, on a log scale where all are above 0, with ticks at as many as have room."""
    ticks.level_axis(axes, sorted(set(values)), level, inches, log=True)


def two(result: Json) -> tuple[tuple[str, list[Any]], tuple[str, list[Any]], Mapping[str, tuple[int, int]]] | None:
    """A grid of two parameters: the one down and the one across with their levels in order, and where each condition
    stands (row, column); None where not exactly two vary or two conditions share a place."""
    found = varying(result)
    if len(found) != 2:
        return None
    (a, first), (b, second) = sorted(found.items(), key=lambda item: (len(set(map(repr, item[1].values()))), item[0]))
    rows, across = _levels(first), _levels(second)
    at = {c: (rows.index(first[c]), across.index(second[c])) for c in first}
    # Conditions on a diagonal are a list, not a grid: most of its fields would be empty.
    if len(set(at.values())) < len(at) or len(at) <= max(len(rows), len(across)):
        return None
    return (a, rows), (b, across), at


def _levels(values: Mapping[str, Any]) -> list[Any]:
    """Distinct values: numbers by size, others in grid order."""
    distinct = list({repr(v): v for v in values.values()}.values())
    return sorted(distinct) if all(is_number(v) for v in distinct) else distinct
