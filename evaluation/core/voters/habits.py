"""How each participant answered, and the rules that screen on it without a look at what they preferred (E15)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core.ballots import SHARE_LEFT
from evaluation.core.dataset import StudyData
from evaluation.core.evidence import BoolArray
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray
from studyplatform.voting.core.quality import FAST_MS


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
    order = np.lexsort((np.array([t.position for t in answered], dtype=np.intp), person))
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


def longest_runs(person: IntArray, side: IntArray, people: int) -> IntArray:
    """(P,) most answers in a row on one side: ``person`` (V,) ascending, ``side`` of each in order, 0 for neither."""
    longest = np.zeros(people, dtype=np.intp)
    if len(person):
        start = np.flatnonzero(np.r_[True, (np.diff(person) != 0) | (np.diff(side) != 0)])
        length = np.diff(np.r_[start, len(person)])
        np.maximum.at(longest, person[start], np.where(side[start] > 0, length, 0))
    return longest


def medians(person: IntArray, value: FloatArray, people: int) -> FloatArray:
    """(P,) median of each one's known ``value`` (V,), NaN without any."""
    known = ~np.isnan(value)
    order = np.lexsort((value[known], person[known]))
    ranked, n = value[known][order], np.bincount(person[known], minlength=people)
    first = np.cumsum(n) - n
    found = np.full(people, np.nan)
    some = n > 0
    found[some] = (ranked[(first + (n - 1) // 2)[some]] + ranked[(first + n // 2)[some]]) / 2
    return found


def binomial_half(successes: IntArray, n: IntArray) -> FloatArray:
    """Two-sided exact binomial p against one half; 1 where n is 0."""
    return np.asarray(np.minimum(1.0, 2 * stats.binom.cdf(np.minimum(successes, n - successes), n, 0.5)))


def screened_out(found: Habits) -> BoolArray:
    """(P,) who breaks a rule that does not look at what they preferred (specs/evaluation.md, E15): two catch trials
    failed, left rate off with p < .001, twelve answers in a row on one side, or half of them within 500 ms."""
    fast = np.nan_to_num(found.share_fast) > 0.5
    return np.asarray((found.catch_failed >= 2) | (found.left_p < 0.001) | (found.longest_run >= 12) | fast)
