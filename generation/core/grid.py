"""The grid file: TOML in, scenes x conditions x seeds out.

A grid file declares what is depicted (`[sources]`, `[scenes]`), the parameters all conditions share (a preset and
`[parameters]`, which goes before it) and the conditions, in one or more `[[conditions]]` blocks of four designs:

* ``product``: every combination of the listed values;
* ``paired``: the axes advance together (Meng's weight groups);
* ``one_at_a_time``: a default and single changes of it (Lee's nine rows);
* ``list``: rows written out, each with a label if wanted.

A block is added to those before it, or crossed with them (``join = "cross"``). Every mistake is a :class:`GridError`
whose sentence names the thing and the mend; nothing is guessed.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generation.core import tasks
from generation.core.photo import COMMON_METHODS
from generation.core.spec import ConditionSpec, Scalar
from generation.core.tasks import Method, Param, ParameterError, Preset, Task

#: Controls of a grid: name in the file -> label and method of every task.
CONTROLS: Mapping[str, tuple[str, Method]] = {
    "photograph": ("photograph", COMMON_METHODS["identity"]),
    "grey": ("grey photograph", COMMON_METHODS["grey"]),
}
DESIGNS = ("product", "paired", "one_at_a_time", "list")
AUTO = "auto"
Row = dict[str, Scalar]
_SLUG = re.compile(r"^[a-z0-9][a-z0-9-]*$")


class GridError(ValueError):
    """A mistake in a grid file; the text names it and the mend."""


@dataclass(frozen=True)
class Source:
    """A picture that scenes are made of. ``file`` is relative to the grid file; ``sha256`` pins it where given."""

    name: str
    file: str
    title: str
    licence: str = ""
    credit: str = ""
    sha256: str = ""


@dataclass(frozen=True)
class SceneNames:
    """A scene by the names of its sources."""

    content: str
    style: str | None
    label: str


@dataclass(frozen=True)
class GridFile:
    """A checked grid file. ``conditions`` are complete (defaults filled in) and in the order of the file.

    ``notes``: sentences about the whole grid, to be said before anything is rendered: how its preset departs from
    what it is named after, conditions that give one and the same image.
    """

    title: str
    slug: str
    task: Task
    text: str
    sources: Mapping[str, Source]
    scenes: tuple[SceneNames, ...]
    conditions: tuple[ConditionSpec, ...]
    seeds: tuple[int, ...]
    reference: Mapping[str, Scalar]
    preset: str = ""
    notes: tuple[str, ...] = ()

    @property
    def renders(self) -> int:
        """How many images the grid asks for."""
        return len(self.scenes) * len(self.conditions) * len(self.seeds)


def parse(text: str, resolve_auto: Callable[[str, Param], Scalar] | None = None) -> GridFile:
    """Check a grid file and lay out its conditions.

    ``resolve_auto(name, param)`` chooses the value of a parameter written as ``"auto"`` (the backbone that can be had
    on this machine). Raises :class:`GridError`.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise GridError(f"The grid file is not valid TOML: {error}.") from None
    allowed = ("grid", "sources", "scenes", "parameters", "conditions", "controls", "replicates", "reference")
    _only(data, allowed, "the grid file")
    head = _table(data, "grid", required=True)
    _only(head, ("title", "slug", "task", "method", "preset"), "[grid]")
    title, slug = _text(head, "title", "[grid]"), _text(head, "slug", "[grid]", 80)
    if not _SLUG.match(slug):
        raise GridError(f"[grid] slug = {slug!r}: use lower-case letters, digits and hyphens only.")
    try:
        task = tasks.get(_text(head, "task", "[grid]"))
    except KeyError as error:
        raise GridError(f"[grid] task: {error.args[0]}") from None
    method = _method(task, head.get("method"))
    sources = _sources(_table(data, "sources", required=True))
    preset = _preset(method, head.get("preset"))
    base = {**(preset.values if preset else {}), **_resolve(method, _table(data, "parameters"), resolve_auto)}
    _complete(method, base, "[parameters]")  # a mistake there is said there
    rows = _condition_rows(data.get("conditions"), method, base)
    conditions = _label(rows, method, base)
    conditions += _controls(_table(data, "controls"), _complete(method, base, "[parameters]"))
    reference = _complete(method, base | _resolve(method, _table(data, "reference"), resolve_auto), "[reference]")
    seeds = _seeds(_table(data, "replicates"))
    return GridFile(
        title=title,
        slug=slug,
        task=task,
        text=text,
        sources=sources,
        scenes=_scenes(_table(data, "scenes", required=True), task, sources),
        conditions=tuple(conditions),
        seeds=seeds,
        reference=reference,
        preset=str(head.get("preset", "")),
        notes=tuple(_notes(method, preset, [c for c in conditions if c.role == "grid"], seeds)),
    )


def _notes(
    method: Method, preset: Preset | None, conditions: Sequence[ConditionSpec], seeds: Sequence[int]
) -> list[str]:
    said: list[str] = []
    if preset:
        said += [preset.departure] if preset.departure else []
        published = method.complete(preset.values)
        changed = [n for n in method.params if all(c.params[n] != published[n] for c in conditions)]
        if changed:
            values = {n: sorted({_value(c.params[n]) for c in conditions}) for n in changed}
            words = ", ".join(f"{n} = {found[0] if len(found) == 1 else 'several'}" for n, found in values.items())
            said.append(f"This grid is not the preset {preset.label!r} as it stands: {words}.")
    try:
        return said + method.notes([(c.label, c.params) for c in conditions], seeds)
    except ParameterError as error:
        raise GridError(f"[[conditions]]: {error}") from None


def _preset(method: Method, name: object) -> Preset | None:
    if name is None:
        return None
    if not isinstance(name, str) or name not in method.presets:
        known = ", ".join(method.presets) or "none"
        raise GridError(f"[grid] preset = {name!r}: {method.label} knows {known}.")
    return method.presets[name]


def _method(task: Task, name: object) -> Method:
    if name is None:
        return task.default_method
    if not isinstance(name, str) or name not in task.methods:
        raise GridError(f"[grid] method = {name!r}: {task.label} knows {', '.join(task.methods)}.")
    return task.methods[name]


# --- small readers that name what is wrong ------------------------------------------------------------------------


def _only(table: Mapping[str, object], allowed: Sequence[str], where: str) -> None:
    for key in table:
        if key not in allowed:
            raise GridError(f"{where}: unknown key {key!r}. Known: {', '.join(allowed)}.")


def _table(data: Mapping[str, Any], name: str, *, required: bool = False) -> dict[str, Any]:
    if name not in data:
        if required:
            raise GridError(f"The grid file has no [{name}] table.")
        return {}
    if not isinstance(data[name], dict):
        raise GridError(f"{name} must be a table, written as [{name}].")
    table: dict[str, Any] = data[name]
    return table


def _text(table: Mapping[str, object], key: str, where: str, longest: int = 120) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value.strip():
        raise GridError(f'{where}: {key} is missing. Write {key} = "...".')
    return _short(value.strip(), f"{where} {key}", longest)


def _short(text: str, where: str, longest: int = 120) -> str:
    """``text`` if it fits where it is stored and shown."""
    if len(text) > longest:
        raise GridError(f"{where} has {len(text)} characters; at most {longest} are allowed.")
    return text


def _axis(name: str, values: object, where: str) -> list[Any]:
    if not isinstance(values, list):
        raise GridError(f"{where}: {name} must be a list of values, for example {name} = [1, 2].")
    if not values:
        raise GridError(f"{where}: the axis {name} is empty. Give it at least one value or take it out.")
    return values


def _resolve(method: Method, table: Mapping[str, Any], resolve: Callable[[str, Param], Scalar] | None) -> Row:
    resolved: Row = {}
    for name, value in table.items():
        param = method.params.get(name)
        if value == AUTO and param is not None and param.kind == "choice" and AUTO not in param.choices:
            if resolve is None:
                raise GridError(f'[parameters] {name} = "auto": nothing here can choose; name one of {param.choices}.')
            value = resolve(name, param)
        resolved[name] = value
    return resolved


def _complete(method: Method, row: Mapping[str, object], where: str) -> Row:
    try:
        return method.complete(row)
    except ParameterError as error:
        raise GridError(f"{where}: {error}") from None


# --- sources and scenes -------------------------------------------------------------------------------------------


def _sources(table: Mapping[str, Any]) -> dict[str, Source]:
    sources: dict[str, Source] = {}
    for name, value in table.items():
        where = f"[sources.{_short(name, '[sources] name', 80)}]"
        if not isinstance(value, dict):
            raise GridError(f"{where} must be a table with file, title, licence and credit.")
        _only(value, ("file", "title", "licence", "credit", "sha256"), where)
        for key, entry in value.items():
            if not isinstance(entry, str):
                raise GridError(f"{where}: {key} must be text.")
            _short(entry, f"{where} {key}")
        sources[name] = Source(
            name=name,
            file=_text(value, "file", where),
            title=str(value.get("title", name)),
            licence=str(value.get("licence", "")),
            credit=str(value.get("credit", "")),
            sha256=str(value.get("sha256", "")),
        )
    if not sources:
        raise GridError('[sources] is empty. Name at least one picture: [sources.NAME] with file = "...".')
    return sources


def _scenes(table: Mapping[str, Any], task: Task, sources: Mapping[str, Source]) -> tuple[SceneNames, ...]:
    _only(table, ("list", *task.sources), "[scenes]")
    if "list" in table and len(table) > 1:
        raise GridError("[scenes]: write either a list or content and style, not both.")
    rows: list[dict[str, Any]]
    if "list" in table:
        rows = _axis("list", table["list"], "[scenes]")
        for row in rows:
            if not isinstance(row, dict):
                raise GridError(
                    '[scenes] list: each scene is a table, for example { content = "cat", style = "waves" }.'
                )
            _only(row, (*task.sources, "label"), "[scenes] list")
    else:
        axes = [_axis(role, table.get(role), "[scenes]") for role in task.sources]
        rows = [dict(zip(task.sources, names, strict=True)) for names in itertools.product(*axes)]
    scenes: list[SceneNames] = []
    for row in rows:
        for role in task.sources:
            if not isinstance(row.get(role), str) or row[role] not in sources:
                raise GridError(
                    f"[scenes]: {role} = {row.get(role)!r} is not among the sources ({', '.join(sorted(sources))})."
                )
        content, style = row["content"], row.get("style")
        label = row.get("label") or " × ".join(sources[n].title for n in (content, style) if n)
        scenes.append(SceneNames(content, style, _short(str(label), "[scenes] label", 200)))
    pairs = [(s.content, s.style) for s in scenes]
    if len(set(pairs)) < len(pairs):
        twice = next(p for p in pairs if pairs.count(p) > 1)
        raise GridError(f"[scenes]: {' × '.join(str(n) for n in twice if n)} stands there twice.")
    return tuple(scenes)


def _seeds(table: Mapping[str, Any]) -> tuple[int, ...]:
    _only(table, ("seeds",), "[replicates]")
    seeds = _axis("seeds", table.get("seeds", [0]), "[replicates]")
    if any(isinstance(s, bool) or not isinstance(s, int) or not 0 <= s < 2**31 for s in seeds):
        raise GridError(f"[replicates] seeds = {seeds}: write whole numbers from 0 to 2147483647.")
    if len(set(seeds)) < len(seeds):
        raise GridError(f"[replicates] seeds = {seeds}: a seed stands there twice.")
    return tuple(seeds)


# --- conditions ---------------------------------------------------------------------------------------------------


def _condition_rows(blocks: object, method: Method, base: Row) -> list[dict[str, Any]]:
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
        given = {k: v for k, v in row.items() if k != "label"}
        key = ConditionSpec(method.name, _complete(method, base | given, "[[conditions]]")).digest
        if key in seen:
            words = ", ".join(f"{k} = {v}" for k, v in given.items()) or "the default"
            raise GridError(f"[[conditions]]: the condition {words} stands there twice.")
        seen[key] = row
    return rows


def _cross(a: dict[str, Any], b: dict[str, Any], where: str) -> dict[str, Any]:
    both = (set(a) & set(b)) - {"label"}
    if both:
        raise GridError(f"{where}: {min(both)} is set by both crossed blocks.")
    labels = [str(r["label"]) for r in (a, b) if "label" in r]
    return {**a, **b, **({"label": ", ".join(labels)} if labels else {})}


def _product(axes: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    lists = {name: _axis(name, values, where) for name, values in axes.items()}
    if not lists:
        raise GridError(f"{where}: a product needs at least one axis, for example learning_rate = [0.01, 0.02].")
    return [dict(zip(lists, values, strict=True)) for values in itertools.product(*lists.values())]


def _paired(axes: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    lists = {name: _axis(name, values, where) for name, values in axes.items()}
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) != 1:
        words = ", ".join(f"{name} has {n}" for name, n in lengths.items()) or "none is given"
        raise GridError(f"{where}: paired axes advance together and must be equally long; {words}.")
    return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def _one_at_a_time(axes: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    lists = {name: _axis(name, values, where) for name, values in axes.items()}
    return [{}] + [{name: value} for name, values in lists.items() for value in values]


def _list(axes: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    _only(axes, ("rows",), f"{where} (design list)")
    rows = _axis("rows", axes.get("rows"), where)
    if any(not isinstance(row, dict) for row in rows):
        raise GridError(f'{where}: each row is a table, for example {{ learning_rate = 0.02, label = "lr 0.02" }}.')
    return [dict(row) for row in rows]


_BLOCKS: dict[str, Callable[[Mapping[str, Any], str], list[dict[str, Any]]]] = {
    "product": _product,
    "paired": _paired,
    "one_at_a_time": _one_at_a_time,
    "list": _list,
}


def _label(rows: Sequence[dict[str, Any]], method: Method, base: Row) -> list[ConditionSpec]:
    """Complete each row and name it by what varies over the grid, as a paper would: ``lr 0.005``."""
    complete = [
        _complete(method, base | {k: v for k, v in row.items() if k != "label"}, "[[conditions]]") for row in rows
    ]
    default = _complete(method, base, "[parameters]")
    # What only follows from what is written (an optimiser's own options) names nothing.
    written = {name for row in rows for name in row}
    varying = [n for n in method.params if n in written and len({repr(row[n]) for row in complete}) > 1]
    around_default = default in complete and all(
        sum(row[name] != default[name] for name in varying) <= 1 for row in complete
    )
    conditions: list[ConditionSpec] = []
    for row, params in zip(rows, complete, strict=True):
        changed = [name for name in varying if params[name] != default[name]]
        shown = changed if around_default and len(varying) > 1 else varying
        words = ", ".join(f"{method.params[name].short} {_value(params[name])}" for name in shown)
        conditions.append(
            ConditionSpec(
                method=method.name,
                params=params,
                label=_short(str(row.get("label") or words or "default"), "[[conditions]] label"),
                is_default=params == default,
                factor=changed[0] if len(changed) == 1 else "",
            )
        )
    labels = [c.label for c in conditions]
    for label in labels:
        if labels.count(label) > 1:
            raise GridError(f"[[conditions]]: two conditions are called {label!r}; give them different labels.")
    return conditions


def _controls(table: Mapping[str, Any], default: Row) -> list[ConditionSpec]:
    _only(table, tuple(CONTROLS), "[controls]")
    controls: list[ConditionSpec] = []
    for name, wanted in table.items():
        if not isinstance(wanted, bool):
            raise GridError(f"[controls] {name} = {wanted!r}: write true or false.")
        if wanted:
            label, method = CONTROLS[name]
            params = _complete(method, {k: v for k, v in default.items() if k in method.params}, "[controls]")
            controls.append(ConditionSpec(method.name, params, role="control", label=label))
    return controls


def _value(value: Scalar) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)
