"""E12: does one metric agree with the votes more often than another?

On the same votes, so that what is hard for both cancels. The difference of their within-scene correlations is tested by
swapping the two metrics' ranks (PERM-BOTH: Deutsch et al. 2021, doi 10.1162/tacl_a_00417) of random conditions, each in
all scenes at once: scenes that share a grid may share a profile.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np

from evaluation.core import clusters, words
from evaluation.core.evidence import Evidence, MetricValues
from evaluation.core.metrics import claims
from evaluation.core.metrics.agreement import credit
from evaluation.core.metrics.correlation import standardised_ranks
from evaluation.core.resampling import SceneScores, scene_scores
from evaluation.core.scale.inference import holm
from evaluation.core.sections import Json, Section, Test, benjamini_hochberg
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Cells looked at by the swaps of one pair of metrics, and at once.
SWAP_WORK = 100_000_000
SLICE = 2_000_000
#: Of the 2^5 swaps of five conditions two are as extreme as the data, whatever these are (p = .06).
MIN_SWAPPED = 6


@dataclass(frozen=True)
class Difference:
    """Share of votes by which metric a agrees more often than b, in the votes where both are known."""

    difference: float
    se: float
    low: float
    high: float
    p: float
    c2: claims.TwoWay | Reason
    n_votes: int
    n_participants: int
    n_scenes: int


def paired(gain: FloatArray, person: IntArray, scene: IntArray, *, seed: int, draws: int) -> Difference | Reason:
    """Mean of ``gain`` (V,), credit by a less credit by b: C1 by signs and t(P - 1), C2 two-way."""
    people, who = np.unique(person, return_inverse=True)
    if len(people) < words.MIN_PARTICIPANTS:
        return words.few_participants(len(people))
    n = np.bincount(who).astype(float)
    earned = clusters.sums_of(gain, who, len(people))
    mean = float(gain.mean())
    se = claims.ratio_se(earned, n)
    low, high = clusters.t_interval(mean, se, len(people) - 1)
    p = clusters.sign_flip(earned, seed=seed, draws=draws)
    n_scenes = len(np.unique(scene))
    two_way: claims.TwoWay | Reason
    if n_scenes < claims.MIN_SCENES:
        two_way = words.reason("NC_TOO_FEW_SCENES", scenes=n_scenes, needed=claims.MIN_SCENES)
    else:
        wide, df = clusters.two_way_share((gain - mean) / len(gain), person, scene)
        two_way = claims.TwoWay(wide, *clusters.t_interval(mean, wide, df), clusters.t_p(mean, wide, df), df)
    return Difference(mean, se, low, high, p, two_way, len(gain), len(people), n_scenes)


@dataclass(frozen=True)
class Swap:
    """Mean within-scene rho of a less that of b, and its two-sided PERM-BOTH p, or why there is none."""

    difference: float
    p: float | Reason
    n_swaps: int | None
    n_scenes: int


def perm_both(
    ranks: tuple[list[FloatArray], list[FloatArray]],
    human: list[FloatArray],
    items: list[IntArray],
    *,
    seed: int,
    draws: int,
) -> Swap:
    """``ranks``: of metrics a and b, per scene (k_s,); ``human``: of theta; all standardised; ``items``: which
    conditions these are.

    In each draw every condition swaps its two ranks with probability 1/2, in all scenes that have it; correlations are
    those of the swapped ranks. All swaps are taken where they are no more than ``draws``.
    """
    n, (a, b) = len(human), ranks
    observed = float(np.mean([(x - y) @ h for x, y, h in zip(a, b, human, strict=True)]))
    numbers, at = np.unique(np.concatenate(items), return_inverse=True)
    c, here = len(numbers), np.split(at, np.cumsum([len(h) for h in human])[:-1])
    if min(len(h) for h in human) < claims.MIN_CONDITIONS:
        return Swap(observed, claims.too_few_conditions(min(len(h) for h in human), draws), None, n)
    if c < MIN_SWAPPED:
        reason = words.reason("NC_TOO_FEW_CONDITIONS", conditions=c, smallest=f"{2 / 2**c:.2g}")
        return Swap(observed, reason, None, n)
    draws = min(draws, max(999, SWAP_WORK // len(at)))
    exact = 2**c <= draws
    draws = 2**c if exact else draws
    rng, step = np.random.default_rng(seed), max(1, SLICE // len(at))
    null = np.zeros(draws)
    for start in range(0, draws, step):
        some = np.arange(start, min(start + step, draws))
        swap = (some[:, None] >> np.arange(c)) & 1 if exact else rng.integers(2, size=(len(some), c), dtype=np.int8)
        for x, y, h, own in zip(a, b, human, here, strict=True):
            turned = swap[:, own] == 1
            null[some] += _corr(np.where(turned, y, x), h) - _corr(np.where(turned, x, y), h)
    p = clusters.permutation_p(abs(observed), np.abs(null / n), exact=exact)
    return Swap(observed, p, draws, n)


def _corr(x: FloatArray, h: FloatArray) -> FloatArray:
    """(B,) correlation of rows with ``h`` (k,), which is centred and of length 1; 0 for a row without spread."""
    x = x - x.mean(axis=1, keepdims=True)
    size = np.sqrt(np.sum(x**2, axis=1))
    return np.asarray(x @ h / np.where(size > 1e-12, size, 1.0))


def swap_of(scores: list[SceneScores], a: MetricValues, b: MetricValues, *, seed: int, draws: int) -> Swap | None:
    """PERM-BOTH of two metrics over the scenes where both are complete and neither is constant; None without one."""
    human, one, other, items = [], [], [], []
    for s in scores:
        x, y = -s.values(a), -s.values(b)
        if not (a.usable[s.scene] and b.usable[s.scene]) or min(np.ptp(x), np.ptp(y)) == 0:
            continue
        items.append(s.items)
        human.append(standardised_ranks(s.theta))
        one.append(standardised_ranks(x))
        other.append(standardised_ranks(y))
    return perm_both((one, other), human, items, seed=seed, draws=draws) if human else None


def comparison_section(evidence: Evidence) -> Section:
    """E12. Summary: 'pairs': list of {metric_a, metric_b, 'difference', 'se', 'low', 'high', 'p', 'p_adj', 'q_bh',
    'c2', 'rho', 'n_votes', 'n_participants', 'n_scenes', 'preregistered', 'reason', 'sentence'}; 'reason'. Rows:
    ``metric_comparison``. Preregistered are the pairs with the primary metric of a frozen design."""
    options = evidence.options
    scores = [s for s in scene_scores(evidence) if s.scale.testable]
    known = {m.info.id: credit(evidence.votes, m) for m in evidence.metrics}
    found = []
    for a, b in itertools.combinations(evidence.metrics, 2):
        use = known[a.info.id][1] & known[b.info.id][1]
        gain = (known[a.info.id][0] - known[b.info.id][0])[use]
        votes = evidence.votes
        none = words.reason("NC_NOT_ASKED", what=f"votes where {a.info.label} and {b.info.label} are both known")
        one: Difference | Reason = none
        if len(gain):
            one = paired(gain, votes.person[use], votes.scene[use], seed=options.seed, draws=options.draws)
        swap = swap_of(scores, a, b, seed=options.seed, draws=options.draws)
        if swap is not None and isinstance(swap.p, float) and isinstance(one, Difference):
            # The third claim contains the first: tastes that cancel over people are no knowledge of a metric's.
            swap = replace(swap, p=max(swap.p, one.p))
        found.append((a, b, one, swap))
    named = [evidence.confirmatory and evidence.primary in (a.info.id, b.info.id) for a, b, *_ in found]
    raw = [None if isinstance(d, Reason) else d.p for _, _, d, _ in found]
    p_adj = holm([p if own else None for p, own in zip(raw, named, strict=True)])
    q_bh = benjamini_hochberg([None if own else p for p, own in zip(raw, named, strict=True)])
    pairs, rows, tests = [], [], []
    for (a, b, d, swap), own, p, q in zip(found, named, p_adj, q_bh, strict=True):
        said = _json(evidence, a, b, d, swap) | {"p_adj": p, "q_bh": q, "preregistered": own}
        pairs.append(said)
        c2 = said["c2"]
        rows.append(
            {"metric_a": a.info.id, "metric_b": b.info.id, "difference": said["difference"], "se_c1": said["se"]}
            | {"p_c1": said["p"], "p_c2": c2["p"], "p_adj": p, "q_bh": q}
        )
        if not isinstance(d, Reason):
            tests += _tests(evidence, a, b, d, swap, said, own)
    summary: Json = {"pairs": pairs, "reason": None}
    if not pairs:
        why = words.reason("NC_NOT_ASKED", what="two metrics to compare")
        summary["reason"] = words.reason_json(why, evidence.voice)
    return Section(summary, {"metric_comparison": rows}, tuple(tests))


def _json(evidence: Evidence, a: MetricValues, b: MetricValues, found: Difference | Reason, swap: Swap | None) -> Json:
    voice = evidence.voice
    row: Json = {"metric_a": a.info.id, "metric_b": b.info.id}
    empty: Json = dict.fromkeys(("se", "low", "high", "p"))
    rho: Json = {"difference": None, "p": None, "reason": None}
    if swap is not None:
        rho |= {"difference": swap.difference, "n_scenes": swap.n_scenes}
        if isinstance(swap.p, Reason):
            rho["reason"] = words.reason_json(swap.p, voice)
        else:
            rho["p"] = swap.p
    if isinstance(found, Reason):
        reason = words.reason_json(found, voice)
        row |= {"difference": None, "n_votes": 0, "n_participants": 0, "n_scenes": 0} | empty
        return row | {"c2": empty | {"reason": reason}, "rho": rho, "reason": reason, "sentence": reason["sentence"]}
    more = "more" if found.difference >= 0 else "less"
    sentence = (
        f"The votes agree {100 * abs(found.difference):.1f} points {more} often with {words.metric_name(a.info.label)} "
        f"than with {words.metric_name(b.info.label)} (95 % CI {100 * found.low:.1f} to {100 * found.high:.1f} points; "
        f"{words.p_text(found.p)}, {words.C1_WORDS})."
    )
    numbers = ("difference", "se", "low", "high", "p", "n_votes", "n_participants", "n_scenes")
    row |= {key: getattr(found, key) for key in numbers}
    if isinstance(found.c2, Reason):
        row["c2"] = empty | {"reason": words.reason_json(found.c2, voice)}
    else:
        row["c2"] = {key: getattr(found.c2, key) for key in empty} | {"reason": None}
    return row | {"rho": rho, "reason": None, "sentence": voice.say(sentence)}


def _tests(
    evidence: Evidence, a: MetricValues, b: MetricValues, found: Difference, swap: Swap | None, said: Json, own: bool
) -> list[Test]:
    family, adjustment = ("F3", "holm") if own else ("F3 exploratory", "bh")
    common: Json = {
        "hypothesis": "comparison", "confirmatory": own, "metric_id": a.info.id, "metric_id_2": b.info.id,
        "null_value": 0.0, "adjustment": adjustment, "n_votes": found.n_votes, "n_participants": found.n_participants,
        "n_conditions": len(evidence.votes.conditions), "message": said["sentence"],
    }  # fmt: skip
    share: Json = {"estimate": found.difference, "unit": "share of votes", "n_scenes": found.n_scenes} | common
    tests = [
        Test(
            family=f"{family} agreement C1", claim_level="C1", se=found.se, ci_low=found.low, ci_high=found.high,
            ci_level=0.95, df=found.n_participants - 1, p_raw=found.p, method="participant sign-flip; t interval",
            n_resamples=clusters.sign_draws(found.n_participants, evidence.options.draws),
            rng_seed=evidence.options.seed, **share,
        )
    ]  # fmt: skip
    if isinstance(found.c2, Reason):
        state: Json = {"status": "not_computable", "reason_code": found.c2.code}
    else:
        state = {"se": found.c2.se, "ci_low": found.c2.low, "ci_high": found.c2.high, "ci_level": 0.95}
        state |= {"df": found.c2.df, "p_raw": found.c2.p}
    method = "two-way Cameron-Gelbach-Miller variance, t"
    tests.append(Test(family=f"{family} agreement C2", claim_level="C2", method=method, **state, **share))
    if swap is not None:
        given: Json = {"p_raw": swap.p}
        if isinstance(swap.p, Reason):
            given = {"status": "not_computable", "reason_code": swap.p.code}
        tests.append(
            Test(
                family=f"{family} correlation C3", claim_level="C3", estimate=swap.difference,
                unit="difference of mean Spearman's rho", n_resamples=swap.n_swaps, rng_seed=evidence.options.seed,
                method="larger of PERM-BOTH (ranks swapped by condition) and participants' signs",
                n_scenes=swap.n_scenes, **given, **common,
            )
        )  # fmt: skip
    return tests
