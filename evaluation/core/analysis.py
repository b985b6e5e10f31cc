"""From a study to its verdict: one question, analysed, as strict JSON.

Deterministic given the options' seed and independent of the order of the input rows. No NaN: a number is there, or
null and a reason beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from evaluation.core import agreement as agree
from evaluation.core import headline as top
from evaluation.core import hypotheses, inference, minimiser, shares, words
from evaluation.core.ballots import Ballots, analysis_set, ballots, grid_conditions, shared_conditions
from evaluation.core.dataset import MetricInfo, StudyData, Trial
from evaluation.core.inference import JOD_LOGIT, NotEstimated, Scale
from evaluation.core.minimiser import Minimum
from evaluation.core.words import Reason, Voice

Json = dict[str, Any]
SCHEMA = 1
_ROLES = ("reference_objective", "objective", "objective_part", "independent")


@dataclass(frozen=True)
class Options:
    """How to analyse. ``planted``: the truth of a rehearsal, {"favourite": label, "agrees_with_loss": bool}."""

    alpha: float = 0.05
    delta: float = hypotheses.DELTA
    seed: int = 1
    draws: int = 9999
    planted: Mapping[str, Any] | None = None

    def to_json(self) -> Json:
        """The JSON object stored with the results."""
        return asdict(self)


@dataclass(frozen=True)
class Group:
    """A scene, or all scenes pooled by condition (``scene`` None): its votes and its scores."""

    scene: str | None
    label: str
    spoken: str
    votes: Ballots
    scale: Scale | NotEstimated


def analyse(data: StudyData, options: Options | None = None, *, question: str | None = None) -> Json:
    """Analyse one question (default: the first). Raises ``ValueError`` for a study without questions or scenes."""
    options = options or Options()
    data = data.canonical()
    if not data.questions or not data.scenes:
        raise ValueError("A study needs a question and a scene before it can be analysed.")
    asked = next((q for q in data.questions if q.id == question), data.questions[0])
    voice = Voice(data.simulated)
    votes, flow = analysis_set(data, asked.id)
    groups = _groups(data, votes, options)
    metrics = [_metric(data, m, groups, votes, voice, options) for m in _ordered_metrics(data)]
    primary = top.primary_metric(data, metrics)
    headline = top.headline(primary, groups[0].scale, data, voice)
    return {
        "schema": SCHEMA,
        "study": {
            "slug": data.slug,
            "title": data.title,
            "simulated": data.simulated,
            "networks": list(data.networks),
            "random_features": data.random_features,
        },
        "question": {"id": asked.id, "text": asked.text},
        "digest": data.digest,
        "options": options.to_json(),
        "notices": top.notices(data, options.planted, headline["favourite_label"]),
        "headline": headline,
        "cannot_say": words.CANNOT_SAY_SIMULATED if data.simulated else words.CANNOT_SAY,
        "bar_chart_warning": top.bar_chart_warning(len(groups[0].votes.items)),
        "flow": [asdict(step) for step in flow],
        "conditions": [
            {"id": c.id, "label": c.label, "is_default": c.is_default} for c in data.conditions if c.role == "grid"
        ],
        "groups": [_group_json(g, data, voice, options) for g in groups],
        "metrics": metrics,
        "primary": primary["id"] if primary else None,
        "ceilings": asdict(agree.ceilings(data, votes, [s.id for s in data.scenes])),
    }


def _groups(data: StudyData, votes: Sequence[Trial], options: Options) -> list[Group]:
    """The pooled group first, then every scene in its order."""
    labels = {c.id: c.label for c in data.conditions}
    scenes = [s for s in data.scenes if grid_conditions(data, s.id)]
    one = f"scene {scenes[0].label}" if len(scenes) == 1 else ""
    wanted: list[tuple[str | None, str, str, Sequence[Trial], tuple[str, ...]]] = [
        (None, "All scenes", one, votes, shared_conditions(data, [s.id for s in scenes]))
    ]
    wanted += [
        (s.id, s.label, f"scene {s.label}", [t for t in votes if t.scene == s.id], grid_conditions(data, s.id))
        for s in scenes
    ]
    groups = []
    for scene, label, spoken, chosen, items in wanted:
        box = ballots(data, chosen, items)
        name = (spoken or "all scenes")[0].upper() + (spoken or "all scenes")[1:]
        scale = inference.estimate(box, labels=labels, group=name, seed=options.seed, draws=options.draws)
        groups.append(Group(scene, label, spoken, box, scale))
    return groups


def _metric(
    data: StudyData, metric: MetricInfo, groups: Sequence[Group], votes: Sequence[Trial], voice: Voice, options: Options
) -> Json:
    table = minimiser.cells(data, metric)
    scenes = [g.scene for g in groups if g.scene is not None]
    minima: list[Minimum | Reason] = []
    for g in groups:
        if g.scene is None:
            found = minimiser.pooled_minimum(data, metric, table, scenes, g.votes.items, "all scenes")
        else:
            found = minimiser.scene_minimum(data, metric, table, g.scene, g.votes.items, f"scene {g.label}")
        minima.append(found)
    tests = [_run_tests(g, m, options) for g, m in zip(groups, minima, strict=True)]
    # The pooled test stands alone; Holm runs over the scenes of a metric (specs/evaluation.md, E2).
    refute = inference.holm([None if isinstance(t, Reason) else t.p_refute for t in tests[1:]])
    confirm = inference.holm([None if isinstance(t, Reason) else t.p_confirm for t in tests[1:]])
    adjusted = [(None, None), *zip(refute, confirm, strict=True)]
    complete = [g.scene for g, m in zip(groups, minima, strict=True) if g.scene and _comparable(m)]
    return {
        "id": metric.id,
        "key": metric.key,
        "label": metric.label,
        "direction": metric.direction,
        "role": metric.role,
        "comparable_within": metric.comparable_within,
        "unit": metric.unit,
        "tests": [
            _test_json(g, m, t, p, metric, data, voice, options)
            for g, m, t, p in zip(groups, minima, tests, adjusted, strict=True)
        ],
        "agreement": _agreement_json(data, metric, votes, complete, minima[0], voice, options),
    }


def _comparable(found: Minimum | Reason) -> bool:
    return isinstance(found, Minimum) or found.code == "NC_CONSTANT_METRIC"


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
        return words.reason("NC_TOO_FEW_CONDITIONS", group=group.spoken or "all scenes")
    return hypotheses.minimum_tests(scale, found.items, alpha=options.alpha)


def _test_json(
    group: Group,
    found: Minimum | Reason,
    tests: hypotheses.MinimumTests | Reason,
    adjusted: tuple[float | None, float | None],
    metric: MetricInfo,
    data: StudyData,
    voice: Voice,
    options: Options,
) -> Json:
    row: Json = {"scope": "pooled" if group.scene is None else "scene", "scene": group.scene, "label": group.label}
    row["minimum"] = None
    if isinstance(found, Minimum):
        row["minimum"] = {
            "conditions": list(found.items),
            "labels": [data.condition[c].label for c in found.items],
            "values": dict(found.values),
            "z": dict(found.values) if group.scene is None else minimiser.within_scene_z(found.values, metric.sign),
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
    p_refute = tests.p_refute if adjusted[0] is None else adjusted[0]
    p_confirm = tests.p_confirm if adjusted[1] is None else adjusted[1]
    verdict = hypotheses.verdict(tests, p_refute, p_confirm, alpha=options.alpha, delta=options.delta)
    label = {c.id: c.label for c in data.conditions}
    sentence = voice.reading(
        words.ReadingFacts(
            metric=metric.label,
            extreme="highest" if metric.direction == "higher_better" else "lowest",
            minimiser=label[tests.minimiser],
            rival=label[tests.rival],
            verdict=verdict,
            group=group.spoken,
            rival_meetings=words.meetings(tests.rival_win, tests.rival_win_low, tests.rival_win_high),
            own_meetings=words.meetings(1 - tests.rival_win, 1 - tests.rival_win_high, 1 - tests.rival_win_low),
        )
    )
    p_shown = p_confirm if verdict == "confirmed" else p_refute
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
            "basis": basis,
        }
    )


def _agreement_json(
    data: StudyData,
    metric: MetricInfo,
    votes: Sequence[Trial],
    scenes: Sequence[str],
    pooled: Minimum | Reason,
    voice: Voice,
    options: Options,
) -> Json:
    found = agree.agreement(data, votes, metric, scenes, seed=options.seed, draws=options.draws)
    if found is None:
        reason = pooled if isinstance(pooled, Reason) else words.reason("NC_NO_VOTES", group="All scenes")
        reason_json = words.reason_json(reason, voice)
        return {"accuracy": None, "reason": reason_json, "sentence": reason_json["sentence"]}
    extreme = "higher" if metric.direction == "higher_better" else "lower"
    sentence = (
        f"The image with the {extreme} {words.metric_name(metric.label)} won {100 * found.accuracy:.0f} of 100 votes"
    )
    if found.low is None or found.high is None or found.p is None:
        reason_json = words.reason_json(words.few_participants(found.n_participants), voice)
        return asdict(found) | {"reason": reason_json, "sentence": voice.say(sentence + "."), "level": None}
    sentence += f" (95 % CI {100 * found.low:.0f}–{100 * found.high:.0f}; {words.p_text(found.p)}, {words.C1_WORDS})."
    return asdict(found) | {"reason": None, "sentence": voice.say(sentence), "level": words.C1_WORDS}


def _group_json(group: Group, data: StudyData, voice: Voice, options: Options) -> Json:
    scale = group.scale
    at = {c: i for i, c in enumerate(scale.items)} if isinstance(scale, Scale) else {}
    testable = isinstance(scale, Scale) and scale.testable
    favourites = {scale.items[i] for i in scale.favourites(options.alpha)} if testable else set()  # type: ignore[union-attr]
    why = _scale_reason(scale)
    rows = []
    for share in shares.win_shares(group.votes):
        row: Json = asdict(share) | {"label": data.condition[share.condition].label}
        i = at.get(share.condition)
        if isinstance(scale, Scale) and i is not None:
            theta, se = float(scale.theta[i]), float(scale.se_score[i])
            low, high = scale.interval(theta, se) if testable else (None, None)
            row |= {"theta": theta, "se": se if testable else None, "theta_low": low, "theta_high": high}
            row |= {"jod": theta / JOD_LOGIT, "in_favourite_set": share.condition in favourites if testable else None}
        else:
            row |= dict.fromkeys(("theta", "se", "theta_low", "theta_high", "jod", "in_favourite_set"))
        complete = all(value is not None for value in row.values())
        row["reason"] = None if complete or why is None else words.reason_json(why, voice)
        rows.append(row)
    top = max((r for r in rows if r["theta"] is not None), key=lambda r: r["theta"], default=None)
    notes = scale.reasons if isinstance(scale, Scale) else (scale.reason,)
    return {
        "scope": "pooled" if group.scene is None else "scene",
        "scene": group.scene,
        "label": group.label,
        "n_votes": group.votes.n_votes,
        "n_participants": group.votes.n_participants,
        "favourite": top["condition"] if top else None,
        "favourite_label": top["label"] if top else None,
        "notes": [words.reason_json(r, voice) for r in notes],
        "rows": rows,
    }


def _scale_reason(scale: Scale | NotEstimated) -> Reason | None:
    if isinstance(scale, NotEstimated):
        return scale.reason
    gates = ("NC_DISCONNECTED", "NC_FEW_PARTICIPANTS")
    return next((r for r in scale.reasons if r.code in gates), None)


def _ordered_metrics(data: StudyData) -> list[MetricInfo]:
    """The primary metric first, then by role and name."""
    return sorted(data.metrics, key=lambda m: (m.id != data.primary_metric, _ROLES.index(m.role), m.label, m.id))
