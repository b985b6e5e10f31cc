"""What a crowd's answers say while a study runs: habits and balance, and nothing of which pictures win.

Everything here stays the same when left and right picture of every pair are exchanged and the choices of sides are
kept, that is, when each choice turns to the other picture. Answers are columns of numbers: a page looks at 100 000.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import stdtrit

from studyplatform.voting.core.quality import FAST_MS, Quality, longest_runs, medians

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]

NEITHER, LEFT, RIGHT, TIE = range(4)
_CHOICES = {"left": LEFT, "right": RIGHT, "tie": TIE, "": NEITHER}
#: The pairs that a study is about, and those woven in between.
COUNTING, CATCH, REPEAT, OTHER = range(4)
_KINDS = {"main": COUNTING, "real_fake": COUNTING, "catch": CATCH, "repeat": REPEAT}
#: What the codes of an answer mean; what was coded under another table has to be coded anew.
CODES = (sorted(_CHOICES.items()), sorted(_KINDS.items()), OTHER)


@dataclass(frozen=True)
class Answers:
    """Answered pairs, each (V,), ordered by participant and turn.

    kind, choice, expected : codes of this module; ``expected`` is the right answer, if there is one.
    rt_ms, repeats : -1 where unknown; ``repeats`` is the turn that a repeat repeats.
    """

    participant: IntArray
    turn: IntArray
    kind: IntArray
    choice: IntArray
    rt_ms: IntArray
    expected: IntArray
    repeats: IntArray
    question: IntArray
    left: IntArray
    right: IntArray

    @classmethod
    def of(cls, rows: Sequence[Sequence[Any]]) -> Answers:
        """From rows of the ten columns, kind, choice and expected by their names and unknown numbers ``None``."""
        columns = list(zip(*rows, strict=True)) or [()] * 10

        def codes(place: int, names: dict[str, int], otherwise: int) -> IntArray:
            return np.fromiter((names.get(v, otherwise) for v in columns[place]), np.int64, len(rows))

        def numbers(place: int) -> IntArray:
            return np.fromiter(columns[place], np.int64, len(rows))

        def unknown(place: int) -> IntArray:
            return np.fromiter((-1 if v is None else v for v in columns[place]), np.int64, len(rows))

        return cls(
            numbers(0), numbers(1), codes(2, _KINDS, OTHER), codes(3, _CHOICES, NEITHER), unknown(4),
            codes(5, _CHOICES, NEITHER), unknown(6), numbers(7), numbers(8), numbers(9),
        )  # fmt: skip

    def where(self, which: BoolArray) -> Answers:
        """Those of them that ``which`` (V,) says."""
        if which.all():
            return self
        places = np.flatnonzero(which)
        return Answers(*(getattr(self, name)[places] for name in self.__dataclass_fields__))

    def of_people(self, people: Iterable[int]) -> Answers:
        """Those of these participants."""
        return self.where(self.whose(people))

    def whose(self, people: Iterable[int]) -> BoolArray:
        """(V,) whether each is of one of these participants."""
        of_these: BoolArray = np.isin(self.people, np.fromiter(people, np.int64))[self.person]
        return of_these

    @cached_property
    def people(self) -> IntArray:
        """(P,) the participants, ascending."""
        return self.participant[self._first]

    @cached_property
    def person(self) -> IntArray:
        """(V,) the place of each one's participant among the people."""
        return np.cumsum(self._first) - 1

    @cached_property
    def _first(self) -> BoolArray:
        """(V,) whether each is the first of its participant: quicker than to sort what is in order."""
        first: BoolArray = np.r_[True, np.diff(self.participant) != 0][: len(self.participant)]
        return first


@dataclass(frozen=True)
class Rate:
    """``hits`` of ``n``, and the 95 % band of the rate where there is one."""

    hits: int
    n: int
    low: float | None = None
    high: float | None = None

    @property
    def share(self) -> float | None:
        """The rate; ``None`` of nothing."""
        return self.hits / self.n if self.n else None


@dataclass(frozen=True)
class Habits:
    """How a crowd answered; rates have ``n`` 0 where nothing was asked.

    pairs : votes on each offered pair, ascending; a pair without a vote counts 0.
    uneven_sides : over pairs, the largest difference between how often one picture stood left and the other did.
    """

    answers: int
    left: Rate
    ties: Rate
    catches: Rate
    repeats: Rate
    median_rt_ms: float | None
    pairs: tuple[int, ...]
    uneven_sides: int


def qualities(a: Answers) -> dict[int, Quality]:
    """How each participant answered; one by one :func:`~studyplatform.voting.core.quality.quality` says the same."""
    people, person = a.people, a.person
    size = len(people)

    def count(which: BoolArray) -> IntArray:
        return np.bincount(person[which], minlength=size)

    known = a.rt_ms >= 0
    answers, timed, fast = count(a.choice >= 0), count(known), count(known & (a.rt_ms < FAST_MS))
    lefts, sided = count(a.choice == LEFT), count((a.choice == LEFT) | (a.choice == RIGHT))
    caught = (a.kind == CATCH) & (a.choice != NEITHER)
    catches, failed = count(caught), count(caught & (a.choice != a.expected))
    runs = longest_runs(person, np.where(a.choice == TIE, NEITHER, a.choice), size)
    middle = medians(person, np.where(known, a.rt_ms, np.nan), size)
    return {
        int(pk): Quality(
            answers=int(answers[i]),
            left_rate=int(lefts[i]) / int(sided[i]) if sided[i] else None,
            median_rt_ms=float(middle[i]) if timed[i] else None,
            longest_run=int(runs[i]),
            fast_share=int(fast[i]) / int(timed[i]) if timed[i] else None,
            sided=int(sided[i]),
            catches=int(catches[i]),
            catches_failed=int(failed[i]),
        )
        for i, pk in enumerate(people)
    }


def habits(a: Answers, offered: int) -> Habits:
    """The answers of a crowd; ``offered``: how many pairs can be judged, over all questions."""
    caught = a.where((a.kind == CATCH) & (a.choice != NEITHER))
    main = a.where(counts(a))
    known = main.rt_ms[main.rt_ms >= 0]
    left, ties, repeats = sides(a, main)
    votes, uneven = _pairs(main)
    return Habits(
        answers=len(main.choice),
        left=left,
        ties=ties,
        catches=Rate(int((caught.choice == caught.expected).sum()), len(caught.choice)),
        repeats=repeats,
        median_rt_ms=float(np.median(known)) if len(known) else None,
        pairs=(*[0] * max(0, offered - len(votes)), *sorted(votes.tolist())),
        uneven_sides=uneven,
    )


def sides(a: Answers, main: Answers) -> tuple[Rate, Rate, Rate]:
    """How often left was chosen, no picture, and the same picture of a pair asked twice; ``main``: those that count."""
    size, sided = len(main.people), main.choice != TIE
    hits = np.bincount(main.person[main.choice == LEFT], minlength=size)
    n = np.bincount(main.person[sided], minlength=size)
    return (
        clustered(hits[n > 0], n[n > 0]),
        Rate(len(sided) - int(sided.sum()), len(sided)),
        _repeats(a, main),
    )


def counts(a: Answers) -> BoolArray:
    """(V,) which of them are answers to the pairs that a study is about."""
    found: BoolArray = (a.kind == COUNTING) & (a.choice != NEITHER)
    return found


def _pairs(main: Answers) -> tuple[IntArray, int]:
    """Votes on each pair that has one, and the largest difference between a picture's times on the left and right."""
    low, high = np.minimum(main.left, main.right), np.maximum(main.left, main.right)
    # One number for each pair: a sort of numbers is quicker than one of rows.
    base = int(high.max(initial=0)) + 1
    pair = (main.question * base + low) * base + high
    pairs, votes = np.unique(pair, return_counts=True)
    some, times = np.unique(pair[main.left < main.right], return_counts=True)
    first_left = np.zeros_like(votes)
    first_left[np.searchsorted(pairs, some)] = times
    return votes, int(np.abs(2 * first_left - votes).max(initial=0))


def clustered(hits: IntArray, n: IntArray) -> Rate:
    """A rate over P participants with ``hits`` of ``n`` (P,) each, and its 95 % t band; no band below two of them.

    The variance is that of a ratio with participants as the sampling unit (Cochran, Sampling Techniques, 1977, 6.3):
    sum (h_i - r n_i)^2 * P / (P - 1) / N^2.
    """
    people, total = len(n), int(n.sum())
    if people < 2 or not total:
        return Rate(int(hits.sum()), total)
    rate = int(hits.sum()) / total
    squares = float(((hits - rate * n) ** 2).sum())
    half = float(stdtrit(people - 1, 0.975)) * math.sqrt(squares * people / (people - 1)) / total
    return Rate(int(hits.sum()), total, max(0.0, rate - half), min(1.0, rate + half))


def _repeats(a: Answers, main: Answers) -> Rate:
    """Pairs answered twice by one person, and how often the same picture was chosen (or no picture) both times."""
    again = a.where((a.kind == REPEAT) & (a.choice != NEITHER))
    # One number for a participant and a turn; an unknown turn is no turn.
    base = max(int(again.repeats.max(initial=0)), int(main.turn.max(initial=0))) + 2
    asked, chosen = again.participant * base + again.repeats + 1, _chosen(again)
    order = np.argsort(asked, kind="stable")
    answered = main.participant * base + main.turn + 1
    # Of several repeats of one turn the last one counts.
    place = np.searchsorted(asked[order], answered, side="right") - 1
    twice = np.flatnonzero(place >= 0)
    twice = twice[asked[order][place[twice]] == answered[twice]]
    same = chosen[order][place[twice]] == _chosen(main)[twice]
    return Rate(int(same.sum()), len(same))


def _chosen(a: Answers) -> IntArray:
    """(V,) the chosen pictures; -1 for none."""
    return np.where(a.choice == LEFT, a.left, np.where(a.choice == RIGHT, a.right, -1))
