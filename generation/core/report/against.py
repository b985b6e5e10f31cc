"""The final losses against one parameter: a line per scene and their mean, the minimum ringed, its margin said."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from generation.core.drawing import style, ticks
from generation.core.drawing.sheet import Sheet, sheet
from generation.core.report.axes import Family, families, follows, levels, numeric, text, varying
from generation.core.report.data import Axis, Measure, Report, Value
from generation.core.report.minima import Minimum, best, edge_words, end_of, margin_words, minimum, percent, values
from generation.core.spec import Scalar

#: Families that are drawn; the table and the CSV have all.
MOST_FAMILIES = 6
#: Where a condition with its value stands in a panel.
Where = Callable[[int, float], tuple[float, float]]


@dataclass(frozen=True)
class Plot:
    """One panel: a measure along one family of conditions. ``lines``: scene (None: mean over scenes) -> condition ->
    value."""

    axis: Axis
    family: Family
    measure: Measure
    lines: dict[int | None, dict[int, Value]]


def drawable(report: Report) -> list[Axis]:
    """Axes that can be read somewhere with the others held, and have a number there."""
    there = varying(report)
    shown = [a for a in there if not follows(report, a, there)]
    return [a for a in shown if any(_has(p) for f in families(report, a) for p in plots(report, a, f))]


def plots(report: Report, axis: Axis, family: Family) -> list[Plot]:
    """The panels of one family: one per shown measure that has a number there."""
    drawn: list[int | None] = [*range(len(report.scenes)), *([None] if len(report.scenes) > 1 else [])]
    found = [
        Plot(axis, family, m, {s: values(report, m, s, family.conditions) for s in drawn}) for m in report.shown
    ]  # fmt: skip
    return [p for p in found if _has(p)]


def _has(plot: Plot) -> bool:
    return any(isinstance(v, float) for line in plot.lines.values() for v in line.values())


def judged(report: Report, plot: Plot) -> Minimum | None:
    """The minimum a panel speaks of: of the mean over scenes, or of the only scene."""
    return minimum(report, plot.measure, None if len(report.scenes) > 1 else 0, plot.family.conditions)


def at_edge(report: Report, plot: Plot, found: Minimum) -> bool:
    """Whether a minimum stands at an end of a numeric axis of three or more levels."""
    return bool(end_of(report, plot.axis, found.condition, plot.family.conditions))


def draw(report: Report, axis: Axis, *, narrow: bool) -> Figure:
    """Draw all families of an axis, each a block of one panel per measure."""
    shown = families(report, axis)[:MOST_FAMILIES]
    blocks = [(f, panels) for f in shown if (panels := plots(report, axis, f))]
    width = style.NARROW if narrow else style.WIDE
    most = max(len(panels) for _, panels in blocks)
    if len(blocks) == 1:
        abreast = 1 if narrow else (2 if most in (2, 4) else min(3, most))
    else:
        abreast = 2 if narrow else min(4, most)
    dots = not numeric(report, axis)
    there = levels(report, axis)
    column = min(style.text_width([text(v) for v in there], 8.5) + 0.15, 0.3 * width) if dots else 0.0
    each = (width - 0.15 - column) / abreast
    panel = 0.24 * len(there) + 0.1 if dots else (1.5 if abreast > 2 or (narrow and abreast > 1) else 2.3)
    across = each - (0.22 if dots else 0.72)
    head = 0.5
    row = head + panel + (0.35 if dots else 0.5)
    named = [0.26 if f.words else 0.0 for f, _ in blocks]
    heights = [name + math.ceil(len(p) / abreast) * row for name, (_, p) in zip(named, blocks, strict=True)]
    page = sheet(*titles(report, axis), sum(heights), narrow=narrow, legend=_legend(report, blocks, width))
    top = 0.0
    for (family, panels), height, name in zip(blocks, heights, named, strict=True):
        if name:
            words = style.one_line(family.words, width - 0.3, 10)
            page.text(0.16, top + 0.06, words, fontsize=10, fontweight="bold")
        for n, plot in enumerate(panels):
            down, aside = divmod(n, abreast)
            left, y = (column if dots else 0.62) + 0.1 * dots + aside * each, top + name + head + down * row
            axes = page.axes(left, y, across, panel)
            _head(page, report, plot, left - (0.0 if dots else 0.46), y, each - 0.12)
            if dots:
                _dots(axes, report, plot, there, across, first=aside == 0)
            else:
                _lines(axes, report, plot, across, panel)
        top += height
    return page.figure


def titles(report: Report, axis: Axis) -> tuple[str, str]:
    """Title and subtitle."""
    mark = "line" if numeric(report, axis) else "mark"
    lines = f"One {mark} per scene, {'thick' if mark == 'line' else 'diamond'}: their mean"
    lines = lines if len(report.scenes) > 1 else "One scene"
    seeds = f"; each value the mean over {len(report.seeds)} seeds" if len(report.seeds) > 1 else ""
    name = f"{axis.label[0].lower()}{axis.label[1:]}"
    return (
        f"Final losses against {name}",
        f"{lines}; the ring is the minimum; log axes where all values are above 0{seeds}",
    )


def caption(report: Report, axis: Axis) -> str:
    """What else changes along the lines, what a cross means, and what is not drawn."""
    there = families(report, axis)
    moving = [a.label for a in varying(report) if not a.of and a.name != axis.name and _moves(report, a, there[0])]
    words = ["Final values, measured on the stored pictures."]
    words += [f"With it change: {', '.join(moving)}."] if moving else []
    words += [f"The first {MOST_FAMILIES} of {len(there)} families are drawn."] if len(there) > MOST_FAMILIES else []
    return " ".join(words)


def points(report: Report, axis: Axis) -> list[str]:
    """One sentence per family: where each measure is lowest, its margin, in how many scenes, and whether at an edge."""
    words = []
    for family in families(report, axis)[:MOST_FAMILIES]:
        said = "; ".join(_said(report, p) for p in plots(report, axis, family))
        words += [f"{family.words}: {said}." if family.words else f"{said}."] if said else []
    return words


def _moves(report: Report, axis: Axis, family: Family) -> bool:
    return len(levels(report, axis, family.conditions)) > 1


def _said(report: Report, plot: Plot) -> str:
    found = judged(report, plot)
    if found is None:
        return f"{plot.measure.label}: no value in every scene"
    at = text(report.conditions[found.condition].value(plot.axis.name))
    words = f"{plot.measure.label} {plot.measure.best} at {at}, {margin_words(report, found)}"
    if len(report.scenes) > 1:
        words += f", the {'minimum' if plot.measure.lower else 'maximum'} in {found.scenes} of {found.of_scenes} scenes"
    return f"{words} ({edge_words(plot.measure)})" if at_edge(report, plot, found) else words


def _head(page: Sheet, report: Report, plot: Plot, left: float, down: float, room: float) -> None:
    found = judged(report, plot)
    note = "no value in every scene"
    if found:
        at = text(report.conditions[found.condition].value(plot.axis.name))
        note = f"{plot.measure.best} at {at}"
        note += f", by {percent(found.margin)}" if found.margin else ""
        note += ", edge" if at_edge(report, plot, found) else ""
    title = style.one_line(plot.measure.label, room, 9.5)
    page.text(left, down - 0.27, title, fontsize=9.5, fontweight="bold", va="bottom")
    page.text(
        left, down - 0.09, style.one_line(note, room, 8.5, "normal"), fontsize=8.5, color=style.MUTED, va="bottom"
    )


def _lines(axes: Axes, report: Report, plot: Plot, across: float, panel: float) -> None:
    there = [float(v) for v in levels(report, plot.axis, plot.family.conditions)]
    for scene, line in plot.lines.items():
        points = sorted((_at(report, plot, c), v) for c, v in line.items() if isinstance(v, float))
        if not points:
            continue
        x, y = [p[0] for p in points], [p[1] for p in points]
        colour, marker, size, thick, z = _look(report, scene)
        # Two conditions at one place (equal ratios of other weights) are points, not a course.
        joined = thick if len(set(x)) == len(x) else 0
        shape = marker or ("" if joined else ".")
        axes.plot(x, y, color=colour, marker=shape, markersize=size, linewidth=joined, zorder=z, gid=_name(scene))
        _ring(axes, report, plot, scene, lambda c, v: (_at(report, plot, c), v))
    ticks.value_axis(axes, "y", ticks.drawn(axes, "y"), panel)
    ticks.level_axis(axes, there, text, across, log=plot.axis.log)
    style.open_axes(axes)
    axes.set_xlabel(style.one_line(plot.axis.label, across + 0.3, 8.5, "normal"), fontsize=8.5, labelpad=2)
    for c in plot.family.conditions:
        if any(isinstance(line[c], str) for line in plot.lines.values()):
            axes.plot(_at(report, plot, c), 0.985, "x", color=style.ALERT, markersize=6, clip_on=False, zorder=6,
                      transform=axes.get_xaxis_transform(), gid="missing")  # fmt: skip


def _dots(axes: Axes, report: Report, plot: Plot, there: Sequence[Scalar], across: float, *, first: bool) -> None:
    row = {repr(v): i for i, v in enumerate(there)}
    for scene, line in plot.lines.items():
        points = [(c, v) for c, v in line.items() if isinstance(v, float)]
        colour, marker, size, _, z = _look(report, scene)
        at = [row[repr(report.conditions[c].value(plot.axis.name))] for c, _ in points]
        x = [v for _, v in points]
        axes.plot(
            x, at, color=colour, marker=marker or "o", markersize=size + 1, linewidth=0, zorder=z, gid=_name(scene)
        )
        if scene is None or len(report.scenes) == 1:
            _ring(axes, report, plot, scene, lambda c, v: (v, row[repr(report.conditions[c].value(plot.axis.name))]))
    ticks.value_axis(axes, "x", ticks.drawn(axes, "x"), across)
    style.open_axes(axes)
    axes.grid(axis="y", color=style.FAINT, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.set_ylim(len(there) - 0.5, -0.5)
    names = [style.one_line(text(v), 0.3 * style.WIDE, 8.5, "normal") for v in there]
    axes.set_yticks(range(len(there)), names if first else [""] * len(there), fontsize=8.5)
    axes.tick_params(axis="y", length=0)
    for c in plot.family.conditions:
        if any(isinstance(line[c], str) for line in plot.lines.values()):
            at_row = row[repr(report.conditions[c].value(plot.axis.name))]
            axes.plot(0.99, at_row, "x", color=style.ALERT, markersize=6, clip_on=False, zorder=6,
                      transform=axes.get_yaxis_transform(), gid="missing")  # fmt: skip


def _at(report: Report, plot: Plot, condition: int) -> float:
    value = report.conditions[condition].value(plot.axis.name)
    assert isinstance(value, int | float)  # noqa: S101 - only numeric axes are drawn as lines
    return float(value)


def _ring(axes: Axes, report: Report, plot: Plot, scene: int | None, where: Where) -> None:
    """Ring the minimum of a line; of many scenes only their mean has one."""
    found = best(report, plot.measure, scene, plot.family.conditions)
    if found is None or (scene is not None and len(report.scenes) > len(style.LOOKS)):
        return
    main = scene is None or len(report.scenes) == 1
    x, y = where(*found)
    axes.plot(x, y, "o", markersize=12 if main else 8, markerfacecolor="none", markeredgecolor=style.MINIMISER,
              markeredgewidth=2.2 if main else 1.0, zorder=7, clip_on=False, gid=f"minimum {_name(scene)}")  # fmt: skip


def _name(scene: int | None) -> str:
    return "mean" if scene is None else f"scene {scene}"


def _look(report: Report, scene: int | None) -> tuple[str, str, float, float, int]:
    """Colour, marker, its size, line width and height of a line."""
    if scene is None:
        return style.INK, "D", 4.5, 2.4, 5
    if len(report.scenes) <= len(style.LOOKS):
        return *style.LOOKS[scene], 4.0, 1.1, 3
    return style.GREY, "", 3.0, 0.8, 3


def _legend(report: Report, blocks: Sequence[tuple[Family, list[Plot]]], width: float) -> list[Artist]:
    handles: list[Artist] = [style.minimum_ring("minimum")]
    several = len(report.scenes) > 1
    handles += [_handle(report, None, "mean over scenes")] if several else []
    if several and len(report.scenes) <= len(style.LOOKS):
        room = width - 0.9
        handles += [
            _handle(report, i, style.one_line(s, room, 8.5, "normal")) for i, s in enumerate(report.scenes)
        ]  # fmt: skip
    elif several:
        handles.append(_handle(report, 0, "a scene"))
    if any(
        isinstance(v, str) for _, panels in blocks for p in panels for line in p.lines.values() for v in line.values()
    ):
        cross = Line2D([], [], marker="x", markersize=6, color=style.ALERT, linewidth=0, label="no value in some scene")
        handles.append(cross)
    return handles


def _handle(report: Report, scene: int | None, label: str) -> Line2D:
    colour, marker, size, thick, _ = _look(report, scene)
    return Line2D([], [], color=colour, marker=marker or None, markersize=size, linewidth=thick, label=label)
