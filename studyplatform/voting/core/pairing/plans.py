"""A plan's trials, and the pairs whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

PRACTICE, MAIN, CATCH, REPEAT, REAL_FAKE = "practice", "main", "catch", "repeat", "real_fake"

Pair = tuple[int, int]
Groups = Sequence[tuple[int, Sequence[int]]]


@dataclass(frozen=True)
class PlannedTrial:
    """One pair of a plan. ``scene``, ``left``, ``right`` and ``question`` are the caller's own numbers.

    strategy : name of the strategy that the plan was dealt by.
    design_prob : a probability over the randomisation of the design. Of a main trial: that this pair, on whichever
        sides, is the one at this place, given that the place asks this question, of which the session has so many
        main trials. Of a practice or catch trial: that this known pair is the one here, one in the number of known
        pairs of the question. Of a repeat: that the main trial it repeats is among those that come again, the number
        of repeats in the number of main trials early enough for one.
    kind : ``practice``, ``main``, ``catch``, ``repeat``, or ``real_fake``: the main trial of a question that asks which
        picture is the real photograph. What is said of main trials holds for it.
    expected : the right answer of practice and catch trials and of those with the photograph, ``left`` or ``right``;
        else empty.
    repeats : of a repeat, the place in the same plan (from 0, over all kinds) of the main trial it shows again.
    """

    question: int
    scene: int
    left: int
    right: int
    strategy: str
    design_prob: float
    kind: str = MAIN
    expected: str = ""
    repeats: int | None = None


@dataclass(frozen=True)
class KnownPair:
    """A pair whose answer is known beforehand: ``better`` wins against ``worse`` in everybody's eyes."""

    scene: int
    better: int
    worse: int


@dataclass(frozen=True)
class Photographed:
    """A scene's photograph, and the generated pictures that are shown beside it one at a time, in the grid's order."""

    scene: int
    photograph: int
    generated: Sequence[int]
