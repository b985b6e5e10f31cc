"""From a study to its verdict: one question, analysed, as strict JSON.

Deterministic given the options' seed and independent of the order of the input rows. No NaN: a number is there, or
null and a reason beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from evaluation.core import words
from evaluation.core.curves import curves_json
from evaluation.core.dataset import StudyData
from evaluation.core.evidence import Evidence, gather
from evaluation.core.metrics.agreement import agreement_section
from evaluation.core.metrics.agreement_table import metric_agreement_rows
from evaluation.core.metrics.ceilings import ceilings_section
from evaluation.core.metrics.comparison import comparison_section
from evaluation.core.metrics.discrimination import discrimination_section
from evaluation.core.metrics.fooling import fooling_section
from evaluation.core.metrics.head_to_head import head_to_head_section
from evaluation.core.metrics.ordering import correlation_section
from evaluation.core.metrics.regret import regret_section
from evaluation.core.metrics.strength import strength_section
from evaluation.core.metrics.top1 import top1_section
from evaluation.core.options import Options
from evaluation.core.scale.groups import group_json, groups
from evaluation.core.scale.pairs import pairs_section
from evaluation.core.scale.scores import scores_section
from evaluation.core.sections import Section, adjusted, test_rows
from evaluation.core.verdict import headline as top
from evaluation.core.verdict.verdicts import metric_verdicts, verdict_tests
from evaluation.core.voters.data_quality import data_quality_section
from evaluation.core.voters.flips import flips_section
from evaluation.core.voters.goodness import goodness_section
from evaluation.core.voters.heterogeneity import heterogeneity_section
from evaluation.core.voters.sensitivity import sensitivity_section
from evaluation.core.voters.ties import ties_section
from evaluation.core.weights.factors import factors_section
from evaluation.core.weights.learned import learned_section
from evaluation.core.weights.regression import regression_section
from evaluation.core.weights.shape import shape_section

Json = dict[str, Any]
SCHEMA = 3
#: The parts of an analysis beside the verdict, in the order in which the page tells them.
SECTIONS: Mapping[str, Callable[[Evidence], Section]] = {
    "scores": scores_section,
    "pairs": pairs_section,
    "head_to_head": head_to_head_section,
    "agreement": agreement_section,
    "ceilings": ceilings_section,
    "regret": regret_section,
    "top1": top1_section,
    "discrimination": discrimination_section,
    "correlation": correlation_section,
    "comparison": comparison_section,
    "strength": strength_section,
    "fooling": fooling_section,
    "learned": learned_section,
    "shape": shape_section,
    "factors": factors_section,
    "regression": regression_section,
    "heterogeneity": heterogeneity_section,
    "sensitivity": sensitivity_section,
    "flips": flips_section,
    "goodness": goodness_section,
    "ties": ties_section,
    "quality": data_quality_section,
}
#: The parts that have something to say where no two conditions met, but each met the photograph.
REAL_OR_FAKE = ("pairs", "fooling", "factors", "quality")


def analyse(data: StudyData, options: Options | None = None, *, question: str | None = None) -> Json:
    """Analyse one question (default: the first). Raises ``ValueError`` for a study without questions or scenes."""
    options = options or Options()
    data = data.canonical()
    if not data.asked or not any(s.role == "grid" for s in data.stimuli) or not data.scenes:
        raise ValueError("A study needs a question and a scene with pictures of its grid before it can be analysed.")
    asked = next((q for q in data.asked if q.id == question), data.asked[0])
    evidence = gather(data, asked.id, options)
    parts = groups(evidence)
    sections = {name: section(evidence) for name, section in SECTIONS.items()}
    said = {name: section.summary for name, section in sections.items()}
    metrics = [
        metric_verdicts(evidence, m, parts) | {"agreement": said["agreement"][m.info.id]} for m in evidence.metrics
    ]
    primary = next((m for m in metrics if m["id"] == evidence.primary), None)
    shown = [group_json(g, evidence) for g in parts]
    if evidence.asks_which_is_real:
        headline = top.real_or_fake_headline(said["fooling"], evidence)
    else:
        headline = top.headline(primary, shown[0], evidence)
    told = {n: section for n, section in sections.items() if n in REAL_OR_FAKE or not evidence.asks_which_is_real}
    tests = [] if evidence.asks_which_is_real else verdict_tests(evidence, metrics)
    tests += [test for section in told.values() for test in section.tests]
    beside = {name: said[name] for name in ("agreement", "discrimination", "top1", "regret")}
    tables: dict[str, list[Json]] = {
        "hypothesis_tests": test_rows(adjusted(tests)),
        "metric_agreement": [] if evidence.asks_which_is_real else metric_agreement_rows(evidence, **beside),
    }
    for section in told.values():
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
        "question": {"id": asked.id, "text": asked.text}
        | ({"kind": "real_fake"} if evidence.asks_which_is_real else {}),
        "digest": data.digest,
        "options": options.to_json(),
        "notices": top.notices(evidence, headline["favourite_label"]),
        "headline": headline,
        "cannot_say": words.CANNOT_SAY_SIMULATED if data.simulated else words.CANNOT_SAY,
        "bar_chart_warning": top.bar_chart_warning(len(parts[0].votes.items)),
        "flow": [asdict(step) for step in evidence.flow],
        "conditions": [
            {"id": c.id, "label": c.label, "is_default": c.is_default, "params": dict(c.params)}
            for c in data.conditions
            if c.role == "grid"
        ],
        "groups": shown,
        "metrics": metrics,
        "primary": evidence.primary,
        "sections": {name: said[name] for name in told},
        "curves": curves_json(data),
        "tables": tables,
        "ceilings": said["ceilings"],
    }
