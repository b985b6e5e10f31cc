"""Tests of a curve over levels: a peak inside, Lind and Mehlum's slopes, monotone or not (specs/evaluation.md, E9).

A significant negative quadratic term is no evidence of a peak: it appears in 37-99 % of plateaus. So the peak is tested
by contrasts of levels, and the quadratic only says where the peak would be.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core.weights import logit
from evaluation.core.weights.shape.levels import Levels
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray


@dataclass(frozen=True)
class InteriorPeak:
    """The level inside that stands out most from both ends, and from the better of the two: by how much."""

    level: int
    end: int
    difference: float
    se: float
    p: float


@dataclass(frozen=True)
class Quadratic:
    """theta = b1 x + b2 x^2 fitted to the votes. ``peak`` (with its 95 % bounds): the maximum within the tested range,
    on the axis; ``inside``: not at one of its ends. ``p_lind_mehlum``: of 'not rising at first or not falling at
    last'."""

    b1: float
    b2: float
    peak: float
    low: float
    high: float
    inside: bool
    p_lind_mehlum: float


def interior_peak(levels: Levels) -> InteriorPeak:
    """p = min(1, (L - 2) min over inner c of max(p(c > first), p(c > last))): every inner level gets its chance."""
    last = len(levels.theta) - 1
    inner = range(1, last)
    worst = {c: max((levels.p_above(c, end), -levels.theta[end], end) for end in (0, last)) for c in inner}
    c = min(inner, key=lambda i: (worst[i][0], -levels.theta[i]))
    p, _, end = worst[c]
    return InteriorPeak(
        level=c,
        end=int(end),
        difference=float(levels.theta[c] - levels.theta[end]),
        se=levels.se_of(c, int(end)),
        p=min(1.0, len(inner) * p),
    )


def quadratic(
    x: FloatArray, left: IntArray, right: IntArray, y: FloatArray, person: IntArray, *, seed: int, draws: int
) -> Quadratic | None:
    """The quadratic conditional logit of votes ``y`` (V,) between conditions at ``x`` (K,); None where it has none.

    Lind and Mehlum (2010): rising at the low end and falling at the high one. The peak's interval comes from a one-step
    bootstrap over participants (normal multipliers on their influence: draws of the clustered normal distribution,
    widened to t).
    """
    low, high = float(x.min()), float(x.max())
    middle, half = (low + high) / 2, (high - low) / 2
    z = (x - middle) / half  # from -1 to 1: the linear and the quadratic column hardly move together
    fitted = logit.fit(logit.antisymmetric(z[left] - z[right], z[left] ** 2 - z[right] ** 2), y)
    df = logit.count(person) - 1
    if not fitted.converged or df < 1:
        return None
    cov = fitted.by_participant(person)[1:, 1:]
    b = fitted.coef[1:]
    p_ends = []
    for side in (-1.0, 1.0):
        contrast = np.array([1.0, 2 * side])
        se = float(np.sqrt(contrast @ cov @ contrast))
        p_ends.append(float(stats.t.sf(-side * (contrast @ b) / se, df)) if se > 0 else 1.0)
    widen = float(stats.t.ppf(0.975, df) / stats.norm.ppf(0.975))
    noise = np.random.default_rng(seed).multivariate_normal(np.zeros(2), cov, size=draws, method="eigh")
    bounds = np.quantile(_top(b + widen * noise), [0.025, 0.975])
    peak = float(_top(b[None])[0])
    b2 = float(b[1] / half**2)
    return Quadratic(
        b1=float(b[0] / half - 2 * b2 * middle),
        b2=b2,
        peak=middle + half * peak,
        low=middle + half * float(bounds[0]),
        high=middle + half * float(bounds[1]),
        inside=bool(b[1] < 0 and -1 < peak < 1),
        p_lind_mehlum=max(p_ends),
    )


def isotonic(theta: FloatArray, weight: FloatArray) -> FloatArray:
    """(D, L) closest rising sequences to ``theta`` (D, L) under ``weight`` (L,): the max-min formula of Barlow."""
    total = np.concatenate([np.zeros((len(theta), 1)), np.cumsum(theta * weight, axis=1)], axis=1)
    mass = np.concatenate([[0.0], np.cumsum(weight)])
    size = len(weight)
    # mean[d, i, j] of the levels i..j; below the diagonal it must not be chosen by the minimum over j.
    span = mass[None, 1:] - mass[:-1, None]
    upper = np.triu(np.ones((size, size), dtype=bool))
    mean = np.where(upper, (total[:, None, 1:] - total[:, :-1, None]) / np.where(upper, span, 1.0), np.inf)
    least = np.minimum.accumulate(mean[:, :, ::-1], axis=2)[:, :, ::-1]
    return np.asarray(np.diagonal(np.maximum.accumulate(least, axis=1), axis1=1, axis2=2))


def p_monotone(levels: Levels, noise: FloatArray) -> float:
    """p of 'the curve rises, or falls, throughout': distance of the free scores to the closest monotone ones.

    Null distribution: normal multipliers on the participants' contributions (``noise``) around the monotone fit.
    """
    weight = levels.n_votes.astype(float)

    def distance(theta: FloatArray) -> FloatArray:
        rising, falling = isotonic(theta, weight), -isotonic(-theta, weight)
        return np.asarray(np.minimum((theta - rising) ** 2 @ weight, (theta - falling) ** 2 @ weight))

    theta = levels.theta[None]
    fits = (isotonic(theta, weight), -isotonic(-theta, weight))
    best = min(fits, key=lambda f: float(((theta - f) ** 2 @ weight)[0]))
    observed = float(distance(theta)[0])
    step = max(1, 5_000_000 // len(weight) ** 2)
    hits = sum(
        int(np.sum(distance(best + noise[i : i + step]) >= observed - 1e-12)) for i in range(0, len(noise), step)
    )
    return (1 + hits) / (len(noise) + 1)


def classify(levels: Levels, p_interior: float, *, alpha: float, delta: float) -> str:
    """'inverted_u', 'increasing', 'decreasing', 'flat' or 'undetermined'; ``p_interior`` after its correction."""
    if p_interior <= alpha:
        return "inverted_u"
    size = len(levels.theta)
    end = size - 1
    for name, sign in (("increasing", 1.0), ("decreasing", -1.0)):
        ends = levels.p_above(end, 0) if sign > 0 else levels.p_above(0, end)
        # A step against the direction counts once it is beyond its bound (Bonferroni over the steps).
        against = [levels.p_above(i, i + 1) if sign > 0 else levels.p_above(i + 1, i) for i in range(end)]
        if 2 * ends <= alpha and min(against) > alpha / end:
            return name
    reach = float(stats.t.ppf(1 - alpha, levels.df))
    pairs = [(i, j) for i in range(size) for j in range(i)]
    most = max(abs(levels.theta[i] - levels.theta[j]) + reach * levels.se_of(i, j) for i, j in pairs)
    return "flat" if most < delta else "undetermined"


def _top(b: FloatArray) -> FloatArray:
    """(D,) where b1 z + b2 z^2 is highest on [-1, 1], for ``b`` (D, 2)."""
    curved = b[:, 1] < 0
    inner = np.clip(-b[:, 0] / (2 * np.where(curved, b[:, 1], -1.0)), -1.0, 1.0)
    return np.where(curved, inner, np.where(b[:, 0] >= 0, 1.0, -1.0))
