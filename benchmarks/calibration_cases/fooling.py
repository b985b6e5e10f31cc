"""Trials that ask which image is real (E16): do their p-values hold their level, and their intervals the truth?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.calibration_cases.worlds import ALPHA, SCENES, TASTES, Answers, Case, Row, inside
from evaluation.core.dataset import StudyData
from evaluation.core.evidence import gather
from evaluation.core.metrics.fooling import fooling_section
from evaluation.core.options import Options
from evaluation.core.simulator import Crowd, Design, as_study, expected_shares, simulate
from studyplatform.voting.core.bradley_terry import FloatArray

WORLDS = {
    "even": "real and generated look equally real",
    "differ": "conditions differ, 30 of 100 called real",
    "seldom": "conditions differ, 7 of 100 called real",
}
#: Mean utility of a generated image where that of the real one is 0.
MEAN = {"differ": -1.0, "seldom": -3.0}


def fooling(kind: str, participants: int, k: int, seed: int) -> Answers:
    """Every trial shows one of ``k`` conditions beside the real image, which is the last one of the simulated grid."""
    rng = np.random.default_rng([seed, 8])
    utilities, metric = np.zeros((SCENES, k + 1)), rng.normal(size=(SCENES, k + 1))
    if kind != "even":
        utilities[:, :k] = rng.normal(MEAN[kind], 0.7, size=(SCENES, k))
    crowd = Crowd(participants, **TASTES)
    votes = simulate(utilities, crowd, Design(30, hub=[k] * SCENES, focus=1.0), seed=seed)
    data = asked(as_study(votes, {"total": metric}))
    rows = fooling_section(gather(data.canonical(), "q", Options(seed=seed, draws=2))).rows["fooling"]
    called = expected_shares(utilities, crowd)[:, :k, k]
    truth = {("rate", f"c{c}", ""): float(called[:, c].mean()) for c in range(k)}
    truth |= {
        ("difference", f"c{i}", f"c{j}"): float((called[:, i] - called[:, j]).mean())
        for i in range(k)
        for j in range(i + 1, k)
    }
    truth["metric", "", ""] = area(called, metric[:, :k])
    answers: dict[str, list[float]] = {}
    for row in rows:
        true = truth[row["kind"], row["condition_1"], row["condition_2"]]
        if row["ci_low"] is None:
            continue
        answers.setdefault(row["kind"], []).append(inside(row["ci_low"], true, row["ci_high"]))
        answers.setdefault(f"{row['kind']}_p", []).append(float(row["p_raw"] < ALPHA))
    return {key: float(np.mean(found)) for key, found in answers.items()}


def area(called: FloatArray, metric: FloatArray) -> float:
    """How often, of two trials of a scene, the one whose image is called real has the lower metric; ``called``,
    ``metric``: (S, K)."""
    lower = (metric[:, :, None] < metric[:, None, :]) + 0.5 * (metric[:, :, None] == metric[:, None, :])
    won = np.einsum("si,sj,sij->", called, 1 - called, lower)
    return float(won / np.sum(called.sum(axis=1) * (1 - called).sum(axis=1)))


def asked(data: StudyData) -> StudyData:
    """The study with its last condition as the real image, which every trial shows beside a generated one."""
    real = data.conditions[-1].id
    return replace(
        data,
        conditions=data.conditions[:-1],
        stimuli=tuple(replace(s, role="reference") if s.condition == real else s for s in data.stimuli),
        scores=tuple(s for s in data.scores if not s.stimulus.endswith(real)),
        trials=tuple(replace(t, kind="real_fake") for t in data.trials),
    )


FOOLING = Case(
    "fooling",
    "Which image is real?",
    "Every trial shows a generated image beside the real one. First rows: share of the 95 % intervals that hold what "
    "an endless crowd would say. Last rows: share of the p-values below .05; in the last columns there is something "
    "to find.",
    (
        Row("rate", "**how often a condition is called real (shipped)**", tuple(WORLDS), "coverage"),
        Row("difference", "**difference of two conditions (shipped)**", tuple(WORLDS), "coverage"),
        Row("metric", "**agreement of a metric with being called real (shipped)**", tuple(WORLDS), "coverage"),
        Row("rate_p", "**p of a condition against one half (shipped)**", ("even",)),
        Row("difference_p", "**p of a difference (shipped)**", ("even",)),
        Row("metric_p", "**p of a metric (shipped)**", ("even",)),
    ),
    WORLDS,
    fooling,
    cells=((10, 5), (30, 6), (60, 9)),
)
