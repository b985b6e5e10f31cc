"""F2, second form: the losses of the finished images against the parameter, a line per scene, its minimum ringed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evaluation.core.figures import parameters
from evaluation.core.figures.chart import (
    Chart,
    Json,
    Table,
    columns,
    condition_labels,
    first_panels,
    minimum,
    scenes,
    texts,
)
from evaluation.core.figures.page import names, page
from evaluation.core.words import metric_name
from generation.core.drawing import style, ticks
from generation.core.drawing.sheet import Sheet

STEM = "fig02_losses"
ROLES = ("reference_objective", "objective", "objective_part")
#: Scenes that are told apart; more are drawn in one grey.
MOST_SCENES = 8
LOOKS = tuple(zip(
    ("#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#1b1f24", "#8f4f86", "#5b6e00"), "os^DvPX<", strict=True
))  # fmt: skip


def losses(result: Json) -> list[Json]:
    """The objective, its parts and the reference objective, where their values may be compared in a scene."""
    there = [m for m in result["metrics"] if m["role"] in ROLES]
    found = [m for m in there if any(minimum(m, g["scene"]) for g in scenes(result))]
    return [m for i, m in enumerate(found) if _values(result, m) not in [_values(result, other) for other in found[:i]]]


def _values(result: Json, metric: Json) -> list[Json | None]:
    """Values of a metric in each scene: where all images share their weights, two totals are the same numbers."""
    found = [minimum(metric, g["scene"]) for g in scenes(result)]
    return [one and one["values"] for one in found]


def _refused(result: Json) -> list[str]:
    """Why the others are not drawn: a weighted total is not comparable across objectives."""
    silent = [
        m for m in result["metrics"] if m["role"] in ROLES and not any(minimum(m, g["scene"]) for g in scenes(result))
    ]
    return [m["tests"][0]["reason"]["sentence"] for m in silent if m["tests"][0]["reason"]]


def _title(result: Json) -> tuple[str, str]:
    single = parameters.only_number(result)
    against = f"against {parameters.spoken(single[0])}" if single else "of each condition"
    return (
        f"Loss of the finished images {against}",
        "One line per scene; the ring is the scene's minimum; log axes where all values are above 0",
    )


def _draw(result: Json, narrow: bool) -> Figure:
    shown = losses(result)
    single = parameters.only_number(result)
    return _curves(result, shown, single[1], narrow) if single else _rows_of_dots(result, shown, narrow)


def _curves(result: Json, shown: Sequence[Json], x: dict[str, float], narrow: bool) -> Figure:
    """Panels side by side (or below each other): the parameter across, the loss up."""
    width = style.NARROW if narrow else style.WIDE
    abreast = 1 if narrow else _abreast(len(shown))
    each = (width - 0.15) / abreast
    panel = 2.2 if narrow else 2.5
    lines = math.ceil(len(shown) / abreast)
    head = _head(shown, each - 0.78)
    sheet = page(result, *_title(result), lines * (head + panel + 0.55), narrow=narrow, legend=_legend(result, width))
    name = parameters.only_number(result)
    for i, metric in enumerate(shown):
        down, place = divmod(i, abreast)
        across = each - 0.78
        left, top = 0.68 + place * each, head + down * (head + panel + 0.55)
        axes = sheet.axes(left, top, across, panel)
        _name(sheet, left, top, metric, across)
        _scenes(axes, result, metric, x)
        style.open_axes(axes)
        parameters.scale_x(axes, list(x.values()), across)
        ticks.value_axis(axes, "y", ticks.drawn(axes, "y"), panel)
        axes.set_xlabel(parameters.spoken(name[0]) if name else "", fontsize=9)
    return sheet.figure


def _scenes(axes: Axes, result: Json, metric: Json, place: Mapping[str, float], *, down: bool = False) -> None:
    """A line per scene through its conditions at their ``place``, across or ``down``, and a ring round its minimum."""
    for n, group in enumerate(first_panels(scenes(result))):
        found = minimum(metric, group["scene"])
        if not found:
            continue
        points = sorted((place[c], v, c in found["conditions"]) for c, v in found["values"].items())
        at, values = [p[0] for p in points], [p[1] for p in points]
        x, y = (values, at) if down else (at, values)
        _line(axes, x, y, _look(result, n))
        for where, value, lowest in points:
            if lowest:
                _ring(axes, *((value, where) if down else (where, value)))


def _rows_of_dots(result: Json, shown: Sequence[Json], narrow: bool) -> Figure:
    """Conditions on rows in grid order, the loss across: for grids of several parameters."""
    label = condition_labels(result)
    width = style.NARROW if narrow else style.WIDE
    many = len(label) > 20
    column = names(
        list(label.values()),
        width,
        size=8.0 if many else 9.0,
        share=0.45 if narrow else 0.36,
        line=0.2 if many else 0.3,
    )
    abreast = 1 if narrow else _abreast(len(shown))
    each = (width - column.width - 0.1) / abreast
    panel = len(label) * column.line
    lines = math.ceil(len(shown) / abreast)
    head = _head(shown, each - 0.25)
    sheet = page(result, *_title(result), lines * (head + panel + 0.4), narrow=narrow, legend=_legend(result, width))
    at = {c: i for i, c in enumerate(label)}
    for i, metric in enumerate(shown):
        down, place = divmod(i, abreast)
        across = each - 0.25
        left, top = column.width + place * each, head + down * (head + panel + 0.4)
        axes = sheet.axes(left, top, across, panel)
        _name(sheet, left, top, metric, across)
        _scenes(axes, result, metric, at, down=True)
        style.open_axes(axes)
        ticks.value_axis(axes, "x", ticks.drawn(axes, "x"), across)
        axes.set_yticks([])
        axes.set_ylim(len(label) - 0.5, -0.5)
        if place == 0:
            column.write(axes, list(label.values()))
    return sheet.figure


def _look(result: Json, n: int) -> tuple[str, str]:
    return LOOKS[n] if len(scenes(result)) <= MOST_SCENES else (style.GREY, "")


def _line(axes: Axes, x: Sequence[float], y: Sequence[float], look: tuple[str, str]) -> None:
    color, marker = look
    axes.plot(x, y, color=color, marker=marker or None, markersize=4.5, linewidth=1.2, zorder=3)


def _ring(axes: Axes, x: float, y: float) -> None:
    axes.plot(
        x,
        y,
        "o",
        markersize=10.5,
        markerfacecolor="none",
        markeredgecolor=style.MINIMISER,
        markeredgewidth=1.8,
        zorder=4,
    )


def _abreast(panels: int) -> int:
    """Panels beside each other: never three and one."""
    return 2 if panels == 4 else min(3, panels)


def _titled(metric: Json, inches: float) -> list[str]:
    unit = f" ({metric['unit']})" if metric["unit"] else ""
    return style.two_lines(metric["label"] + unit, inches, 9.5)


def _head(shown: Sequence[Json], inches: float) -> float:
    return 0.12 + 0.17 * max(len(_titled(metric, inches)) for metric in shown)


def _name(sheet: Sheet, left: float, top: float, metric: Json, inches: float) -> None:
    title = "\n".join(_titled(metric, inches))
    sheet.text(left, top - 0.07, title, fontsize=9.5, fontweight="bold", va="bottom")


def _legend(result: Json, width: float) -> list[Artist]:
    found = scenes(result)
    handles: list[Artist] = [style.minimum_ring("lowest in its scene")]
    if 1 < len(found) <= MOST_SCENES:
        handles += [
            Line2D(
                [],
                [],
                color=color,
                marker=marker,
                markersize=4.5,
                linewidth=1.2,
                label=style.one_line(g["label"], width - 0.9, 8.5, "normal"),
            )
            for g, (color, marker) in zip(found, LOOKS, strict=False)
        ]
    return handles


def _text(result: Json) -> dict[str, str]:
    shown = losses(result)
    title, _ = _title(result)
    n = len(scenes(result))
    caption = (
        f"Values of the images that were shown, one per condition in {n} scene{'' if n == 1 else 's'} (replicates are "
        f"averaged), as stored: {'; '.join(metric_name(m['label']) for m in shown)}.{_twins(result)} "
        + " ".join(dict.fromkeys(_refused(result)))
    ).strip()
    said = " ".join(
        f"{m['label']} is best at {', '.join(t['minimum']['labels'])} over all scenes."
        for m in shown
        for t in m["tests"][:1]
        if t["minimum"]
    )
    return texts(result, title, caption, f"Lines of loss over the conditions, by scene. {said}".strip())


def _twins(result: Json) -> str:
    shown = losses(result)
    return "".join(
        f" {m['label']} has the same values as {metric_name(other['label'])}."
        for m in result["metrics"]
        if m["role"] in ROLES and m not in shown
        for other in shown
        if _values(result, m) == _values(result, other)
    )


def _rows(result: Json) -> Table:
    label, single = condition_labels(result), parameters.only_number(result)
    return columns(
        "scene metric condition parameter value is_minimiser",
        (
            [g["label"], m["label"], label[c], single[1][c] if single else None, value, c in found["conditions"]]
            for g in scenes(result)
            for m in losses(result)
            if (found := minimum(m, g["scene"]))
            for c, value in found["values"].items()
        ),
    )


CHART = Chart(stem=STEM, exists=lambda result: bool(losses(result)), text=_text, draw=_draw, rows=_rows)
