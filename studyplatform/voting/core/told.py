"""What a crowd's sides may say while the choices are sealed.

A page that is looked at after every vote would otherwise tell each one: the rate's step is the side, and the side of a
known pair is the picture. So sides are told of whole sessions, several at a time, and never to a fraction of a percent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from studyplatform.voting.core.answers import Answers, Habits, counts, sides

#: Complete sessions that join the told rates together, and the fewest answers that a rate is told of.
TOGETHER, LEAST = 5, 50


def told_of(a: Answers, complete: Sequence[int], withdrew: frozenset[int] = frozenset()) -> list[int]:
    """Whose sides are told: ``complete`` (by the time they finished) in whole groups; nobody below the least answers.

    A group in which somebody ``withdrew`` goes as one. Who is left out stays, or leaving out and taking in again would
    tell one person's answers.
    """
    whole = len(complete) // TOGETHER * TOGETHER
    groups = [complete[start : start + TOGETHER] for start in range(0, whole, TOGETHER)]
    people = [pk for group in groups if not withdrew.intersection(group) for pk in group]
    answers = int((counts(a) & a.whose(people)).sum())
    return people if answers >= LEAST else []


def sealed(h: Habits, a: Answers, people: Sequence[int]) -> Habits:
    """``h`` with left rate, ties and repeats of ``people`` (:func:`told_of`) alone."""
    theirs = a.of_people(people)
    left, ties, repeats = sides(theirs, theirs.where(counts(theirs)))
    return replace(h, left=left, ties=ties, repeats=repeats)
