"""The verdicts as tables: of every metric over all scenes, and of the primary metric in each scene."""

from collections.abc import Mapping
from typing import Any

from evaluation.report.numbers import chance
from evaluation.report.sentences import plainly

Json = Mapping[str, Any]
BADGES = {"refuted": "alert", "confirmed": "good", "equivalent": "good", "inconclusive": "warn", "not_computable": ""}


def metric_row(metric: Json, results: Json) -> dict[str, Any]:
    """A metric, its choice over all scenes, and whether that is the favourite."""
    test = metric["tests"][0]
    minimum = test["minimum"]
    return {
        "label": metric["label"],
        "primary": metric["id"] == results["primary"],
        "direction": "highest" if metric["direction"] == "higher_better" else "lowest",
        "minimum": ", ".join(minimum["labels"]) if minimum else None,
        "scenes": f"{minimum['scenes_agree']} of {minimum['n_scenes']}" if minimum else None,
        "verdict": test["verdict_word"],
        "mark": test["mark"],
        "badge": BADGES[test["verdict"]],
        "p": chance(test["tests"]["p"]) if test["tests"] else None,
        "sentence": plainly(test["sentence"]),
        "notes": [plainly(note["sentence"]) for note in test["notes"]],
        "agreement": plainly((metric.get("agreement") or {}).get("sentence", "")),
    }


def scene_rows(results: Json) -> list[dict[str, Any]]:
    """A row per scene: who could be the favourite, and the verdict of the primary metric where there is one."""
    scenes = [g for g in results["groups"] if g["scope"] == "scene"]
    metric = next((m for m in results["metrics"] if m["id"] == results["primary"]), None)
    tests = {t["scene"]: t for t in metric["tests"][1:]} if metric else {}
    if len(scenes) < 2:
        return []
    return [_scene_row(group, tests.get(group["scene"])) for group in scenes]


def _scene_row(group: Json, test: Json | None) -> dict[str, Any]:
    could_be = [row["label"] for row in group["rows"] if row["in_favourite_set"]]
    row = {
        "label": group["label"],
        "favourite": group["favourite_label"] or _no_favourite(group),
        "could_be": _any_of(could_be, len(group["rows"])),
        "votes": group["n_votes"],
        "tested": test is not None,
    }
    if test is None:
        return row
    return row | {
        "minimum": ", ".join(test["minimum"]["labels"]) if test["minimum"] else "no choice possible",
        "verdict": test["verdict_word"],
        "mark": test["mark"],
        "badge": BADGES[test["verdict"]],
        "sentence": plainly(test["sentence"]),
        "basis": test["basis"],
    }


def _any_of(could_be: list[str], of: int) -> str:
    if len(could_be) == of > 2:
        return f"any of the {of}"
    return ", ".join(could_be) or "too few participants"


def _no_favourite(group: Json) -> str:
    estimated = any(row["theta"] is not None for row in group["rows"])
    return "shared by several" if estimated else "not estimated"
