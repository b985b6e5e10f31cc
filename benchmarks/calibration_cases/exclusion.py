"""Leaving out who disagrees with the others (decision 8): why we never do."""

from __future__ import annotations

import numpy as np

from benchmarks.calibration_cases.worlds import (
    ALPHA,
    DRAWS,
    SCENES,
    WORLDS,
    Answers,
    Case,
    Row,
    World,
    credit_of,
    world,
)
from evaluation.core.metrics import ceilings, claims


def exclusion(kind: str, participants: int, k: int, seed: int) -> Answers:
    """No preference, tastes along the grid; the metric and its minimiser lie at one end of it."""
    study = world(kind, participants, k, seed)
    answers = {f"{key}_all": value for key, value in _two_tests(study).items()}
    agreed = ceilings.held_out_credit(study.votes)
    mean = np.bincount(study.votes.person, weights=agreed) / np.bincount(study.votes.person)
    stay = np.argsort(np.argsort(mean, kind="stable")) >= participants // 5
    votes = study.votes.where(stay[study.votes.person])
    left = World(votes, study.utilities, study.crowd, study.metric)
    return answers | {f"{key}_dropped": value for key, value in _two_tests(left).items()}


def _two_tests(study: World) -> Answers:
    people, who = np.unique(study.votes.person, return_inverse=True)
    a = claims.clustered_share(credit_of(study), who, len(people), SCENES, seed=1, draws=DRAWS)
    assert a.p is not None
    answers = {"agreement": float(a.p < ALPHA)}
    if (scale := study.scale()) is not None:
        k = len(scale.items)
        answers["refute"] = float(scale.p_some_rival_better(0, np.arange(1, k)) < ALPHA)
    return answers


EXCLUSION = Case(
    "exclusion",
    "Leaving out who disagrees with the others",
    "Share of studies that reject although nobody is preferred. The last two rows drop the fifth of the participants "
    "that agrees least with the others: what we never do, and why.",
    (
        Row("refute_all", "**refute, everybody (shipped)**", ("N1",)),
        Row("agreement_all", "**agreement for these images, everybody (shipped)**", ("N1",)),
        Row("refute_dropped", "refute, without the fifth that agrees least"),
        Row("agreement_dropped", "agreement, without the fifth that agrees least"),
    ),
    {"N1": WORLDS["N1"]},
    exclusion,
)
