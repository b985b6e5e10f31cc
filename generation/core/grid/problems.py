"""Everything that is wrong with a grid file, at once: for people who write one in a page.

:func:`generation.core.grid.parse` stops at the first mistake. Here each part of the file is read by itself with the
same readers, so that the sentences are the same, and each begins with the line it is about where that is known.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any

from generation.core import tasks
from generation.core.grid import SLUG, TABLES, GridError, method_named, parse, preset_named, reading
from generation.core.grid.conditions import condition_rows, read_controls
from generation.core.grid.photographs import DATA, MASKS, STYLES, read_data
from generation.core.grid.scenes import Source, read_scenes, read_seeds, read_sources
from generation.core.spec import Scalar
from generation.core.tasks import Method, Param, ParameterError, Task

Choose = Callable[[str, Param], Scalar]
_HEAD = ("title", "slug", "task", "method", "preset")
#: Wrong values of one list that are named; a list may have thousands.
MOST_VALUES = 10


def problems(text: str, resolve_auto: Choose | None = None) -> list[str]:
    """Sentences about ``text``; empty when :func:`parse` takes it. ``resolve_auto`` as there."""
    try:
        data = reading.loaded(text)
    except GridError as error:
        return [str(error)]
    found = _Found()
    for key in data:
        with found.noting():
            reading.only({key: 0}, TABLES, "the grid file")
    task, method = _head(found, data)
    sources = _sources(found, data)
    if task and method:
        _scenes(found, data, task, sources)
        base = _parameters(found, data, method, resolve_auto)
        _conditions(found, data, task, method, base)
        with found.noting():
            read_data(data, method)
    with found.noting():
        read_seeds(reading.table(data, "replicates"))
    if not found.sentences:  # what shows only when all parts are there
        with found.noting():
            parse(text, resolve_auto)
    return [line_of(text, sentence) for sentence in dict.fromkeys(found.sentences)]


def named(text: str) -> tuple[dict[str, Source], dict[str, str]]:
    """The pictures and the folders (by the place that names them) that ``text`` names soundly, whatever else is wrong
    with it."""
    found = _Found()
    data: dict[str, Any] = {}
    with found.noting():
        data = reading.loaded(text)
    sources = {name: source for name, source in _sources(found, data).items() if source}
    _, method = _head(found, data)
    folders: dict[str, str] = {}
    for place in (DATA, MASKS, STYLES) if method and method.trainer else ():
        table, key = place.strip("[").split("] ")
        with found.noting():
            folders[place] = reading.text(reading.table(data, table), key, f"[{table}]", 500)
    return sources, folders


class _Found:
    """Sentences so far."""

    def __init__(self) -> None:
        self.sentences: list[str] = []

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keep what goes wrong in the block."""
        try:
            yield
        except GridError as error:
            self.sentences.append(str(error))


def _head(found: _Found, data: Mapping[str, Any]) -> tuple[Task | None, Method | None]:
    head: dict[str, Any] = {}
    with found.noting():
        head = reading.table(data, "grid", required=True)
    if not head:
        return None, None
    for key in head:
        with found.noting():
            reading.only({key: 0}, _HEAD, "[grid]")
    for key, longest in (("title", 120), ("slug", 80)):
        with found.noting():
            reading.text(head, key, "[grid]", longest)
    slug = head.get("slug")
    if isinstance(slug, str) and slug.strip() and not SLUG.match(slug.strip()):
        found.sentences.append(f"[grid] slug = {slug!r}: use lower-case letters, digits and hyphens only.")
    task = None
    with found.noting():
        try:
            task = tasks.get(reading.text(head, "task", "[grid]"))
        except KeyError as error:
            raise GridError(f"[grid] task: {error.args[0]}") from None
    if task is None:
        return None, None
    method = None
    with found.noting():
        method = method_named(task, head.get("method"))
    if method:
        with found.noting():
            preset_named(method, head.get("preset"))
    return task, method


def _sources(found: _Found, data: Mapping[str, Any]) -> dict[str, Any]:
    """The pictures that are declared soundly; those that are not stand for themselves, so that scenes may name them."""
    table: dict[str, Any] = {}
    with found.noting():
        table = reading.table(data, "sources", required=True)
        if not table:
            read_sources(table)
    sources: dict[str, Any] = {}
    for name, value in table.items():
        sources[name] = None
        with found.noting():
            sources |= read_sources({name: value})
    return sources


def _scenes(found: _Found, data: Mapping[str, Any], task: Task, sources: Mapping[str, Any]) -> None:
    table: dict[str, Any] = {}
    with found.noting():
        table = reading.table(data, "scenes", required=True)
    missing = False
    for role in task.sources:
        for name in table.get(role, []) if isinstance(table.get(role), list) else []:
            if not isinstance(name, str) or name not in sources:
                missing = True
                found.sentences.append(
                    f"[scenes]: {role} = {name!r} is not among the sources ({', '.join(sorted(sources))})."
                )
    if "scenes" in data and not missing and all(sources.values()):
        with found.noting():
            read_scenes(table, task, sources)


def _parameters(found: _Found, data: Mapping[str, Any], method: Method, choose: Choose | None) -> dict[str, Any]:
    """The shared parameters that are sound, the preset's below them."""
    preset = method.presets.get(str(data["grid"].get("preset", "")))
    base: dict[str, Any] = dict(preset.values) if preset else {}
    for where in ("parameters", "reference"):
        table: dict[str, Any] = {}
        with found.noting():
            table = reading.resolve(method, reading.table(data, where), choose)
        sound = {name: value for name, value in table.items() if _checked(found, method, name, value, f"[{where}]")}
        if len(sound) == len(table):
            with found.noting():
                reading.complete(method, base | sound, f"[{where}]")
        if where == "parameters":
            base |= sound
    return base


def _checked(found: _Found, method: Method, name: str, value: object, where: str) -> bool:
    with found.noting():
        if name not in method.params:
            reading.complete(method, {name: value}, where)
        try:
            method.params[name].check(name, value)
        except ParameterError as error:
            raise GridError(f"{where}: {error}") from None
        return True
    return False


def _conditions(found: _Found, data: Mapping[str, Any], task: Task, method: Method, base: Mapping[str, Any]) -> None:
    blocks = data.get("conditions")
    before = len(found.sentences)
    for number, block in enumerate(blocks if isinstance(blocks, list) else [], 1):
        for name, values in block.items() if isinstance(block, dict) else []:
            if name in ("design", "join", "default", "rows") or not isinstance(values, list):
                continue
            where = f"[[conditions]] block {number}"
            bad = (value for value in values if not _checked(found, method, name, value, where))
            if list(islice(bad, MOST_VALUES)) and block.get("design") in ("product", "one_at_a_time"):
                found.sentences += [f"{where}: {name} = {value} stands there twice." for value in _twice(values)]
    if len(found.sentences) == before:
        with found.noting():
            condition_rows(blocks, method, dict(base))
    controls: dict[str, Any] = {}
    with found.noting():
        controls = reading.table(data, "controls")
    for key, value in controls.items():
        with found.noting():
            read_controls({key: value}, dict(base), task)


def _twice(values: Sequence[object]) -> list[int | float | str]:
    """Numbers and words that a list holds more than once."""
    plain = [value for value in values if isinstance(value, int | float | str) and not isinstance(value, bool)]
    return [value for value, count in Counter(plain).items() if count > 1][:MOST_VALUES]


def line_of(text: str, sentence: str) -> str:
    """``sentence`` behind the line of ``text`` it is about, where it says its place: a table, and a key in it."""
    line = _line(text.splitlines(), sentence)
    return f"Line {line}: {sentence}" if line else sentence


def _line(lines: list[str], sentence: str) -> int | None:
    if sentence.startswith("the grid file"):
        key = re.search(r"unknown key '([^']*)'", sentence)
        opening = re.compile(rf"^\s*(\[+\s*)?{re.escape(key[1])}\b" if key else r"(?!)")
        return next((n for n, line in enumerate(lines, 1) if opening.match(line)), None)
    place = re.match(r"(\[\[?[^\]]+\]\]?)(?: block (\d+))?", sentence)
    if place is None:
        return None
    header, wanted, met = place[1], int(place[2] or 1), 0
    for number, line in enumerate(lines, 1):
        if line.split("#")[0].strip().replace(" ", "") == header.replace(" ", ""):
            met += 1
            if met == wanted:
                return _key_line(lines, number, sentence[place.end() :]) or number
    return None


def _key_line(lines: list[str], header: int, rest: str) -> int | None:
    """The line of the first key of the table at ``header`` that the words name."""
    keys: dict[str, int] = {}
    for number, line in enumerate(lines[header:], header + 1):
        if line.lstrip().startswith("["):
            break
        if key := re.match(r"""\s*["']?([\w-]+)["']?\s*=""", line):
            keys.setdefault(key[1], number)
    named = re.findall(r"[\w-]+", rest)
    return next((keys[word] for word in named if word in keys), None)
