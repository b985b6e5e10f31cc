"""Put a label beside each point so that no label touches another, a point or a whisker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

from generation.core.drawing import style

#: Directions tried in turn, in reading preference: right, left, then round the clock.
_ANGLES = np.deg2rad([0, 180, 30, -30, 150, -150, 60, -60, 120, -120, 90, -90, 15, -15, 165, -165, 45, -45, 135, -135])
_DISTANCES = (9.0, 13.0, 20.0, 28.0, 38.0, 50.0, 64.0, 80.0, 100.0)


def place_labels(
    axes: Axes,
    points: Sequence[tuple[float, float]],
    texts: Sequence[str],
    obstacles: Sequence[Bbox],
    *,
    must: bool = False,
    reach: float = 100.0,
    **font: Any,
) -> list[Bbox]:
    """Annotate ``points`` (data coordinates) with ``texts``; ``obstacles`` are boxes in pixels to keep clear of.

    The nearest free place wins; from further away a thin line leads back to the point. A label without any free place
    within ``reach`` points is left out (the table and the CSV name every point) unless it ``must`` be there. Returns
    the labels' boxes.
    """
    figure = axes.figure
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    inside = axes.get_window_extent(renderer).padded(-4)
    taken = list(obstacles)
    placed: list[Bbox] = []
    scale = figure.dpi / 72.0
    for (x, y), text in zip(points, texts, strict=True):
        probe = axes.text(x, y, text, **font)
        size = probe.get_window_extent(renderer)
        probe.remove()
        px, py = axes.transData.transform((x, y))
        best: tuple[float, float, Bbox, float] | None = None
        for distance in (d for d in _DISTANCES if d <= reach):
            for angle in _ANGLES:
                box = _box(px, py, size.width, size.height, distance * scale, float(angle))
                cost = sum(_overlap(box, other) for other in taken) + 4 * _outside(box, inside)
                if best is None or cost < best[0] - 1e-9:
                    best = (cost, distance, box, float(angle))
            if best is not None and best[0] == 0:
                break
        assert best is not None  # noqa: S101 - there is always a first candidate
        cost, distance, box, _ = best
        if cost > 0 and not must:
            continue
        centre = axes.transData.inverted().transform(((box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2))
        leader = {"arrowstyle": "-", "color": style.GREY, "linewidth": 0.7, "shrinkA": 1, "shrinkB": 5}
        axes.annotate(
            text, (x, y), xytext=tuple(centre), ha="center", va="center", zorder=7,
            arrowprops=leader if distance > 13 else None, **font,
        )  # fmt: skip
        taken.append(box)
        placed.append(box)
    return placed


def _box(px: float, py: float, w: float, h: float, distance: float, angle: float) -> Bbox:
    """The label's box with its nearest edge ``distance`` pixels from the point in direction ``angle``."""
    cos, sin = float(np.cos(angle)), float(np.sin(angle))
    cx, cy = px + cos * distance + w / 2 * np.sign(round(cos, 3)), py + sin * distance + h / 2 * np.sign(round(sin, 3))
    return Bbox.from_bounds(cx - w / 2 - 1.5, cy - h / 2 - 1.0, w + 3, h + 2)


def _overlap(a: Bbox, b: Bbox) -> float:
    width = min(a.x1, b.x1) - max(a.x0, b.x0)
    height = min(a.y1, b.y1) - max(a.y0, b.y0)
    return width * height + 1.0 if width > 0 and height > 0 else 0.0


def _outside(box: Bbox, frame: Bbox) -> float:
    over = max(0, frame.x0 - box.x0) + max(0, box.x1 - frame.x1) + max(0, frame.y0 - box.y0) + max(0, box.y1 - frame.y1)
    return float(over) * 20.0
