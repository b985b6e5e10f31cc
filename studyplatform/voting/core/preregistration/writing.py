"""The content and the text of a preregistration, and the two files that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from generation.core.spec import canonical_json, sha256_bytes
from studyplatform.voting.core.claims import DRAWS, SEED, logit
from studyplatform.voting.core.preregistration.families import families
from studyplatform.voting.core.preregistration.form import form, stopping_rule
from studyplatform.voting.core.preregistration.plan import Plan
from studyplatform.voting.core.quality import FAST_MS

Json = dict[str, Any]
MARKDOWN = "prereg.md"


def preregister(plan: Plan) -> tuple[Json, str]:
    """(content, text): strict JSON, and Markdown with the same answers. ``content`` carries the text's SHA-256, so one
    digest of the content vouches for both. The same plan gives the same bytes."""
    study = plan.study
    answers = form(plan)
    text = _markdown(str(study["title"]), answers)
    content = {
        "version": 2,
        "title": study["title"],
        "hypothesis": study["hypothesis"],
        **_asked(plan),
        "primary_metric": {slug: list(keys) for slug, keys in plan.primary.items()},
        "stopping_rule": stopping_rule(plan),
        "analysis": {
            "alpha": study["alpha"],
            "margin": study["margin"],
            "delta": logit(study["margin"]),
            "resamplings": DRAWS,
            "families": families(plan),
        },
        "screening": {
            "catch_failed_from": 2,
            "catch_rate_below": study["flag_catch_rate"],
            "side_p_below": study["flag_side_p"],
            "same_side_run_from": study["flag_run"],
            "fast_ms_below": FAST_MS,
            "fast_share_above": study["flag_fast_share"],
        },
        "sample": {
            "sessions": study["sessions_planned"],
            "pairs": dict(plan.session),
            "opens_at": plan.opens_at,
            "ends_at": plan.ends_at,
            "quotas": list(plan.quotas),
        },
        "claim_levels": [{"level": c.level, "reachable": c.reachable, "sentence": c.sentence} for c in plan.claims],
        "seeds": {"order_and_sides": study["seed"], "resampling": SEED},
        "pilot_participants": plan.pilots,
        "form": answers,
        "text_sha256": sha256_bytes(text.encode()),
        "design_sha256": plan.design_sha256,
        "design": dict(plan.design),
    }
    return content, text


def files(content: Mapping[str, Any], text: str) -> dict[str, bytes]:
    """``prereg.json``, whose SHA-256 is that of the preregistration, and ``prereg.md`` where there is a text."""
    found = {"prereg.json": canonical_json(content).encode()}
    return found | ({MARKDOWN: text.encode()} if text else {})


def _asked(plan: Plan) -> Json:
    """What the study is to find out: of its preferences, of its real photographs, or of both."""
    asked = {"question": "Does the image with the minimum loss match what people prefer?"} if plan.compares else {}
    if plan.asks_which_is_real:
        asked["real_or_fake"] = (
            "How often is a generated picture called real beside its photograph? Share per condition, with one half "
            "as null, participants as the sampling unit; no metric's minimum is put to the test by these pairs."
        )
    return asked


def _markdown(title: str, answers: list[dict[str, Any]]) -> str:
    parts = [f"# Preregistration: {_line(title)}"]
    for number, row in enumerate(answers, start=1):
        lines = [f"- {_line(sentence)}" for sentence in row["answer"]]
        parts.append(f"## {number}. {row['question']}\n\n" + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _line(text: str) -> str:
    """One line of Markdown, so that what a researcher typed cannot become a heading of the form."""
    return " ".join(text.split())
