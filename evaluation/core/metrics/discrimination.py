"""E7: does a metric tell different pairs from similar ones, and better from worse?

Krasula et al. 2016, Hanhart et al. 2016 for pair comparisons. Each unordered pair of conditions that was compared
counts once, within its scene. Intervals are by scenes or by participants, not by DeLong's formula: pairs that share a
picture are not independent, and DeLong rejects a true null in 43 to 74 % of cases (specs/evaluation.md, E7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core import clusters, words
from evaluation.core.evidence import BoolArray, Evidence, MetricValues
from evaluation.core.metrics.ceilings import pair_numbers
from evaluation.core.resampling import BOOTSTRAP_DRAWS, SceneScores, half_signs, scene_scores
from evaluation.core.sections import Json, Section
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Scenes from which their bootstrap holds; below, the jackknife over participants.
BOOTSTRAP_SCENES = 8
#: Random halves of the participants.
HALVES = 100
NAMES = ("auc_ds", "auc_bw", "c0")


@dataclass(frozen=True)
class ScenePairs:
    """The compared pairs of one scene: positions (n,) in ``scores.items``, ``lead`` theta_first - theta_second, its
    ``se``, and whether they are ``different`` at the level of the study."""

    scores: SceneScores
    first: IntArray
    second: IntArray
    lead: FloatArray
    se: FloatArray
    different: BoolArray

    def gaps(self, metric: MetricValues) -> FloatArray:
        """(n,) within-scene z of the metric, first minus second: negative predicts that the first is preferred."""
        z = metric.z[self.scores.scene, self.scores.items]
        return np.asarray(z[self.first] - z[self.second])


def scene_pairs(evidence: Evidence) -> list[ScenePairs]:
    """The compared pairs of every scene with scores and people enough; different are those that Benjamini and Hochberg
    reject over all pairs of the study."""
    votes = evidence.votes
    k = len(votes.conditions)
    compared = np.unique(pair_numbers(votes))
    raw: list[tuple[SceneScores, IntArray, IntArray, FloatArray, FloatArray]] = []
    p_values = []
    for scores in scene_scores(evidence):
        if not scores.scale.testable:
            continue
        number = np.full(k, -1, dtype=np.intp)
        number[scores.items] = np.arange(len(scores.items))
        here = compared[compared // (k * k) == scores.scene] % (k * k)
        first, second = number[here // k], number[here % k]
        keep = (first >= 0) & (second >= 0)
        first, second = first[keep], second[keep]
        lead, se = scores.theta[first] - scores.theta[second], scores.scale.se_contrast[first, second]
        raw.append((scores, first, second, lead, se))
        p_values.append(2 * stats.t.sf(np.abs(lead) / np.maximum(se, 1e-12), scores.scale.df))
    limit = step_up(np.concatenate(p_values), evidence.options.alpha) if raw else -1.0
    return [ScenePairs(*row, p <= limit) for row, p in zip(raw, p_values, strict=True)]


def step_up(p: FloatArray, alpha: float) -> float:
    """The largest p that Benjamini and Hochberg (1995) reject at ``alpha``; -1 where they reject none."""
    ordered = np.sort(p)
    passed = np.flatnonzero(ordered <= alpha * np.arange(1, len(p) + 1) / max(1, len(p)))
    return float(ordered[passed[-1]]) if len(passed) else -1.0


def different_votes(evidence: Evidence) -> BoolArray:
    """(V,) votes on pairs of conditions that differ significantly in their scene."""
    k = len(evidence.votes.conditions)
    numbers = []
    for pairs in scene_pairs(evidence):
        a, b = pairs.scores.items[pairs.first], pairs.scores.items[pairs.second]
        low, high = np.minimum(a, b), np.maximum(a, b)
        numbers.append(((pairs.scores.scene * k + low) * k + high)[pairs.different])
    found = np.concatenate(numbers) if numbers else np.array([], dtype=np.intp)
    return np.isin(pair_numbers(evidence.votes), found)


@dataclass(frozen=True)
class Counts:
    """What the three statistics need, by scene (or pairs of scenes), so that scenes can be weighed anew.

    ``ds``: (S, S) different pairs of the row against similar pairs of the column, concordant ones (ties half);
    ``bw``: (S, S) two different pairs both ways, without a pair against itself; ``right``: (S,) different pairs with
    the right sign; ``different``, ``similar``: (S,) numbers of pairs.
    """

    ds: FloatArray
    bw: FloatArray
    right: FloatArray
    different: FloatArray
    similar: FloatArray

    def statistics(self, weight: FloatArray) -> FloatArray:
        """(3,) AUC_DS, AUC_BW and C0 with scenes taken ``weight`` (S,) times; NaN where one is undefined."""
        n_different, n_similar = float(weight @ self.different), float(weight @ self.similar)
        # Pairs of a scene against themselves are no pair of pairs: subtracted once per copy of the scene.
        two = n_different**2 - n_different
        own = weight @ self.bw @ weight
        return np.array(
            [
                weight @ self.ds @ weight / (n_different * n_similar) if n_different * n_similar > 0 else np.nan,
                own / two if two > 0 else np.nan,
                weight @ self.right / n_different if n_different > 0 else np.nan,
            ]
        )


def count(gaps: Sequence[FloatArray], leads: Sequence[FloatArray], different: Sequence[BoolArray]) -> Counts:
    """Counts of scenes with metric ``gaps`` (first minus second, lower predicted better), human ``leads`` and classes
    of each scene's pairs (n_s,)."""
    s = len(gaps)
    # Oriented so that positive is right: the preferred picture's metric lies below the other's.
    right = [-np.sign(lead[d]) * gap[d] for gap, lead, d in zip(gaps, leads, different, strict=True)]
    size = [np.sort(np.abs(gap[d])) for gap, d in zip(gaps, different, strict=True)]
    similar = [np.sort(np.abs(gap[~d])) for gap, d in zip(gaps, different, strict=True)]
    negative = [np.sort(-r) for r in right]
    ds, bw = np.zeros((s, s)), np.zeros((s, s))
    for a in range(s):
        for b in range(s):
            ds[a, b] = _above(size[a], similar[b])
            bw[a, b] = _above(right[a], negative[b])
    credit = np.array([np.sum((r > 0) + 0.5 * (r == 0)) for r in right])
    # r_a > -r_a is 'the sign is right': a pair against itself is taken out of the double sum.
    bw[np.diag_indices(s)] -= credit
    n = [np.array([len(x) for x in which], dtype=float) for which in (size, similar)]
    return Counts(ds, bw, credit, n[0], n[1])


def _above(high: FloatArray, sorted_low: FloatArray) -> float:
    below, upto = (np.searchsorted(sorted_low, high, side=side).sum() for side in ("left", "right"))
    return float(below + upto) / 2


@dataclass(frozen=True)
class Discrimination:
    """The three statistics (None where undefined), their SEs and intervals, and how those were made."""

    values: tuple[float | None, ...]
    se: tuple[float | None, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]
    n_different: int
    n_similar: int
    n_scenes: int
    method: str


def discriminate(pairs: Sequence[ScenePairs], metric: MetricValues, *, people: int, seed: int) -> Discrimination:
    """E7 of one metric over the scenes in which it is complete. ``people``: P of the vote table."""
    pairs = [p for p in pairs if metric.usable[p.scores.scene]]
    gaps = [p.gaps(metric) for p in pairs]
    whole = count(gaps, [p.lead for p in pairs], [p.different for p in pairs])
    observed = whole.statistics(np.ones(len(pairs)))
    if len(pairs) >= BOOTSTRAP_SCENES:
        method = f"scene bootstrap, {BOOTSTRAP_DRAWS} draws"
        rng = np.random.default_rng(seed)
        times = rng.multinomial(len(pairs), np.full(len(pairs), 1 / len(pairs)), size=BOOTSTRAP_DRAWS)
        draws = np.array([whole.statistics(w.astype(float)) for w in times])
        df = len(pairs) - 1
        se = _spread(draws)
    else:
        draws, method = _half_samples(pairs, gaps, people, seed), f"jackknife over participants, {HALVES} random halves"
        df = max(1, people - 1)
        se = _spread(draws)
    bounds = [clusters.t_interval(v, e, df) if e == e else (np.nan, np.nan) for v, e in zip(observed, se, strict=True)]
    return Discrimination(
        values=_known(observed),
        se=_known(np.where(np.isnan(observed), np.nan, se)),
        low=_known(np.array([max(0.0, b[0]) if b[0] == b[0] else np.nan for b in bounds])),
        high=_known(np.array([min(1.0, b[1]) if b[1] == b[1] else np.nan for b in bounds])),
        n_different=int(whole.different.sum()),
        n_similar=int(whole.similar.sum()),
        n_scenes=len(pairs),
        method=method,
    )


def _half_samples(pairs: Sequence[ScenePairs], gaps: Sequence[FloatArray], people: int, seed: int) -> FloatArray:
    """(HALVES, 3) statistics of random halves of the participants: scores by one step, classes by the same |t| limit.

    The spread of a half's scores about all is the sampling error of all (delete-d jackknife, Shao and Wu 1989).
    Leaving out one participant at a time would move no pair over the limit and show no spread at all.
    """
    signs = half_signs(people, seed=seed, splits=HALVES)
    halves, limits = [p.scores.draws(signs) for p in pairs], [_limit(p) for p in pairs]
    rows = []
    for r in range(HALVES):
        leads = [theta[r, p.first] - theta[r, p.second] for theta, p in zip(halves, pairs, strict=True)]
        classes = [np.abs(x) >= limit * p.se for x, limit, p in zip(leads, limits, pairs, strict=True)]
        rows.append(count(gaps, leads, classes).statistics(np.ones(len(pairs))))
    return np.array(rows)


def _limit(pairs: ScenePairs) -> float:
    """|t| from which the scene's pairs counted as different: half-way between the two classes."""
    t = np.abs(pairs.lead) / np.maximum(pairs.se, 1e-12)
    inside, outside = t[pairs.different], t[~pairs.different]
    if len(inside) == 0:
        return np.inf
    return float((inside.min() + outside.max()) / 2 if len(outside) else inside.min() / 2)


def _spread(draws: FloatArray) -> FloatArray:
    """(3,) standard deviation of the draws in which each statistic is defined; NaN below two."""
    there = ~np.isnan(draws)
    return np.array([draws[there[:, i], i].std(ddof=1) if there[:, i].sum() > 1 else np.nan for i in range(3)])


def _known(values: FloatArray) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(v) else float(v) for v in values)


def refusal(found: Discrimination) -> Reason | None:
    """Why one of the three is undefined, the gravest first."""
    if found.n_different == 0:
        return words.reason("NC_NO_DIFFERENT")
    if found.n_similar == 0:
        return words.reason("NC_NO_SIMILAR")
    return words.reason("NC_FEW_DIFFERENT") if found.n_different == 1 else None


def discrimination_section(evidence: Evidence) -> Section:
    """E7 of every metric. Summary: metric id -> 'auc_ds', 'auc_bw', 'c0' (each {value, se, low, high}),
    'n_different', 'n_similar', 'n_scenes', 'method', 'reason', 'sentence'."""
    voice = evidence.voice
    pairs = scene_pairs(evidence)
    summary: Json = {}
    for metric in evidence.metrics:
        found = discriminate(pairs, metric, people=len(evidence.votes.people), seed=evidence.options.seed)
        parts = zip(NAMES, found.values, found.se, found.low, found.high, strict=True)
        row: Json = {name: {"value": v, "se": e, "low": a, "high": b} for name, v, e, a, b in parts}
        row |= {"n_different": found.n_different, "n_similar": found.n_similar, "n_scenes": found.n_scenes}
        row["method"] = found.method
        why = refusal(found)
        if not pairs and len(evidence.votes.people) < words.MIN_PARTICIPANTS:
            why = words.few_participants(len(evidence.votes.people))
        reason = None if why is None else words.reason_json(why, voice)
        auc_bw = found.values[1]
        name = words.metric_name(metric.info.label)
        said = "" if why is None else why.sentence
        if found.values[2] is not None:
            said = (
                f"The {name} has the right sign in {100 * found.values[2]:.0f} % of the {found.n_different} pairs that "
                f"differ significantly" + (f" (AUC better/worse {auc_bw:.2f})" if auc_bw is not None else "")
            )
            if found.values[0] is not None:
                said += f" and tells them from the {found.n_similar} similar ones with AUC {found.values[0]:.2f}"
            said += "." if why is None else f". {why.sentence}"
        summary[metric.info.id] = row | {"reason": reason, "sentence": voice.say(said)}
    return Section(summary)
