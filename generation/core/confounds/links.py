"""Rank correlations of losses with properties of the pictures, within scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]

#: Fewer conditions have no correlation worth the name: of 3 in random order, every third pair of rankings has |r| = 1.
MIN_CONDITIONS = 4
#: |r| from which a loss and a property are hardly told apart: two thirds of the variance of the ranks are shared.
ALARM = 0.8
#: |r| from which it is worth a look.
ATTENTION = 0.6
#: A property whose values within a scene span less than this part of their mean counts as constant. Differences of
#: luminance below 1 % are not seen (Weber's fraction), and ranks would blow them up.
UNSEEN = 0.01


@dataclass(frozen=True, eq=False)
class Measure:
    """A number about the pictures of a grid.

    values : (S, C) scenes x conditions, the mean over replicates; NaN where there is no picture or no number.
    lower : whether lower is better (of a property this says nothing).
    tested : whether it is what a generator minimised, a part of it, or the metric that the study puts to the test.
    also : labels of losses that put the conditions of every scene in the same order.
    """

    key: str
    label: str
    values: FloatArray
    lower: bool = True
    tested: bool = False
    also: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Link:
    """Spearman's r of a loss and a property: computed within each scene, then averaged over ``scenes``.

    ``fewest`` and ``most``: conditions of these scenes.
    """

    loss: Measure
    other: Measure
    r: float
    scenes: int
    fewest: int
    most: int

    @property
    def level(self) -> str:
        """``alarm``, ``attention`` or nothing."""
        size = round(abs(self.r), 2)  # as it is written, so that a written .80 is never below .8
        return "alarm" if size >= ALARM else "attention" if size >= ATTENTION else ""


def links(losses: Sequence[Measure], others: Sequence[Measure]) -> list[Link]:
    """The link of each pair that has one, the strongest first.

    A scene counts where at least :data:`MIN_CONDITIONS` conditions have both numbers and neither number is constant
    among them.
    """
    ranks: dict[tuple[int, int, bytes], FloatArray | None] = {}

    def ranked(measure: Measure, scene: int, among: npt.NDArray[np.bool_], least: float) -> FloatArray | None:
        key = (id(measure), scene, among.tobytes())
        if key not in ranks:
            ranks[key] = _ranks(measure.values[scene, among], least)
        return ranks[key]

    found = []
    for loss in losses:
        for other in others:
            both = np.isfinite(loss.values) & np.isfinite(other.values)
            rhos, sizes = [], []
            for scene in np.flatnonzero(both.sum(axis=1) >= MIN_CONDITIONS).tolist():
                a, b = ranked(loss, scene, both[scene], 0.0), ranked(other, scene, both[scene], UNSEEN)
                if a is not None and b is not None:
                    rhos.append(float(a @ b))
                    sizes.append(len(a))
            if rhos:
                mean = float(np.clip(np.mean(rhos), -1, 1))
                found.append(Link(loss, other, mean, len(rhos), min(sizes), max(sizes)))
    return sorted(found, key=lambda link: -abs(link.r))


def one_order(losses: Sequence[Measure]) -> list[Measure]:
    """The losses without those that put the conditions of every scene in the order of an earlier one, which names
    them in ``also``: what is said of one holds of the other. Losses of which the ends are called differently stay."""
    kept: list[Measure] = []
    orders: list[tuple[bool, bytes]] = []
    for loss in losses:
        order = (loss.lower, stats.rankdata(loss.values, axis=1, nan_policy="omit").tobytes())
        if order in orders:
            twin = orders.index(order)
            kept[twin] = replace(kept[twin], also=(*kept[twin].also, loss.label))
        else:
            kept.append(loss)
            orders.append(order)
    return kept


def _ranks(values: FloatArray, least: float) -> FloatArray | None:
    """Ranks of (k,) values, ties averaged, centred and of unit length; None where the values are constant, or span no
    more than the part ``least`` of their mean."""
    span = np.ptp(values)
    if span <= least * np.abs(values).mean():
        return None
    ranks = stats.rankdata(values)
    ranks = ranks - ranks.mean()
    return np.asarray(ranks / np.sqrt(ranks @ ranks))
