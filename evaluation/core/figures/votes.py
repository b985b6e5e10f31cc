"""F1: the vote chart. A bar per condition in grid order: its share of meetings won, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from evaluation.core.figures import style
from evaluation.core.figures.chart import Chart, Json, Table, basis, columns, minimum, pooled, primary, scenes, texts
from evaluation.core.words import metric_name

ROW = 0.5
MINIMUM_FILL = "#fbe3d3"


def votes_figure(result: Json, *, narrow: bool, by_scene: bool) -> Figure:
    """Draw the pooled panel, or one panel per scene, from an analysis."""
    groups = [g for g in result["groups"] if (g["scope"] == "scene") == by_scene]
    width = style.NARROW if narrow else style.WIDE
    columns = 1 if narrow or not by_scene else min(3 if len(groups) != 4 else 2, len(groups))
    lines = math.ceil(len(groups) / columns)
    title, subtitle = votes_title(result, by_scene=by_scene)
    simulated = result["study"]["simulated"]
    top = style.header_height(width, title, subtitle, simulated=simulated)
    rows = max(len(g["rows"]) for g in groups)
    size = 9.0 if by_scene else 10.5
    names = [r["label"] for g in groups for r in g["rows"]]
    room = min(0.34 * width, style.text_width(names, size, "bold") + 0.02)
    folded = {name: style.wrap(name, room, size + 1) for name in names}
    row = max(0.34 if by_scene else ROW, 0.12 + 0.17 * max(map(len, folded.values())))
    panel = rows * row + (0.3 if by_scene else 0.06)
    foot = 0.34 if by_scene else 0.3
    legend = 0.3 * (3 if narrow else 1) + 0.12
    height = top + lines * (panel + foot) + legend
    figure = style.new_figure(width, height)
    style.header(figure, title, subtitle, simulated=simulated)
    texts = {name: "\n".join(lines) for name, lines in folded.items()}
    margin = style.text_width([line for lines in folded.values() for line in lines], size, "bold") + 0.34
    right = 0.2 if by_scene else 0.32
    shared_labels = columns > 1 and len({tuple(r["label"] for r in g["rows"]) for g in groups}) == 1
    for i, group in enumerate(groups):
        line, column = divmod(i, columns)
        if shared_labels:
            each = (width - margin - right) / columns
            left, across = margin + column * each, each - 0.3
        else:
            each = (width - right) / columns
            left, across = margin + column * each, each - margin - 0.1
        bottom = height - top - (line + 1) * panel - line * foot
        body = rows * row
        axes = figure.add_axes((left / width, bottom / height, across / width, body / height))
        labelled = column == 0 or not shared_labels
        shown = texts if labelled else {}
        _panel(axes, group, minimisers(result, group), shown, size=size, detail=not by_scene or narrow)
        if not (by_scene or narrow):
            _tags(axes, group["rows"], minimisers(result, group), group["favourite"], _words(result, groups))
        if by_scene:
            text = style.one_line(group["label"], across, 9.5)
            axes.annotate(
                text, (0, 1), xytext=(0, 7), xycoords="axes fraction", textcoords="offset points",
                fontsize=9.5, fontweight="bold", va="bottom",
            )  # fmt: skip
    _legend(figure, width, height, _words(result, groups), narrow=narrow)
    return figure


def votes_title(result: Json, *, by_scene: bool) -> tuple[str, str]:
    """Title and subtitle of the chart."""
    what = "Votes per condition in each scene" if by_scene else "Votes per condition"
    return what, f"“{result['question']['text']}” Share of meetings won, 95 % intervals over participants"


def minimisers(result: Json, group: Json) -> set[str]:
    """Ids of the primary metric's minimisers in the group of the same scene."""
    found = minimum(primary(result), group["scene"])
    return set(found["conditions"]) if found else set()


def _panel(axes: Axes, group: Json, lowest: set[str], names: Mapping[str, str], *, size: float, detail: bool) -> None:
    rows: Sequence[Json] = group["rows"]
    style.plain_axes(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1] if detail else [0, 0.5, 1])
    axes.set_xticklabels(["0", "25", "50", "75", "100 %"] if detail else ["0", "50", "100 %"], fontsize=size - 1)
    axes.tick_params(axis="x", pad=4)
    axes.get_xticklabels()[0].set_horizontalalignment("left")
    axes.get_xticklabels()[-1].set_horizontalalignment("right")
    axes.axvline(0.5, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.set_yticks(range(len(rows)) if names else [])
    if names:
        axes.set_yticklabels([names[r["label"]] for r in rows], fontsize=size, linespacing=1.05)
        axes.tick_params(axis="y", pad=6)
    for i, row in enumerate(rows):
        _bar(
            axes,
            i,
            row,
            is_minimum=row["condition"] in lowest,
            is_top=row["condition"] == group["favourite"],
            size=size,
        )
        if names and row["condition"] in (*lowest, group["favourite"]):
            axes.get_yticklabels()[i].set_fontweight("bold")
    _bracket(axes, rows)


def _bar(axes: Axes, i: int, row: Json, *, is_minimum: bool, is_top: bool, size: float) -> None:
    if row["share"] is None:
        axes.text(0.02, i, "not shown", va="center", fontsize=size - 1.5, color=style.MUTED, style="italic")
        return
    face = style.FAVOURITE if is_top else style.BAR
    axes.barh(i, row["share"], height=0.62, color=face, linewidth=0, zorder=2)
    if is_minimum:
        # Two layers, because a hatch takes the colour of its edge: white on the blue of the favourite, else orange.
        fill = "none" if is_top else MINIMUM_FILL
        hatch = "white" if is_top else style.MINIMISER
        axes.barh(i, row["share"], height=0.62, facecolor=fill, edgecolor=hatch, hatch="////", linewidth=0, zorder=2.4)
        axes.barh(i, row["share"], height=0.62, facecolor="none", edgecolor=style.MINIMISER, linewidth=1.8, zorder=2.6)
    end = row["share"]
    if row["low"] is not None:
        end = row["high"]
        axes.errorbar(
            row["share"], i, xerr=[[row["share"] - row["low"]], [row["high"] - row["share"]]],
            fmt="none", ecolor="white", elinewidth=3.4, capsize=0, zorder=3,
        )  # fmt: skip
        axes.errorbar(
            row["share"], i, xerr=[[row["share"] - row["low"]], [row["high"] - row["share"]]],
            fmt="none", ecolor=style.INK, elinewidth=1.4, capsize=3, capthick=1.4, zorder=4,
        )  # fmt: skip
    # The star stands inside the foot of the bar, where no whisker reaches in a readable study.
    if is_top:
        axes.plot(
            0.035,
            i,
            marker="*",
            markersize=size + 1,
            color="white",
            markeredgecolor=style.INK,
            markeredgewidth=0.8,
            zorder=6,
        )
    if end < 0.9:
        axes.text(
            end + 0.018, i, f"{100 * row['share']:.0f}", va="center", fontsize=size - 1, zorder=5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.2},
        )  # fmt: skip


def _bracket(axes: Axes, rows: Sequence[Json]) -> None:
    """A rule at the right of every run of conditions that could be the favourite."""
    inside = [bool(row["in_favourite_set"]) for row in rows]
    start = None
    for i, here in enumerate([*inside, False]):
        if here and start is None:
            start = i
        elif not here and start is not None:
            axes.plot(
                [1, 1],
                [start - 0.38, i - 0.62],
                color=style.FAVOURITE,
                linewidth=3.4,
                solid_capstyle="round",
                clip_on=False,
                zorder=5,
            )
            start = None


def _tags(axes: Axes, rows: Sequence[Json], lowest: set[str], favourite: str | None, words: Mapping[str, str]) -> None:
    """Say in words which bar is which: inside the bar where it is long enough, else to the right of its whisker."""
    font: dict[str, Any] = {"va": "center", "fontsize": 9.5, "fontweight": "bold", "zorder": 6}
    for i, row in enumerate(rows):
        if row["share"] is None:
            continue
        start, end = (row["share"], row["share"]) if row["low"] is None else (row["low"], row["high"])
        is_top = row["condition"] == favourite
        text = words["favourite"] if is_top else words["minimum"]
        if is_top and row["condition"] in lowest:
            text = f"{words['minimum']}, {text}"
        elif not is_top and row["condition"] not in lowest:
            continue
        # In units of the axis: a character of this font is about 0.012 of the panel.
        length = 0.012 * len(text)
        if end + 0.08 + length < 0.97:
            axes.text(end + 0.075, i, text, color=style.FAVOURITE if is_top else style.MINIMISER, **font)
        elif is_top and 0.065 + length < start - 0.02 and row["condition"] not in lowest:
            axes.text(0.065, i, text, color="white", **font)


def _words(result: Json, groups: Sequence[Json]) -> dict[str, str]:
    metric = primary(result)
    extreme = "highest" if metric and metric["direction"] == "higher_better" else "lowest"
    return {
        "minimum": f"{extreme} {metric_name(metric['label'], short=True) if metric else 'loss'}",
        "favourite": style.favourite_words(groups, simulated=result["study"]["simulated"]),
    }


def _legend(figure: Figure, width: float, height: float, words: Mapping[str, str], *, narrow: bool) -> None:
    handles = [
        Patch(facecolor=MINIMUM_FILL, edgecolor=style.MINIMISER, hatch="////", label=words["minimum"]),
        style.favourite_star(words["favourite"]),
        Line2D([], [], color=style.FAVOURITE, linewidth=3.4, label="could be the favourite (95 %)"),
    ]  # fmt: skip
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.1 / width, 0.03 / height), ncols=1 if narrow else 3,
        frameon=False, fontsize=8.5 if narrow else 9, handlelength=1.8, columnspacing=1.6, borderaxespad=0.2,
    )  # fmt: skip


def _text(result: Json, *, by_scene: bool) -> dict[str, str]:
    title, _ = votes_title(result, by_scene=by_scene)
    group = pooled(result)
    caption = (
        f"{basis(group, result)}. Bars: share of meetings won, "
        f"each rival weighing the same; dashed: no preference. {result['bar_chart_warning']}"
    )
    shares = "; ".join(
        f"{r['label']} {100 * r['share']:.0f} %" if r["share"] is not None else f"{r['label']} not shown"
        for r in group["rows"]
    )
    alt = f"Bar chart of the share of meetings each condition won. {shares}. {result['headline']['sentence']}"
    return texts(result, title, caption, alt)


def _rows(result: Json, *, by_scene: bool) -> Table:
    return columns(
        "scene condition share ci_low ci_high n_votes n_participants is_minimiser has_highest_score is_most_preferred "
        "in_favourite_set",
        (
            [g["label"], r["label"], r["share"], r["low"], r["high"], r["n_votes"], r["n_participants"],
             r["condition"] in minimisers(result, g), r["condition"] == g["favourite"],
             r["condition"] == g["favourite"] and g["favourite_sure"], r["in_favourite_set"]]
            for g in (scenes(result) if by_scene else [pooled(result)])
            for r in g["rows"]
        ),
    )  # fmt: skip


CHART = Chart(
    stem="fig01_votes",
    exists=lambda result: True,
    text=partial(_text, by_scene=False),
    draw=lambda result, narrow: votes_figure(result, narrow=narrow, by_scene=False),
    rows=partial(_rows, by_scene=False),
)
BY_SCENE = Chart(
    stem="fig01_votes_by_scene",
    exists=lambda result: len(scenes(result)) > 1,
    text=partial(_text, by_scene=True),
    draw=lambda result, narrow: votes_figure(result, narrow=narrow, by_scene=True),
    rows=partial(_rows, by_scene=True),
)
