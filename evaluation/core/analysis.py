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
from evaluation.core.dataset import METRIC_ROLES, MetricInfo, StudyData, Trial
from evaluation.core.inference import JOD_LOGIT, NotEstimated, Scale
from evaluation.core.minimiser import Minimum
from evaluation.core.words import Reason, Voice

Json = dict[str, Any]
SCHEMA = 2
#: Scores closer than this are one: the fit stops when no score moves by more than 1e-8 logits.
SAME_SCORE = 1e-6


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
    """A scene, or scenes pooled by condition (``scene`` None): its votes and its scores.

    ``spoken``: 'scene Tübingen' or 'all scenes'; ``where``: the same as the beginning of a sentence.
    """

    scene: str | None
    label: str
    spoken: str
    where: str
    votes: Ballots
    scale: Scale | NotEstimated


def analyse(data: StudyData, options: Options | None = None, *, question: str | None = None) -> Json:
    """Analyse one question (default: the first). Raises ``ValueError`` for a study without questions or scenes."""
    options = options or Options()
    data = data.canonical()
    if not data.questions or not any(s.role == "grid" for s in data.stimuli) or not data.scenes:
        raise ValueError("A study needs a question and a scene with pictures of its grid before it can be analysed.")
    asked = next((q for q in data.questions if q.id == question), data.questions[0])
    voice = Voice(data.simulated)
    votes, flow = analysis_set(data, asked.id)
    groups = _groups(data, votes, options)
    metrics = [_metric(data, m, groups, votes, voice, options) for m in _ordered_metrics(data)]
    primary = top.primary_metric(data, metrics)
    shown = [_group_json(g, data, voice, options) for g in groups]
    headline = top.headline(primary, shown[0], data, voice)
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
        "groups": shown,
        "metrics": metrics,
        "primary": primary["id"] if primary else None,
        "ceilings": asdict(agree.ceilings(data, votes, [s.id for s in data.scenes])),
    }


def _groups(data: StudyData, votes: Sequence[Trial], options: Options) -> list[Group]:
    """The pooled group first, then every scene in its order."""
    scenes = [s.id for s in data.scenes if grid_conditions(data, s.id)]
    pooled = _group(data, votes, scenes, None, shared_conditions(data, scenes), options)
    return [pooled, *(_group(data, votes, [s], s, grid_conditions(data, s), options) for s in scenes)]


def _group(
    data: StudyData,
    votes: Sequence[Trial],
    scenes: Sequence[str],
    scene: str | None,
    items: tuple[str, ...],
    options: Options,
) -> Group:
    """The votes of ``scenes`` between ``items``: of one ``scene``, or pooled."""
    label = {s.id: s.label for s in data.scenes}
    inside = set(scenes)
    box = ballots(data, [t for t in votes if t.scene in inside], items)
    others = [f"scene {s.label}" for s in data.scenes if s.id not in inside and grid_conditions(data, s.id)]
    if scene is not None or (len(scenes) == 1 and not others):
        spoken = f"scene {label[scenes[0]]}"
        where = f"In {spoken}"
    else:
        spoken = f"all scenes but {words.joined(others)}" if others else "all scenes"
        where = f"Over {spoken}"
    scale = inference.estimate(
        box, labels={c.id: c.label for c in data.conditions}, group=spoken[0].upper() + spoken[1:], seed=options.seed,
        draws=options.draws,
    )  # fmt: skip
    name = label[scene] if scene is not None else spoken[0].upper() + spoken[1:] if others else "All scenes"
    return Group(scene, name, spoken, where, box, scale)


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
    every = groups[0]
    groups = [_where_complete(data, votes, every, minima[0], scenes, options), *groups[1:]]
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
        # Where scenes are left out of the metric, its scores are those of the others: here, since `groups` has all.
        "group": None if groups[0] is every else _group_json(groups[0], data, voice, options),
        "tests": [
            _test_json(g, m, t, p, metric, data, voice, options)
            for g, m, t, p in zip(groups, minima, tests, adjusted, strict=True)
        ],
        "agreement": _agreement_json(data, metric, votes, complete, minima[0], voice, options),
    }


def _where_complete(
    data: StudyData,
    votes: Sequence[Trial],
    pooled: Group,
    found: Minimum | Reason,
    scenes: Sequence[str | None],
    options: Options,
) -> Group:
    """The pooled group of the scenes the minimum rests on: votes of a scene without it say nothing about it."""
    if isinstance(found, Reason) or found.n_scenes == len(scenes):
        return pooled
    return _group(data, votes, found.scenes, None, pooled.votes.items, options)


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
        return words.reason("NC_TOO_FEW_CONDITIONS", group=group.spoken)
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
            group=group.where,
            rival_meetings=_meetings(tests, verdict),
            own_meetings=_meetings(tests, verdict, of_rival=False),
        )
    )
    p_shown = p_confirm if verdict == "confirmed" else p_refute
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
    scored = sorted((r for r in rows if r["theta"] is not None), key=lambda r: -r["theta"])
    # Nobody leads where the two highest scores are one; and leading is not yet to be preferred.
    leads = scored and (len(scored) == 1 or scored[0]["theta"] - scored[1]["theta"] > SAME_SCORE)
    top = scored[0] if leads else None
    notes = scale.reasons if isinstance(scale, Scale) else (scale.reason,)
    return {
        "scope": "pooled" if group.scene is None else "scene",
        "scene": group.scene,
        "label": group.label,
        "n_votes": group.votes.n_votes,
        "n_participants": group.votes.n_participants,
        "favourite": top["condition"] if top else None,
        "favourite_label": top["label"] if top else None,
        "favourite_sure": top is not None and favourites == {top["condition"]},
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
    return sorted(data.metrics, key=lambda m: (m.id != data.primary_metric, METRIC_ROLES.index(m.role), m.label, m.id))
