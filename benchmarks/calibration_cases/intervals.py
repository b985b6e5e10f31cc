"""Do the printed intervals hold what an endless crowd would say?"""

from __future__ import annotations

import numpy as np

from benchmarks.calibration_cases.worlds import (
    ALPHA,
    SCENES,
    Answers,
    Case,
    Row,
    World,
    credit_of,
    inside,
    pooled_scores,
    world,
)
from evaluation.core.metrics import ceilings, claims, head_to_head
from evaluation.core.scale import pairs, shares
from evaluation.core.scale.inference import Scale
from evaluation.core.verdict import hypotheses
from studyplatform.voting.core.bradley_terry import FloatArray


def intervals(kind: str, participants: int, k: int, seed: int) -> Answers:
    """Real utilities and tastes: do the printed intervals hold what an endless crowd would say of these images?"""
    study = world(kind, participants, k, seed)
    parts = (scores, scores_of_scenes, win_shares, minimiser_share, shares_of_pairs, agreement, ceiling)
    return {key: held for part in parts for key, held in part(study).items()}


def scores(study: World) -> Answers:
    """Differences of two scores and the bounds of regret, over all scenes."""
    scale = study.scale()
    if scale is None:
        return {}
    truth = pooled_scores(study.truth)
    tests = hypotheses.minimum_tests(scale, [scale.items[study.minimiser]], alpha=ALPHA)
    regret = float(truth.max() - truth[study.minimiser])
    model = np.sqrt(np.maximum(0, _contrast_variance(scale.cov_model)))
    return {
        "contrast": _contrasts_held(scale, truth, scale.interval(0.0, 1.0)[1] * scale.se_contrast),
        "contrast_model": _contrasts_held(scale, truth, 1.96 * model),
        "regret_low": float(tests.regret_low <= regret),
        "regret_high": float(tests.regret_high >= regret),
    }


def scores_of_scenes(study: World) -> Answers:
    """Differences of two scores within a scene. Separated scenes print a one-sided bound instead and are left out."""
    truth = study.truth
    held = [
        _contrasts_held(found, pooled_scores(truth[[s]]), found.interval(0.0, 1.0)[1] * found.se_contrast)
        for s in range(SCENES)
        if (found := study.scale(s)) is not None and not any(r.code == "NC_SEPARATED" for r in found.reasons)
    ]
    return {"contrast_scene": float(np.mean(held))} if held else {}


def win_shares(study: World) -> Answers:
    """The bars of the vote chart."""
    k = len(study.votes.conditions)
    off = ~np.eye(k, dtype=bool)
    truth = (study.truth.mean(axis=0) * off).sum(axis=1) / (k - 1)
    found = shares.win_shares(study.votes.group(np.arange(SCENES), np.arange(k)))
    return {"win_share": float(np.mean([inside(s.low, t, s.high) for s, t in zip(found, truth, strict=True)]))}


def minimiser_share(study: World) -> Answers:
    """How often the minimiser of each scene wins against the others there."""
    h = study.metric.argmin(axis=1)
    rivals = study.truth[np.arange(SCENES), h].sum(axis=1) - 0.5  # less the half on the diagonal
    found = head_to_head.minimiser_share(study.votes, h, seed=1, draws=2)
    assert found is not None
    return {"minimiser_share": inside(found.low, float(rivals.mean()) / (study.metric.shape[1] - 1), found.high)}


def shares_of_pairs(study: World) -> Answers:
    """The rows of pairs.csv with people enough for an interval."""
    found = pairs.pairs(study.votes)
    truth, printed = study.truth[found.scene, found.first, found.second], ~np.isnan(found.low)
    held = (found.low <= truth) & (truth <= found.high)
    return {"pair": float(held[printed].mean())} if printed.any() else {}


def agreement(study: World) -> Answers:
    """Agreement of a metric with the votes."""
    credit, people = credit_of(study), len(study.votes.people)
    truth = float(study.truth[study.metric[:, :, None] < study.metric[:, None, :]].mean())
    found = claims.clustered_share(credit, study.votes.person, people, SCENES, seed=1, draws=2)
    off = abs(credit.mean() - truth)
    return {
        "agreement": inside(found.low, truth, found.high),
        "agreement_votes": float(off <= 1.96 * credit.std() / np.sqrt(len(credit))),
    }


def ceiling(study: World) -> Answers:
    """The ceiling: what the best of all metrics would reach with an endless crowd. The lower end of the interval of
    `loo` is to stay below it. The majority of the sample bounds what a metric can reach on these votes, not that."""
    k = len(study.votes.conditions)
    truth = float(np.maximum(study.truth, 1 - study.truth)[:, ~np.eye(k, dtype=bool)].mean())
    found = ceilings.ceilings(study.votes, ceilings.held_out_credit(study.votes))
    assert found.low is not None
    assert found.majority is not None
    return {"ceiling_low": float(found.low <= truth), "ceiling_majority": float(found.majority >= truth)}


def _contrasts_held(scale: Scale, truth: FloatArray, reach: FloatArray) -> float:
    """Share of the pairs of conditions whose difference is within ``reach`` (K, K) of the true one."""
    i, j = np.triu_indices(len(truth), 1)
    off = np.abs((scale.theta[i] - scale.theta[j]) - (truth[i] - truth[j]))
    return float(np.mean(off <= reach[i, j]))


def _contrast_variance(cov: FloatArray) -> FloatArray:
    return np.diag(cov)[:, None] + np.diag(cov)[None, :] - 2 * cov


INTERVALS = Case(
    "intervals",
    "Intervals",
    "Share of the 95 % intervals that hold what an endless crowd would say of these images (bounds of regret: "
    "one-sided, 95 % each). Where a study prints several, the mean over them.",
    (
        Row("contrast", "**difference of two scores, all scenes (shipped)**", ("N2", "N3"), "coverage"),
        Row("contrast_scene", "**difference of two scores, one scene (shipped)**", ("N2", "N3"), "coverage"),
        Row("contrast_model", "difference of two scores, votes as the units"),
        Row("win_share", "**win share of a condition (shipped)**", ("N2", "N3"), "coverage"),
        Row(
            "minimiser_share",
            "**win share of the minimiser against the others of its scene (shipped)**",
            ("N2", "N3"),
            "coverage",
        ),
        Row("pair", "**share of a pair in one scene (shipped)**", ("N2", "N3"), "coverage"),
        Row("agreement", "**agreement of a metric with the votes (shipped)**", ("N2", "N3"), "coverage"),
        Row("agreement_votes", "agreement, votes as the units"),
        Row(
            "ceiling_low",
            "**lower bound of the ceiling: others predict a held-out person (shipped)**",
            ("N2", "N3"),
            "coverage",
        ),
        Row("ceiling_majority", "majority of the sample lies above the ceiling of an endless crowd"),
        Row("regret_low", "**lower bound of regret (shipped)**", ("N2", "N3"), "coverage"),
        Row("regret_high", "**upper bound of regret (shipped)**", ("N2", "N3"), "coverage"),
    ),
    {"N2": "scenes with a profile each", "N3": "one profile for all scenes"},
    intervals,
)
