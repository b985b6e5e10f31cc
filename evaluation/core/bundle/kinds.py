"""The types of cells: s text, i integer, f number, b boolean, t time."""

from __future__ import annotations

import re
from collections.abc import Collection

#: Their names in Frictionless Table Schema.
TYPES = {"s": "string", "i": "integer", "f": "number", "b": "boolean", "t": "datetime"}


def kind(cell: str) -> str:
    """The narrowest type that holds a cell, other than a time."""
    if cell in ("true", "false"):
        return "b"
    if re.fullmatch(r"-?\d+", cell):
        return "i"
    return "f" if re.fullmatch(r"-?\d+(\.\d+)?(e[-+]?\d+)?", cell) else "s"


def widest(kinds: Collection[str]) -> str:
    """The narrowest type that holds all cells of these types; text where there are none."""
    if len(set(kinds)) == 1:
        return next(iter(kinds))
    return "f" if set(kinds) == {"i", "f"} else "s"
