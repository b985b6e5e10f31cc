"""A share of votes on three levels of claim, each with its own test (specs/evaluation.md 2.0).

C1 'people like these, these images': participants are the sampling unit. C2 'other scenes of this kind too'. C3 'this
metric rather than whatever else varies along the grid'. Functions here see arrays only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.core import clusters, words
from evaluation.core.clusters import sign_flip
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray
from studyplatform.voting.core.claims import MIN_CONDITIONS as MIN_CONDITIONS
from studyplatform.voting.core.claims import MIN_SCENES as MIN_SCENES

#: Agreement between 45 and 55 % counts as chance (TOST margin).
CHANCE_MARGIN = 0.05
#: Differences looked at by one metric's permutations; fewer draws (but 999) where the grid is that large.
PERMUTATION_WORK = 500_000_000
#: Differences permuted at once: bounds the memory.
SLICE = 2_000_000


@dataclass(frozen=True)
class Agreement:
    """Share of votes that agree with the metric. Bounds and p are None where participants are too few.

    ``p``: participant sign-flip, two-sided, claim level C1. ``p_chance``: TOST p of 'agreement is within 45-55 %'.
    ``deff``: (clustered SE / SE of independent votes) squared.
    """

    accuracy: float
    se: float | None
    low: float | None
    high: float | None
    p: float | None
    p_chance: float | None
    n_votes: int
    n_participants: int
    n_scenes: int
    deff: float | None = None


@dataclass(frozen=True)
class TwoWay:
    """The same share for other scenes too (C2)."""

    se: float
    low: float
    high: float
    p: float
    df: int


@dataclass(frozen=True)
class Permuted:
    """The same share against other orders of the conditions (C3). ``p``: the larger of C1's and the permutation's.

    ``joint``: one permutation for all scenes; else each scene has a grid and a permutation of its own.
    """

    p: float
    p_permutation: float
    smallest: float
    n_permutations: int
    exact: bool
    joint: bool
    n_conditions: int


def ratio_se(earned: FloatArray, given: FloatArray) -> float:
    """SE of sum(earned)/sum(given) with participants (P,) as the units: sqrt(P/(P-1) sum e^2)/n (E6)."""
    people, n = len(given), given.sum()
    residual = earned - earned.sum() / n * given
    return float(np.sqrt(people / (people - 1) * np.sum(residual**2)) / n)


def clustered_share(
    credit: FloatArray, who: IntArray, people: int, n_scenes: int, *, seed: int, draws: int
) -> Agreement:
    """Mean of ``credit`` (V,) given by participants ``who`` (V,), its t(P-1) interval, sign-flip p against 1/2."""
    n = np.bincount(who, minlength=people).astype(float)
    earned = clusters.sums_of(credit, who, people)
    accuracy = float(earned.sum() / n.sum())
    if people < words.MIN_PARTICIPANTS:
        return Agreement(accuracy, None, None, None, None, None, len(credit), people, n_scenes)
    se = ratio_se(earned, n)
    low, high = clusters.share_interval(accuracy, se, people - 1)
    p = sign_flip(earned - n / 2, seed=seed, draws=draws)
    spread = float(np.sum((credit - accuracy) ** 2)) / len(credit) ** 2
    return Agreement(
        accuracy=accuracy,
        se=se,
        low=low,
        high=high,
        p=p,
        p_chance=tost(accuracy, se, people - 1),
        n_votes=len(credit),
        n_participants=people,
        n_scenes=n_scenes,
        deff=se**2 / spread if spread > 0 else None,
    )


def two_way_share(credit: FloatArray, person: IntArray, scene: IntArray) -> TwoWay | Reason:
    """Mean of ``credit`` (V,) with participants and scenes as sampling units; refused below four scenes."""
    n_scenes = len(np.unique(scene))
    if n_scenes < MIN_SCENES:
        return words.reason("NC_TOO_FEW_SCENES", scenes=n_scenes, needed=MIN_SCENES)
    people = len(np.unique(person))
    if people < words.MIN_PARTICIPANTS:
        return words.few_participants(people)
    share = float(credit.mean())
    se, df = clusters.two_way_share((credit - share) / len(credit), person, scene)
    low, high = clusters.share_interval(share, se, df)
    return TwoWay(se, low, high, clusters.t_p(share, se, df, 0.5), df)


def permuted_share(
    wins: FloatArray, cells: FloatArray, there: npt.NDArray[np.bool_], p_c1: float, *, seed: int, draws: int
) -> Permuted | Reason:
    """C3: is the metric better than the same values in another order of the conditions?

    ``wins``: (S, K, K), ``cells``: (S, K) metric, ``there``: (S, K). Where five or more conditions are in every scene,
    one permutation of those is applied to all scenes, since scenes may share a profile (null N3); scenes with grids of
    their own are permuted each by itself, and scenes that share some conditions only have no valid permutation. Exact
    where K! <= ``draws``.
    """
    shared = np.flatnonzero(there.all(axis=0))
    joint = len(shared) >= 2
    if not joint and np.any(there.sum(axis=0) > 1):
        return words.reason("NC_NO_SHARED_GRID")
    k = len(shared) if joint else int(there.sum(axis=1).min(initial=len(cells[0])))
    if k < MIN_CONDITIONS:
        return too_few_conditions(k, draws)
    # Each scene's conditions in its own columns; a scene with more than the others keeps them all.
    columns = [shared if joint else np.flatnonzero(row) for row in there]
    preference, sign = [], []
    for s, at in enumerate(columns):
        lead = wins[s][np.ix_(at, at)]
        preference.append(lead - lead.T)
        sign.append(np.sign(cells[s, at][None, :] - cells[s, at][:, None]))
    most = max(999, PERMUTATION_WORK // sum(len(at) ** 2 for at in columns))
    draws = min(draws, most)
    if joint:
        labels, exact = clusters.label_permutations(k, seed=seed, draws=draws)
        null = _permuted_sums(np.array(preference), np.array(sign), labels)
        observed = float(np.sum(np.array(preference) * np.array(sign)))
    else:
        null, observed, exact = np.zeros(draws), 0.0, False
        for s, (lead, order) in enumerate(zip(preference, sign, strict=True)):
            rng = np.random.default_rng([seed, s])
            labels = rng.permuted(np.tile(np.arange(len(order)), (draws, 1)), axis=1)
            null += _permuted_sums(lead[None], order[None], labels)
            observed += float(np.sum(lead * order))
    p = clusters.permutation_p(abs(observed), np.abs(null), exact=exact)
    return Permuted(
        p=max(p_c1, p),
        p_permutation=p,
        smallest=clusters.smallest_p(k, draws=draws) if joint else 1 / (1 + draws),
        n_permutations=len(null),
        exact=exact,
        joint=joint,
        n_conditions=k,
    )


def too_few_conditions(k: int, draws: int) -> Reason:
    """C3 needs five conditions; the sentence says what permuting fewer could reach at best."""
    return words.reason("NC_TOO_FEW_CONDITIONS", conditions=k, smallest=f"{clusters.smallest_p(k, draws=draws):.2g}")


def _permuted_sums(preference: FloatArray, sign: FloatArray, labels: IntArray) -> FloatArray:
    """(B,) sum over scenes and pairs of preference (S, k, k) times the permuted sign (S, k, k)."""
    k = preference.shape[-1]
    # Pairs once: both tables are antisymmetric. Scenes last, so that a pair's row is one stretch of memory.
    i, j = np.triu_indices(k, 1)
    lead = preference[:, i, j].T
    flat = np.ascontiguousarray(sign.reshape(len(sign), k * k).T)
    sums = np.empty(len(labels))
    step = max(1, SLICE // lead.size)
    for start in range(0, len(labels), step):
        some = labels[start : start + step]
        sums[start : start + step] = np.tensordot(flat[some[:, i] * k + some[:, j]], lead, axes=([1, 2], [0, 1]))
    return 2 * sums


def tost(accuracy: float, se: float, df: int) -> float:
    """p of two one-sided t tests that ``accuracy`` is within :data:`CHANCE_MARGIN` of one half."""
    if se == 0:
        return 2 * 0.5 ** (df + 1) if abs(accuracy - 0.5) < CHANCE_MARGIN else 1.0
    above = float(stats.t.sf((accuracy - (0.5 - CHANCE_MARGIN)) / se, df))
    below = float(stats.t.cdf((accuracy - (0.5 + CHANCE_MARGIN)) / se, df))
    return max(above, below)
