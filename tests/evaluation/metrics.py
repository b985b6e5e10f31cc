"""More metrics for the small studies of the tests."""

import dataclasses

import numpy as np

from evaluation.core.dataset import MetricInfo, Score


def add_metric(data, name, values, *, role="independent", reference="none", direction="lower_better", label=None):
    """The study with one more metric of ``values`` (S, K)."""
    values = np.atleast_2d(values)
    info = MetricInfo(name, name, label or name.upper(), direction=direction, role=role, reference=reference)
    scores = [
        Score(f"s{s}c{c}", name, float(v)) for s, row in enumerate(values) for c, v in enumerate(row) if not np.isnan(v)
    ]
    return dataclasses.replace(data, metrics=(*data.metrics, info), scores=(*data.scores, *scores))
