"""F2, first form: the loss terms over the steps of the optimiser, a line per condition."""

from __future__ import annotations

import itertools
from functools import partial

import matplotlib as mpl
from matplotlib.artist import Artist
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evaluation.core.figures.chart import (
    Chart,
    Json,
    Table,
    columns,
    condition_labels,
    extreme,
    minimum,
    panels_note,
    primary,
    scenes,
    texts,
)
from evaluation.core.figures.page import page
from generation.core.drawing import style, ticks

#: Scenes that are drawn (the CSV has all), and conditions that are told apart; more are drawn in one grey.
MOST_SCENES, MOST_LINES = 4, 12
GREY = (style.GREY, style.DASHES[0])


def _points(result: Json, column: str) -> list[Json]:
    return [p for p in result.get("curves") or () if p[column] is not None]


def _exists(result: Json, column: str) -> bool:
    points = _points(result, column)
    differ = column == "raw" or any(p["weighted"] != p["raw"] for p in points)
    return len({p["step"] for p in points}) > 1 and differ


def _scenes(result: Json, column: str) -> list[Json]:
    there = {p["scene"] for p in _points(result, column)}
    return [g for g in scenes(result) if g["scene"] in there]


def _title(result: Json, column: str) -> tuple[str, str]:
    kind, metric = "Weighted" if column == "weighted" else "Raw", primary(result)
    thick = f"; thick: the one with the {extreme(metric)}" if metric and minimum(metric, None) else ""
    return f"{kind} loss over the steps", f"One line per condition, log axis{thick}"


def _looks(result: Json, column: str) -> dict[str, tuple[str, tuple[int, tuple[float, ...]]]]:
    there = {p["condition"] for p in _points(result, column)}
    shown = [c for c in condition_labels(result) if c in there]
    if len(shown) > MOST_LINES:
        return dict.fromkeys(shown, GREY)
    # From blue to dark yellow in grid order (safe for colour-blind readers), doubled by the dashes.
    colors = mpl.colormaps["cividis"]
    return {
        c: (to_hex(colors(0.85 * i / max(1, len(shown) - 1))), style.DASHES[i % len(style.DASHES)])
        for i, c in enumerate(shown)
    }


def _draw(result: Json, narrow: bool, *, column: str) -> Figure:
    points = _points(result, column)
    shown = _scenes(result, column)[:MOST_SCENES]
    terms = list(dict.fromkeys(p["term"] for p in points))
    looks, width = _looks(result, column), style.NARROW if narrow else style.WIDE
    abreast = min(2 if narrow else 4, len(terms))
    each, panel = (width - 0.1) / abreast, 1.4 if narrow else 1.8
    lines = -(-len(terms) // abreast)
    # A scene is a block of lines below its name.
    name = 0.3 if len(_scenes(result, column)) > 1 else 0.0
    block = lines * (panel + 0.78) + name
    sheet = page(
        result,
        *_title(result, column),
        len(shown) * block,
        narrow=narrow,
        legend=_legend(result, column, narrow=narrow),
    )
    lines_of: dict[tuple[str, str, str], list[Json]] = {}
    for p in sorted(points, key=lambda p: p["step"]):
        lines_of.setdefault((p["scene"], p["condition"], p["term"]), []).append(p)
    for (s, group), (i, term) in itertools.product(enumerate(shown), enumerate(terms)):
        down, place = divmod(i, abreast)
        if name and i == 0:
            label = style.one_line(group["label"], width - 0.3, 10.5)
            sheet.text(0.12, s * block + 0.02, label, fontsize=10.5, fontweight="bold")
        axes = sheet.axes(0.6 + place * each, s * block + name + 0.28 + down * (panel + 0.78), each - 0.72, panel)
        lowest = minimum(primary(result), group["scene"])
        for condition, (color, dashes) in looks.items():
            mine = lines_of.get((group["scene"], condition, term))
            if mine:
                best = bool(lowest) and condition in lowest["conditions"]  # type: ignore[index]
                x, y = [p["step"] for p in mine], [p[column] for p in mine]
                color = style.INK if best and (color, dashes) == GREY else color
                axes.plot(x, y, color=color, linestyle=dashes, linewidth=2.2 if best else 1.2, zorder=4 if best else 3)
                if best:
                    axes.plot(x[-1], y[-1], "o", markersize=9, markerfacecolor="white", markeredgecolor=style.MINIMISER,
                              markeredgewidth=2, zorder=5, clip_on=False)  # fmt: skip
        style.open_axes(axes)
        axes.xaxis.set_major_locator(ticks.few(each, 0.6))
        ticks.value_axis(axes, "y", ticks.drawn(axes, "y"), panel)
        axes.set_xlabel("step", fontsize=9)
        axes.set_title(term, fontsize=9.5, loc="left", pad=5)
    return sheet.figure


def _legend(result: Json, column: str, *, narrow: bool) -> list[Artist]:
    label, metric = condition_labels(result), primary(result)
    looks = _looks(result, column)
    room = (style.NARROW if narrow else style.WIDE) - 0.9
    called = {c: style.one_line(label[c], room, 8.5, "normal") for c in looks}
    if len(looks) > MOST_LINES:
        looks, called = {"": GREY}, {"": "a condition"}
    handles: list[Artist] = [
        Line2D([], [], color=color, linestyle=dashes, linewidth=1.6, label=called[c])
        for c, (color, dashes) in looks.items()
    ]
    if metric and minimum(metric, None):
        handles.append(style.minimum_ring(extreme(metric)))
    return handles


def _text(result: Json, *, column: str) -> dict[str, str]:
    points, there = _points(result, column), _scenes(result, column)
    terms = ", ".join(dict.fromkeys(p["term"] for p in points))
    n = len(_looks(result, column))
    caption = f"{n} condition{'s' * (n != 1)} in {len(there)} scene{'s' * (len(there) != 1)}; terms: {terms}; log axis."
    caption += panels_note(MOST_SCENES, len(there))
    if column == "weighted":
        caption += " Weighted losses may be compared only between conditions of the same weights."
    alt = f"Lines of {terms} over the steps of the optimiser, one per condition."
    return texts(result, _title(result, column)[0], caption, alt)


def _rows(result: Json, *, column: str) -> Table:
    label = condition_labels(result)
    name = {g["scene"]: g["label"] for g in scenes(result)}
    return columns(
        "scene condition term step value",
        ([name[p["scene"]], label[p["condition"]], p["term"], p["step"], p[column]] for p in _points(result, column)),
    )


RAW, WEIGHTED = (
    Chart(
        stem=f"fig02_curves{'_weighted' * (column == 'weighted')}",
        exists=partial(_exists, column=column),
        text=partial(_text, column=column),
        draw=partial(_draw, column=column),
        rows=partial(_rows, column=column),
    )
    for column in ("raw", "weighted")
)
