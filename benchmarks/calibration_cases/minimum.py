"""Is the minimiser the favourite (E2): where it must not be said, how often is it?"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from scipy.optimize import brentq

from benchmarks.calibration_cases.worlds import (
    ALPHA,
    DRAWS,
    SCENES,
    WORLDS,
    Answers,
    Case,
    Row,
    World,
    pooled_scores,
    world,
)
from evaluation.core.scale import inference
from evaluation.core.scale.inference import Scale
from evaluation.core.simulator import Crowd, Design, expected_shares, simulate
from evaluation.core.verdict import hypotheses
from evaluation.core.verdict.hypotheses import DELTA

#: Tastes that treat all conditions alike, so that equal utilities are equal scores in an endless crowd as well.
EDGE_TASTES: dict[str, Any] = {"taste": 0.6, "axis": 0.0}


def minimiser(kind: str, participants: int, k: int, seed: int) -> Answers:
    """Nobody is better than anybody; the grid's metric (N1), or one drawn by lot (N0), names the minimiser."""
    study = world(kind, participants, k, seed)
    wins = study.votes.wins().sum(axis=0)
    tallest = int(np.argmax(wins.sum(axis=1) / (wins + wins.T).sum(axis=1)))
    return {"bar": float(tallest != study.minimiser)} | pooled(study, seed) | scenes(study)


def pooled(study: World, seed: int) -> Answers:
    """Refute over all scenes: as shipped, and as if every vote were a person."""
    scale, h = study.scale(), study.minimiser
    if scale is None:
        return {}
    rivals = np.delete(np.arange(len(scale.items)), h)
    return {
        "pooled": float(scale.p_some_rival_better(h, rivals) < ALPHA),
        "votes": float(votes_as_units(scale, h, rivals, seed) < ALPHA),
    }


def scenes(study: World) -> Answers:
    """Refute in any scene after Holm over the scenes."""
    h = study.minimiser
    rivals = np.delete(np.arange(study.metric.shape[1]), h)
    scales = [study.scale(s) for s in range(SCENES)]
    p = inference.holm([None if s is None else s.p_some_rival_better(h, rivals) for s in scales])
    there = [value for value in p if value is not None]
    return {"scenes": float(min(there) < ALPHA)} if there else {}


def votes_as_units(scale: Scale, h: int, rivals: np.ndarray, seed: int) -> float:
    """p of the max-t test with the model's own covariance: what tools that take votes as independent print."""
    contrast = np.eye(len(scale.items))[rivals] - np.eye(len(scale.items))[h]
    cov = contrast @ scale.cov_model @ contrast.T
    se = np.sqrt(np.diag(cov))
    drawn = np.random.default_rng([seed, 2]).multivariate_normal(np.zeros(len(rivals)), cov, size=DRAWS) / se
    return float((1 + np.sum(drawn.max(axis=1) >= (contrast @ scale.theta / se).max())) / (DRAWS + 1))


MINIMISER = Case(
    "minimiser",
    '"The minimiser is not the favourite" where nobody is the favourite',
    "Share of studies that reject although every condition is equally good.",
    (
        Row("bar", "look at the bar chart: the tallest bar is another one"),
        Row("votes", "max-t with votes as the units"),
        Row("pooled", "**refute, all scenes (shipped)**", ("N0", "N1")),
        Row("scenes", "**refute, any of 5 scenes after Holm (shipped)**", ("N0", "N1")),
    ),
    {kind: WORLDS[kind] for kind in ("N0", "N1")},
    minimiser,
)


def edge(kind: str, participants: int, k: int, seed: int) -> Answers:
    """The least favourable truth of 'confirmed' and of 'equivalent'. One strong rival, the others 1 logit behind."""
    crowd = Crowd(participants, **EDGE_TASTES)
    theta = np.full(k, -1.0)
    theta[0], theta[1] = 0.0, _rival_at(0.0 if kind == "confirm" else DELTA, k)
    utilities = np.broadcast_to(theta, (SCENES, k))
    study = World(simulate(utilities, crowd, Design(30), seed=seed), utilities, crowd, -utilities)
    scale = study.scale()
    if scale is None:
        return {}
    tests = hypotheses.minimum_tests(scale, [scale.items[0]], alpha=ALPHA)
    return {"shipped": float(tests.p_confirm < ALPHA if kind == "confirm" else tests.upper < DELTA)}


@cache
def _rival_at(distance: float, k: int) -> float:
    """Utility of the rival whose Bradley-Terry score in an endless crowd is ``distance`` above the minimiser's."""

    def off(x: float) -> float:
        theta = pooled_scores(expected_shares(np.array([0.0, x] + [-1.0] * (k - 2)), Crowd(**EDGE_TASTES)))
        return float(theta[1] - theta[0] - distance)

    return float(brentq(off, -0.5, 1.5)) if distance else 0.0


EDGE = Case(
    "edge",
    '"Confirmed" and "equivalent" at the edge of their hypotheses',
    "Share of studies that say so where it is just not true: one rival as good as the minimiser, or better by exactly "
    "the margin (55 : 45).",
    (Row("shipped", "**the verdict's test, all scenes (shipped)**", ("confirm", "equivalent")),),
    {"confirm": "a rival is exactly as good", "equivalent": "a rival is better by exactly the margin"},
    edge,
)
