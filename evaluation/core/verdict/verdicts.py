"""The verdict of every metric: its minimiser put to the test over all scenes and in each (E2), with its sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from evaluation.core import words
from evaluation.core.evidence import Evidence, MetricValues
from evaluation.core.options import Options
from evaluation.core.scale import inference
from evaluation.core.scale.groups import Group, group_json, where_complete
from evaluation.core.scale.inference import NotEstimated, Scale
from evaluation.core.sections import Test
from evaluation.core.verdict import hypotheses, minimiser
from evaluation.core.verdict.minimiser import Minimum
from evaluation.core.words import Reason

Json = dict[str, Any]
E2 = ("H_min_refute", "H_min_confirm", "H_min_equiv")


def metric_verdicts(evidence: Evidence, metric: MetricValues, groups: Sequence[Group]) -> Json:
    """One metric: its tests over all scenes and in each. ``groups``: pooled first."""
    info, options = metric.info, evidence.options
    minima = [metric.minima[g.scene] for g in groups]
    every = groups[0]
    groups = [where_complete(evidence, every, minima[0]), *groups[1:]]
    tests = [_run_tests(g, m, options) for g, m in zip(groups, minima, strict=True)]
    # The pooled test stands alone; Holm runs over the scenes of a metric (specs/evaluation.md, E2).
    names = ("p_refute", "p_confirm", "p_equivalent")
    families = [
        inference.holm([None if isinstance(t, Reason) else getattr(t, name) for t in tests[1:]]) for name in names
    ]
    adjusted = [(None, None, None), *zip(*families, strict=True)]
    return {
        "id": info.id,
        "key": info.key,
        "label": info.label,
        "direction": info.direction,
        "role": info.role,
        "comparable_within": info.comparable_within,
        "unit": info.unit,
        # Where scenes are left out of the metric, its scores are those of the others: here, since `groups` has all.
        "group": None if groups[0] is every else group_json(groups[0], evidence),
        "tests": [
            _test_json(g, m, t, p, metric, evidence) for g, m, t, p in zip(groups, minima, tests, adjusted, strict=True)
        ],
    }


def _run_tests(group: Group, found: Minimum | Reason, options: Options) -> hypotheses.MinimumTests | Reason:
    scale = group.scale
    if isinstance(found, Reason):
        return found
    if isinstance(scale, NotEstimated):
        return scale.reason
    if not set(found.items) <= set(scale.items):
        return next(r for r in scale.reasons if r.code == "NC_DISCONNECTED")
    if not scale.testable:
        return words.few_participants(scale.n_participants)
    if len(set(scale.items) - set(found.items)) == 0:
        return words.reason("NC_ONE_CONDITION", group=group.spoken)
    return hypotheses.minimum_tests(scale, found.items, alpha=options.alpha, delta=options.delta)


def _test_json(
    group: Group,
    found: Minimum | Reason,
    tests: hypotheses.MinimumTests | Reason,
    adjusted: Sequence[float | None],
    metric: MetricValues,
    evidence: Evidence,
) -> Json:
    data, voice, options, info = evidence.data, evidence.voice, evidence.options, metric.info
    row: Json = {"scope": "pooled" if group.scene is None else "scene", "scene": group.scene, "label": group.label}
    row["minimum"] = None
    if isinstance(found, Minimum):
        row["minimum"] = {
            "conditions": list(found.items),
            "labels": [data.condition[c].label for c in found.items],
            "values": dict(found.values),
            "z": dict(found.values) if group.scene is None else minimiser.within_scene_z(found.values, info.sign),
            "margin": found.margin,
            "n_scenes": found.n_scenes,
            "scenes_agree": found.scenes_agree,
        }
    row["notes"] = [words.reason_json(r, voice) for r in (found.reasons if isinstance(found, Minimum) else ())]
    row["n_votes"], row["n_participants"] = group.scale.total_votes, group.scale.n_participants
    if isinstance(tests, Reason):
        reason = words.reason_json(tests, voice)
        return (
            row
            | words.verdict_words("not_computable")
            | {"tests": None, "reason": reason, "sentence": reason["sentence"]}
        )
    own = (tests.p_refute, tests.p_confirm, tests.p_equivalent)
    p_refute, p_confirm, p_equivalent = (p if a is None else a for p, a in zip(own, adjusted, strict=True))
    verdict = hypotheses.verdict(p_refute, p_confirm, p_equivalent, alpha=options.alpha)
    label = {c.id: c.label for c in data.conditions}
    sentence = voice.reading(
        words.ReadingFacts(
            metric=info.label,
            extreme="highest" if info.direction == "higher_better" else "lowest",
            minimiser=label[tests.minimiser],
            rival=label[tests.rival],
            verdict=verdict,
            group=group.where,
            rival_meetings=_meetings(tests, verdict),
            own_meetings=_meetings(tests, verdict, of_rival=False),
        )
    )
    p_shown = {"confirmed": p_confirm, "equivalent": p_equivalent}.get(verdict, p_refute)
    said = [r.sentence for r in found.reasons if r.code != "NC_TIED_MIN"] if isinstance(found, Minimum) else []
    if tests.unbounded and isinstance(group.scale, Scale):
        said += [r.sentence for r in group.scale.reasons if r.code == "NC_SEPARATED"]
    basis = words.basis(
        verdict, p_refute, p_confirm, most=hypotheses.sigma(tests.upper), holm=group.scene is not None,
        participants=group.scale.n_participants, votes=group.scale.total_votes, simulated=voice.simulated,
    )  # fmt: skip
    return (
        row
        | words.verdict_words(verdict)
        | {
            "tests": asdict(tests) | {"p_refute_adjusted": p_refute, "p_confirm_adjusted": p_confirm, "p": p_shown},
            "reason": None,
            "sentence": sentence,
            "basis": " ".join([basis, *said]),
        }
    )


def _meetings(tests: hypotheses.MinimumTests, verdict: str, *, of_rival: bool = True) -> str:
    """How often the rival (or the minimiser) would win, with its 95 % interval.

    The bound of the test instead, where one of the two won every vote (the interval would be that of a regularised
    score), or where the one-sided test decided what the two-sided interval leaves open.
    """
    win, low, high = tests.rival_win, tests.rival_win_low, tests.rival_win_high
    decided = verdict in ("refuted", "confirmed")
    by_bound = tests.unbounded or (decided and low <= 0.5 <= high)
    least, most = (tests.rival_bound, 1.0) if win > 0.5 else (0.0, 1 - tests.own_bound)
    if not of_rival:
        win, low, high, least, most = 1 - win, 1 - high, 1 - low, 1 - most, 1 - least
    return words.meetings_bound(win, least, most) if by_bound else words.meetings(win, low, high)


def verdict_tests(evidence: Evidence, metrics: Sequence[Json]) -> list[Test]:
    """The tests of E2 as rows: refute, confirm and equivalent, for every metric over all scenes and in each."""
    return [row for metric in metrics for test in metric["tests"] for row in _rows(evidence, metric, test)]


def _rows(evidence: Evidence, metric: Json, test: Json) -> list[Test]:
    options, found = evidence.options, test["tests"]
    pooled = test["scene"] is None
    common: dict[str, Any] = {
        # The pooled test of the primary metric is the one primary test of a study and is not corrected.
        "confirmatory": evidence.confirmatory and pooled and metric["id"] == evidence.primary,
        "scope": test["scope"],
        "scene_id": test["scene"] or "",
        "metric_id": metric["id"],
        "unit": "logit",
        "n_votes": test["n_votes"],
        "n_participants": test["n_participants"],
        "n_scenes": test["minimum"]["n_scenes"] if test["minimum"] else 0,
        "n_conditions": len(test["minimum"]["values"]) if test["minimum"] else 0,
        "verdict": test["verdict"],
        "message": test["sentence"],
    }
    if found is None:
        reason = {"status": "not_computable", "reason_code": test["reason"]["code"]}
        return [Test(hypothesis=name, **common, **reason) for name in E2]
    adjustment = "none" if pooled else "holm"
    common |= {"estimate": found["regret"], "null_value": 0.0, "ci_low": found["regret_low"]}
    common |= {"ci_high": found["regret_high"], "ci_level": 1 - 2 * options.alpha}
    resampled = test["n_participants"] >= inference.BONFERRONI_BELOW
    refute = {"method": "max-t, participants resampled", "n_resamples": options.draws, "rng_seed": options.seed}
    p = ("p_refute", "p_confirm", "p_equivalent")
    how: tuple[dict[str, Any], ...] = (
        refute if resampled else {"method": "Bonferroni t"},
        {"method": "intersection-union t"},
        {"method": "intersection-union t", "margin": options.delta},
    )
    return [
        Test(
            hypothesis=name, family=f"{name}: scenes of {metric['id']}" if not pooled else "", adjustment=adjustment,
            p_raw=found[key], df=test["n_participants"] - 1, **common, **method,
        )
        for name, key, method in zip(E2, p, how, strict=True)
    ]  # fmt: skip
