"""The effects of the factors on a metric of a study, with the spread of its replicate seeds as their noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from evaluation.core import words
from evaluation.core.dataset import StudyData
from evaluation.core.evidence import POOLED, Evidence, MetricValues, VoteTable, metric_values, vote_table
from evaluation.core.voters.layouts import Family
from evaluation.core.weights.factors.effects import Effects, Replicates, replicates
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Effects in z and as printed, and the SD of one render in z (None where there is one seed per cell).
Measured = tuple[Effects, Effects, float | None]


def family_effects(evidence: Evidence, metric: MetricValues, names: list[str], family: Family) -> Measured | Reason:
    """:func:`metric_effects` over the conditions of one family of several, as if the grid were they alone: families may
    have other objectives, and z-scores are within the family. ``names``: ids by the layout's numbers."""
    own = {names[i] for i in family.items}
    data = replace(
        evidence.data,
        conditions=tuple(c for c in evidence.data.conditions if c.id in own),
        stimuli=tuple(s for s in evidence.data.stimuli if s.condition in own),
    )
    votes = vote_table(data, ())
    at = np.array([votes.conditions.index(names[i]) for i in family.items], dtype=np.intp)
    return metric_effects(data, metric_values(data, metric.info, votes, ()), votes, at, family.within().base)


def metric_effects(
    data: StudyData, metric: MetricValues, votes: VoteTable, items: IntArray, base: int
) -> Measured | Reason:
    """Means over the usable scenes of the within-scene z-scores and of the raw values of ``items`` (numbers), as
    printed, and the SD of one render in z: the spread of replicate seeds, of the default where it has them."""
    pooled = metric.minima[POOLED]
    scenes = np.flatnonzero(metric.usable & ~np.isnan(metric.cells[:, items]).any(axis=1))
    if isinstance(pooled, Reason) and (pooled.code == "NC_SCOPE" or not len(scenes)):
        return pooled
    if not len(scenes):
        return words.reason("NC_NO_OVERLAP", needed=f"with {metric.info.label} in a whole scene")
    seeds = _replicates(data, metric, votes, scenes, items, base)
    raw = metric.cells[np.ix_(scenes, items)]
    if seeds.df and _of_the_run(raw, seeds):
        # The number of a training run is the same in every scene: its noise does not average out over them.
        scenes, raw = scenes[:1], raw[:1]
        seeds = Replicates(seeds.n[:1], seeds.variance[:1], seeds.measured[:1])
    z = metric.z[np.ix_(scenes, items)]
    spread = np.array([np.nanstd(metric.cells[s]) for s in scenes])
    spread = np.where(spread > 0, spread, 1.0)
    sign, name = metric.info.sign, metric.info.id
    return (
        seeds.effects(name, "z", sign * z, spread),
        seeds.effects(f"{name}:raw", "raw", sign * raw, np.ones(len(scenes))),
        float(np.sqrt(seeds.floor(spread))) if seeds.df else None,
    )


def _of_the_run(raw: FloatArray, seeds: Replicates) -> bool:
    """Whether all scenes have the same values, seed by seed as far as means and variances tell."""
    same = np.array_equal(seeds.n, np.broadcast_to(seeds.n[:1], seeds.n.shape))
    return bool(
        same
        and np.allclose(raw, raw[:1], rtol=1e-12, atol=0)
        and np.allclose(seeds.variance, seeds.variance[:1], rtol=1e-9, atol=0)
    )


def _replicates(
    data: StudyData, metric: MetricValues, votes: VoteTable, scenes: IntArray, items: IntArray, base: int
) -> Replicates:
    """How many renders each cell has, and the variance of the metric over them (0 for one)."""
    at_scene = {votes.scenes[s]: i for i, s in enumerate(scenes.tolist())}
    at = {votes.conditions[c]: i for i, c in enumerate(items.tolist())}
    value = {s.stimulus: s.value for s in data.scores if s.metric == metric.info.id and s.value is not None}
    cells: dict[tuple[int, int], list[float]] = {}
    for s in data.stimuli:
        if s.role == "grid" and s.scene in at_scene and s.condition in at and s.id in value:
            cells.setdefault((at_scene[s.scene], at[s.condition]), []).append(value[s.id])
    n, variance = np.ones((len(scenes), len(items)), dtype=np.intp), np.zeros((len(scenes), len(items)))
    for cell, values in cells.items():
        n[cell] = len(values)
        variance[cell] = np.var(values, ddof=1) if len(values) > 1 else 0.0
    return replicates(n, variance, base)
