"""Practice, catch and repeat trials: woven in at places that do not depend on what the main trials show."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from studyplatform.voting.core.pairing.decks import ring, shuffled
from studyplatform.voting.core.pairing.plans import CATCH, REPEAT, KnownPair, PlannedTrial

# A repeat comes so many places after the first time, or a third of its question's main trials if that is more.
REPEAT_AFTER = 5
OTHER_SIDE = {"left": "right", "right": "left", "": ""}


def weave(
    mains: Sequence[PlannedTrial],
    catches: int,
    repeats: int,
    answers: Mapping[int, Iterator[PlannedTrial]],
    rng: random.Random,
    *,
    start: int,
) -> list[PlannedTrial]:
    """Put catch and repeat trials between main trials whose first stands at place ``start`` of its plan."""
    again, chance = _repeat_places([trial.question for trial in mains], repeats, rng)
    after: list[list[int | None]] = [[] for _ in mains]
    for early, place in again.items():
        after[place].append(early)
    for number in range(catches):
        low, high = number * len(mains) // catches, (number + 1) * len(mains) // catches
        after[rng.randrange(low, max(high, low + 1))].append(None)
    plan: list[PlannedTrial] = []
    places: list[int] = []
    for trial, woven in zip(mains, after, strict=True):
        places.append(start + len(plan))
        plan.append(trial)
        for main in shuffled(woven, rng):
            if main is None:
                plan.append(next(answers[trial.question]))
            else:
                shown = mains[main]
                swapped = replace(shown, left=shown.right, right=shown.left, expected=OTHER_SIDE[shown.expected])
                plan.append(replace(swapped, kind=REPEAT, design_prob=chance, repeats=places[main]))
    return plan


def _repeat_places(questions: Sequence[int], repeats: int, rng: random.Random) -> tuple[dict[int, int], float]:
    """Draw the main trials that come again, each with the main trial that its repeat comes after.

    ``questions`` are those of the main trials. Also returns the chance that each of the early ones had.
    """
    if not repeats:
        return {}, 0.0
    room = _room(questions, 0)
    # Where too few are early enough, the distance gives way to the number, until only neighbours are excluded.
    for slack in range(1, max(REPEAT_AFTER, len(questions))):
        if len(room) >= repeats:
            break
        room = _room(questions, slack)
    if len(room) < repeats:
        raise ValueError(
            f"{repeats} repeats do not fit into {len(questions)} main trials, where {len(room)} can come again "
            "apart from their first time. Ask for fewer repeats or more trials."
        )
    places: dict[int, int] = {}
    # The last of them has least room. Each has as many places as there are mains from it on, so one is always free.
    for main in sorted(rng.sample(sorted(room), repeats), reverse=True):
        places[main] = rng.choice([place for place in room[main] if place not in places.values()])
    return places, repeats / len(room)


def _room(questions: Sequence[int], slack: int) -> dict[int, range]:
    """Main trial -> the main trials of its question that its repeat may come after, for those that have any."""
    room: dict[int, range] = {}
    start = 0
    for _, block in groupby(questions):
        length = len(list(block))
        distance = max(2, max(REPEAT_AFTER, -(-length // 3)) - slack)
        early = range(start, start + length - distance + 1)
        room |= {main: range(main + distance - 1, start + length) for main in early}
        start += length
    return room


def known_trials(
    question: int, pairs: Sequence[KnownPair], strategy: str, rng: random.Random
) -> Iterator[PlannedTrial]:
    """Catch trials of one question without end: round after round of all known pairs, neighbours of different scenes.

    Sides alternate by twos at random, and every second round swaps those of the round before.
    """
    by_scene: dict[int, list[KnownPair]] = {}
    for pair in shuffled(pairs, rng):
        by_scene.setdefault(pair.scene, []).append(pair)
    order = [by_scene[scene].pop() for scene in ring({s: len(own) for s, own in by_scene.items()}, rng)]
    while True:
        sides = [side for _ in range(0, len(order), 2) for side in shuffled(("left", "right"), rng)]
        for turn in (False, True):
            for pair, side in zip(order, sides, strict=False):
                expected = OTHER_SIDE[side] if turn else side
                left, right = (pair.better, pair.worse) if expected == "left" else (pair.worse, pair.better)
                yield PlannedTrial(
                    question, pair.scene, left, right, strategy, 1 / len(pairs), kind=CATCH, expected=expected
                )
