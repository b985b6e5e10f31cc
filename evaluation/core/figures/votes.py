"""F1: the vote chart. A bar per condition in grid order: its share of meetings won, with its interval."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from evaluation.core.figures import signs
from evaluation.core.figures.chart import (
    Chart,
    Json,
    Table,
    basis,
    columns,
    extreme,
    first_panels,
    minimum,
    panels_note,
    pooled,
    primary,
    scenes,
    texts,
)
from evaluation.core.figures.page import page
from generation.core.drawing import style

MINIMUM_FILL = "#fbe3d3"
#: Where the rule of the possible favourites stands: beyond every whisker.
RULE = 1.03


@dataclass(frozen=True)
class Look:
    """How the panels of a figure are drawn. ``inches``: their width; ``detail``: whether quarters get a tick;
    ``words``: what the two marked bars are called; ``tagged``: whether that is written beside the bars."""

    size: float
    inches: float
    detail: bool
    words: Mapping[str, str]
    tagged: bool


def votes_figure(result: Json, *, narrow: bool, by_scene: bool) -> Figure:
    """Draw the pooled panel, or one panel per scene, from an analysis."""
    groups = _groups(result, by_scene=by_scene)
    width = style.NARROW if narrow else style.WIDE
    abreast = 1 if narrow or not by_scene else min(3 if len(groups) != 4 else 2, len(groups))
    size = 9.0 if by_scene else 10.5
    names = [r["label"] for g in groups for r in g["rows"]]
    room = min((0.42 if narrow else 0.34) * width, style.text_width(names, size, "bold") + 0.02)
    folded = {name: style.fold(name, room, size + 1) for name in names}
    margin = style.text_width([line for lines in folded.values() for line in lines], size, "bold") + 0.34
    right = 0.2 if by_scene else 0.32
    shared = abreast > 1 and len({tuple(r["label"] for r in g["rows"]) for g in groups}) == 1
    each = (width - right - (margin if shared else 0)) / abreast
    across = each - 0.3 if shared else each - margin - 0.1
    rows = max(len(g["rows"]) for g in groups)
    body = rows * max(0.34 if by_scene or rows > 20 else 0.5, 0.12 + 0.17 * max(map(len, folded.values())))
    titles = [style.two_lines(g["label"], across, 9.5) if by_scene else [] for g in groups]
    head = 0.12 + 0.17 * max(map(len, titles)) if by_scene else 0.04
    panel = head + body + 0.32
    sheet = page(
        result,
        *votes_title(result, by_scene=by_scene),
        math.ceil(len(groups) / abreast) * panel,
        narrow=narrow,
        legend=_legend(result, groups),
    )
    texts = {name: "\n".join(lines) for name, lines in folded.items()}
    look = Look(size, across, across > 2.6, _words(result, groups), tagged=not (by_scene or narrow))
    for i, group in enumerate(groups):
        down, place = divmod(i, abreast)
        left = margin + place * each
        axes = sheet.axes(left, down * panel + head, across, body)
        _panel(axes, group, minimisers(result, group), {} if shared and place else texts, look)
        sheet.text(left, down * panel + head - 0.07, "\n".join(titles[i]), fontsize=9.5, fontweight="bold", va="bottom")
    return sheet.figure


def votes_title(result: Json, *, by_scene: bool) -> tuple[str, str]:
    """Title and subtitle of the chart."""
    what = "Votes per condition in each scene" if by_scene else "Votes per condition"
    bounded = ", 95 % intervals over participants" if _bounded(_groups(result, by_scene=by_scene)) else ""
    return what, f"“{result['question']['text']}” Share of meetings won{bounded}"


def minimisers(result: Json, group: Json) -> set[str]:
    """Ids of the primary metric's minimisers in the group of the same scene."""
    found = minimum(primary(result), group["scene"])
    return set(found["conditions"]) if found else set()


def _groups(result: Json, *, by_scene: bool) -> list[Json]:
    return first_panels(scenes(result), len(result["conditions"])) if by_scene else [pooled(result)]


def _bounded(groups: Sequence[Json]) -> bool:
    return any(r["low"] is not None for g in groups for r in g["rows"])


def _panel(axes: Axes, group: Json, lowest: set[str], names: Mapping[str, str], look: Look) -> None:
    rows: Sequence[Json] = group["rows"]
    style.plain_axes(axes)
    axes.set_xlim(0, 1)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1] if look.detail else [0, 0.5, 1])
    axes.set_xticklabels(["0", "25", "50", "75", "100 %"] if look.detail else ["0", "50", "100 %"], fontsize=8.5)
    axes.tick_params(axis="x", pad=4)
    axes.get_xticklabels()[0].set_horizontalalignment("left")
    axes.get_xticklabels()[-1].set_horizontalalignment("right")
    axes.axvline(0.5, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.set_yticks(range(len(rows)) if names else [])
    if names:
        axes.set_yticklabels([names[r["label"]] for r in rows], fontsize=look.size, linespacing=1.05)
        axes.tick_params(axis="y", pad=6)
    top = group["favourite"]
    for i, row in enumerate(rows):
        _bar(axes, i, row, is_minimum=row["condition"] in lowest, is_top=row["condition"] == top, look=look)
        if names and row["condition"] in (*lowest, top):
            axes.get_yticklabels()[i].set_fontweight("bold")
    _whiskers(axes, rows)
    _bracket(axes, rows)


def _bar(axes: Axes, i: int, row: Json, *, is_minimum: bool, is_top: bool, look: Look) -> None:
    if row["share"] is None:
        axes.text(0.02, i, "not shown", va="center", fontsize=8.5, color=style.MUTED, style="italic")
        return
    axes.barh(i, row["share"], height=0.62, color=signs.FAVOURITE if is_top else signs.BAR, linewidth=0, zorder=2)
    if is_minimum:
        # Two layers, because a hatch takes the colour of its edge: white on the blue of the favourite, else orange.
        fill = "none" if is_top else MINIMUM_FILL
        hatch = "white" if is_top else style.MINIMISER
        axes.barh(i, row["share"], height=0.62, facecolor=fill, edgecolor=hatch, hatch="////", linewidth=0, zorder=2.4)
        axes.barh(i, row["share"], height=0.62, facecolor="none", edgecolor=style.MINIMISER, linewidth=1.8, zorder=2.6)
    if is_top:
        # The star stands inside the foot of the bar, where no whisker reaches in a readable study.
        star: dict[str, Any] = {"markersize": look.size + 1, "color": "white", "markeredgecolor": style.INK}
        axes.plot(0.035, i, marker="*", markeredgewidth=0.8, zorder=6, **star)
    low, high = (row["share"], row["share"]) if row["low"] is None else (row["low"], row["high"])
    room = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
    inside = high >= 0.9
    at = low - 0.018 if inside else high + 0.018
    axes.text(
        at, i, f"{100 * row['share']:.0f}", va="center", ha="right" if inside else "left",
        fontsize=max(8.0, look.size - 1), zorder=5, bbox=room,
    )  # fmt: skip
    if look.tagged and (is_top or is_minimum):
        _tag(axes, i, (low, high), look, is_minimum=is_minimum, is_top=is_top)


def _tag(axes: Axes, i: int, bounds: tuple[float, float], look: Look, *, is_minimum: bool, is_top: bool) -> None:
    """Say in words which bar it is: right of its number, or inside the bar where it is long enough."""
    text = ", ".join([look.words["minimum"]] * is_minimum + [look.words["favourite"]] * is_top)
    font: dict[str, Any] = {"va": "center", "fontsize": 9.5, "fontweight": "bold", "zorder": 6}
    length = style.text_width([text], 9.5, "bold") / look.inches
    number = 0.4 / look.inches
    if bounds[1] + number + length < RULE - 0.04:
        color = signs.FAVOURITE if is_top else style.MINIMISER
        room = {"facecolor": "white", "edgecolor": "none", "pad": 1.2}
        axes.text(bounds[1] + number, i, text, color=color, bbox=room, **font)
    elif is_top and not is_minimum and 0.065 + length < bounds[0] - number - 0.02:
        axes.text(0.065, i, text, color="white", **font)


def _whiskers(axes: Axes, rows: Sequence[Json]) -> None:
    at = [(i, r["share"], r["low"], r["high"]) for i, r in enumerate(rows) if r["share"] is not None]
    at = [one for one in at if one[2] is not None]
    if at:
        y, share, low, high = zip(*at, strict=True)
        reach = [[s - a for s, a in zip(share, low, strict=True)], [b - s for s, b in zip(share, high, strict=True)]]
        line: dict[str, Any] = {"xerr": reach, "fmt": "none"}
        axes.errorbar(share, y, ecolor="white", elinewidth=3.4, capsize=0, zorder=3, **line)
        axes.errorbar(share, y, ecolor=style.INK, elinewidth=1.4, capsize=3, capthick=1.4, zorder=4, **line)


def _bracket(axes: Axes, rows: Sequence[Json]) -> None:
    """A rule at the right of every run of conditions that could be the favourite."""
    inside = [bool(row["in_favourite_set"]) for row in rows]
    start = None
    for i, here in enumerate([*inside, False]):
        if here and start is None:
            start = i
        elif not here and start is not None:
            ends = [start - 0.38, i - 0.62]
            rule: dict[str, Any] = {"color": signs.FAVOURITE, "linewidth": 3.4, "solid_capstyle": "round"}
            axes.plot([RULE, RULE], ends, clip_on=False, zorder=5, **rule)
            start = None


def _words(result: Json, groups: Sequence[Json]) -> dict[str, str]:
    metric = primary(result)
    return {
        "minimum": extreme(metric) if metric else "lowest loss",
        "favourite": signs.favourite_words(groups, simulated=result["study"]["simulated"]),
    }


def _legend(result: Json, groups: Sequence[Json]) -> list[Artist]:
    words = _words(result, groups)
    handles: list[Artist] = []
    if any(minimisers(result, g) for g in groups):
        handles.append(Patch(facecolor=MINIMUM_FILL, edgecolor=style.MINIMISER, hatch="////", label=words["minimum"]))
    if any(g["favourite"] is not None for g in groups):
        handles.append(signs.favourite_star(words["favourite"]))
    if any(r["in_favourite_set"] for g in groups for r in g["rows"]):
        handles.append(Line2D([], [], color=signs.FAVOURITE, linewidth=3.4, label="could be the favourite (95 %)"))
    dashed = Line2D([], [], color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), label="no preference")
    return [*handles, dashed]


def _text(result: Json, *, by_scene: bool) -> dict[str, str]:
    title, _ = votes_title(result, by_scene=by_scene)
    group = pooled(result)
    caption = f"{basis(group, result)}{_each(result) if by_scene else ''}. "
    if not group["n_votes"]:
        caption += "Nobody has compared two conditions yet. "
    caption += "Bars: share of meetings won, each rival weighing the same; dashed: no preference. "
    if group["favourite"] is not None:
        caption += "Star: highest Bradley–Terry score, which need not be the highest share. "
    caption += result["bar_chart_warning"]
    if by_scene:
        caption += panels_note(len(_groups(result, by_scene=True)), len(scenes(result)))
    if by_scene:
        said = "; ".join(
            f"{g['label']}: highest score {g['favourite_label'] or 'shared or not known'}"
            for g in _groups(result, by_scene=True)
        )
        return texts(result, title, caption, f"Bar charts of the share of meetings won, one per scene. {said}.")
    shares = "; ".join(
        f"{r['label']} {100 * r['share']:.0f} %" if r["share"] is not None else f"{r['label']} not shown"
        for r in group["rows"]
    )
    alt = f"Bar chart of the share of meetings each condition won. {shares}. {result['headline']['sentence']}"
    return texts(result, title, caption, alt)


def _each(result: Json) -> str:
    n = [g["n_votes"] for g in scenes(result)]
    return f", {min(n)} to {max(n)} in each scene" if min(n) < max(n) else f", {n[0]} in each scene"


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
    exists=lambda result: len(scenes(result)) > 1 and pooled(result)["n_votes"] > 0,
    text=partial(_text, by_scene=True),
    draw=lambda result, narrow: votes_figure(result, narrow=narrow, by_scene=True),
    rows=partial(_rows, by_scene=True),
)
