"""E2 and E6 once more, among the images that were visibly changed.

An image that hardly differs from its content picture may win because nothing went wrong with it. Whether a loss says
something about style is asked among conditions that changed the picture: those whose distance to the content picture
lies above the median of the grid. Chosen by a metric, never by votes, so the tests keep their level.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.core import words
from evaluation.core.dataset import METRIC_ROLES
from evaluation.core.evidence import BoolArray, Evidence, MetricValues
from evaluation.core.metrics import likelihood
from evaluation.core.metrics.agreement import Found, agreement_json, agreement_of, agreement_tests
from evaluation.core.metrics.ceilings import held_out_credit
from evaluation.core.scale import inference
from evaluation.core.scale.inference import Scale
from evaluation.core.sections import Json, Section, Test
from evaluation.core.verdict import hypotheses, minimiser
from evaluation.core.verdict.minimiser import Minimum
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray

SUBSET = "visibly changed"


@dataclass(frozen=True)
class Changed:
    """``conditions``: (K,) those above ``threshold``, the median of ``strength`` (K,): mean over scenes of the
    within-scene z of ``metric``, oriented so that higher is further from the content picture."""

    metric: MetricValues
    strength: FloatArray
    threshold: float
    conditions: BoolArray


def strength_subset(evidence: Evidence) -> Changed | Reason:
    """The visibly changed conditions by the first metric against the content picture: independent ones first, so that
    the objective does not choose its own subset where another metric can; or why there are none."""
    against = [m for m in evidence.metrics if m.info.reference == "content" and m.usable.any()]
    if not against:
        return words.reason("NC_NO_STRENGTH")
    metric = max(against, key=lambda m: METRIC_ROLES.index(m.info.role))
    z = metric.z[metric.usable]
    count = (~np.isnan(z)).sum(axis=0)
    strength = np.where(count > 0, np.nansum(z, axis=0) / np.maximum(count, 1), np.nan)
    threshold = float(np.nanmedian(strength))
    changed = strength > threshold
    if changed.sum() < 2:
        return words.reason("NC_ONE_CONDITION", group="the visibly changed images")
    return Changed(metric, strength, threshold, changed)


def strength_section(evidence: Evidence) -> Section:
    """Summary: 'metric', 'threshold' (mean within-scene z), 'conditions' (ids), 'metrics': metric id ->
    {'agreement': as in E6, 'minimum': the pooled verdict among these}, 'reason', 'sentence'."""
    voice, votes = evidence.voice, evidence.votes
    found = strength_subset(evidence)
    if isinstance(found, Reason):
        said = words.reason_json(found, voice)
        empty: Json = {"metric": None, "threshold": None, "conditions": [], "metrics": {}}
        return Section(empty | {"reason": said, "sentence": said["sentence"]})
    held_out, full = held_out_credit(votes), likelihood.saturated(votes)
    metrics: Json = {}
    tests: list[Test] = []
    for metric in evidence.metrics:
        agreed = agreement_of(evidence, metric, held_out=held_out, full=full, conditions=found.conditions)
        said = agreement_json(evidence, metric, agreed, "Among visibly changed images")
        verdict, minimum_tests = _minimum(evidence, metric, found)
        metrics[metric.info.id] = {"agreement": said, "minimum": verdict}
        if isinstance(agreed, Found):
            tests += agreement_tests(evidence, metric, agreed, said, subset=SUBSET)
        tests += minimum_tests
    ids = [c for c, changed in zip(votes.conditions, found.conditions, strict=True) if changed]
    sentence = (
        f"Counted as visibly changed are the conditions whose {words.metric_name(found.metric.info.label)} lies above "
        f"the median of the grid (mean within-scene z above {found.threshold:.2f}): "
        f"{words.joined([evidence.labels[c] for c in ids])}."
    )
    summary: Json = {"metric": found.metric.info.id, "threshold": found.threshold, "conditions": ids}
    summary |= {"metrics": metrics, "reason": None, "sentence": voice.say(sentence)}
    return Section(summary, {}, tuple(tests))


def _minimum(evidence: Evidence, metric: MetricValues, found: Changed) -> tuple[Json, list[Test]]:
    """E2, pooled over the scenes, among the changed conditions that every scene has."""
    data, votes, options, voice = evidence.data, evidence.votes, evidence.options, evidence.voice
    items = np.flatnonzero(found.conditions & votes.shared)
    names = [votes.conditions[i] for i in items]
    table = minimiser.cells(data, metric.info)
    lowest = minimiser.pooled_minimum(data, metric.info, table, votes.scenes, names, "the visibly changed images")
    tested = _tested(evidence, lowest, items)
    if isinstance(tested, Reason):
        said = words.reason_json(tested, voice)
        return words.verdict_words("not_computable") | {"reason": said, "sentence": said["sentence"]}, []
    scale, numbers, n_scenes = tested
    p_refute, p_confirm = numbers.p_refute, numbers.p_confirm
    verdict = hypotheses.verdict(p_refute, p_confirm, numbers.p_equivalent, alpha=options.alpha)
    meetings = [numbers.rival_win, numbers.rival_win_low, numbers.rival_win_high]
    sentence = voice.reading(
        words.ReadingFacts(
            metric=metric.info.label,
            extreme="highest" if metric.info.direction == "higher_better" else "lowest",
            minimiser=evidence.labels[numbers.minimiser],
            rival=evidence.labels[numbers.rival],
            verdict=verdict,
            group="Among visibly changed images",
            rival_meetings=words.meetings(*meetings),
            own_meetings=words.meetings(*(1 - m for m in (meetings[0], meetings[2], meetings[1]))),
        )
    )
    common: Json = {
        "scope": "pooled", "metric_id": metric.info.id, "n_votes": scale.total_votes, "adjustment": "bh",
        "n_participants": scale.n_participants, "n_scenes": n_scenes, "n_conditions": len(scale.items),
        "message": sentence, "verdict": verdict, "estimate": numbers.regret, "unit": "logit", "null_value": 0.0,
    }  # fmt: skip
    family = f"F1 exploratory {SUBSET}"
    tests = [
        Test(hypothesis="H_min_refute", family=f"{family} refute", p_raw=p_refute, method="max-t", **common),
        Test(hypothesis="H_min_confirm", family=f"{family} confirm", p_raw=p_confirm, method="t, worst", **common),
    ]
    row: Json = {"minimiser": numbers.minimiser, "rival": numbers.rival, "favourite": numbers.favourite}
    row |= {"p_refute": p_refute, "p_confirm": p_confirm, "regret": numbers.regret}
    row |= {"regret_low": numbers.regret_low, "regret_high": numbers.regret_high}
    return words.verdict_words(verdict) | row | {"reason": None, "sentence": sentence}, tests


def _tested(
    evidence: Evidence, lowest: Minimum | Reason, items: np.typing.NDArray[np.intp]
) -> tuple[Scale, hypotheses.MinimumTests, int] | Reason:
    """Scores of the changed ``items``, the tests of their minimum, and of how many scenes; or why there are none."""
    if isinstance(lowest, Reason):
        return lowest
    votes, options = evidence.votes, evidence.options
    scenes = np.array([s for s, scene in enumerate(votes.scenes) if scene in lowest.scenes])
    box = votes.group(scenes, items)
    group = "The visibly changed images"
    scale = inference.estimate(box, labels=evidence.labels, group=group, seed=options.seed, draws=options.draws)
    if not isinstance(scale, Scale):
        return scale.reason
    if not set(lowest.items) <= set(scale.items):
        return next(r for r in scale.reasons if r.code == "NC_DISCONNECTED")
    if not scale.testable:
        return words.few_participants(scale.n_participants)
    if set(lowest.items) == set(scale.items):
        return words.reason("NC_ONE_CONDITION", group="the visibly changed images")
    return scale, hypotheses.minimum_tests(scale, lowest.items, alpha=options.alpha, delta=options.delta), len(scenes)
