"""Ticks that are round, few, and never touch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from evaluation.core.figures import style

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
        half = style.text_width([label], size) / 2
        if place - half > end + 0.05:
            shown.append(i)
            end = place + half
    return shown


def loss_axis(axes: Axes, which: str, inches: float) -> None:
    """Scale the axis ``which`` ('x' or 'y', ``inches`` long) to what is drawn: logarithmic where all is above 0."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    drawn = [np.asarray(line.get_ydata() if which == "y" else line.get_xdata(), dtype=float) for line in axes.lines]
    low, high = float(min(d.min() for d in drawn)), float(max(d.max() for d in drawn))
    each = 0.3 if which == "y" else 0.5
    log = low > 0
    if log:
        ratio = (high / low) ** 0.08 if high > low else 1.1
        low, high = low / ratio, high * ratio
        (axes.set_yscale if which == "y" else axes.set_xscale)("log")
        places = log_ticks(low, high, inches, each)
    else:
        pad = 0.08 * (high - low) or 1.0
        low, high = low - pad, high + pad
        places = []
    (axes.set_ylim if which == "y" else axes.set_xlim)(low, high)
    # A log axis shorter than the steps between round numbers is almost a linear one.
    round_places = places if len(places) > 1 else few(inches, each).tick_values(low, high)
    axis.set_major_locator(FixedLocator([p for p in round_places if low <= p <= high]))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_number(value)))


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


def short_number(value: float) -> str:
    """441330 -> '441.3k'; 0.00012 -> '0.00012'."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"
