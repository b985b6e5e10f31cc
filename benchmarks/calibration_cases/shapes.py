"""Shapes over a parameter (E9): how often is a peak seen where there is none, and does the peak's interval hold it?"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import stats

from benchmarks.calibration_cases.worlds import ALPHA, DRAWS, SCENES, Answers, Case, Row, World, pooled_scores
from evaluation.core.simulator import Crowd, Design, simulate
from evaluation.core.weights import logit
from evaluation.core.weights.shape import curves
from evaluation.core.weights.shape.levels import levels

#: Tastes that treat all levels alike: levels that are equally good are so in an endless crowd as well.
TASTES: dict[str, Any] = {"taste": 0.6, "axis": 0.0}
#: Utility at five levels that are equally far apart on the axis of the parameter.
SHAPES = {
    "flat": (0.0, 0.0, 0.0, 0.0, 0.0),
    "concave": (0.0, 0.5, 0.8, 0.95, 1.0),
    "plateau": (0.0, 0.4, 0.8, 0.8, 0.8),
    "peak": (0.0, 0.5, 0.8, 0.5, 0.0),
    "low_peak": (0.6, 0.8, 0.6, 0.3, 0.0),
}
NO_PEAK = ("flat", "concave", "plateau")


def shapes(kind: str, participants: int, k: int, seed: int) -> Answers:
    """Votes on five levels of a parameter with a known curve."""
    crowd = Crowd(participants, **TASTES)
    theta = np.array(SHAPES[kind])
    utilities = np.broadcast_to(theta, (SCENES, k))
    votes = simulate(utilities, crowd, Design(30), seed=seed)
    study = World(votes, utilities, crowd, -utilities)
    scale = study.scale()
    x = np.linspace(-1.0, 1.0, k)
    if scale is None:
        return {}
    one = levels(scale, {c: {"x": value} for c, value in zip(votes.conditions, x, strict=True)}, "x")
    fitted = curves.quadratic(x, votes.left, votes.right, votes.y, votes.person, seed=seed, draws=DRAWS)
    assert one is not None
    assert fitted is not None
    z = x[votes.left] - x[votes.right], x[votes.left] ** 2 - x[votes.right] ** 2
    model = logit.fit(logit.antisymmetric(*z), votes.y)
    t = float(model.coef[2] / np.sqrt(model.by_participant(votes.person)[2, 2]))
    noise, truth = one.noise(seed, DRAWS), pooled_scores(study.truth)
    low, high = one.band(noise)
    answers = {
        "interior": float(curves.interior_peak(one).p < ALPHA),
        "lind_mehlum": float(fitted.p_lind_mehlum < ALPHA),
        "quadratic": float(2 * stats.t.cdf(t, participants - 1) < ALPHA) if t < 0 else 0.0,
        "monotone": float(curves.p_monotone(one, noise) < ALPHA),
        "band": float(np.all((low <= truth) & (truth <= high))),
    }
    if kind not in NO_PEAK:
        answers["peak"] = float(fitted.low <= _peak(study) <= fitted.high)
    return answers


def _peak(study: World) -> float:
    """Where the quadratic fitted to an endless crowd has its maximum."""
    share, k = study.truth[0], study.utilities.shape[1]
    x = np.linspace(-1.0, 1.0, k)
    i, j = np.nonzero(~np.eye(k, dtype=bool))
    b = logit.fit(np.column_stack([x[i] - x[j], x[i] ** 2 - x[j] ** 2]), share[i, j]).coef
    return float(np.clip(-b[0] / (2 * b[1]), -1, 1))


SHAPE = Case(
    "shape",
    "A peak inside the range of a parameter",
    "Share of studies that see a peak, at 10 to 60 participants. In the last two columns there is one (.8 logits above "
    "both ends, or .2 above the nearer): there the numbers are power. The quadratic term alone calls any curve that "
    "bends a peak, Lind and Mehlum's slopes call a plateau one: the verdict rests on the first row only. The last two "
    "rows are shares of intervals that hold the truth.",
    (
        Row("interior", "**interior-peak test (shipped, decides)**", NO_PEAK),
        Row("monotone", "**not monotone (shipped)**", NO_PEAK),
        Row("lind_mehlum", "Lind and Mehlum's slopes (printed beside it)", ("flat",)),
        Row("quadratic", "a significant negative quadratic term"),
        Row("band", "**95 % band around all levels at once holds them (shipped)**", tuple(SHAPES), "coverage"),
        Row("peak", "**95 % interval of the place of the peak holds it (shipped)**", ("peak", "low_peak"), "coverage"),
    ),
    {"flat": "flat", "concave": "concave, rising", "plateau": "plateau", "peak": "a peak", "low_peak": "a low peak"},
    shapes,
    cells=((10, 5), (20, 5), (30, 5), (60, 5)),
)
