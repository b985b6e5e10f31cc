"""From a study to its verdict: one question, analysed, as strict JSON.

Deterministic given the options' seed and independent of the order of the input rows. No NaN: a number is there, or
null and a reason beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from evaluation.core import agreement as agree
from evaluation.core import headline as top
from evaluation.core import words
from evaluation.core.ballots import analysis_set
from evaluation.core.dataset import StudyData
from evaluation.core.evidence import POOLED, Evidence, MetricValues, gather
from evaluation.core.groups import group_json, groups
from evaluation.core.options import Options
from evaluation.core.scores import scores_section
from evaluation.core.sections import Section, adjusted, test_rows
from evaluation.core.verdicts import metric_verdicts, verdict_tests
from evaluation.core.words import Reason

Json = dict[str, Any]
SCHEMA = 3
#: The parts of an analysis beside the verdict, in the order in which the page tells them.
SECTIONS: Mapping[str, Callable[[Evidence], Section]] = {"scores": scores_section}


def analyse(data: StudyData, options: Options | None = None, *, question: str | None = None) -> Json:
    """Analyse one question (default: the first). Raises ``ValueError`` for a study without questions or scenes."""
    options = options or Options()
    data = data.canonical()
    if not data.questions or not any(s.role == "grid" for s in data.stimuli) or not data.scenes:
        raise ValueError("A study needs a question and a scene with pictures of its grid before it can be analysed.")
    asked = next((q for q in data.questions if q.id == question), data.questions[0])
    evidence = gather(data, asked.id, options)
    parts = groups(evidence)
    metrics = [
        metric_verdicts(evidence, m, parts) | {"agreement": _agreement_json(evidence, m)} for m in evidence.metrics
    ]
    primary = next((m for m in metrics if m["id"] == evidence.primary), None)
    shown = [group_json(g, evidence) for g in parts]
    headline = top.headline(primary, shown[0], evidence)
    sections = {name: section(evidence) for name, section in SECTIONS.items()}
    tests = verdict_tests(evidence, metrics) + [test for section in sections.values() for test in section.tests]
    tables: dict[str, list[Json]] = {"hypothesis_tests": test_rows(adjusted(tests))}
    for section in sections.values():
        for table, rows in section.rows.items():
            tables.setdefault(table, []).extend(rows)
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
        "bar_chart_warning": top.bar_chart_warning(len(parts[0].votes.items)),
        "flow": [asdict(step) for step in evidence.flow],
        "conditions": [
            {"id": c.id, "label": c.label, "is_default": c.is_default} for c in data.conditions if c.role == "grid"
        ],
        "groups": shown,
        "metrics": metrics,
        "primary": evidence.primary,
        "sections": {name: section.summary for name, section in sections.items()},
        "tables": tables,
        "ceilings": asdict(agree.ceilings(data, analysis_set(data, asked.id)[0], [s.id for s in data.scenes])),
    }


def _agreement_json(evidence: Evidence, metric: MetricValues) -> Json:
    data, voice, options = evidence.data, evidence.voice, evidence.options
    votes, pooled = analysis_set(data, evidence.question)[0], metric.minima[POOLED]
    scenes = [s for s, usable in zip(evidence.votes.scenes, metric.usable, strict=True) if usable]
    info = metric.info
    found = agree.agreement(data, votes, info, scenes, seed=options.seed, draws=options.draws)
    if found is None:
        reason = pooled if isinstance(pooled, Reason) else words.reason("NC_NO_VOTES", group="All scenes")
        reason_json = words.reason_json(reason, voice)
        return {"accuracy": None, "reason": reason_json, "sentence": reason_json["sentence"]}
    extreme = "higher" if info.direction == "higher_better" else "lower"
    sentence = (
        f"The image with the {extreme} {words.metric_name(info.label)} won {100 * found.accuracy:.0f} of 100 votes"
    )
    if found.low is None or found.high is None or found.p is None:
        reason_json = words.reason_json(words.few_participants(found.n_participants), voice)
        return asdict(found) | {"reason": reason_json, "sentence": voice.say(sentence + "."), "level": None}
    sentence += f" (95 % CI {100 * found.low:.0f}–{100 * found.high:.0f}; {words.p_text(found.p)}, {words.C1_WORDS})."
    return asdict(found) | {"reason": None, "sentence": voice.say(sentence), "level": words.C1_WORDS}
