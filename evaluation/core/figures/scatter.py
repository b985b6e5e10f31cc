"""Points with whiskers and names: minimisers ringed, the favourite a star, an arrow from the one to the other."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from evaluation.core.figures import signs
from evaluation.core.figures.chart import Json
from evaluation.core.figures.labels import place_labels
from generation.core.drawing import style

#: Points above which only the minimiser and the favourite are named.
MOST_LABELS = 15


def draw(axes: Axes, shown: Sequence[Json], limits: tuple[float, float, float, float], *, size: float) -> None:
    """Draw ``shown``: mappings with x, y, low, high, label, is_minimum and is_favourite; ``limits``: of x and of y."""
    axes.set_xlim(limits[0], limits[1])
    axes.set_ylim(limits[2], limits[3])
    style.open_axes(axes)
    axes.axhline(0, color=style.FAINT, linewidth=1, zorder=0)
    for p in shown:
        _point(axes, p, size)
    obstacles = [box for p in shown for box in _footprint(axes, p)] + _arrow(axes, shown)
    if crowded(shown):
        return
    # Labels of the two that matter are placed first, so that they get the best places.
    heavy = [p for p in shown if p["is_minimum"] or p["is_favourite"]]
    light = [p for p in shown if not (p["is_minimum"] or p["is_favourite"])]
    heavy_font: dict[str, Any] = {"fontsize": size, "fontweight": "bold", "must": True}
    boxes = place_labels(axes, *_labelled(heavy), obstacles, **heavy_font)
    place_labels(axes, *_labelled(light), obstacles + boxes, fontsize=size, color=style.MUTED, reach=38.0)


def crowded(shown: Sequence[Json]) -> bool:
    """Whether labels beside the points would cover them."""
    return len(shown) > MOST_LABELS or any(len(_folded(p["label"]).splitlines()) > 2 for p in shown)


def _labelled(shown: Sequence[Json]) -> tuple[list[tuple[float, float]], list[str]]:
    return [(p["x"], p["y"]) for p in shown], [_folded(p["label"]) for p in shown]


def _folded(label: str) -> str:
    """A long label on two lines or more."""
    return "\n".join(textwrap.wrap(label, 16))


def ends(shown: Sequence[Json]) -> tuple[Json, Json] | None:
    """The minimiser (of several the best liked) and the favourite, where these are two."""
    top = next((p for p in shown if p["is_favourite"]), None)
    lowest = [p for p in shown if p["is_minimum"]]
    if top is None or not lowest or top["is_minimum"]:
        return None
    return max(lowest, key=lambda p: float(p["y"])), top


def _arrow(axes: Axes, shown: Sequence[Json]) -> list[Bbox]:
    """Draw the arrow from the minimiser to the favourite; boxes in pixels that it covers."""
    both = ends(shown)
    if both is None:
        return []
    (x0, y0), (x1, y1) = ((p["x"], p["y"]) for p in both)
    look = {"arrowstyle": "-|>", "color": style.MINIMISER, "linewidth": 1.1, "linestyle": (0, (4, 2.5))}
    axes.annotate("", (x1, y1), (x0, y0), zorder=1.5, arrowprops=look | {"shrinkA": 9, "shrinkB": 8})
    start, end = axes.transData.transform([(x0, y0), (x1, y1)])
    steps = max(2, int(np.hypot(*(end - start)) / 8))
    return [Bbox.from_bounds(x - 4, y - 4, 8, 8) for x, y in np.linspace(start, end, steps)]


def _point(axes: Axes, p: Json, size: float) -> None:
    if p["low"] is not None:
        axes.plot([p["x"], p["x"]], [p["low"], p["high"]], color=style.MUTED, linewidth=1.1, zorder=2)
    if p["is_minimum"]:
        axes.plot(
            p["x"],
            p["y"],
            "o",
            markersize=size + 6,
            markerfacecolor="white",
            markeredgecolor=style.MINIMISER,
            markeredgewidth=2,
            zorder=3,
        )
    if p["is_favourite"]:
        axes.plot(
            p["x"],
            p["y"],
            "*",
            markersize=size + 4,
            color=signs.FAVOURITE,
            markeredgecolor=style.INK,
            markeredgewidth=0.7,
            zorder=5,
        )
    else:
        axes.plot(
            p["x"], p["y"], "o", markersize=size - 3, color=style.MINIMISER if p["is_minimum"] else style.INK, zorder=4
        )


def _footprint(axes: Axes, p: Json) -> list[Bbox]:
    """Pixels that a point and its whisker cover."""
    x, y = axes.transData.transform((p["x"], p["y"]))
    reach = 9.0 * axes.figure.dpi / 72 if p["is_minimum"] or p["is_favourite"] else 5.0 * axes.figure.dpi / 72
    boxes = [Bbox.from_bounds(x - reach, y - reach, 2 * reach, 2 * reach)]
    if p["low"] is not None:
        low, high = (axes.transData.transform((p["x"], v))[1] for v in (p["low"], p["high"]))
        boxes.append(Bbox.from_extents(x - 1.5, low, x + 1.5, high))
    return boxes
