"""What a design must hold before a claim can be tested at all, and the settings of the tests where nobody chose others.

The ladder is that of specs/evaluation.md 2.0: C1 these pictures, people like these; C2 other scenes of this kind too;
C3 this metric rather than whatever else varies along the grid.
"""

from dataclasses import dataclass
from math import factorial, log

MIN_PARTICIPANTS, MIN_SCENES, MIN_CONDITIONS = 8, 4, 5
#: Level of the tests; win probability below which a rival counts as no better; seed and number of resamplings.
ALPHA, MARGIN, SEED, DRAWS = 0.05, 0.55, 1, 9999


@dataclass(frozen=True)
class Claim:
    """One rung: whether a design can reach it, and a sentence that says so or what is missing."""

    level: str
    reachable: bool
    sentence: str


def logit(share: float) -> float:
    """The log odds of a win probability between 0 and 1: a margin in the unit of the scores."""
    return log(share / (1 - share))


def claims(*, participants: int, scenes: int, conditions: int) -> tuple[Claim, ...]:
    """The three rungs for a design of so many participants, scenes, and conditions that every scene has.

    A rung that cannot be reached names everything that is missing.
    """
    few = f"{participants} participants are planned and {MIN_PARTICIPANTS} are needed"
    few = few if participants < MIN_PARTICIPANTS else ""
    where = f"it has {_count(scenes, 'scene')} and {MIN_SCENES} are needed" if scenes < MIN_SCENES else ""
    what = _few_conditions(conditions) if conditions < MIN_CONDITIONS else ""
    no_pair = what if conditions < 2 else ""
    found = (
        ("C1", "people like these, about these pictures", (few, no_pair)),
        ("C2", "other scenes of this kind too", (few, where, no_pair)),
        ("C3", "this metric rather than whatever else varies along the grid", (few, what)),
    )
    return tuple(_rung(level, words, [lack for lack in lacks if lack]) for level, words, lacks in found)


def _rung(level: str, words: str, lacks: list[str]) -> Claim:
    said = f"cannot be tested, for {'; and '.join(lacks)}" if lacks else "can be tested"
    return Claim(level, not lacks, f"{level}, {words}: {said}.")


def _few_conditions(conditions: int) -> str:
    shared = f"its scenes share {_count(conditions, 'condition')} and"
    if conditions < 2:
        return f"{shared} a test compares two"
    smallest = f"(with {conditions} the smallest two-sided p is {2 / factorial(conditions):.2g})"
    return f"{shared} {MIN_CONDITIONS} are needed {smallest}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
