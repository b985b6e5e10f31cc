"""lambda = w_s / (w_s + w_c): how much of the weighing goes to style, with its interval and its test.

A ratio of two uncertain numbers: Fieller (1954) inverts the test of each value; where the sum of the weights is not
clearly positive its set is unbounded, and the direction (w_s, w_c) is resampled as an angle instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core import clusters
from evaluation.core.weights import logit
from evaluation.core.weights.logit import Logit
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray


@dataclass(frozen=True)
class Share:
    """``estimate``: lambda with weights held non-negative. ``low``, ``high``: 95 % bounds or None. ``method``: how."""

    estimate: float
    low: float | None
    high: float | None
    method: str


def share(w: FloatArray, cov: FloatArray, df: float, *, seed: int, draws: int) -> Share | None:
    """lambda of the weights ``w`` (style, content; positive = lower loss preferred); None where both are negative."""
    if np.all(w <= 0):
        return None
    positive = np.maximum(w, 0.0)
    estimate = float(positive[0] / positive.sum())
    bounds, method = fieller(w, cov, df), "Fieller"
    if bounds is None:
        bounds, method = by_angle(w, cov, df, seed=seed, draws=draws), "angle, participant bootstrap"
    low, high = bounds if bounds is not None else (None, None)
    return Share(estimate, low, high, method if bounds is not None else "")


def fieller(w: FloatArray, cov: FloatArray, df: float, level: float = 0.95) -> tuple[float, float] | None:
    """Bounds of w_s/(w_s + w_c) cut to [0, 1]; None where the set is not an interval around the estimate."""
    t2 = float(stats.t.ppf(0.5 + level / 2, df)) ** 2
    sums = np.array([[1.0, 0.0], [1.0, 1.0]])
    (part, total), v = sums @ w, sums @ cov @ sums.T
    a, b, c = total**2 - t2 * v[1, 1], part * total - t2 * v[0, 1], part**2 - t2 * v[0, 0]
    root = b**2 - a * c
    if a <= 0 or root < 0 or total <= 0:
        return None
    return _cut((b - np.sqrt(root)) / a), _cut((b + np.sqrt(root)) / a)


def by_angle(
    w: FloatArray, cov: FloatArray, df: float, *, seed: int, draws: int, level: float = 0.95
) -> tuple[float, float] | None:
    """Bounds from the angle atan2(w_s, w_c) in a one-step bootstrap; None where more than half the circle is left."""
    widen = float(stats.t.ppf(0.5 + level / 2, df) / stats.norm.ppf(0.5 + level / 2))
    noise = np.random.default_rng(seed).multivariate_normal(np.zeros(2), cov, size=draws, method="eigh")
    drawn = w + widen * noise
    centre = float(np.arctan2(w[0], w[1]))
    turn = np.arctan2(drawn[:, 0], drawn[:, 1]) - centre
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    low, high = (float(q) for q in np.quantile(turn, [0.5 - level / 2, 0.5 + level / 2]))
    if high - low > np.pi:
        return None
    return _of_angle(centre + low), _of_angle(centre + high)


def p_share(value: float, raw: FloatArray, y: FloatArray, person: IntArray) -> tuple[float, float, int]:
    """(t, p, df) of 'the votes weigh style and content as ``value``': the clustered score test of one more column."""
    combined = value * raw[:, 0] + (1 - value) * raw[:, 1]
    other = raw[:, 1] if value > 0.5 else raw[:, 0]
    return logit.score_test(logit.antisymmetric(combined), other, y, person)


def p_share_two_way(value: float, fitted: Logit, person: IntArray, scene: IntArray) -> tuple[float, int]:
    """(p, df) of the same for other scenes too: two-way variance of (1 - lambda) w_s - lambda w_c."""
    contrast = np.array([0.0, 1 - value, -value])
    se = fitted.contrast_se(contrast, person, scene)
    df = min(logit.count(person), logit.count(scene)) - 1
    return clusters.t_p(float(contrast @ fitted.coef), se, df), df


def _of_angle(angle: float) -> float:
    """lambda of a direction; outside the quarter of positive weights the nearer end."""
    away = (angle - np.pi / 4 + np.pi) % (2 * np.pi) - np.pi  # 0 in the middle of that quarter
    inside = np.pi / 4 + float(np.clip(away, -np.pi / 4, np.pi / 4))
    return _cut(np.sin(inside) / (np.sin(inside) + np.cos(inside)))


def _cut(value: float) -> float:
    return float(np.clip(value, 0.0, 1.0))
