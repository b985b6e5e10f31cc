"""Votes on metrics (E10, E11) where there is nothing to find."""

from __future__ import annotations

import numpy as np

from benchmarks.calibration_cases.worlds import (
    ALPHA,
    SCENES,
    WORLDS,
    Answers,
    Case,
    Row,
    inside,
    world,
)
from evaluation.core import clusters
from evaluation.core.weights import logit


def regressions(kind: str, participants: int, k: int, seed: int) -> Answers:
    """Votes on the difference of a metric that has nothing to do with them."""
    study = world(kind, participants, k, seed)
    votes = study.votes
    z = (study.metric - study.metric.mean(axis=1, keepdims=True)) / study.metric.std(axis=1, keepdims=True)
    difference = z[votes.scene, votes.left] - z[votes.scene, votes.right]
    fitted = logit.fit(logit.antisymmetric(difference), votes.y)
    coef = float(fitted.coef[1])
    answers = {"votes": float(abs(coef) > 1.96 * np.sqrt(fitted.bread[1, 1]))}
    for key, cov, df in (
        ("cr1", fitted.by_participant(votes.person), participants - 1),
        ("two_way", fitted.by_both(votes.person, votes.scene), min(participants, SCENES) - 1),
    ):
        answers[key] = float(clusters.t_p(coef, float(np.sqrt(cov[1, 1])), df) < ALPHA)
    ones = np.ones((votes.n_votes, 1))
    answers["score"] = float(logit.score_test(ones, difference, votes.y, votes.person)[1] < ALPHA)
    side = clusters.t_interval(
        float(fitted.coef[0]), float(np.sqrt(fitted.by_participant(votes.person)[0, 0])), participants - 1
    )
    answers["side"] = 1 - inside(side[0], 0.0, side[1])
    return answers


REGRESSION = Case(
    "regression",
    "The weight of a metric that has nothing to do with preference",
    "Share of studies whose regression of votes on within-scene differences calls the weight different from zero.",
    (
        Row("votes", "Wald z with votes as the units"),
        Row("cr1", "**t with participants as the units (shipped)**", ("N0", "N1")),
        Row("score", "**score test, participants as the units (shipped)**", ("N0", "N1")),
        Row("two_way", "**two-way t, other scenes too (shipped)**", ("N0", "N1", "N2")),
        Row("side", "**side bias, where there is none (shipped)**", tuple(WORLDS)),
    ),
    WORLDS,
    regressions,
)
