"""Agreement of a metric with the votes (E6) where there is none."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.optimize import brentq

from benchmarks.calibration_cases.worlds import (
    ALPHA,
    DRAWS,
    SCENES,
    TASTES,
    WORLDS,
    Answers,
    Case,
    Row,
    World,
    credit_of,
    inside,
    world,
)
from evaluation.core.metrics import claims
from evaluation.core.simulator import Crowd, Design, expected_shares, simulate
from studyplatform.voting.core.bradley_terry import FloatArray


def agreements(kind: str, participants: int, k: int, seed: int) -> Answers:
    """A metric that has nothing to do with preference, in the four null worlds."""
    study = world(kind, participants, k, seed)
    votes, credit = study.votes, credit_of(study)
    a = claims.clustered_share(credit, votes.person, participants, SCENES, seed=seed, draws=DRAWS)
    assert a.p is not None
    answers = {
        "votes": float(abs(credit.mean() - 0.5) > 1.96 * credit.std() / np.sqrt(len(credit))),
        "sign_flip": float(a.p < ALPHA),
        "t": 1.0 - inside(a.low, 0.5, a.high),
        "bootstrap": float(not _percentile_holds(credit, votes.person, participants, seed)),
    }
    both = claims.two_way_share(credit, votes.person, votes.scene)
    if isinstance(both, claims.TwoWay):
        answers["two_way"] = float(both.p < ALPHA)
    permuted = claims.permuted_share(votes.wins(), study.metric, votes.there, a.p, seed=seed, draws=DRAWS)
    if isinstance(permuted, claims.Permuted):
        answers["permutation"] = float(permuted.p_permutation < ALPHA)
        answers["c3"] = float(permuted.p < ALPHA)
    return answers


def _percentile_holds(credit: FloatArray, person: np.ndarray, participants: int, seed: int) -> bool:
    earned, given = np.bincount(person, weights=credit), np.bincount(person)
    drawn = np.random.default_rng([seed, 3]).integers(participants, size=(DRAWS, participants))
    low, high = np.quantile(earned[drawn].sum(axis=1) / given[drawn].sum(axis=1), [ALPHA / 2, 1 - ALPHA / 2])
    return bool(low <= 0.5 <= high)


AGREEMENT = Case(
    "agreement",
    "A metric that has nothing to do with preference",
    "Share of studies whose test of 'agreement = 1/2' rejects. In the last two columns these images do agree or "
    "disagree with the metric, by chance: the tests for 'these images' are right to say so, and wrong as soon as the "
    "sentence is about the metric. Below five conditions no p is printed for the last rows.",
    (
        Row("votes", "z test with votes as the units"),
        Row("bootstrap", "percentile bootstrap over participants"),
        Row("t", "**interval for these images, t with participants as the units (shipped)**", ("N0", "N1")),
        Row("sign_flip", "**p for these images, sign-flip of participants (shipped)**", ("N0", "N1")),
        Row("two_way", "**p for other scenes too, two-way (shipped)**", ("N0", "N1", "N2")),
        Row("permutation", "joint permutation of the conditions alone", ("N0", "N2", "N3")),
        Row("c3", "**p for the metric rather than anything else along the grid (shipped)**", tuple(WORLDS)),
    ),
    WORLDS,
    agreements,
)


def margin(kind: str, participants: int, k: int, seed: int) -> Answers:
    """A metric that agrees with exactly 55 of 100 votes, or 45: is it said to be within 45 to 55?"""
    slope = _slope_of_agreement(0.5 + claims.CHANCE_MARGIN, k) * (1 if kind == "above" else -1)
    z = np.linspace(-1, 1, k)
    utilities = np.broadcast_to(slope * z, (SCENES, k))
    crowd = Crowd(participants, **TASTES)
    study = World(simulate(utilities, crowd, Design(30), seed=seed), utilities, crowd, np.broadcast_to(-z, (SCENES, k)))
    a = claims.clustered_share(credit_of(study), study.votes.person, participants, SCENES, seed=seed, draws=2)
    assert a.p_chance is not None
    return {"chance": float(a.p_chance < ALPHA)}


@cache
def _slope_of_agreement(share: float, k: int) -> float:
    """Slope of the utility along the grid at which an endless crowd agrees so often with 'the further, the better'."""
    z = np.linspace(-1, 1, k)
    below = np.tril(np.ones((k, k), dtype=bool), -1)
    return float(brentq(lambda x: expected_shares(x * z, Crowd(**TASTES))[0][below].mean() - share, 0.0, 2.0))


MARGIN = Case(
    "margin",
    '"Agreement is within 45-55 %" at the edge of its hypothesis',
    "Share of studies that say so where the metric agrees with exactly 55, or 45, of 100 votes.",
    (Row("chance", "**two one-sided tests (shipped)**", ("above", "below")),),
    {"above": "agreement is .55", "below": "agreement is .45"},
    margin,
)
