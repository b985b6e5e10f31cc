"""How each participant answered, and the rules that screen on it without a look at what they preferred (E15)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core.ballots import SHARE_LEFT
from evaluation.core.dataset import StudyData
from evaluation.core.evidence import BoolArray
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray
from studyplatform.voting.core.flags import LEAST_FAILED, Rules
from studyplatform.voting.core.quality import FAST_MS, longest_runs, medians


@dataclass(frozen=True)
class Habits:
    """How each participant answered, every question and kind of trial taken together; arrays over ``people``.

    ``left_rate``, ``median_rt_ms``, ``share_fast`` are NaN where there is nothing to take a rate of. ``left_p``:
    two-sided binomial p of the left rate against one half.
    """

    people: tuple[str, ...]
    n: IntArray
    n_catch: IntArray
    catch_failed: IntArray
    left_rate: FloatArray
    left_p: FloatArray
    longest_run: IntArray
    median_rt_ms: FloatArray
    share_fast: FloatArray


def habits(data: StudyData) -> Habits:
    """The habits of everybody who answered, in order of id; rates as :func:`studyplatform.voting.core.quality.quality`
    has them, for all participants at once."""
    answered = [t for t in data.trials if t.choice and not t.superseded]
    people, person = np.unique([t.participant for t in answered], return_inverse=True)
    side = np.array([{"left": 1, "right": 2}.get(t.choice, 0) for t in answered], dtype=np.intp)
    rt = np.array([np.nan if t.rt_ms is None else t.rt_ms for t in answered], dtype=np.float64)
    caught = np.array([t.kind == "catch" and t.choice in SHARE_LEFT for t in answered], dtype=bool)
    wrong = caught & np.array([t.choice != t.expected for t in answered], dtype=bool)
    order = np.lexsort((np.array([t.place for t in answered], dtype=np.intp), person))
    size = len(people)

    def count(which: BoolArray) -> IntArray:
        return np.bincount(person[which], minlength=size).astype(np.intp)

    left, sided, timed = count(side == 1), count(side > 0), count(~np.isnan(rt))
    with np.errstate(invalid="ignore"):  # nothing to take a rate of is NaN
        left_rate, share_fast = left / sided, count(rt < FAST_MS) / timed
    return Habits(
        people=tuple(people.tolist()),
        n=np.bincount(person, minlength=size).astype(np.intp),
        n_catch=count(caught),
        catch_failed=count(wrong),
        left_rate=left_rate,
        left_p=binomial_half(left, sided),
        longest_run=longest_runs(person[order], side[order], size),
        median_rt_ms=medians(person, rt, size),
        share_fast=share_fast,
    )


def binomial_half(successes: IntArray, n: IntArray) -> FloatArray:
    """Two-sided exact binomial p against one half; 1 where n is 0."""
    return np.asarray(np.minimum(1.0, 2 * stats.binom.cdf(np.minimum(successes, n - successes), n, 0.5)))


def screened_out(found: Habits, rules: Rules) -> BoolArray:
    """(P,) who breaks one of the rules that the study wrote down; none looks at what somebody preferred (E15)."""
    passed = found.n_catch - found.catch_failed
    failed = (found.catch_failed >= LEAST_FAILED) & (passed < rules.catch_rate * found.n_catch)
    fast = np.nan_to_num(found.share_fast) > rules.fast_share
    return np.asarray(failed | (found.left_p < rules.side_p) | (found.longest_run >= rules.run) | fast)
