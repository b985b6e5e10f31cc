"""Coefficients of agreement and of consistency for paired comparisons and nominal data, on tables of counts."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from scipy import stats

from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Up to so many items all tournaments are counted (2^15); above, Kendall's chi-square.
ENUMERATE_UP_TO = 6


def triads_of_rows(rows: FloatArray) -> FloatArray:
    """Circular triads of complete comparisons from their row sums ``rows`` (..., K): wins of each item, no ties.

    d = K(K - 1)(2K - 1)/12 - sum a^2 / 2 (Kendall and Babington Smith 1940).
    """
    k = rows.shape[-1]
    return np.asarray(k * (k - 1) * (2 * k - 1) / 12 - (rows**2).sum(axis=-1) / 2)


def cycles(beats: FloatArray) -> int:
    """Circular triads of a (K, K) table of 0 and 1, row beats column; pairs without an arrow make none."""
    step = (beats > 0).astype(np.float64)
    return round(float(np.sum((step @ step) * step.T)) / 3)


def most_triads(k: int) -> float:
    """Largest possible number of circular triads among ``k`` items."""
    return (k**3 - k) / 24 if k % 2 else (k**3 - 4 * k) / 24


def zeta(triads: FloatArray | float, k: int) -> FloatArray:
    """Kendall's coefficient of consistence: 1 without circular triads, 0 with as many as there can be."""
    return np.asarray(1 - np.asarray(triads) / most_triads(k))


def few_triads_p(triads: int, k: int) -> float:
    """P(at most so many circular triads) if every pair were decided by a coin.

    Exact up to :data:`ENUMERATE_UP_TO` items, above Kendall's chi-square (Kendall and Babington Smith 1940, eq. 8).
    """
    if k <= ENUMERATE_UP_TO:
        counts = _tournaments(k)
        return float(counts[: triads + 1].sum() / counts.sum())
    df = k * (k - 1) * (k - 2) / (k - 4) ** 2
    # Half a triad less: at most d is less than d + 1/2 (Kendall's + 1/2 belongs to 'at least d').
    statistic = 8 / (k - 4) * (math.comb(k, 3) / 4 - triads - 0.5) + df
    return float(stats.chi2.sf(statistic, df))


@cache
def _tournaments(k: int) -> IntArray:
    """How many of the 2^(k(k-1)/2) tournaments have 0, 1, 2, ... circular triads."""
    pairs = [(i, j) for i in range(k) for j in range(i + 1, k)]
    every = np.arange(2 ** len(pairs))
    rows = np.zeros((len(every), k))
    for e, (i, j) in enumerate(pairs):
        first = (every >> e) & 1
        rows[:, i] += first
        rows[:, j] += 1 - first
    return np.bincount(np.rint(triads_of_rows(rows)).astype(np.intp))


def kendall_u(wins: FloatArray) -> float | None:
    """Kendall's coefficient of agreement of judges who all compared all pairs; None unless each pair has m >= 2 votes.

    ``wins``: (K, K). u = 2 sum C(a_ij, 2) / (C(m, 2) C(K, 2)) - 1: 1 where all agree, least -1/(m - 1) for even m.
    """
    games = wins + wins.T
    over = ~np.eye(len(wins), dtype=bool)
    m = float(games[over][0]) if over.any() else 0.0
    if m < 2 or np.any(games[over] != m) or np.any(wins != np.rint(wins)):
        return None
    same = float(np.sum(wins[over] * (wins[over] - 1) / 2))
    return 2 * same / (m * (m - 1) / 2 * math.comb(len(wins), 2)) - 1


def krippendorff_alpha(counts: FloatArray) -> float | None:
    """Krippendorff's alpha, nominal, from ``counts`` (U, C): how many observers put unit u into category c.

    Units with one value are not pairable and drop out; that is all that missing values do. None without pairable units
    or where all values are the same (Krippendorff 2011).
    """
    n_unit = counts.sum(axis=1)
    pairable = n_unit >= 2
    use, n_unit = counts[pairable], n_unit[pairable]
    per_value = use.sum(axis=0)
    n = float(per_value.sum())
    expected = n**2 - float(np.sum(per_value**2))
    if n == 0 or expected == 0:
        return None
    observed = float(np.sum((n_unit**2 - (use**2).sum(axis=1)) / (n_unit - 1)))
    return 1 - (n - 1) * observed / expected


def fleiss_kappa(counts: FloatArray) -> float | None:
    """Fleiss' kappa from ``counts`` (U, C); units with fewer than two ratings drop out, the rest weigh the same.

    None without such units or where all ratings are the same (Fleiss 1971; there every unit has as many raters).
    """
    n_unit = counts.sum(axis=1)
    use = counts[n_unit >= 2]
    if not len(use):
        return None
    n = use.sum(axis=1)
    agree = float(np.mean(((use**2).sum(axis=1) - n) / (n * (n - 1))))
    chance = float(np.sum((use.sum(axis=0) / use.sum()) ** 2))
    return None if chance == 1 else (agree - chance) / (1 - chance)


def both_ways(first: FloatArray, second: FloatArray, ties: FloatArray) -> FloatArray:
    """(2U, 3) counts of pairs for the coefficients above: first won, second won, tie, each pair in both orders.

    Which picture of a pair is called the first is a matter of writing; with one order only, agreement by chance would
    depend on it.
    """
    one = np.column_stack([first, second, ties])
    return np.concatenate([one, one[:, [1, 0, 2]]])
