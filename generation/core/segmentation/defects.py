"""Four defects of a fleece, each drawn with its exact mask: hole, stain, loose fibre, fold.

A defect changes the grey of a texture within its soft edge; its mask is where at least half of it lies. ``scale`` is
its size as a share of the picture's side, ``contrast`` how strongly it shows, 1 as strongly as it can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generation.core.segmentation.canvas import Draw, Values, between, bezier, clouds, coverage, direction, distance

#: The greys (0 to 1) that a defect is drawn towards: what is behind a hole, a stain, a bright fibre, a fold's light
#: and its shadow.
BEHIND, STAINED, BRIGHT, LIT, SHADED = 0.05, 0.12, 1.0, 0.97, 0.08
#: The soft edge of a hole or a stain, as a share of its radius.
EDGE = 0.12


@dataclass(frozen=True)
class Plan:
    """Where a defect will be, drawn before its size is: kind, ``middle`` (shares of the side), ``way`` (unit vector),
    and the numbers from 0 to 1 that its shape is made of. The same plan at another scale is the same shape."""

    kind: str
    middle: tuple[float, float]
    way: tuple[float, float]
    shape: tuple[float, ...]
    cloud: Values


def plan(kind: str, draw: Draw) -> Plan:
    """A plan of ``kind``; all kinds draw equally often, so that one does not move what comes after it."""
    middle = between(draw, 0.18, 0.82), between(draw, 0.18, 0.82)
    return Plan(kind, middle, direction(draw), tuple(draw() for _ in range(4)), clouds(draw, 48, 5))


def draw_defect(grey: Values, planned: Plan, scale: float, contrast: float) -> tuple[Values, npt.NDArray[np.bool_]]:
    """``grey`` (side x side, 0 to 1) with the defect on it, and its mask (bool)."""
    towards, amount = _SHAPES[planned.kind](planned, len(grey), scale)
    return grey + contrast * amount * (towards - grey), amount >= 0.5


def _hole(planned: Plan, side: int, scale: float) -> tuple[Values, Values]:
    """A soft-edged ellipse through which one sees what is behind."""
    away = _elliptic(planned, side, scale * side * 0.5, 0.55 + 0.45 * planned.shape[0])
    return np.full((side, side), BEHIND), _ramp((1 - away) / (2 * EDGE) + 0.5)


def _stain(planned: Plan, side: int, scale: float) -> tuple[Values, Values]:
    """A blob: noise of a low frequency that falls off from its middle, cut at a level. Fibres show through it."""
    radius = scale * side * 0.5
    away = _elliptic(planned, side, radius, 0.7 + 0.3 * planned.shape[0])
    offset_x, offset_y = _offsets(planned, side)
    # The cloud is as large as the blob, so that the same plan is the same blob at every scale.
    cells = [np.clip((o / (3 * radius) + 0.5) * 48, 0, 47).astype(np.int64) for o in (offset_x, offset_y)]
    height = 1.25 - away + 0.9 * (planned.cloud[cells[1], cells[0]] - 0.5)
    return np.full((side, side), STAINED), 0.85 * _ramp((height - 0.25) / (2 * EDGE) + 0.5)


def _loose(planned: Plan, side: int, scale: float) -> tuple[Values, Values]:
    """A single bright fibre, curved, thicker than those of the fleece."""
    line = _curve(planned, side, 1.6 * scale * side)
    width = max(1.6, (0.018 + 0.012 * planned.shape[1]) * side)
    return np.full((side, side), BRIGHT), _stroke(line, side, width)


def _fold(planned: Plan, side: int, scale: float) -> tuple[Values, Values]:
    """A crease: a bright line and a dark one beside it."""
    length = 1.4 * scale * side
    width = max(1.6, (0.02 + 0.01 * planned.shape[1]) * side)
    x, y = (share * side for share in planned.middle)
    dx, dy = planned.way
    half, apart = length / 2, width / 2
    lines = [
        [
            (x - dx * half - dy * shift, y - dy * half + dx * shift),
            (x + dx * half - dy * shift, y + dy * half + dx * shift),
        ]
        for shift in (-apart, apart)
    ]
    lit, shaded = (_stroke(line, side, width) for line in lines)
    amount = np.minimum(1.0, lit + shaded)
    share = np.divide(lit, lit + shaded, out=np.zeros_like(lit), where=amount > 0)
    return LIT * share + SHADED * (1 - share), amount


_SHAPES: Mapping[str, Callable[[Plan, int, float], tuple[Values, Values]]] = {
    "hole": _hole,
    "stain": _stain,
    "fibre": _loose,
    "fold": _fold,
}
#: The kinds of defects by name.
KINDS: tuple[str, ...] = tuple(_SHAPES)


def _offsets(planned: Plan, side: int) -> tuple[Values, Values]:
    """How far each pixel is from the defect's middle, along and across its way, in pixels."""
    x = np.arange(side) + 0.5 - planned.middle[0] * side
    y = (np.arange(side) + 0.5 - planned.middle[1] * side)[:, None]
    dx, dy = planned.way
    return x * dx + y * dy, y * dx - x * dy


def _elliptic(planned: Plan, side: int, radius: float, flat: float) -> Values:
    """1 on the edge of an ellipse of ``radius`` along its way and ``flat`` times that across it, 0 in its middle."""
    along, across = _offsets(planned, side)
    across = across / flat
    return np.asarray(np.sqrt(along * along + across * across) / radius)


def _curve(planned: Plan, side: int, length: float) -> list[tuple[float, float]]:
    x, y = (share * side for share in planned.middle)
    dx, dy = planned.way
    half, bow = length / 2, (planned.shape[0] - 0.5) * 1.6 * length / 2
    start, end = (x - dx * half, y - dy * half), (x + dx * half, y + dy * half)
    return bezier(start, (x - dy * bow, y + dx * bow), end)


def _stroke(line: list[tuple[float, float]], side: int, width: float) -> Values:
    amount = np.zeros((side, side))
    box, away = distance(line, side, width + 1)
    amount[box] = coverage(away, width)
    return amount


def _ramp(values: Values) -> Values:
    """Cut to 0 to 1."""
    return np.asarray(np.minimum(1.0, np.maximum(0.0, values)))
