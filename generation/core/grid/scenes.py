"""What a grid file depicts: its pictures, the scenes made of them, and the seeds each is rendered with."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from generation.core.grid import reading
from generation.core.grid.reading import GridError
from generation.core.tasks import Task

#: What a scene's sources might be called, for a sentence.
_EXAMPLES = {"content": "cat", "style": "waves", "mask": "cat-mask"}


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
    mask: str | None = None


def read_sources(table: Mapping[str, Any]) -> dict[str, Source]:
    """The pictures of ``[sources]`` by name; at least one."""
    sources: dict[str, Source] = {}
    for name, value in table.items():
        where = f"[sources.{reading.short(name, '[sources] name', 80)}]"
        if not isinstance(value, dict):
            raise GridError(f"{where} must be a table with file, title, licence and credit.")
        reading.only(value, ("file", "title", "licence", "credit", "sha256"), where)
        for key, entry in value.items():
            if not isinstance(entry, str):
                raise GridError(f"{where}: {key} must be text.")
            reading.short(entry, f"{where} {key}")
        sources[name] = Source(
            name=name,
            file=reading.text(value, "file", where),
            title=str(value.get("title", name)),
            licence=str(value.get("licence", "")),
            credit=str(value.get("credit", "")),
            sha256=str(value.get("sha256", "")),
        )
    if not sources:
        raise GridError('[sources] is empty. Name at least one picture: [sources.NAME] with file = "...".')
    return sources


def read_scenes(table: Mapping[str, Any], task: Task, sources: Mapping[str, Source]) -> tuple[SceneNames, ...]:
    """The scenes of ``[scenes]``: a list written out, or every content (with its own mask) with every style.

    None stands there twice.
    """
    reading.only(table, ("list", *task.sources), "[scenes]")
    if "list" in table and len(table) > 1:
        raise GridError(f"[scenes]: write either a list or {' and '.join(task.sources)}, not both.")
    rows: list[dict[str, Any]]
    if "list" in table:
        rows = reading.axis("list", table["list"], "[scenes]")
        for row in rows:
            if not isinstance(row, dict):
                example = ", ".join(f'{role} = "{_EXAMPLES.get(role, role)}"' for role in task.sources)
                raise GridError(f"[scenes] list: each scene is a table, for example {{ {example} }}.")
            reading.only(row, (*task.sources, "label"), "[scenes] list")
    else:
        rows = _crossed({role: reading.axis(role, table.get(role), "[scenes]") for role in task.sources})
    scenes: list[SceneNames] = []
    for row in rows:
        for role in task.sources:
            if not isinstance(row.get(role), str) or row[role] not in sources:
                raise GridError(
                    f"[scenes]: {role} = {row.get(role)!r} is not among the sources ({', '.join(sorted(sources))})."
                )
        content, style, mask = row["content"], row.get("style"), row.get("mask")
        label = row.get("label") or " × ".join(sources[n].title for n in (content, style) if n)
        scenes.append(SceneNames(content, style, reading.short(str(label), "[scenes] label", 200), mask))
    pairs = [(s.content, s.style, s.mask) for s in scenes]
    if len(set(pairs)) < len(pairs):
        twice = next(p for p in pairs if pairs.count(p) > 1)
        raise GridError(f"[scenes]: {' × '.join(str(n) for n in twice if n)} stands there twice.")
    return tuple(scenes)


def _crossed(axes: Mapping[str, list[Any]]) -> list[dict[str, Any]]:
    """Every content with every style; a mask is that of the content at the same place."""
    parts = {role: [{role: name} for name in names] for role, names in axes.items()}
    if (masks := parts.pop("mask", None)) is not None:
        contents = parts["content"]
        if len(masks) != len(contents):
            raise GridError(
                f"[scenes]: content names {_pictures(len(contents))} and mask {_pictures(len(masks))}. Write the mask "
                "of each content at the same place."
            )
        parts["content"] = [content | mask for content, mask in zip(contents, masks, strict=True)]
    return [{role: name for part in row for role, name in part.items()} for row in itertools.product(*parts.values())]


def _pictures(number: int) -> str:
    return f"{number} picture{'s' if number != 1 else ''}"


def read_seeds(table: Mapping[str, Any]) -> tuple[int, ...]:
    """The seeds of ``[replicates]``, one per replicate; 0 where none is written."""
    reading.only(table, ("seeds",), "[replicates]")
    seeds = reading.axis("seeds", table.get("seeds", [0]), "[replicates]")
    if any(isinstance(s, bool) or not isinstance(s, int) or not 0 <= s < 2**31 for s in seeds):
        raise GridError(f"[replicates] seeds = {seeds}: write whole numbers from 0 to 2147483647.")
    if len(set(seeds)) < len(seeds):
        raise GridError(f"[replicates] seeds = {seeds}: a seed stands there twice.")
    return tuple(seeds)
