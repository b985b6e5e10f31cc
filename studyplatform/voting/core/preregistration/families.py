"""Families of tests: which p-values are corrected together, and which were planned (specs/evaluation.md, E13)."""

from typing import Any

from studyplatform.voting.core.preregistration.plan import Plan

MINIMUM = ["H_min_refute", "H_min_confirm", "H_min_equiv"]
CHANCE = ["agreement", "agreement_equiv", "top1", "correlation"]


def families(plan: Plan) -> list[dict[str, Any]]:
    """One row per family: its name and hypotheses as in ``hypothesis_tests.csv``, over what they are, their correction
    (none, holm, bh), and whether they are confirmatory, given that all goes as planned."""
    found: list[dict[str, Any]] = []
    if plan.compares and plan.primary_label:
        primary = f"the primary metric “{plan.primary_label}”"
        found += [
            _family("primary", MINIMUM, f"{primary} over all scenes", "none", planned=True),
            _family("F2", CHANCE, f"{primary} against chance", "holm", planned=True),
            _family("F3", ["comparison"], f"pairs of metrics with {primary}", "holm", planned=True),
        ]
    if plan.compares:
        found += [
            _family("F1", MINIMUM, "each scene by itself, for every metric", "holm"),
            _family("F2 exploratory", CHANCE, "every other metric against chance", "bh"),
            _family("F3 exploratory", ["comparison"], "other pairs of metrics", "bh"),
            _family("F4", ["interior_peak", "not_monotone"], "parameters of the grid", "holm"),
        ]
    if plan.asks_which_is_real:
        one_half = "the share called real of each condition against one half"
        found += [
            _family("fooling", ["fooling"], one_half, "holm", planned=True),
            _family("fooling_differences", ["fooling_differences"], "pairs of conditions", "holm"),
            _family("fooling_metrics", ["fooling_metrics"], "metrics against what was called real", "holm"),
        ]
    return found


def _family(name: str, hypotheses: list[str], over: str, adjustment: str, *, planned: bool = False) -> dict[str, Any]:
    row = {"family": name, "hypotheses": hypotheses, "over": over, "adjustment": adjustment}
    return row | {"confirmatory": planned}
