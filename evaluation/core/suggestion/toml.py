"""A grid file as text again: the subset of TOML 1.0 that grid files use, with comments where a reason belongs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

_BARE = re.compile(r"^[A-Za-z0-9_-]+$")


def comment(text: str) -> str:
    """``text`` as a comment line; line breaks would end it."""
    return f"# {' '.join(text.split())}"


def key(name: str) -> str:
    """A key, quoted where it has to be."""
    return name if _BARE.match(name) else value(name)


def value(item: Any) -> str:
    """A string, number, truth value, list or inline table. Raises ``TypeError`` for anything else."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, str):
        return json.dumps(item, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(item, int | float):
        return repr(item)
    if isinstance(item, Mapping):
        return "{ " + ", ".join(f"{key(k)} = {value(v)}" for k, v in item.items()) + " }"
    if isinstance(item, Iterable):
        return "[" + ", ".join(value(v) for v in item) + "]"
    raise TypeError(f"{type(item).__name__} has no place in a grid file")


def table(name: str, content: Mapping[str, Any]) -> list[str]:
    """Lines of ``[name]`` and of the tables inside it."""
    plain = {k: v for k, v in content.items() if not isinstance(v, Mapping)}
    lines = ["", f"[{name}]"] if plain or not content else []
    lines += [f"{key(k)} = {value(v)}" for k, v in plain.items()]
    for inner, items in content.items():
        if isinstance(items, Mapping):
            lines += table(f"{name}.{key(inner)}", items)
    return lines


def rows(found: Iterable[tuple[Mapping[str, Any], str]]) -> list[str]:
    """Lines of a ``[[conditions]]`` block of the design ``list``: each row under its reason."""
    lines = ["", "[[conditions]]", 'design = "list"', "rows = ["]
    for row, reason in found:
        lines += [f"    {comment(reason)}", f"    {value(row)},"]
    return [*lines, "]"]
