"""Plain drawing on float64 squares with arithmetic that gives the same bits everywhere.

Only additions, products, quotients and square roots are used, which IEEE 754 rounds in one way; sines, exponentials
and powers differ in their last bit from one library to the next. Draws come from ``random.Random.random``, the one
generator of Python and numpy that is promised to give the same numbers in every version.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
#: Gives the next number from 0 to below 1.
Draw = Callable[[], float]
Point = tuple[float, float]

#: Straight pieces that a curve is drawn in.
PIECES = 12


def between(draw: Draw, low: float, high: float) -> float:
    """A number drawn uniformly from ``low`` to ``high``."""
    return low + (high - low) * draw()


def direction(draw: Draw) -> Point:
    """A unit vector of any direction, without a sine: a point of the disc, brought to its edge."""
    while True:
        x, y = 2 * draw() - 1, 2 * draw() - 1
        if 0.01 < (squared := x * x + y * y) <= 1:
            length = float(np.sqrt(squared))
            return x / length, y / length


def clouds(draw: Draw, side: int, cells: int) -> Values:
    """Smooth noise, side x side, 0 to 1: ``cells`` x ``cells`` drawn values with smooth steps in between."""
    lattice = np.array([[draw() for _ in range(cells + 1)] for _ in range(cells + 1)])
    place = (np.arange(side) + 0.5) * (cells / side)
    cell = np.minimum(place.astype(np.int64), cells - 1)
    part = place - cell
    smooth = part * part * (3 - 2 * part)
    rows = lattice[cell] * (1 - smooth)[:, None] + lattice[cell + 1] * smooth[:, None]
    return np.asarray(rows[:, cell] * (1 - smooth) + rows[:, cell + 1] * smooth)


def blurred(values: Values, times: int) -> Values:
    """``values`` (H x W) after so many passes of the kernel 1 2 1 along both axes; edges are mirrored."""
    for _ in range(times):
        for axis in (0, 1):
            wide = np.pad(values, [(1, 1) if axis == a else (0, 0) for a in (0, 1)], mode="edge")
            low, mid, high = (np.take(wide, np.arange(k, k + values.shape[axis]), axis) for k in range(3))
            values = (low + 2 * mid + high) / 4
    return values


def bezier(start: Point, bend: Point, end: Point) -> list[Point]:
    """The quadratic curve from ``start`` to ``end``, drawn towards ``bend``, as ``PIECES`` straight pieces."""
    points = []
    for number in range(PIECES + 1):
        t = number / PIECES
        a, b, c = (1 - t) * (1 - t), 2 * t * (1 - t), t * t
        points.append((a * start[0] + b * bend[0] + c * end[0], a * start[1] + b * bend[1] + c * end[1]))
    return points


def distance(line: Sequence[Point], side: int, reach: float) -> tuple[tuple[slice, slice], Values]:
    """The box (rows, columns) within ``reach`` pixels around a polyline, and how far each of its pixels is from it.

    Points are (x, y) in pixels; the middle of the upper left pixel is (0.5, 0.5). The box may be empty.
    """
    xs, ys = [x for x, _ in line], [y for _, y in line]
    left, right = (min(side, max(0, int(edge))) for edge in (min(xs) - reach, max(xs) + reach + 1))
    top, bottom = (min(side, max(0, int(edge))) for edge in (min(ys) - reach, max(ys) + reach + 1))
    x, y = np.arange(left, right) + 0.5, (np.arange(top, bottom) + 0.5)[:, None]
    nearest = np.full((bottom - top, right - left), np.inf)
    for (x0, y0), (x1, y1) in pairwise(line):
        dx, dy = x1 - x0, y1 - y0
        length = dx * dx + dy * dy
        along = ((x - x0) * dx + (y - y0) * dy) / length if length > 0 else np.zeros_like(nearest)
        along = np.minimum(1.0, np.maximum(0.0, along))
        away_x, away_y = x - (x0 + along * dx), y - (y0 + along * dy)
        nearest = np.minimum(nearest, away_x * away_x + away_y * away_y)
    return (slice(top, bottom), slice(left, right)), np.sqrt(nearest)


def coverage(away: Values, width: float) -> Values:
    """How much of a pixel ``away`` from the middle of a stroke of ``width`` is covered by it: 0 to 1."""
    return np.asarray(np.minimum(1.0, np.maximum(0.0, width / 2 + 0.5 - away)) * min(1.0, width))
