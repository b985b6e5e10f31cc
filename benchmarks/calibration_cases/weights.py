"""Learned weights (E10): do the intervals of the weights and of their ratio hold what an endless crowd would teach?"""

from __future__ import annotations

import numpy as np

from benchmarks.calibration_cases.worlds import ALPHA, DRAWS, SCENES, TASTES, Answers, Case, Row, World, inside
from evaluation.core import clusters
from evaluation.core.simulator import Crowd, Design, simulate
from evaluation.core.weights import logit
from evaluation.core.weights.learned import ratio
from studyplatform.voting.core.bradley_terry import FloatArray

#: World -> weights of style and content loss, in logits per within-scene SD.
WEIGHTS = {"style": (0.7, 0.3), "content": (0.15, 0.6), "weak": (0.1, 0.1)}


def weights(kind: str, participants: int, k: int, seed: int) -> Answers:
    """People punish style and content loss; every scene has losses of its own."""
    rng = np.random.default_rng([seed, 5])
    z = rng.normal(size=(2, SCENES, k))
    z = (z - z.mean(axis=2, keepdims=True)) / z.std(axis=2, keepdims=True)
    utilities = -np.tensordot(WEIGHTS[kind], z, axes=1)
    crowd = Crowd(participants, **TASTES)
    votes = simulate(utilities, crowd, Design(30), seed=seed)
    study = World(votes, utilities, crowd, z[0])
    difference = z[:, votes.scene, votes.left] - z[:, votes.scene, votes.right]
    fitted = logit.fit(logit.antisymmetric(*difference), votes.y)
    cov, w = fitted.by_participant(votes.person)[1:, 1:], -fitted.coef[1:]
    truth = _endless(study, z)
    low, high = clusters.t_interval(float(w[0]), float(np.sqrt(cov[0, 0])), participants - 1)
    answers = {"weight": inside(low, float(truth[0]), high)}
    share, true_share = ratio.share(w, cov, participants - 1.0, seed=seed, draws=DRAWS), truth[0] / truth.sum()
    # Where no interval is printed nothing is excluded: Fieller's set is then unbounded.
    printed = share is not None and share.low is not None
    answers["lambda"] = inside(share.low, float(true_share), share.high) if share and printed else 1.0
    p = ratio.p_share(float(true_share), difference.T, votes.y, votes.person)[1]
    return answers | {"test": float(p < ALPHA)}


def _endless(study: World, z: FloatArray) -> FloatArray:
    """(2,) weights that the votes of an endless crowd on all pairs give."""
    k = z.shape[2]
    i, j = np.nonzero(~np.eye(k, dtype=bool))
    design = (z[:, :, i] - z[:, :, j]).reshape(2, -1).T
    return -logit.fit(design, study.truth[:, i, j].ravel()).coef


LEARNED = Case(
    "weights",
    "Learned weights of style and content loss",
    "First two rows: share of the 95 % intervals that hold the truth (where the direction of the weights is open, none "
    "is printed for their ratio and nothing is excluded). Last row: share of studies that reject the true ratio.",
    (
        Row("weight", "**interval of the weight of style (shipped)**", tuple(WEIGHTS), "coverage"),
        Row("lambda", "**interval of the share of style (shipped)**", tuple(WEIGHTS), "coverage"),
        Row("test", "**test that the share is the true one (shipped)**", tuple(WEIGHTS)),
    ),
    {"style": "style .7, content .3", "content": "style .15, content .6", "weak": "both .1"},
    weights,
    cells=((10, 5), (30, 5), (60, 5)),
)
