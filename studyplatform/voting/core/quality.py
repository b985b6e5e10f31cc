"""How one participant answered: plain rates on which rules for keeping or leaving out can stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

import numpy as np
import numpy.typing as npt

FAST_MS = 500
# More milliseconds than this are nobody's answer.
_ROOM = 2**31

IntArray = npt.NDArray[np.intp]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Quality:
    """Rates of one participant's answers; ``None`` where there is nothing to take a rate of.

    left_rate : share of ``left`` among ``left`` and ``right``.
    median_rt_ms : median response time.
    longest_run : most answers in a row on the same side.
    fast_share : share of answers faster than 500 ms, sooner than two pictures can be compared.
    sided : answers that are ``left`` or ``right``.
    catches, catches_failed : answered catch pairs, and those answered otherwise than right; a tie is no right answer.
    """

    answers: int
    left_rate: float | None
    median_rt_ms: float | None
    longest_run: int
    fast_share: float | None
    sided: int = 0
    catches: int = 0
    catches_failed: int = 0


def quality(choices: Sequence[str], rts_ms: Sequence[int | None], catches: Sequence[tuple[str, str]] = ()) -> Quality:
    """Describe answers in the order they were given; unknown response times (``None``) are left out of the times.

    ``catches``: of the answered catch pairs, the choice and the right answer.
    """
    sided = [choice for choice in choices if choice in ("left", "right")]
    times = [rt for rt in rts_ms if rt is not None]
    return Quality(
        answers=len(choices),
        left_rate=sided.count("left") / len(sided) if sided else None,
        median_rt_ms=float(median(times)) if times else None,
        longest_run=max((len(list(run)) for side, run in groupby(choices) if side in ("left", "right")), default=0),
        fast_share=sum(rt < FAST_MS for rt in times) / len(times) if times else None,
        sided=len(sided),
        catches=len(catches),
        catches_failed=sum(choice != right for choice, right in catches),
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
    ranked, n = _ranked(person[known], value[known]), np.bincount(person[known], minlength=people)
    first = np.cumsum(n) - n
    found = np.full(people, np.nan)
    some = n > 0
    found[some] = (ranked[(first + (n - 1) // 2)[some]] + ranked[(first + n // 2)[some]]) / 2
    return found


def _ranked(person: IntArray, value: FloatArray) -> FloatArray:
    """(V,) the values of the first person, ascending, then those of the next."""
    whole = value.astype(np.int64)
    if ((whole == value) & (whole >= 0) & (whole < _ROOM)).all():
        # Milliseconds are whole: one sort of numbers is several times quicker than one by two columns.
        return (np.sort(person.astype(np.int64) * _ROOM + whole) % _ROOM).astype(np.float64)
    return value[np.lexsort((value, person))]
