"""The loss over the steps of the optimiser: a panel per scene, a line per condition, log axis."""

from __future__ import annotations

import math
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from generation.core.drawing import style, ticks
from generation.core.drawing.sheet import sheet
from generation.core.report.axes import levels, numeric, others, text, varying
from generation.core.report.data import Axis, Report, Run

#: Scenes that are drawn, and colours named in the legend.
MOST_SCENES, MOST_COLOURS = 12, 8
#: What is drawn of a curve: the key of the term and its title.
TERMS = {"style": "Raw style loss", "content": "Raw content loss", "total": "Weighted total loss"}


@dataclass(frozen=True)
class Look:
    """How the lines are told apart: by the levels of ``axis``, or by condition where it is None; others by dashes."""

    axis: Axis | None
    colours: dict[str, str]
    dashes: dict[str, int]


def drawable(report: Report, term: str) -> list[Run]:
    """The renders of the grid whose curve has two or more steps of a term above 0 to draw on a log axis."""
    return [
        r for r in report.runs
        if r.condition in report.points and term in r.curve and (_positive(r.curve[term][0]).sum() > 1)
    ]  # fmt: skip


def scenes(report: Report, term: str) -> list[int]:
    """Scenes with something to draw."""
    return sorted({r.scene for r in drawable(report, term)})


def draw(report: Report, term: str, *, narrow: bool) -> Figure:
    """Draw one term; diverged runs end with a cross at their last finite value."""
    shown = scenes(report, term)[:MOST_SCENES]
    runs = [r for r in drawable(report, term) if r.scene in shown]
    look = _look(report)
    width = style.NARROW if narrow else style.WIDE
    abreast = min(2 if narrow else 3, len(shown)) if len(shown) > 1 else 1
    each = (width - 0.12) / abreast
    panel = (1.35 if narrow else 1.7) if abreast > 1 else (2.4 if narrow else 3.2)
    block = panel + 0.72
    rows = math.ceil(len(shown) / abreast)
    page = sheet(*titles(report, term), rows * block, narrow=narrow, legend=_legend(report, look, runs, width))
    for n, scene in enumerate(shown):
        down, across = divmod(n, abreast)
        left = 0.62 + across * each
        axes = page.axes(left, 0.28 + down * block, each - 0.74, panel)
        mine = [r for r in runs if r.scene == scene]
        _lines(axes, report, mine, term, look)
        values = np.concatenate([v[_positive(v)] for r in mine for v in [r.curve[term][0]]])
        # A loss that starts at 0 (the content's own picture) would stretch the axis over decades of nothing.
        ticks.value_axis(axes, "y", [max(values.min(), values.max() / 1e8), values.max()], panel)
        axes.xaxis.set_major_locator(ticks.few(each, 0.7))
        style.open_axes(axes)
        axes.set_xlabel("step", fontsize=8.5, labelpad=1)
        name = style.one_line(report.scenes[scene], each - 0.2, 9.5)
        page.text(left - 0.46, 0.21 + down * block, name, fontsize=9.5, fontweight="bold", va="bottom")
    return page.figure


def titles(report: Report, term: str) -> tuple[str, str]:
    """Title and subtitle."""
    axis = _look(report).axis
    by = f"coloured by {axis.label[0].lower()}{axis.label[1:]}" if axis else "one colour each"
    several = f" and seed ({len(report.seeds)})" if len(report.seeds) > 1 else ""
    return f"{TERMS[term]} over the steps", f"One line per condition{several}, {by}; log axis"


def caption(report: Report, term: str) -> str:
    """What is drawn, what is not, and how it may be read."""
    there = scenes(report, term)
    runs = drawable(report, term)
    wanted = [r for r in report.runs if r.condition in report.points]
    words = [f"{len(runs)} of {len(wanted)} runs have a curve of this term."]
    if term == "total":
        words.append("Totals are weighted by each condition's own weights: compare them between equal weights only.")
    else:
        words.append("Raw: without any weight, as the optimiser saw it before each step.")
    diverged = sum(r.status == "nan" for r in runs)
    words += [f"{diverged} diverged; a cross marks the last finite value."] if diverged else []
    words += [f"The first {MOST_SCENES} of {len(there)} scenes are drawn."] if len(there) > MOST_SCENES else []
    return " ".join(words)


def alt(report: Report, term: str) -> str:
    """What a reader who does not see the figure should know."""
    words = []
    for scene in scenes(report, term)[:MOST_SCENES]:
        ends = [
            (r.curve[term][0][_positive(r.curve[term][0])][-1], r) for r in drawable(report, term) if r.scene == scene
        ]
        value, run = min(ends, key=lambda e: float(e[0]))
        words.append(f"{report.scenes[scene]}: {report.conditions[run.condition].label} ends lowest at {value:.3g}")
    return f"Lines of the {TERMS[term].lower()} over the steps, a panel per scene. {'; '.join(words)}."


def _positive(values: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    return np.isfinite(values) & (values > 0)


def _look(report: Report) -> Look:
    axes = [a for a in varying(report) if not a.of]
    # The numeric parameter with the most levels; of several, the first.
    axis = max((a for a in axes if numeric(report, a)), key=lambda a: len(levels(report, a)), default=None)
    found = levels(report, axis) if axis else list(report.points)
    scale = mpl.colormaps["viridis"]
    colours = {repr(v): to_hex(scale(0.88 * i / max(1, len(found) - 1))) for i, v in enumerate(found)}
    rest = list(dict.fromkeys(_rest(report, axis, i) for i in report.points)) if axis else [""]
    return Look(axis, colours, {words: i for i, words in enumerate(rest)})


def _rest(report: Report, axis: Axis | None, condition: int) -> str:
    """The other parameters of a condition, in words."""
    if axis is None:
        return ""
    return others(report, [a for a in varying(report) if not a.of and a.name != axis.name], condition)


def _lines(axes: Axes, report: Report, runs: list[Run], term: str, look: Look) -> None:
    """The lines of one scene; those of one look are one artist, for a grid may have hundreds."""
    same: dict[tuple[str, int], list[npt.NDArray[np.float64]]] = {}
    for run in runs:
        values = run.curve[term][0]
        keep = _positive(values)
        points = np.column_stack([np.flatnonzero(keep), values[keep]])
        key = repr(report.conditions[run.condition].value(look.axis.name)) if look.axis else repr(run.condition)
        colour = look.colours.get(key, style.GREY)  # grey: a condition without that parameter
        dashes = look.dashes[_rest(report, look.axis, run.condition)] % len(style.DASHES)
        same.setdefault((colour, dashes), []).append(points)
        if run.status == "nan":
            x, y = points[-1]
            axes.plot(x, y, "X", markersize=7, color=style.ALERT, markeredgecolor="white", zorder=5, gid="diverged")
    for (colour, dashes), lines in same.items():
        axes.add_collection(
            LineCollection(lines, colors=colour, linestyles=[style.DASHES[dashes]], linewidths=1.3, zorder=3),
            autolim=False,
        )
    longest = max(len(run.curve[term][0]) for run in runs) - 1
    axes.set_xlim(-0.03 * longest, 1.03 * longest)


def _legend(report: Report, look: Look, runs: list[Run], width: float) -> list[Artist]:
    named = list(look.colours.items())
    if len(named) > MOST_COLOURS:  # evenly, with both ends: the colours between follow their order
        named = [named[round(i * (len(named) - 1) / (MOST_COLOURS - 1))] for i in range(MOST_COLOURS)]
    handles: list[Artist] = []
    for key, colour in named:
        if look.axis:
            level = next(v for v in levels(report, look.axis) if repr(v) == key)
            label = f"{look.axis.short} {text(level)}"
        else:
            label = report.conditions[int(key)].label
        handles.append(
            Line2D([], [], color=colour, linewidth=2, label=style.one_line(label, width - 0.9, 8.5, "normal"))
        )
    if 1 < len(look.dashes) <= len(style.DASHES):
        for words, i in look.dashes.items():
            label = style.one_line(words, width - 0.9, 8.5, "normal")
            handles.append(Line2D([], [], color=style.INK, linestyle=style.DASHES[i], linewidth=1.3, label=label))
    if any(r.status == "nan" for r in runs):
        handles.append(Line2D([], [], marker="X", markersize=7, color=style.ALERT, linewidth=0, label="diverged here"))
    return handles
