"""Marks of a forest plot: a dot with its intervals on a row, the wide interval thin and the narrow one thick."""

from __future__ import annotations

from matplotlib.axes import Axes

from generation.core.drawing import style

Bounds = tuple[float | None, float | None]


def forest_axes(axes: Axes, rows: int, low: float, high: float) -> None:
    """Axes for ``rows`` rows (the first on top) from ``low`` to ``high``, with faint rules between the rows."""
    style.plain_axes(axes)
    axes.set_xlim(low, high)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.set_yticks([])
    axes.tick_params(axis="x", length=3, labelsize=8.5)
    for i in range(rows - 1):
        axes.axhline(i + 0.5, color=style.FAINT, linewidth=0.5, zorder=0)


def interval(axes: Axes, row: float, bounds: Bounds, color: str, *, thick: bool) -> None:
    """A line between ``bounds`` on a row; nothing where they are missing."""
    low, high = bounds
    if low is not None and high is not None:
        axes.plot(
            [low, high], [row, row], color=color, linewidth=3.6 if thick else 1.3, solid_capstyle="butt", zorder=3
        )


def dot(axes: Axes, row: float, value: float, color: str, *, sure: bool = True, marker: str = "o") -> None:
    """The estimate: filled where its interval leaves the null value out, else hollow."""
    axes.plot(
        value, row, marker, markersize=8, color=color, markerfacecolor=color if sure else "white", markeredgewidth=1.8,
        zorder=5, clip_on=False,
    )  # fmt: skip


def limits(values: list[float], *, room: float = 0.06, least: float = 0.02) -> tuple[float, float]:
    """Limits of an axis that hold ``values`` with a little room."""
    low, high = min(values), max(values)
    pad = max(room * (high - low), least)
    return low - pad, high + pad
