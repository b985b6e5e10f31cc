"""Scores of the levels of one parameter, from the pooled scores of the conditions.

Where other parameters vary too, levels are compared where those stay the same: the scores of the conditions are split
into a part of the level and a part of the setting of the others (least squares), which averages over the others in a
full product and uses the single changes of a one-at-a-time grid.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeGuard

import numpy as np
from scipy import stats
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from evaluation.core.scale.inference import BONFERRONI_BELOW, Scale
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: A shape needs two ends and something between them.
MIN_LEVELS = 3
Params = Mapping[str, object]


@dataclass(frozen=True)
class Levels:
    """Scores of L levels, in rising order of the parameter.

    ``values``: (L,) as in the grid. ``x``: (L,) log10 of them, or themselves where one is not positive (``log``).
    ``theta``: (L,) logits, mean zero; ``cov``, ``cov_model``: (L, L).
    ``conditions``: ids at each level. ``strata``: condition id -> number of the setting of the other parameters, for
    those that are compared. ``alone``: no other parameter varies among them.
    """

    parameter: str
    values: FloatArray
    theta: FloatArray
    cov: FloatArray
    cov_model: FloatArray
    n_votes: IntArray
    conditions: tuple[tuple[str, ...], ...]
    strata: Mapping[str, int]
    alone: bool
    df: int

    @property
    def log(self) -> bool:
        """Whether the axis is logarithmic."""
        return bool(self.values.min() > 0)

    @cached_property
    def x(self) -> FloatArray:
        """(L,) the levels on their axis."""
        return np.asarray(np.log10(self.values) if self.log else self.values.copy())

    def value(self, x: float) -> float:
        """A place on the axis as a value of the parameter."""
        return float(10.0**x) if self.log else float(x)

    @cached_property
    def se(self) -> FloatArray:
        """(L,) standard error of each score against the mean of the levels."""
        return np.sqrt(np.maximum(np.diag(self.cov), np.diag(self.cov_model)))

    def se_of(self, i: int, j: int) -> float:
        """Standard error of theta_i - theta_j: the larger of clustered and model-based."""
        return float(np.sqrt(max(c[i, i] + c[j, j] - 2 * c[i, j] for c in (self.cov, self.cov_model))))

    def p_above(self, i: int, j: int) -> float:
        """One-sided p of 'level i is not preferred to level j'."""
        se = self.se_of(i, j)
        return float(stats.t.sf((self.theta[i] - self.theta[j]) / se, self.df)) if se > 0 else 1.0

    def noise(self, seed: int, draws: int) -> FloatArray:
        """(draws, L) errors of theta: normal multipliers on the participants' contributions, widened to t(P - 1).

        Their sum is a normal draw with the clustered covariance, so no participant has to be drawn.
        """
        rng = np.random.default_rng(seed)
        drawn = rng.multivariate_normal(np.zeros(len(self.theta)), self.cov, size=draws, method="eigh")
        return np.asarray(drawn * (stats.t.ppf(0.975, self.df) / stats.norm.ppf(0.975)))

    def band(self, noise: FloatArray, level: float = 0.95) -> tuple[FloatArray, FloatArray]:
        """Simultaneous bounds of theta: max |t| of ``noise``, Bonferroni-t below 20 participants."""
        if self.df + 1 < BONFERRONI_BELOW:
            reach = float(stats.t.ppf(1 - (1 - level) / (2 * len(self.theta)), self.df))
        else:
            spread = np.sqrt(np.diag(self.cov))
            reach = float(np.quantile(np.abs(noise / np.where(spread > 0, spread, np.inf)).max(axis=1), level))
        return self.theta - reach * self.se, self.theta + reach * self.se


def numeric_parameters(params: Sequence[Params], least: int = MIN_LEVELS) -> tuple[str, ...]:
    """Names of the numeric parameters with ``least`` or more levels among the conditions, by name."""
    names = sorted(set.intersection(*(set(p) for p in params))) if params else []
    return tuple(n for n in names if all(is_number(p[n]) for p in params) and len({p[n] for p in params}) >= least)


def levels(scale: Scale, params: Mapping[str, Params], parameter: str) -> Levels | None:
    """The levels of ``parameter`` among the items of ``scale``; ``params``: condition id -> its parameters.

    None where fewer than three levels can be compared with the others unchanged (the parameter moves with another).
    """
    of_item = [params[c] for c in scale.items]
    value = np.array([float(str(p[parameter])) for p in of_item])
    others = [tuple(sorted((k, repr(v)) for k, v in p.items() if k != parameter)) for p in of_item]
    number = {key: i for i, key in enumerate(dict.fromkeys(others))}
    stratum = np.array([number[key] for key in others])
    distinct, level = np.unique(value, return_inverse=True)
    keep = _comparable(level, stratum, len(distinct), len(number))
    kept = np.flatnonzero(keep[level])
    found = np.flatnonzero(keep)
    if len(found) < MIN_LEVELS:
        return None
    dummies = np.concatenate([level[kept, None] == found, stratum[kept, None] == np.unique(stratum[kept])], axis=1)
    split = np.zeros((len(found), len(value)))
    split[:, kept] = np.linalg.pinv(dummies.astype(float))[: len(found)]
    split -= split.mean(axis=0)
    return Levels(
        parameter=parameter,
        values=distinct[found],
        theta=split @ scale.theta,
        cov=split @ scale.cov @ split.T,
        cov_model=split @ scale.cov_model @ split.T,
        n_votes=np.array([scale.n_votes[kept[level[kept] == i]].sum() for i in found]),
        conditions=tuple(tuple(scale.items[k] for k in kept if level[k] == i) for i in found),
        strata={scale.items[k]: int(stratum[k]) for k in kept},
        alone=len(set(stratum[kept].tolist())) == 1,
        df=scale.df,
    )


def _comparable(level: IntArray, stratum: IntArray, n_levels: int, n_strata: int) -> FloatArray:
    """(n_levels,) whether a level hangs together with the most others through settings that they share."""
    size = n_levels + n_strata
    graph = csr_array((np.ones(len(level)), (level, n_levels + stratum)), shape=(size, size))
    part = connected_components(graph, directed=False)[1][:n_levels]
    names, sizes = np.unique(part, return_counts=True)
    return np.asarray(part == names[np.argmax(sizes)])


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a parameter is a number that a float can hold."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
