"""E5: in how many scenes is the metric's minimiser the favourite?

Where scenes have grids of their own, chance is a sum of independent draws (exact Poisson-binomial tail). Scenes that
share a grid may share a profile; then only one permutation of the labels for all scenes is valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.core import clusters, words
from evaluation.core.evidence import POOLED, Evidence, MetricValues
from evaluation.core.metrics.claims import MIN_CONDITIONS, MIN_SCENES, too_few_conditions
from evaluation.core.metrics.correlation import SAME
from evaluation.core.metrics.regret import why_unscored
from evaluation.core.resampling import SceneScores, bootstrap_weights, scene_scores
from evaluation.core.sections import Json, Section, Test
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray


@dataclass(frozen=True)
class Top1:
    """``hits`` of ``n_scenes``; ``chance``: hits expected of a random choice; ``soft``: mean over scenes of the share
    of bootstrap draws in which the minimiser leads. ``p``: one-sided, of as many hits or more, or why there is none."""

    hits: int
    n_scenes: int
    chance: float
    soft: float
    p: float | Reason
    level: str
    method: str
    n_resamples: int | None
    scenes: tuple[int, ...]
    n_conditions: int


def poisson_binomial_tail(chances: FloatArray, hits: int) -> float:
    """P(T >= hits) for a sum of independent draws with these chances (S,), exactly, by convolution."""
    mass = np.ones(1)
    for chance in chances:
        mass = np.convolve(mass, [1 - chance, chance])
    return float(min(1.0, mass[hits:].sum()))


def joint_top1_p(hit: FloatArray, *, seed: int, draws: int) -> tuple[float, int]:
    """p and number of permutations. ``hit``: (K, K) number of scenes whose minimiser is the row (shares of tied ones)
    and whose favourite is the column; permuting the labels of the metric permutes the rows."""
    labels, exact = clusters.label_permutations(len(hit), seed=seed, draws=draws)
    null = hit[np.arange(len(hit)), labels].sum(axis=1)
    return clusters.permutation_p(float(np.trace(hit)), null, exact=exact), len(labels)


def minimiser_p(
    scores: Sequence[SceneScores], chosen: Sequence[IntArray], people: int, *, seed: int, draws: int
) -> float:
    """C1: two-sided p that the minimisers' human scores sum to zero, by signs on the participants' contributions.

    Tastes that cancel on average leave scores that follow the grid; a permutation alone takes those for knowledge.
    """
    own, total = np.zeros(people), 0.0
    for s, tied in zip(scores, chosen, strict=True):
        own[s.people] += s.scale.influence[:, tied].mean(axis=1)
        total += float(s.theta[tied].mean())
    return clusters.sign_flip(own, seed=seed, draws=draws, observed=total)


def top1_of(
    evidence: Evidence, metric: MetricValues, scores: Sequence[SceneScores], draws: Sequence[FloatArray]
) -> Top1 | Reason:
    """E5 of one metric; ``draws``: (B, k) bootstrap scores of each scene. A scene counts if it has a minimiser and one
    favourite; a reason where none does."""
    options = evidence.options
    measured = [i for i, s in enumerate(scores) if len(s.minimisers(metric))]
    use = [i for i in measured if np.sum(scores[i].theta > scores[i].theta.max() - SAME) == 1]
    if not use:
        pooled = metric.minima[POOLED]
        shared = words.reason("NC_NO_LEADER", items="Several conditions of each scene")
        return pooled if isinstance(pooled, Reason) else shared if measured else why_unscored(evidence)
    some = [scores[i] for i in use]
    chosen = [s.minimisers(metric) for s in some]
    leads = [int(s.theta.argmax()) in tied for s, tied in zip(some, chosen, strict=True)]
    chance = np.array([len(tied) / len(s.items) for s, tied in zip(some, chosen, strict=True)])
    soft = [float(np.isin(draws[i].argmax(axis=1), tied).mean()) for i, tied in zip(use, chosen, strict=True)]
    hits = sum(leads)
    same = all(np.array_equal(s.items, some[0].items) for s in some)
    shown = np.sum([np.bincount(s.items, minlength=len(evidence.votes.conditions)) for s in some], axis=0)
    own_grids = len(some) > 1 and not np.any(shown > 1)
    k = min(len(s.items) for s in some)
    p: float | Reason
    level, method, resamples = "C3", "", None
    if not all(s.scale.testable for s in some):
        p = words.few_participants(min(s.scale.n_participants for s in some))
    elif own_grids and len(some) < MIN_SCENES:
        p, level = words.reason("NC_TOO_FEW_SCENES", scenes=len(some), needed=MIN_SCENES), "C2"
    elif own_grids:
        # Independent scenes: their number is what is sampled.
        p, level, method = poisson_binomial_tail(chance, hits), "C2", "exact Poisson-binomial"
    elif not same:
        p = words.reason("NC_NO_SHARED_GRID")
    elif k < MIN_CONDITIONS:
        p = too_few_conditions(k, options.draws)
    else:
        hit = np.zeros((k, k))
        for s, tied in zip(some, chosen, strict=True):
            hit[tied, int(s.theta.argmax())] += 1
        joint, resamples = joint_top1_p(hit, seed=options.seed, draws=options.draws)
        people = len(evidence.votes.people)
        p = max(joint, minimiser_p(some, chosen, people, seed=options.seed, draws=options.draws))
        method = "larger of joint label permutation and participants' signs on the minimisers' scores"
    scenes = tuple(s.scene for s in some)
    return Top1(hits, len(some), float(chance.sum()), float(np.mean(soft)), p, level, method, resamples, scenes, k)


def top1_section(evidence: Evidence) -> Section:
    """E5. Summary: metric id -> 'hits', 'n_scenes', 'share', 'chance' (hits), 'soft', 'p', 'level', 'left_out' (scene
    ids), 'reason', 'sentence'."""
    votes, voice, options = evidence.votes, evidence.voice, evidence.options
    scores = scene_scores(evidence)
    weights = bootstrap_weights(len(votes.people), seed=options.seed, draws=options.draws)
    draws = [s.draws(weights) for s in scores]
    summary: Json = {}
    tests = []
    for metric in evidence.metrics:
        found = top1_of(evidence, metric, scores, draws)
        if isinstance(found, Reason):
            said = words.reason_json(found, voice)
            summary[metric.info.id] = {"hits": None, "reason": said, "sentence": said["sentence"]}
            continue
        p = None if isinstance(found.p, Reason) else found.p
        left_out = [scene for s, scene in enumerate(votes.scenes) if s not in found.scenes]
        sentence = (
            f"In {found.hits} of {found.n_scenes} scenes {words.metric_name(metric.info.label)} has its "
            f"{'highest' if metric.info.direction == 'higher_better' else 'lowest'} value at the favourite "
            f"({found.chance:.1f} by chance{'; ' + words.p_text(p) if p is not None else ''})."
        )
        if left_out:
            names = words.joined([evidence.scene_labels[s] for s in left_out])
            sentence += f" Left out: {names}."
        reason = words.reason_json(found.p, voice) if isinstance(found.p, Reason) else None
        summary[metric.info.id] = {
            "hits": found.hits, "n_scenes": found.n_scenes, "share": found.hits / found.n_scenes,
            "chance": found.chance, "soft": found.soft, "p": p, "level": found.level if p is not None else None,
            "method": found.method, "left_out": left_out, "reason": reason, "sentence": voice.say(sentence),
        }  # fmt: skip
        named = evidence.confirmatory and metric.info.id == evidence.primary
        tests.append(
            Test(
                hypothesis="top1", family="F2 top1" if named else "F2 exploratory top1", confirmatory=named,
                claim_level=found.level, metric_id=metric.info.id, estimate=float(found.hits), unit="scenes",
                null_value=found.chance, p_raw=p, adjustment="holm" if named else "bh", n_votes=votes.n_votes,
                n_participants=len(votes.people), n_scenes=found.n_scenes, n_conditions=found.n_conditions,
                method=found.method, n_resamples=found.n_resamples, rng_seed=options.seed,
                status="ok" if reason is None else "not_computable",
                reason_code="" if reason is None else reason["code"], message=voice.say(sentence),
            )
        )  # fmt: skip
    return Section(summary, {}, tuple(tests))
