"""E7: does a metric tell different pairs from similar ones, and better from worse?

Krasula et al. 2016, Hanhart et al. 2016 for pair comparisons. Each unordered pair of conditions that was compared
counts once, within its scene. There is no interval and no p: DeLong's formula rejects a true null in 43 to 74 % of
cases, since pairs that share a picture are not independent (specs/evaluation.md, E7); a bootstrap over scenes held the
mean of such studies in 83 to 91 of 100, halves of the participants in 74 to 99. Which pairs differ is found in the same
votes, and moves with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from scipy import stats

from evaluation.core import words
from evaluation.core.evidence import BoolArray, Evidence, MetricValues
from evaluation.core.metrics.ceilings import pair_numbers
from evaluation.core.resampling import SceneScores, scene_scores
from evaluation.core.sections import Json, Section
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray


@dataclass(frozen=True)
class ScenePairs:
    """The compared pairs of one scene: positions (n,) in ``scores.items``, ``lead`` theta_first - theta_second, and
    whether they are ``different`` at the level of the study."""

    scores: SceneScores
    first: IntArray
    second: IntArray
    lead: FloatArray
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
    raw: list[tuple[SceneScores, IntArray, IntArray, FloatArray]] = []
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
        raw.append((scores, first, second, lead))
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
class Discrimination:
    """AUC_DS, AUC_BW and C0, None where undefined, and how many pairs of how many scenes they rest on."""

    auc_ds: float | None
    auc_bw: float | None
    c0: float | None
    n_different: int
    n_similar: int
    n_scenes: int


def statistics(
    gap: FloatArray, lead: FloatArray, different: BoolArray
) -> tuple[float | None, float | None, float | None]:
    """AUC_DS, AUC_BW and C0 of pairs with metric ``gap`` (n,) (first minus second, lower predicted better), human
    ``lead`` (n,) and class ``different`` (n,); None where undefined.

    AUC_DS: a different pair has the larger gap than a similar one. AUC_BW: of two different pairs, the mean over the
    orders in which their pictures may be named. C0: the sign is right. Ties are half.
    """
    # Oriented so that positive is right: the preferred picture's metric lies below the other's.
    right = -np.sign(lead[different]) * gap[different]
    n, similar = len(right), np.sort(np.abs(gap[~different]))
    credit = float(np.sum((right > 0) + 0.5 * (right == 0)))
    ds = _above(np.abs(right), similar) / (n * len(similar)) if n and len(similar) else None
    # r > -r is 'the sign is right': a pair against itself is taken out of the double sum.
    bw = (_above(right, np.sort(-right)) - credit) / (n * (n - 1)) if n > 1 else None
    return ds, bw, credit / n if n else None


def _above(high: FloatArray, sorted_low: FloatArray) -> float:
    below, upto = (np.searchsorted(sorted_low, high, side=side).sum() for side in ("left", "right"))
    return float(below + upto) / 2


def discriminate(pairs: Sequence[ScenePairs], metric: MetricValues) -> Discrimination:
    """E7 of one metric over the scenes in which it is complete."""
    pairs = [p for p in pairs if metric.usable[p.scores.scene]]
    if not pairs:
        return Discrimination(None, None, None, 0, 0, 0)
    gap, lead = (np.concatenate(x) for x in ([p.gaps(metric) for p in pairs], [p.lead for p in pairs]))
    different = np.concatenate([p.different for p in pairs])
    n = int(different.sum())
    return Discrimination(*statistics(gap, lead, different), n, len(different) - n, len(pairs))


def refusal(found: Discrimination) -> Reason | None:
    """Why one of the three is undefined, the gravest first."""
    if found.n_different == 0:
        return words.reason("NC_NO_DIFFERENT")
    if found.n_similar == 0:
        return words.reason("NC_NO_SIMILAR")
    return words.reason("NC_FEW_DIFFERENT") if found.n_different == 1 else None


def discrimination_section(evidence: Evidence) -> Section:
    """E7 of every metric. Summary: metric id -> the fields of :class:`Discrimination`, 'reason' and 'sentence'."""
    voice = evidence.voice
    pairs = scene_pairs(evidence)
    summary: Json = {}
    for metric in evidence.metrics:
        found = discriminate(pairs, metric)
        why = refusal(found)
        if not pairs and len(evidence.votes.people) < words.MIN_PARTICIPANTS:
            why = words.few_participants(len(evidence.votes.people))
        reason = None if why is None else words.reason_json(why, voice)
        said = "" if why is None else why.sentence
        if found.c0 is not None:
            said = (
                f"The {words.metric_name(metric.info.label)} has the right sign in {100 * found.c0:.0f} % of the "
                f"{found.n_different} pairs whose scores differ significantly by all votes of their scene"
            )
            said += f" (AUC better/worse {found.auc_bw:.2f})" if found.auc_bw is not None else ""
            if found.auc_ds is not None:
                said += f" and tells them from the {found.n_similar} similar ones with AUC {found.auc_ds:.2f}"
            said += "." if why is None else f". {why.sentence}"
        summary[metric.info.id] = asdict(found) | {"reason": reason, "sentence": voice.say(said)}
    return Section(summary)
