"""The photographs that networks are trained on: the table ``[data]`` of a grid file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generation.core.grid import reading
from generation.core.grid.reading import GridError
from generation.core.tasks import Method

_KEYS = ("folder", "validation", "crops", "limit", "seed")


@dataclass(frozen=True)
class PhotographFolder:
    """A folder, relative to the grid file, and what is taken from it; see ``core.photographs.PackOptions``."""

    folder: str
    validation: float = 0.2
    crops: int = 1
    limit: int = 0
    seed: int = 0


def read_data(data: Mapping[str, Any], method: Method) -> PhotographFolder | None:
    """The table ``[data]``, which a method that trains networks needs and no other may have."""
    if method.trainer is None:
        if "data" in data:
            raise GridError(f"[data]: {method.label} trains nothing. Take the table out.")
        return None
    table = reading.table(data, "data", required=True)
    reading.only(table, _KEYS, "[data]")
    numbers = {
        "crops": _whole(table, "crops", 1, 1, 10_000),
        "limit": _whole(table, "limit", 0, 0, 10_000_000),
        "seed": _whole(table, "seed", 0, 0, 2**31 - 1),
    }
    share = table.get("validation", 0.2)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0.01 <= share <= 0.9:
        raise GridError(f"[data] validation = {share!r}: write the share that is kept apart, from 0.01 to 0.9.")
    return PhotographFolder(reading.text(table, "folder", "[data]", 500), float(share), **numbers)


def _whole(table: Mapping[str, Any], key: str, default: int, least: int, most: int) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise GridError(f"[data] {key} = {value!r}: write a whole number from {least} to {most}.")
    return value
