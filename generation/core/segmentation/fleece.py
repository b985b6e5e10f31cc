"""A field of non-woven fibres, as of an air filter or a fleece: what defects are drawn on.

Some hundred curved fibres lie over each other, more of them along the direction in which the web was drawn; clouds of
more and less fibre, light that falls from one side, and the noise of a camera come on top. All lengths are shares of
the picture's side, so that a picture of twice the side shows the same stuff at twice the resolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from generation.core.segmentation.canvas import Draw, Values, between, bezier, blurred, clouds, coverage, direction
from generation.core.segmentation.canvas import distance as away_from

#: Fibres of a picture; their widths and lengths as shares of the side.
FIBRES = 260
WIDTHS = (0.006, 0.014)
LENGTHS = (0.35, 1.1)
#: How far fibres prefer the direction of the web: 0 not at all, 1 all are parallel.
ALIGNED = 0.35
#: The grey of bare ground and of a dense tangle (0 to 1), and what light and camera do to it.
GROUND, DENSE = 0.22, 0.86
LIGHT, NOISE = 0.12, 0.025
#: Passes of the blur per pixel of a hundredth of the side: fibres lie in and out of focus.
SOFT = 0.5


@dataclass(frozen=True)
class Fleece:
    """A texture before anything is wrong with it: ``grey`` (side x side, 0 to 1) and ``light`` that it lies in."""

    grey: Values
    light: Values


def fleece(draw: Draw, side: int) -> Fleece:
    """A texture of ``side`` x ``side`` pixels, all of it drawn."""
    web = direction(draw)
    dense = np.zeros((side, side))
    for _ in range(FIBRES):
        _lay(dense, draw, web)
    dense = blurred(dense, max(1, round(SOFT * side / 100)))
    dense *= 0.75 + 0.5 * clouds(draw, side, 4)
    grey = GROUND + (DENSE - GROUND) * dense / (0.8 + dense)
    sun = direction(draw)
    place = (np.arange(side) + 0.5) / side - 0.5
    light = 1 + LIGHT * (sun[0] * place + sun[1] * place[:, None])
    return Fleece(grey, light)


def photographed(grey: Values, light: Values, draw: Draw) -> Values:
    """What a camera sees of ``grey`` in ``light``: with its noise, 0 to 1."""
    side = len(grey)
    # Three draws added up are near enough to a bell.
    noise = np.array([draw() + draw() + draw() - 1.5 for _ in range(side * side)]).reshape(side, side)
    return np.minimum(1.0, np.maximum(0.0, grey * light + 2 * NOISE * noise))


def _lay(dense: Values, draw: Draw, web: tuple[float, float]) -> None:
    """One fibre more: a curve through a drawn place, of its own width and density."""
    side = len(dense)
    x, y = draw() * side, draw() * side
    way = direction(draw)
    if way[0] * web[0] + way[1] * web[1] < 0:
        way = -way[0], -way[1]
    dx, dy = ((1 - ALIGNED) * way[i] + ALIGNED * web[i] for i in (0, 1))
    half = between(draw, *LENGTHS) * side / 2
    bow = between(draw, -0.35, 0.35) * half
    start, end = (x - dx * half, y - dy * half), (x + dx * half, y + dy * half)
    line = bezier(start, (x - dy * bow, y + dx * bow), end)
    width = between(draw, *WIDTHS) * side
    box, away = away_from(line, side, width + 1)
    dense[box] += between(draw, 0.3, 1.0) * coverage(away, width)
