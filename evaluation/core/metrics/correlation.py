"""E8: does the metric order the conditions of a scene as people do?

Within scenes only: scores of different scenes have no common zero, and raw losses of different scenes differ by orders
of magnitude. Three levels of claim as everywhere: participants (C1), scenes too (C2), the labels' order (C3).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

from evaluation.core import clusters, words
from evaluation.core.evidence import Evidence, MetricValues
from evaluation.core.metrics.claims import MIN_CONDITIONS, MIN_SCENES, too_few_conditions
from evaluation.core.resampling import SceneScores, bootstrap_weights, half_signs, random_signs, scene_scores
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray

#: Random halves for the reliability of the human scores.
SPLITS = 200
#: Fewer conditions have no correlation worth the name.
LEAST = 3
#: Scores this close (logit) are one score: all votes were ties.
SAME = 1e-9
#: Cells looked at by one metric's permutations.
SLICE = 5_000_000


@dataclass(frozen=True)
class Correlations:
    """Of -metric with the human scores: in one scene, or the mean over scenes (Pearson by Fisher's z).

    SE and p are of Spearman's rho. There is no interval: the noise of votes pulls rho towards 0, and none that was
    tried held the crowd's rho in 95 % of studies. ``p_c1``: as large a rho arises when the signs of what each
    participant adds to the scores are random, so that tastes differ but cancel (a t test by the bootstrap's SE rejects
    that null in 10 to 20 % of studies). ``p_perm``: permutation of the labels; ``p_c3``: the larger of the two.
    ``disattenuated``: rho / sqrt(reliability), at most 1 in size: 'if the votes were noise-free'.
    """

    k: int
    n_scenes: int
    spearman: float
    kendall_b: float
    pearson: float
    se: float | None = None
    p_c1: float | None = None
    p_perm: float | None = None
    p_c3: float | None = None
    p_min: float | None = None
    n_permutations: int | None = None
    reliability: float | None = None
    disattenuated: float | None = None
    c2: tuple[float, float, int] | Reason | None = None
    reason: Reason | None = None


@dataclass(frozen=True)
class Ordered:
    """What one scene gives: ``ranks`` (k,) standardised ranks of -metric, ``human`` (k,) those of theta, rho
    (B,) of bootstrap draws and of draws without common preferences, ``reliability`` of theta (None where halves do not
    agree)."""

    scores: SceneScores
    values: FloatArray
    ranks: FloatArray
    human: FloatArray
    rho_draws: FloatArray
    rho_null: FloatArray
    reliability: float | None

    @property
    def rho(self) -> float:
        """Spearman's rho of -metric and theta."""
        return float(self.ranks @ self.human)


def standardised_ranks(x: FloatArray) -> FloatArray:
    """Ranks along the last axis (ties averaged), mean 0 and sum of squares 1; 0 where all are tied."""
    ranks = stats.rankdata(x, axis=-1)
    ranks = ranks - ranks.mean(axis=-1, keepdims=True)
    size = np.sqrt(np.sum(ranks**2, axis=-1, keepdims=True))
    return np.asarray(ranks / np.where(size > 0, size, 1.0))


def reliability(scores: SceneScores, signs: npt.NDArray[np.float32]) -> float | None:
    """Split-half reliability of theta, Spearman-Brown over random halves ``signs`` (splits, P), by one step: a half's
    scores are theta plus or minus its surplus. None where halves do not agree at all."""
    surplus = signs[:, scores.people] @ scores.scale.influence
    one, other = (_centred(scores.theta + sign * surplus) for sign in (1, -1))
    size = np.sqrt(np.sum(one**2, axis=1) * np.sum(other**2, axis=1))
    r = float(np.mean(np.sum(one * other, axis=1) / np.where(size > 0, size, 1.0)))
    return 2 * r / (1 + r) if r > 0 else None


def joint_rho(ranks: FloatArray, human: FloatArray, *, seed: int, draws: int) -> tuple[FloatArray, bool]:
    """(B,) mean over scenes of rho when one permutation of the labels is applied to all scenes, and whether these are
    all permutations. ``ranks``, ``human``: (S, K) standardised."""
    labels, exact = clusters.label_permutations(ranks.shape[1], seed=seed, draws=draws)
    product = human.T @ ranks / len(ranks)
    return np.asarray(product[np.arange(ranks.shape[1]), labels].sum(axis=1)), exact


def separate_rho(ranks: Sequence[FloatArray], human: Sequence[FloatArray], *, seed: int, draws: int) -> FloatArray:
    """(B,) the same when each scene's labels are permuted by themselves, for grids that are not shared."""
    total = np.zeros(draws)
    for s, (a, b) in enumerate(zip(ranks, human, strict=True)):
        rng = np.random.default_rng([seed, s])
        step = max(1, SLICE // len(a))
        for start in range(0, draws, step):
            n = min(step, draws - start)
            total[start : start + n] += rng.permuted(np.tile(a, (n, 1)), axis=1) @ b
    return total / len(ranks)


@dataclass(frozen=True)
class Drawn:
    """A scene's scores with the standardised ranks (B, k) of their draws: ``theta`` by bootstrap, ``null`` without
    common preferences."""

    scores: SceneScores
    theta: FloatArray
    null: FloatArray
    reliability: float | None

    @classmethod
    def of(cls, scores: SceneScores, theta: FloatArray, null: FloatArray, reliability: float | None) -> Drawn:
        """From draws of the scores (B, k)."""
        return cls(scores, _ranks_of_draws(theta), _ranks_of_draws(null), reliability)


def order_scene(drawn: Drawn, metric: MetricValues) -> Ordered | Reason:
    """Ranks of one scene, or why there is no correlation."""
    scores = drawn.scores
    values = -scores.values(metric)
    if not metric.usable[scores.scene] or np.isnan(values).any():
        return words.reason("NC_MISSING_SCORE", metric=metric.info.label, missing=int(np.isnan(values).sum()) or 1,
                            total=len(values), group="the scene")  # fmt: skip
    if values.min() == values.max():
        return words.reason("NC_CONSTANT_METRIC", metric=metric.info.label, group="the scene")
    if np.ptp(scores.theta) < SAME:
        return words.reason("NC_NO_LEADER", items="All conditions of the scene")
    if len(values) < LEAST:
        return words.reason("NC_TOO_FEW_CONDITIONS", conditions=len(values), smallest="1")
    ranks = standardised_ranks(values)
    rho, null = drawn.theta @ ranks, drawn.null @ ranks
    return Ordered(scores, values, ranks, standardised_ranks(scores.theta), rho, null, drawn.reliability)


def correlate(scenes: Sequence[Ordered], *, people: int, seed: int, draws: int) -> Correlations:
    """One scene, or several with their mean. ``people``: participants of all these scenes."""
    k = min(len(o.values) for o in scenes)
    rho = np.array([o.rho for o in scenes])
    mean = float(rho.mean())
    found: dict[str, object] = {
        "k": k,
        "n_scenes": len(scenes),
        "spearman": mean,
        "kendall_b": float(np.mean([stats.kendalltau(o.values, o.scores.theta).statistic for o in scenes])),
        "pearson": _fisher_mean([_pearson(o.values, o.scores.theta) for o in scenes]),
        "p_min": clusters.smallest_p(k, draws=draws),
    }
    known = [o.reliability for o in scenes if o.reliability is not None]
    if len(known) == len(scenes):
        found["reliability"] = float(np.mean(known))
        found["disattenuated"] = float(np.clip(mean / np.sqrt(np.mean(known)), -1, 1))
    if people < words.MIN_PARTICIPANTS or not all(o.scores.scale.testable for o in scenes):
        fewest = min(people, *(o.scores.scale.n_participants for o in scenes))
        return Correlations(**found, reason=words.few_participants(fewest))  # type: ignore[arg-type]
    se = float(np.mean([o.rho_draws for o in scenes], axis=0).std(ddof=1))
    found["se"] = se
    if k < MIN_CONDITIONS:
        why = too_few_conditions(k, draws)
        return Correlations(**found, c2=why, reason=why)  # type: ignore[arg-type]
    without = np.abs(np.mean([o.rho_null for o in scenes], axis=0))
    p_c1 = clusters.permutation_p(abs(mean), without, exact=False)
    found |= {"p_c1": p_c1, "c2": _two_way(scenes, rho, se, people, p_c1)}
    items = scenes[0].scores.items
    if all(np.array_equal(o.scores.items, items) for o in scenes):
        ranks, human = np.array([o.ranks for o in scenes]), np.array([o.human for o in scenes])
        null, exact = joint_rho(ranks, human, seed=seed, draws=draws)
    elif len(np.unique(np.concatenate([o.scores.items for o in scenes]))) == sum(len(o.scores.items) for o in scenes):
        null, exact = separate_rho([o.ranks for o in scenes], [o.human for o in scenes], seed=seed, draws=draws), False
    else:
        return Correlations(**found, reason=words.reason("NC_NO_SHARED_GRID"))  # type: ignore[arg-type]
    p = clusters.permutation_p(abs(mean), np.abs(null), exact=exact)
    found |= {"p_perm": p, "p_c3": max(p, p_c1), "n_permutations": len(null)}
    return Correlations(**found)  # type: ignore[arg-type]


def _two_way(
    scenes: Sequence[Ordered], rho: FloatArray, se: float, people: int, p_c1: float
) -> tuple[float, float, int] | Reason:
    """SE, p and df with participants and scenes as sampling units: the variances of both less their cells'.
    The p is not below C1's, which is the lesser claim."""
    n = len(scenes)
    if n < MIN_SCENES:
        return words.reason("NC_TOO_FEW_SCENES", scenes=n, needed=MIN_SCENES)
    by_scene = float(rho.var(ddof=1)) / n
    cells = float(np.sum([o.rho_draws.var(ddof=1) for o in scenes])) / n**2
    wide = float(np.sqrt(max(se**2 + by_scene - cells, se**2, by_scene)))
    df = min(people, n) - 1
    return wide, max(p_c1, clusters.t_p(float(rho.mean()), wide, df)), df


def study_scores(evidence: Evidence) -> list[Drawn]:
    """Scores of each scene with their draws: the same for every metric."""
    people, options = len(evidence.votes.people), evidence.options
    weights = bootstrap_weights(people, seed=options.seed, draws=options.draws)
    halves = half_signs(people, seed=options.seed, splits=SPLITS)
    signs = random_signs(people, seed=options.seed, draws=options.draws)
    scenes = scene_scores(evidence)
    return [Drawn.of(s, s.draws(weights), null_draws(s, signs), reliability(s, halves)) for s in scenes]


def null_draws(scores: SceneScores, signs: npt.NDArray[np.float32]) -> FloatArray:
    """(B, k) scores when what each participant adds gets a random sign (B, P), so that nobody prefers anything in
    common: a participant adds an equal part of the scores and the own surplus over that."""
    part = signs[:, scores.people].mean(axis=1)[:, None]
    return np.asarray(scores.draws(signs) + (part - 1) * scores.theta)


def _ranks_of_draws(draws: FloatArray) -> FloatArray:
    # Draws are continuous, so that ties need no averages; that is ten times as fast.
    ranks = _centred(draws.argsort(axis=1).argsort(axis=1).astype(np.float64))
    return np.asarray(ranks / np.sqrt(np.sum(ranks**2, axis=1, keepdims=True)))


def _centred(x: FloatArray) -> FloatArray:
    return np.asarray(x - x.mean(axis=-1, keepdims=True))


def _pearson(x: FloatArray, y: FloatArray) -> float:
    a, b = _centred(x), _centred(y)
    size = float(np.sqrt(np.sum(a**2) * np.sum(b**2)))
    return float(np.clip(a @ b / size, -1, 1)) if size > 0 else 0.0


def _fisher_mean(r: Sequence[float]) -> float:
    # A perfect correlation has no finite z.
    return float(np.tanh(np.mean(np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)))))
