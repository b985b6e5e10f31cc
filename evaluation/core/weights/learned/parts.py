"""The parts of the loss beside the votes: which metrics they are, what differs in them, how they are weighed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.core import words
from evaluation.core.evidence import POOLED, BoolArray, Evidence, MetricValues, VoteTable
from evaluation.core.weights.shape.levels import is_number
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray


@dataclass(frozen=True)
class Parts:
    """Style and content loss. ``keep``: (V,) votes in scenes where both are complete and comparable."""

    style: MetricValues
    content: MetricValues
    keep: BoolArray

    def raw(self) -> FloatArray:
        """(V', 2) differences left minus right of the kept votes, as measured."""
        return np.column_stack([self.style.difference[self.keep], self.content.difference[self.keep]])

    def z(self, votes: VoteTable) -> FloatArray:
        """(V', 2) differences of within-scene z-scores of the kept votes."""
        return np.column_stack([z_difference(m, votes)[self.keep] for m in (self.style, self.content)])


def loss_parts(evidence: Evidence) -> Parts | Reason:
    """The raw style and content loss of the study, or why they cannot be set against each other."""
    found = [part(evidence, name) for name in ("style", "content")]
    if found[0] is None or found[1] is None:
        return words.reason("NC_NO_PARTS")
    style, content = found[0], found[1]
    for metric in (style, content):
        refusal = metric.minima[POOLED]
        if isinstance(refusal, Reason) and refusal.code == "NC_SCOPE":
            return refusal
    keep = usable_votes(style, evidence.votes) & usable_votes(content, evidence.votes)
    if not keep.any():
        refusals = [m.minima[POOLED] for m in (style, content)]
        reasons = [r for r in refusals if isinstance(r, Reason)]
        return reasons[0] if reasons else words.reason("NC_NO_VOTES", group="All scenes")
    return Parts(style, content, keep)


def part(evidence: Evidence, name: str) -> MetricValues | None:
    """The part of the objective that is taken against ``name`` (style, content) or is called so."""
    of_objective = [m for m in evidence.metrics if m.info.role == "objective_part"]
    against = [m for m in of_objective if m.info.reference == name]
    called = [m for m in of_objective if m.info.key.split("_")[0] == name]
    return next(iter(called or against), None)


def usable_votes(metric: MetricValues, votes: VoteTable) -> BoolArray:
    """(V,) votes in scenes where the metric is complete and comparable."""
    return np.asarray(metric.usable[votes.scene] & np.isfinite(metric.difference))


def scene_spread(metric: MetricValues) -> FloatArray:
    """(S,) population SD of the metric over the conditions of each scene; 0 where it is not usable or constant."""
    spread = np.zeros(len(metric.cells))
    for s in np.flatnonzero(metric.usable):
        spread[s] = np.nanstd(metric.cells[s])
    return spread


def z_difference(metric: MetricValues, votes: VoteTable) -> FloatArray:
    """(V,) left minus right in units of the scene's SD; 0 in a scene without spread."""
    spread = scene_spread(metric)[votes.scene]
    return np.asarray(np.where(spread > 0, metric.difference / np.where(spread > 0, spread, 1.0), 0.0))


def generator_weights(evidence: Evidence) -> tuple[float, float] | Reason:
    """(style, content) weights of the reference objective, or those that all conditions of the grid share.

    Both must be finite numbers.
    """
    for metric in evidence.metrics:
        if metric.info.role == "reference_objective":
            weights = _weights(json.loads(metric.info.config_json or "{}"))
            if weights is not None:
                return weights
    shared = {_weights(c.params) for c in evidence.data.conditions if c.role == "grid"}
    weights = shared.pop() if len(shared) == 1 else None
    return words.reason("NC_NO_GENERATOR_WEIGHTS") if weights is None else weights


def _weights(settings: Mapping[str, object]) -> tuple[float, float] | None:
    style, content = settings.get("style_weight"), settings.get("content_weight")
    return (float(style), float(content)) if is_number(style) and is_number(content) else None


def generator_share(weights: tuple[float, float], parts: Parts, *, z: bool) -> float | None:
    """The generator's own share of style: beta/(alpha + beta), in units of z the mean over scenes of
    beta sd_s/(alpha sd_c + beta sd_s); None where nothing is weighed."""
    style, content = weights
    if not z:
        return style / (style + content) if style + content > 0 else None
    sd_style, sd_content = scene_spread(parts.style), scene_spread(parts.content)
    total = style * sd_style + content * sd_content
    there = parts.style.usable & parts.content.usable & (total > 0)
    return float(np.mean(style * sd_style[there] / total[there])) if there.any() else None
