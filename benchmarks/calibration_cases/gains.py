"""Gains of the learned weights in scenes held out (E10): do their intervals hold what an endless crowd would say?"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.calibration_cases.worlds import ALPHA, SCENES, TASTES, Answers, Case, Row, inside, pooled_scores
from evaluation.core.evidence import gather
from evaluation.core.options import Options
from evaluation.core.simulator import Crowd, Design, as_study, expected_shares, simulate
from evaluation.core.weights import logit
from evaluation.core.weights.learned import held_out, learned_section
from evaluation.core.weights.learned.parts import Parts, loss_parts
from studyplatform.voting.core.bradley_terry import FloatArray

#: World -> weights of style and content loss in the utilities, in logits. The generator weighs them alike.
WEIGHTS = {"apart": (0.15, 0.6), "alike": (0.4, 0.4), "neither": (0.0, 0.0)}


def gains(kind: str, participants: int, k: int, seed: int) -> Answers:
    """The truth is what these weights, learned from these votes, gain with an endless crowd in these scenes."""
    rng = np.random.default_rng([seed, 9])
    losses = rng.normal(size=(2, SCENES, k))
    utilities = -np.tensordot(WEIGHTS[kind], losses, axes=1)
    crowd = Crowd(participants, **TASTES)
    levels = {"style_weight": [1.0] * k, "content_weight": [1.0] * k}
    votes = simulate(utilities, crowd, Design(30), seed=seed)
    data = as_study(votes, {"style": losses[0], "content": losses[1]}, levels=levels)
    data = replace(data, metrics=tuple(replace(m, role="objective_part") for m in data.metrics))
    evidence = gather(data.canonical(), "q", Options(seed=seed, draws=2))
    parts = loss_parts(evidence)
    assert isinstance(parts, Parts)
    fitted = logit.fit(logit.antisymmetric(*parts.z(evidence.votes).T), evidence.votes.y)
    coef = held_out.weights_without(fitted, evidence.votes.scene, SCENES)
    z = (losses - losses.mean(axis=2, keepdims=True)) / losses.std(axis=2, keepdims=True)
    learned, own = np.einsum("sm,msk->sk", coef, z), -losses.sum(axis=0)
    truth = expected_shares(utilities, crowd)
    gained = {
        "agreement": agreed(learned, truth) - agreed(own, truth),
        "regret": chosen(learned, truth) - chosen(own, truth),
    }
    said = learned_section(evidence).summary
    answers: Answers = {}
    for name, true in gained.items():
        # A scene without scores has no choice to price, and the mean is then over the others.
        if (found := said[f"gain_{name}"]) is not None and found["n_scenes"] == SCENES:
            answers[name] = inside(found["low"], true, found["high"])
            answers[f"{name}_p"] = float(found["p"] < ALPHA)
    return answers


def agreed(lead: FloatArray, truth: FloatArray) -> float:
    """Share of an endless crowd's votes that go to the image with the higher ``lead`` (S, K)."""
    k = lead.shape[1]
    right = np.where(lead[:, :, None] > lead[:, None, :], truth, 1 - truth)
    return float(right[:, ~np.eye(k, dtype=bool)].mean())


def chosen(lead: FloatArray, truth: FloatArray) -> float:
    """Mean over scenes of the score of the image with the highest ``lead``."""
    return float(np.mean([pooled_scores(truth[[s]])[best] for s, best in enumerate(lead.argmax(axis=1))]))


GAINS = Case(
    "gains",
    "Gains of learned weights in scenes held out",
    "Share of the 95 % intervals that hold what the weights, as they were learned, gain over the generator's with an "
    "endless crowd; share of studies whose p-value finds a gain. With preferences that have nothing to do with either "
    "loss there is none.",
    (
        Row("agreement", "**interval of the gain in agreement (shipped)**", tuple(WEIGHTS), "coverage"),
        Row("regret", "**interval of the gain in regret (shipped)**", tuple(WEIGHTS), "coverage"),
        Row("agreement_p", "**p of the gain in agreement (shipped)**", ("neither",)),
        Row("regret_p", "**p of the gain in regret (shipped)**", ("neither",)),
    ),
    {"apart": "style .15, content .6", "alike": "both .4, as the generator's", "neither": "neither loss matters"},
    gains,
    cells=((10, 5), (30, 6), (60, 6)),
)
