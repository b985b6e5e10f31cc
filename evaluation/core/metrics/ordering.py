"""E8 as a section: the sentences, rows and tests of :mod:`evaluation.core.metrics.correlation`."""

from __future__ import annotations

from dataclasses import asdict

from evaluation.core import words
from evaluation.core.evidence import POOLED, Evidence, MetricValues
from evaluation.core.metrics.correlation import Correlations, Ordered, correlate, order_scene, study_scores
from evaluation.core.sections import Json, Section, Test
from evaluation.core.words import Reason

NUMBERS = ("spearman", "kendall_b", "pearson", "p_perm", "p_c3", "p_min", "reliability")
COLUMNS = ("spearman", "kendall_b", "pearson", "p_perm", "p_c3", "p_min_possible", "reliability")


def correlation_section(evidence: Evidence) -> Section:
    """E8. Summary: metric id -> 'pooled' (mean of the scenes' correlations) and 'scenes' (scene id ->), each the
    fields of :class:`Correlations` with 'c2', 'reason', 'sentence'. Rows: ``correlations``, scenes and pooled."""
    votes, voice, options = evidence.votes, evidence.voice, evidence.options
    at = {drawn.scores.scene: drawn for drawn in study_scores(evidence)}
    summary: Json = {}
    rows: list[Json] = []
    tests: list[Test] = []
    for metric in evidence.metrics:
        ordered: list[Ordered] = []
        refused: list[Reason] = []
        scenes: Json = {}
        own_rows = []
        for s, scene in enumerate(votes.scenes):
            one = order_scene(at[s], metric) if s in at else _unscored(evidence, scene)
            if isinstance(one, Reason):
                refused.append(one)
                own_rows.append(_row(metric, scene, None))
                scenes[scene] = {"spearman": None, "reason": words.reason_json(one, voice)}
                continue
            ordered.append(one)
            found = correlate([one], people=len(one.scores.people), seed=options.seed, draws=options.draws)
            own_rows.append(_row(metric, scene, found))
            where = f"In scene {evidence.scene_labels[scene]}"
            scenes[scene] = _json(evidence, metric, found, where)
            tests += _tests(evidence, metric, found, scene, scenes[scene]["sentence"], len(one.scores.people))
        if not ordered:
            pooled_minimum = metric.minima[POOLED]
            said = words.reason_json(pooled_minimum if isinstance(pooled_minimum, Reason) else refused[0], voice)
            summary[metric.info.id] = {
                "pooled": {"spearman": None, "reason": said, "sentence": said["sentence"]}, "scenes": scenes
            }  # fmt: skip
            rows += [_row(metric, "", None), *own_rows]
            continue
        people = len(votes.people)
        mean = correlate(ordered, people=people, seed=options.seed, draws=options.draws)
        pooled = _json(evidence, metric, mean, f"Within {_scenes(len(ordered))}")
        summary[metric.info.id] = {"pooled": pooled, "scenes": scenes}
        rows += [_row(metric, "", mean), *own_rows]
        tests += _tests(evidence, metric, mean, "", pooled["sentence"], people)
    return Section(summary, {"correlations": rows}, tuple(tests))


def _unscored(evidence: Evidence, scene: str) -> Reason:
    return getattr(evidence.scales[scene], "reason", None) or words.reason("NC_NO_VOTES", group=f"Scene {scene}")


def _scenes(n: int) -> str:
    return "1 scene" if n == 1 else f"{n} scenes"


def _row(metric: MetricValues, scene: str, found: Correlations | None) -> Json:
    row: Json = {"scope": "scene" if scene else "pooled", "scene_id": scene, "metric_id": metric.info.id}
    if found is None:
        return row | {"k": None} | dict.fromkeys(COLUMNS) | {"status": "not_computable"}
    row |= {"k": found.k} | {column: getattr(found, name) for column, name in zip(COLUMNS, NUMBERS, strict=True)}
    return row | {"status": "ok" if found.reason is None else "warning"}


def _json(evidence: Evidence, metric: MetricValues, found: Correlations, where: str) -> Json:
    voice = evidence.voice
    row = asdict(found)
    row["reason"] = None if found.reason is None else words.reason_json(found.reason, voice)
    c2: Json = dict.fromkeys(("se", "p", "df")) | {"reason": None}
    if isinstance(found.c2, Reason):
        c2["reason"] = words.reason_json(found.c2, voice)
    elif found.c2 is not None:
        c2 |= dict(zip(("se", "p", "df"), found.c2, strict=True))
    else:
        c2["reason"] = row["reason"]
    row["c2"] = c2
    sentence = (
        f"{where}, {words.metric_name(metric.info.label)} orders the settings as {evidence.voice.voters} do with "
        f"Spearman's rho {found.spearman:.2f}"
    )
    sentence += "." if found.p_c3 is None else f" ({words.p_text(found.p_c3)}, {words.C3_WORDS})."
    if found.disattenuated is not None:
        sentence += f" If the votes were noise-free: {found.disattenuated:.2f}."
    if found.reason is not None:
        sentence += f" {found.reason.sentence}"
    return row | {"sentence": voice.say(sentence)}


def _tests(
    evidence: Evidence, metric: MetricValues, found: Correlations, scene: str, sentence: str, people: int
) -> list[Test]:
    named = evidence.confirmatory and metric.info.id == evidence.primary and not scene
    group = f"{'F2' if named else 'F2 exploratory'} correlation{' in scenes' if scene else ''}"
    common: Json = {
        "hypothesis": "correlation", "confirmatory": named, "scope": "scene" if scene else "pooled",
        "scene_id": scene, "metric_id": metric.info.id, "estimate": found.spearman, "unit": "Spearman's rho",
        "null_value": 0.0, "adjustment": "holm" if named else "bh", "n_participants": people,
        "n_scenes": found.n_scenes, "n_conditions": found.k, "message": sentence,
        "n_votes": _votes(evidence, scene),
    }  # fmt: skip
    state: Json = {} if found.reason is None else {"status": "not_computable", "reason_code": found.reason.code}
    c1 = Test(
        family=f"{group} C1", claim_level="C1", se=found.se, p_raw=found.p_c1, n_resamples=evidence.options.draws,
        method="signs on participants' contributions; SE by one-step bootstrap", rng_seed=evidence.options.seed,
        **(state if found.p_c1 is None else {}), **common,
    )  # fmt: skip
    c3 = Test(
        family=f"{group} C3", claim_level="C3", p_raw=found.p_c3, n_resamples=found.n_permutations,
        rng_seed=evidence.options.seed, method="larger of participants' signs and label permutation",
        **(state if found.p_c3 is None else {}), **common,
    )  # fmt: skip
    if scene:
        return [c1, c3]
    wide: Json = {"p_raw": None} | state
    if isinstance(found.c2, Reason):
        wide = {"status": "not_computable", "reason_code": found.c2.code}
    elif found.c2 is not None:
        wide = dict(zip(("se", "p_raw", "df"), found.c2, strict=True))
    return [
        c1,
        Test(
            family=f"{group} C2",
            claim_level="C2",
            method="larger of participants' signs and two-way variance, t",
            **wide,
            **common,
        ),
        c3,
    ]


def _votes(evidence: Evidence, scene: str) -> int:
    votes = evidence.votes
    return votes.n_votes if not scene else int((votes.scene == votes.scenes.index(scene)).sum())
