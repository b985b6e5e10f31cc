"""Ticks that are round, few, and never touch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullFormatter, NullLocator

from generation.core.drawing.numbers import short_number
from generation.core.drawing.style import text_width

#: Round numbers within a decade, from many to few.
ROUND = ((1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))


def few(room: float, each: float) -> MaxNLocator:
    """As many round ticks as labels of ``each`` inches have room for on an axis of ``room`` inches."""
    return MaxNLocator(nbins=max(1, int(room / each)), steps=[1, 2, 2.5, 5, 10])


def roomy(places: Sequence[float], labels: Sequence[str], size: float) -> list[int]:
    """Which of ``labels``, centred at rising ``places`` in inches, can be written without touching each other."""
    shown: list[int] = []
    end = -math.inf
    for i, (place, label) in enumerate(zip(places, labels, strict=True)):
        half = text_width([label], size) / 2
        if place - half > end + 0.05:
            shown.append(i)
            end = place + half
    return shown


def drawn(axes: Axes, which: str) -> list[float]:
    """The values of all lines of ``axes`` on its axis ``which`` ('x' or 'y'), for :func:`value_axis`."""
    lines = [line.get_ydata() if which == "y" else line.get_xdata() for line in axes.lines]
    return [float(value) for line in lines for value in np.asarray(line, dtype=float)]


def value_axis(axes: Axes, which: str, values: Sequence[float], inches: float) -> None:
    """Scale the axis ``which`` ('x' or 'y', ``inches`` long) to ``values``: logarithmic where all are above 0."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    low, high = min(values), max(values)
    each = 0.3 if which == "y" else 0.5
    places: list[float] = []
    if low > 0:
        ratio = (high / low) ** 0.08 if high > low else 1.1
        low, high = low / ratio, high * ratio
        (axes.set_yscale if which == "y" else axes.set_xscale)("log")
        places = log_ticks(low, high, inches, each)
    else:
        pad = 0.08 * (high - low) or 1.0
        low, high = low - pad, high + pad
    (axes.set_ylim if which == "y" else axes.set_xlim)(low, high)
    # A log axis shorter than the steps between round numbers is almost a linear one.
    round_places = places if len(places) > 1 else list(few(inches, each).tick_values(low, high))
    axis.set_major_locator(FixedLocator([p for p in round_places if low <= p <= high]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))


def level_axis(
    axes: Axes, levels: Sequence[float], label: Callable[[float], str], inches: float, *, log: bool, size: float = 8.5
) -> None:
    """Put rising ``levels`` on the x axis, ``inches`` long, with ticks at as many of them as have room."""
    log = log and levels[0] > 0
    place: Callable[[float], float] = math.log10 if log else float
    low, high = place(levels[0]), place(levels[-1])
    pad = 0.07 * (high - low) or 0.5
    axes.set_xscale("log" if log else "linear")
    axes.set_xlim(*((10 ** (low - pad), 10 ** (high + pad)) if log else (low - pad, high + pad)))
    places = [(place(v) - low + pad) / (high - low + 2 * pad) * inches for v in levels]
    shown = [levels[i] for i in roomy(places, [label(v) for v in levels], size)]
    axes.set_xticks(shown, [label(v) for v in shown], fontsize=size)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())


def log_ticks(low: float, high: float, inches: float, each: float) -> list[float]:
    """Round numbers between ``low`` and ``high``: the most that keep ``each`` inches apart on a log axis."""
    per_unit = inches / math.log10(high / low)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for mantissas in ROUND:
        found = [m * 10.0**d for d in decades for m in mantissas if low <= m * 10.0**d <= high]
        gaps = [math.log10(b / a) * per_unit for a, b in pairwise(found)]
        if all(gap >= each for gap in gaps):
            return found
    step = math.ceil(each / per_unit)
    return [10.0**d for d in decades if low <= 10.0**d <= high][::step]
