"""The conditions of a grid file: blocks of the four designs laid out, completed and named; and the controls."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from generation.core.grid import reading
from generation.core.grid.reading import GridError, Row
from generation.core.photo import COMMON_METHODS
from generation.core.spec import ConditionSpec, Scalar
from generation.core.tasks import Method, Task

#: Controls of every grid: name in the file -> label and method. A task may have more.
CONTROLS: Mapping[str, tuple[str, Method]] = {
    "photograph": ("photograph", COMMON_METHODS["identity"]),
    "grey": ("grey photograph", COMMON_METHODS["grey"]),
}
DESIGNS = ("product", "paired", "one_at_a_time", "list")
#: What a row says beside parameters: its label, and the default of its family.
LABEL, AROUND = "label", "around"


def condition_rows(blocks: object, method: Method, base: Row) -> list[dict[str, Any]]:
    """The rows of all blocks, each a partial row with the keys it sets (and ``label`` where written)."""
    if not isinstance(blocks, list) or not blocks:
        raise GridError("The grid file has no conditions. Write at least one [[conditions]] block with a design.")
    rows: list[dict[str, Any]] = []
    for number, block in enumerate(blocks, 1):
        where = f"[[conditions]] block {number}"
        if not isinstance(block, dict):
            raise GridError(f"{where} must be a table, written as [[conditions]].")
        design, join = block.get("design"), block.get("join", "add")
        if design not in DESIGNS:
            raise GridError(f"{where}: design = {design!r}. Choose one of {', '.join(DESIGNS)}.")
        if join not in ("add", "cross"):
            raise GridError(f'{where}: join = {join!r}. Write "add" or "cross".')
        axes = {k: v for k, v in block.items() if k not in ("design", "join")}
        new = _BLOCKS[design](axes, where)
        if join == "cross":
            if not rows:
                raise GridError(f'{where}: join = "cross" needs a block before it.')
            rows = [_cross(a, b, where) for a in rows for b in new]
        else:
            rows += new
    seen: dict[str, dict[str, Any]] = {}
    for row in rows:
        given = _given(row)
        key = ConditionSpec(method.name, reading.complete(method, base | given, "[[conditions]]")).digest
        if key in seen:
            words = ", ".join(f"{k} = {v}" for k, v in given.items()) or "the default"
            raise GridError(f"[[conditions]]: the condition {words} stands there twice.")
        seen[key] = row
    return rows


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in (LABEL, AROUND)}


def _cross(a: dict[str, Any], b: dict[str, Any], where: str) -> dict[str, Any]:
    both = (set(a) & set(b)) - {LABEL}
    if both:
        raise GridError(f"{where}: {min(both)} is set by both crossed blocks.")
    labels = [str(r[LABEL]) for r in (a, b) if LABEL in r]
    return {**a, **b, **({LABEL: ", ".join(labels)} if labels else {})}


def _product(axes: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    lists = {name: reading.axis(name, values, where) for name, values in axes.items()}
    if not lists:
        raise GridError(f"{where}: a product needs at least one axis, for example learning_rate = [0.01, 0.02].")
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def _paired(axes: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    lists = {name: reading.axis(name, values, where) for name, values in axes.items()}
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) != 1:
        words = ", ".join(f"{name} has {n}" for name, n in lengths.items()) or "none is given"
        raise GridError(f"{where}: paired axes advance together and must be equally long; {words}.")
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _one_at_a_time(axes: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """A default and single changes of it. Blocks with a ``default`` of their own are families, each around its own."""
    own = axes.get("default", {})
    if not isinstance(own, dict):
        raise GridError(f'{where}: default is a table, for example default = {{ model = "zhang", label = "Zhang" }}.')
    lists = {name: reading.axis(name, values, where) for name, values in axes.items() if name != "default"}
    changes: list[dict[str, Any]] = [{}] + [{name: value} for name, values in lists.items() for value in values]
    if not own:
        return changes
    base = {name: value for name, value in own.items() if name != "label"}
    return [{**base, **change, AROUND: own} for change in changes]


def _list(axes: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    reading.only(axes, ("rows",), f"{where} (design list)")
    rows = reading.axis("rows", axes.get("rows"), where)
    if any(not isinstance(row, dict) for row in rows):
        raise GridError(f'{where}: each row is a table, for example {{ learning_rate = 0.02, label = "lr 0.02" }}.')
    return [dict(row) for row in rows]


_BLOCKS: dict[str, Callable[[Mapping[str, Any], str], list[dict[str, Any]]]] = {
    "product": _product,
    "paired": _paired,
    "one_at_a_time": _one_at_a_time,
    "list": _list,
}


def labelled(rows: Sequence[dict[str, Any]], method: Method, base: Row) -> list[ConditionSpec]:
    """Complete each row and name it by what varies over the grid, as a paper would: ``lr 0.005``."""
    complete = [reading.complete(method, base | _given(row), "[[conditions]]") for row in rows]
    default = reading.complete(method, base, "[parameters]")
    # What only follows from what is written (an optimiser's own options) names nothing.
    written = {name for row in rows for name in row}
    varying = [n for n in method.params if n in written and len({repr(row[n]) for row in complete}) > 1]
    around_default = default in complete and all(
        sum(row[name] != default[name] for name in varying) <= 1 for row in complete
    )
    conditions: list[ConditionSpec] = []
    for row, params in zip(rows, complete, strict=True):
        own = row.get(AROUND, {})
        centre = reading.complete(method, base | _given(own), "[[conditions]] default") if own else default
        changed = [name for name in varying if params[name] != centre[name]]
        shown = changed if own or (around_default and len(varying) > 1) else varying
        words = ", ".join(
            [_family(own, method)] * bool(own)
            + [f"{method.params[name].short} {in_words(params[name])}" for name in shown]
        )
        conditions.append(
            ConditionSpec(
                method=method.name,
                params=params,
                label=reading.short(str(row.get(LABEL) or words or "default"), "[[conditions]] label"),
                is_default=params == default,
                factor=changed[0] if len(changed) == 1 else "",
            )
        )
    labels = [c.label for c in conditions]
    for label in labels:
        if labels.count(label) > 1:
            raise GridError(f"[[conditions]]: two conditions are called {label!r}; give them different labels.")
    return conditions


def _family(own: Mapping[str, Any], method: Method) -> str:
    named = (f"{method.params[name].short} {in_words(value)}" for name, value in _given(own).items())
    return str(own.get(LABEL) or ", ".join(named))


def read_controls(table: Mapping[str, Any], default: Row, task: Task) -> list[ConditionSpec]:
    """The controls that ``[controls]`` asks for, with what they share of ``default``, the shared parameters."""
    known = {**CONTROLS, **task.controls}
    reading.only(table, tuple(known), "[controls]")
    controls: list[ConditionSpec] = []
    for name, wanted in table.items():
        if not isinstance(wanted, bool):
            raise GridError(f"[controls] {name} = {wanted!r}: write true or false.")
        if wanted:
            label, method = known[name]
            params = reading.complete(method, {k: v for k, v in default.items() if k in method.params}, "[controls]")
            controls.append(ConditionSpec(method.name, params, role="control", label=label))
    return controls


def in_words(value: Scalar) -> str:
    """A value as labels and notes show it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
