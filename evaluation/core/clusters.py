"""Errors that know what they come from: participants, and scenes (specs/evaluation.md, section 0 and 2.0).

C1 'people like these, these images': participants are the sampling unit. C2 'other scenes too': participants and
scenes, by the two-way variance of Cameron, Gelbach and Miller (2011). C3 is a permutation of the conditions' labels.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
from scipy import stats

from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Above this many participants a sum with random signs is Gaussian, and no draws are needed.
MANY = 2_000


def sign_draws(people: int, draws: int) -> int | None:
    """How many signs :func:`sign_flip` looks at: all, ``draws``, or None where it needs none."""
    return None if people > MANY else min(2**people, draws)


def sign_flip(scores: FloatArray, *, seed: int, draws: int, observed: float | None = None) -> float:
    """Two-sided p of 'the sum of ``scores`` (P,) is zero' under random signs; exact where 2^P <= ``draws``, Gaussian
    above :data:`MANY` participants.

    ``observed``: the statistic, where ``scores`` are the participants' linearised contributions to it and do not sum
    to it.
    """
    people = len(scores)
    observed = abs(scores.sum() if observed is None else observed) - 1e-9
    if 2**people <= draws:
        signs = 1.0 - 2.0 * ((np.arange(2**people)[:, None] >> np.arange(people)) & 1)
        return float(np.mean(np.abs(signs @ scores) >= observed))
    if people > MANY:
        spread = float(np.sqrt(np.sum(scores**2)))
        return float(2 * stats.norm.sf(max(0.0, observed) / spread)) if spread > 0 else 1.0
    rng = np.random.default_rng(seed)
    # In slices: all signs of 2 000 people at once would be 160 MB.
    step = max(1, 10_000_000 // people)
    hits = 0
    for start in range(0, draws, step):
        signs = rng.integers(0, 2, size=(min(step, draws - start), people)) * 2.0 - 1.0
        hits += int(np.sum(np.abs(signs @ scores) >= observed))
    return float((1 + hits) / (draws + 1))


def sums_of(values: FloatArray, groups: IntArray, n_groups: int) -> FloatArray:
    """(G,) sums of ``values`` (V,) within ``groups`` (V,)."""
    return np.bincount(groups, weights=values, minlength=n_groups).astype(np.float64)


def cluster_sums(scores: FloatArray, groups: IntArray, n_groups: int) -> FloatArray:
    """(G, q) sums of ``scores`` (V,) or (V, q) within ``groups`` (V,)."""
    columns = scores.reshape(len(scores), -1)
    return np.column_stack([np.bincount(groups, weights=c, minlength=n_groups) for c in columns.T])


def meat(scores: FloatArray, groups: IntArray) -> FloatArray:
    """(q, q) sum over groups of the outer product of their score sums, times G/(G - 1) (CR1)."""
    sums = cluster_sums(scores, groups, int(groups.max()) + 1 if len(groups) else 0)
    n = int(np.count_nonzero(np.bincount(groups)))
    return np.asarray(sums.T @ sums * (n / max(1, n - 1)))


def two_way_meat(scores: FloatArray, person: IntArray, scene: IntArray) -> FloatArray:
    """(q, q) of Cameron, Gelbach and Miller: persons plus scenes minus their cells; never below the one-way ones.

    The difference of the three is not positive by itself with few clusters; the larger of the one-way variances is its
    floor (diagonal-wise).
    """
    by_person, by_scene = meat(scores, person), meat(scores, scene)
    n_scenes = int(scene.max()) + 1 if len(scene) else 1
    both = by_person + by_scene - meat(scores, person * n_scenes + scene)
    floor = np.maximum(np.diag(by_person), np.diag(by_scene))
    lift = np.sqrt(np.maximum(1.0, floor / np.maximum(np.diag(both), 1e-300)))
    return np.where(np.diag(both)[:, None] > 0, both * np.outer(lift, lift), np.diag(floor))


def t_interval(estimate: float, se: float, df: float, level: float = 0.95) -> tuple[float, float]:
    """Two-sided interval of Student's t."""
    half = float(stats.t.ppf(0.5 + level / 2, df)) * se
    return estimate - half, estimate + half


def share_interval(share: float, se: float, df: float) -> tuple[float, float]:
    """95 % interval of a share, within 0 and 1. Where all n = df + 1 clusters say the same, the share of others that n
    draws miss with probability .025, 1 - .025^(1/n), may say anything."""
    if se <= 0:
        seen = 0.025 ** (1 / (df + 1))
        return share * seen, 1 - (1 - share) * seen
    low, high = t_interval(share, se, df)
    return max(0.0, low), min(1.0, high)


def t_p(estimate: float, se: float, df: float, null: float = 0.0) -> float:
    """Two-sided p of Student's t. Without any spread all df + 1 clusters say the same: their sign test."""
    if se <= 0:
        return 1.0 if estimate == null else 2 * 0.5 ** (df + 1)
    return float(2 * stats.t.sf(abs(estimate - null) / se, df))


def two_way_share(scores: FloatArray, person: IntArray, scene: IntArray) -> tuple[float, int]:
    """SE and degrees of freedom at C2 of a sum whose linearised contributions are ``scores`` (V,).

    Two-way variance of Cameron, Gelbach and Miller (2011), min(participants, scenes) - 1 degrees of freedom.
    """
    se = float(np.sqrt(two_way_meat(scores, person, scene)[0, 0]))
    return se, min(len(np.unique(person)), len(np.unique(scene))) - 1


def label_permutations(k: int, *, seed: int, draws: int) -> tuple[IntArray, bool]:
    """Permutations (B, k) of k condition labels, and whether they are all of them (k! <= ``draws``)."""
    if math.factorial(k) <= draws:
        return np.array(list(itertools.permutations(range(k))), dtype=np.intp), True
    labels = np.tile(np.arange(k, dtype=np.intp), (draws, 1))
    return np.random.default_rng(seed).permuted(labels, axis=1), False


def permutation_p(observed: float, null: FloatArray, *, exact: bool) -> float:
    """Share of ``null`` (B,) that is as large as ``observed``; the data count as one draw unless all were taken.

    Draws within rounding of ``observed`` count as equal to it (Phipson and Smyth 2010 for the added one).
    """
    hits = int(np.sum(null >= observed - 1e-9 * max(1.0, abs(observed))))
    return hits / len(null) if exact else (1 + hits) / (1 + len(null))


def smallest_p(k: int, *, draws: int) -> float:
    """The smallest two-sided p that permuting the labels of k conditions can give."""
    return max(2 / math.factorial(k), 1 / (draws + 1)) if k > 1 else 1.0
