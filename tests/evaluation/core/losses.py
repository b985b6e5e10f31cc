"""A simulated study whose votes weigh style and content loss, for the tests of learned weights and regressions."""

import dataclasses
import itertools
import json

import numpy as np
from scipy.special import expit

from evaluation.core.dataset import MetricInfo, Score
from tests.evaluation.simulate import study

WEIGHTS = {"style_weight": 1.0, "content_weight": 0.25}


def weighed(style, content, *, w_style, w_content, sd=0.0, other=None, seed=0, weights=WEIGHTS, side=0.0, **fields):
    """Votes with utility -(w_s style + w_c content); losses (S, K). ``sd``: of each person's content weight.

    ``other``: (S, K) of an independent metric, LPIPS.
    """
    style, content = np.atleast_2d(style), np.atleast_2d(content)
    data = study(utilities=np.zeros(style.shape), losses=style + content, seed=seed, **fields)
    rng = np.random.default_rng(seed + 10_000)
    people = {p.id: w_content + sd * rng.normal() for p in data.participants}
    cell = {f"s{s}c{c}": (s, c) for s, c in itertools.product(range(style.shape[0]), range(style.shape[1]))}

    def choice(trial):
        gap = side
        for sign, stimulus in ((1, trial.left), (-1, trial.right)):
            gap -= sign * (w_style * style[cell[stimulus]] + people[trial.participant] * content[cell[stimulus]])
        return "left" if rng.random() < expit(gap) else "right"

    metrics = [
        MetricInfo(
            "total_loss", "total_loss", "Total loss", role="reference_objective", config_json=json.dumps(weights)
        ),
        MetricInfo("style_loss", "style_loss", "Style loss (raw)", role="objective_part", reference="style"),
        MetricInfo("content_loss", "content_loss", "Content loss (raw)", role="objective_part", reference="content"),
    ]
    tables = {"total_loss": style + 0.25 * content, "style_loss": style, "content_loss": content}
    if other is not None:
        metrics.append(MetricInfo("lpips_content", "lpips_content", "LPIPS to the photograph", comparable_within="all"))
        tables["lpips_content"] = np.atleast_2d(other)
    return dataclasses.replace(
        data,
        primary_metric="total_loss",
        metrics=tuple(metrics),
        scores=tuple(Score(s, m, float(t[at])) for m, t in tables.items() for s, at in cell.items()),
        trials=tuple(dataclasses.replace(t, choice=choice(t)) for t in data.trials),
    )
