"""The pictures that networks are trained on: the tables ``[data]`` and ``[styles]`` of a grid file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generation.core.grid import reading
from generation.core.grid.reading import GridError
from generation.core.spec import ConditionSpec
from generation.core.tasks import Method

#: The places of a grid file that name a folder.
DATA, MASKS, STYLES = "[data] folder", "[data] masks", "[styles] folder"
_KEYS = ("folder", "validation", "crops", "limit", "seed")


@dataclass(frozen=True)
class PhotographFolder:
    """A folder, relative to the grid file, and what is taken from it; see ``core.photographs.PackOptions``.

    ``masks``: the folder with a mask of the same name for each of its pictures; empty where none are needed.
    ``with_scenes``: pictures that scenes show are trained on too.
    """

    folder: str
    validation: float = 0.2
    crops: int = 1
    limit: int = 0
    seed: int = 0
    masks: str = ""
    with_scenes: bool = False


def read_data(data: Mapping[str, Any], method: Method) -> PhotographFolder | None:
    """The table ``[data]``, which a method that trains networks needs and no other may have."""
    if method.trainer is None:
        if "data" in data:
            raise GridError(f"[data]: {method.label} trains nothing. Take the table out.")
        return None
    table = reading.table(data, "data", required=True)
    reading.only(table, (*_KEYS, "masks"), "[data]")
    masks = ""
    if method.trainer.masks:
        masks = reading.text(table, "masks", "[data]", 500)
    elif "masks" in table:
        raise GridError(f"[data] masks: {method.label} is not trained on masks. Take the key out.")
    return PhotographFolder(**_taken(table, "[data]"), masks=masks)


def read_styles(
    data: Mapping[str, Any], method: Method, conditions: Sequence[ConditionSpec]
) -> PhotographFolder | None:
    """The table ``[styles]``, which conditions need whose networks learn many styles; no other grid may have it."""
    trainer = method.trainer
    if trainer is None or not any(trainer.style(c.params) == "folder" for c in conditions if c.role == "grid"):
        if "styles" in data:
            raise GridError("[styles]: no condition is trained on a folder of styles. Take the table out.")
        return None
    table = reading.table(data, "styles", required=True)
    reading.only(table, (*_KEYS, "with_scenes"), "[styles]")
    with_scenes = table.get("with_scenes", False)
    if not isinstance(with_scenes, bool):
        raise GridError(f"[styles] with_scenes = {with_scenes!r}: write true or false.")
    return PhotographFolder(**_taken(table, "[styles]"), with_scenes=with_scenes)


def folders(data: PhotographFolder | None, styles: PhotographFolder | None) -> dict[str, str]:
    """The folders that a grid file names, by the place where it does."""
    named = {DATA: data.folder if data else "", MASKS: data.masks if data else ""}
    return {place: folder for place, folder in {**named, STYLES: styles.folder if styles else ""}.items() if folder}


def _taken(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The folder of a table and what is taken from it."""
    share = table.get("validation", 0.2)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0.01 <= share <= 0.9:
        raise GridError(f"{where} validation = {share!r}: write the share that is kept apart, from 0.01 to 0.9.")
    return {
        "folder": reading.text(table, "folder", where, 500),
        "validation": float(share),
        "crops": _whole(table, "crops", 1, 1, 10_000, where),
        "limit": _whole(table, "limit", 0, 0, 10_000_000, where),
        "seed": _whole(table, "seed", 0, 0, 2**31 - 1, where),
    }


def _whole(table: Mapping[str, Any], key: str, default: int, least: int, most: int, where: str) -> int:
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise GridError(f"{where} {key} = {value!r}: write a whole number from {least} to {most}.")
    return value
