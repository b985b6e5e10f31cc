"""What every part of an analysis gives: words and numbers for the page, rows for the tables, and its tests.

Every p-value of the house is one :class:`Test`. They are gathered in one place, so that the correction for their
number, the claim level and the sentence beside each can be checked there (specs/evaluation.md, E13 and 3.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from evaluation.core.scale.inference import holm
from evaluation.core.words import Reason

Json = dict[str, Any]

#: What a ``Test.hypothesis`` may be, and what a small p-value of it speaks for.
HYPOTHESES = {
    "H_min_refute": "a rival is preferred to its choice",
    "H_min_confirm": "its choice is preferred to every rival",
    "H_min_equiv": "no rival is preferred to its choice by a margin that matters",
    "head_to_head": "its choice does not win half of its meetings, but more or fewer",
    "agreement": "votes agree with it more, or less, often than by chance",
    "agreement_equiv": "agreement is within 45–55\u00a0%",
    "top1": "it picks the favourite more often than by chance",
    "correlation": "it is correlated with preference",
    "interior_peak": "a setting inside the range is preferred to both ends",
    "not_monotone": "preference neither rises nor falls throughout",
    "quadratic_slopes": "a fitted quadratic rises at one end and falls at the other, which shows no peak by itself",
    "lambda": "voters weigh style and content otherwise than the generator",
    "increment": "it adds to what the other metrics say",
    "comparison": "votes agree with one of the two more often",
    "gain": "the learned weights do better, or worse, than the generator's on scenes left out",
    "side_bias": "one side is chosen more often",
    "fooling": "generated pictures are called real more, or less, often than half of the time",
    "fooling_differences": "one of the two is called real more often",
    "fooling_metrics": "pictures called real have lower, or higher, values of it",
}


@dataclass(frozen=True, kw_only=True)
class Test:
    """A row of ``hypothesis_tests.csv``. A number that is missing is None, and ``reason_code`` says why.

    ``family``: tests that are corrected together; ``adjustment``: 'none', 'holm' or 'bh' (:func:`adjusted` fills
    ``p_adj``; a test that brings its own ``p_adj`` keeps it). ``message``: the printed sentence.
    """

    __test__ = False  # not a test of pytest's

    hypothesis: str
    family: str = ""
    confirmatory: bool = False
    claim_level: str = "C1"
    scope: str = "pooled"
    scene_id: str = ""
    metric_id: str = ""
    metric_id_2: str = ""
    estimate: float | None = None
    unit: str = ""
    null_value: float | None = None
    margin: float | None = None
    se: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    ci_level: float | None = None
    statistic: float | None = None
    df: float | None = None
    p_raw: float | None = None
    p_adj: float | None = None
    adjustment: str = "none"
    verdict: str = ""
    n_votes: int = 0
    n_participants: int = 0
    n_scenes: int = 0
    n_conditions: int = 0
    method: str = ""
    n_resamples: int | None = None
    rng_seed: int | None = None
    status: str = "ok"
    reason_code: str = ""
    message: str = ""


@dataclass(frozen=True)
class Section:
    """One part of an analysis. ``summary``: strict JSON for the page; ``rows``: table name -> rows of that table
    (columns of specs/evaluation.md 3.2); ``tests``: its p-values."""

    summary: Json
    rows: dict[str, list[Json]] = field(default_factory=dict)
    tests: tuple[Test, ...] = ()


def refused(reason: Reason) -> Json:
    """Columns of a row that could not be computed."""
    return {"status": "not_computable", "reason_code": reason.code, "message": reason.sentence}


OK: Json = {"status": "ok", "reason_code": "", "message": ""}


def adjusted(tests: Sequence[Test]) -> list[Test]:
    """The tests with ``p_adj``: Holm or Benjamini-Hochberg within each family, as each asks for."""
    done = list(tests)
    for family, adjustment in sorted({(t.family, t.adjustment) for t in tests if t.adjustment in ("holm", "bh")}):
        at = [
            i
            for i, t in enumerate(done)
            if (t.family, t.adjustment) == (family, adjustment) and t.p_raw is not None and t.p_adj is None
        ]
        p = [done[i].p_raw for i in at]
        for i, value in zip(at, (holm if adjustment == "holm" else benjamini_hochberg)(p), strict=True):
            done[i] = replace(done[i], p_adj=value)
    return [replace(t, p_adj=t.p_raw) if t.p_adj is None and t.p_raw is not None else t for t in done]


def benjamini_hochberg(p: Sequence[float | None]) -> list[float | None]:
    """q-values of Benjamini and Hochberg (1995); None stays None and does not count."""
    there = sorted((i for i, value in enumerate(p) if value is not None), key=lambda i: p[i] or 0.0, reverse=True)
    q: list[float | None] = [None] * len(p)
    smallest = 1.0
    for rank, i in enumerate(there):
        smallest = min(smallest, (p[i] or 0.0) * len(there) / (len(there) - rank))
        q[i] = smallest
    return q


def test_rows(tests: Sequence[Test]) -> list[Json]:
    """Rows of ``hypothesis_tests.csv``, numbered in their order."""
    return [{"test_id": f"t{i:04d}"} | asdict(t) for i, t in enumerate(tests, start=1)]
