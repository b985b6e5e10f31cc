"""The grid file: TOML in, scenes x conditions x seeds out.

A grid file declares what is depicted (`[sources]`, `[scenes]`), the parameters all conditions share (a preset and
`[parameters]`, which goes before it) and the conditions, in one or more `[[conditions]]` blocks of four designs:

* ``product``: every combination of the listed values;
* ``paired``: the axes advance together (Meng's weight groups);
* ``one_at_a_time``: a default and single changes of it (Lee's nine rows); with a ``default`` of its own a block is a
  family of its own (nine rows for each generator);
* ``list``: rows written out, each with a label if wanted.

A block is added to those before it, or crossed with them (``join = "cross"``). Every mistake is a :class:`GridError`
whose sentence names the thing and the mend; nothing is guessed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from generation.core import tasks
from generation.core.grid import reading
from generation.core.grid.conditions import DESIGNS, condition_rows, in_words, labelled, read_controls
from generation.core.grid.photographs import PhotographFolder, folders, read_data, read_styles
from generation.core.grid.reading import GridError
from generation.core.grid.scenes import SceneNames, Source, read_scenes, read_seeds, read_sources
from generation.core.spec import ConditionSpec, Scalar
from generation.core.tasks import Method, Param, ParameterError, Preset, Task

__all__ = ["DESIGNS", "GridError", "GridFile", "PhotographFolder", "SceneNames", "Source", "parse"]

SLUG = re.compile(r"^[a-z0-9][a-z0-9-]*$")
TABLES = (
    "grid", "sources", "scenes", "data", "styles", "parameters", "conditions", "controls", "replicates", "reference",
)  # fmt: skip


@dataclass(frozen=True)
class GridFile:
    """A checked grid file. ``conditions`` are complete (defaults filled in) and in the order of the file.

    ``notes``: sentences about the whole grid, to be said before anything is rendered: how its preset departs from
    what it is named after, conditions that give one and the same image. ``data``: the photographs that the networks
    of the method are trained on; None for a method without training. ``styles``: the style pictures that networks for
    many styles are trained on.
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
    data: PhotographFolder | None = None
    styles: PhotographFolder | None = None

    @property
    def folders(self) -> dict[str, str]:
        """The folders it names, by the place where it does (``[data] folder``)."""
        return folders(self.data, self.styles)

    @property
    def renders(self) -> int:
        """How many images the grid asks for."""
        return len(self.scenes) * len(self.conditions) * len(self.seeds)


def parse(text: str, resolve_auto: Callable[[str, Param], Scalar] | None = None) -> GridFile:
    """Check a grid file and lay out its conditions.

    ``resolve_auto(name, param)`` chooses the value of a parameter written as ``"auto"`` (the backbone that can be had
    on this machine). Raises :class:`GridError`.
    """
    data = reading.loaded(text)
    reading.only(data, TABLES, "the grid file")
    head = reading.table(data, "grid", required=True)
    reading.only(head, ("title", "slug", "task", "method", "preset"), "[grid]")
    title, slug = reading.text(head, "title", "[grid]"), reading.text(head, "slug", "[grid]", 80)
    if not SLUG.match(slug):
        raise GridError(f"[grid] slug = {slug!r}: use lower-case letters, digits and hyphens only.")
    try:
        task = tasks.get(reading.text(head, "task", "[grid]"))
    except KeyError as error:
        raise GridError(f"[grid] task: {error.args[0]}") from None
    method = method_named(task, head.get("method"))
    sources = read_sources(reading.table(data, "sources", required=True))
    preset = preset_named(method, head.get("preset"))
    shared = reading.resolve(method, reading.table(data, "parameters"), resolve_auto)
    base = {**(preset.values if preset else {}), **shared}
    default = reading.complete(method, base, "[parameters]")  # a mistake there is said there
    rows = condition_rows(data.get("conditions"), method, base)
    conditions = labelled(rows, method, base)
    conditions += read_controls(reading.table(data, "controls"), default, task)
    other = reading.resolve(method, reading.table(data, "reference"), resolve_auto)
    reference = reading.complete(method, base | other, "[reference]")
    seeds = read_seeds(reading.table(data, "replicates"))
    return GridFile(
        title=title,
        slug=slug,
        task=task,
        text=text,
        sources=sources,
        scenes=read_scenes(reading.table(data, "scenes", required=True), task, sources),
        conditions=tuple(conditions),
        seeds=seeds,
        reference=reference,
        preset=str(head.get("preset", "")),
        notes=tuple(_notes(method, preset, [c for c in conditions if c.role == "grid"], seeds)),
        data=read_data(data, method),
        styles=read_styles(data, method, conditions),
    )


def _notes(
    method: Method, preset: Preset | None, conditions: Sequence[ConditionSpec], seeds: Sequence[int]
) -> list[str]:
    said: list[str] = []
    if preset:
        said += [preset.departure] if preset.departure else []
        published = method.complete(preset.values)
        # How large the pictures are that a trained network makes was not part of what was published.
        deciding = method.trainer.params(published) if method.trainer else method.params
        changed = [n for n in deciding if all(c.params[n] != published[n] for c in conditions)]
        if changed:
            values = {n: sorted({in_words(c.params[n]) for c in conditions}) for n in changed}
            words = ", ".join(f"{n} = {found[0] if len(found) == 1 else 'several'}" for n, found in values.items())
            said.append(f"This grid is not the preset {preset.label!r} as it stands: {words}.")
    try:
        return said + method.notes([(c.label, c.params) for c in conditions], seeds)
    except ParameterError as error:
        raise GridError(f"[[conditions]]: {error}") from None


def preset_named(method: Method, name: object) -> Preset | None:
    """The preset that ``[grid]`` names; None where it names none."""
    if name is None:
        return None
    if not isinstance(name, str) or name not in method.presets:
        known = ", ".join(method.presets) or "none"
        raise GridError(f"[grid] preset = {name!r}: {method.label} knows {known}.")
    return method.presets[name]


def method_named(task: Task, name: object) -> Method:
    """The method that ``[grid]`` names, or the first of the task."""
    if not task.methods:
        raise GridError(f"[grid] task = {task.name!r}: {task.label.lower()} have no grid file. Import them instead.")
    if name is None:
        return task.default_method
    if not isinstance(name, str) or name not in task.methods:
        raise GridError(f"[grid] method = {name!r}: {task.label} knows {', '.join(task.methods)}.")
    return task.methods[name]
