"""Which pairs a session is shown, in which order, on which side: plain data in, plans out.

The strategy ``balanced`` deals whole round robins. Each scene has a deck that holds every unordered pair of its
conditions once and is shuffled anew when it runs out, so after any number of blocks the counts of two pairs of a scene
differ by one at most; drop-outs are the only source of imbalance, and their pairs are dealt again as a new block.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

BALANCED = "balanced"

T = TypeVar("T")


@dataclass(frozen=True)
class PlannedTrial:
    """One pair of a plan. ``scene``, ``left``, ``right`` and ``question`` are the caller's own numbers.

    ``design_prob`` is the probability, over the randomisation of the design, that this pair is the one at this place.
    """

    question: int
    scene: int
    left: int
    right: int
    strategy: str
    design_prob: float


class Deck(Generic[T]):
    """Cards dealt in full cycles: counts of any two cards differ by one at most, whenever one looks.

    ``cycle`` gives all cards once in a fresh random order. A hand never holds a card twice unless it is larger than the
    deck.
    """

    def __init__(self, cycle: Callable[[], Sequence[T]]) -> None:
        self._cycle = cycle
        self._left: list[T] = []

    def draw(self, count: int) -> list[T]:
        """Deal ``count`` cards."""
        hand: list[T] = []
        while len(hand) < count:
            hand += self._draw_distinct(count - len(hand))
        return hand

    def _draw_distinct(self, count: int) -> list[T]:
        hand = self._left[:count]
        self._left = self._left[count:]
        if len(hand) == count:
            return hand
        fresh = list(self._cycle())
        # The old cycle is dealt to the end first; what it gave is passed over in the new one.
        missing = min(count - len(hand), len(fresh) - len(hand))
        taken = [card for card in fresh if card not in hand][:missing]
        self._left = [card for card in fresh if card not in taken]
        return hand + taken


def round_robin(items: Sequence[int], rng: random.Random) -> list[tuple[int, int]]:
    """Every unordered pair of ``items`` once, smaller first, in rounds of disjoint pairs (the circle method), shuffled.

    Neighbours in the list share no item where that can be had, so any stretch of it shows all conditions about equally
    often.
    """
    seats: list[int | None] = list(items)
    rng.shuffle(seats)
    if len(seats) % 2:
        seats.append(None)
    rounds: list[list[tuple[int, int]]] = []
    for _ in range(len(seats) - 1):
        half = len(seats) // 2
        table = zip(seats[:half], reversed(seats[half:]), strict=True)
        pairs = [(min(a, b), max(a, b)) for a, b in table if a is not None and b is not None]
        rng.shuffle(pairs)
        rounds.append(pairs)
        seats = [seats[0], seats[-1], *seats[1:-1]]
    rng.shuffle(rounds)
    return [pair for pairs in rounds for pair in pairs]


def spread(counts: Mapping[int, int], rng: random.Random, previous: int | None = None) -> list[int]:
    """Order scenes so that none follows itself where that can be avoided; ``previous`` came just before.

    At each place the scene with most turns left goes next (ties at random), which reaches an order without repeats
    whenever there is one.
    """
    left = Counter(counts)
    order: list[int] = []
    while left.total():
        open_scenes = [s for s, n in left.items() if n and s != previous] or [s for s, n in left.items() if n]
        most = max(left[s] for s in open_scenes)
        previous = rng.choice(sorted(s for s in open_scenes if left[s] == most))
        left[previous] -= 1
        order.append(previous)
    return order


def lay_blocks(
    *,
    scenes: Mapping[int, Sequence[int]] | Sequence[tuple[int, Sequence[int]]],
    questions: Sequence[int],
    trials: int,
    sessions: int,
    seed: int,
) -> list[list[PlannedTrial]]:
    """Lay the plans of ``sessions`` participants of ``trials`` pairs each.

    Parameters
    ----------
    scenes : scene -> stimuli to compare there, two or more; a control is one more of them. As a sequence of tuples a
        scene may come several times (its replicates), each with pairs of its own.
    questions : asked one after the other within a session, each of about ``trials / len(questions)`` pairs; which goes
        first, and which gets an odd pair, rotates over sessions.
    seed : the same seed gives the same plans.

    Returns
    -------
    One list of :class:`PlannedTrial` per session. Over sessions, for each question, three counts differ by one at most:
    those of the pairs within a scene, those of the scenes, and those of the two sides of a pair.

    Raises ``ValueError`` when there is no question, no scene, or a scene with fewer than two stimuli.
    """
    groups = list(scenes.items()) if isinstance(scenes, Mapping) else list(scenes)
    if not questions:
        raise ValueError("There is no question to ask.")
    if not groups or any(len(set(items)) < 2 for _, items in groups):
        raise ValueError("Every scene needs at least two stimuli to compare.")
    rng = random.Random(seed)
    dealers = {question: _Dealer(question, groups, rng) for question in questions}
    odd = Deck(lambda: _shuffled(questions, rng))
    blocks: list[list[PlannedTrial]] = []
    for number in range(sessions):
        share = Counter(dict.fromkeys(questions, trials // len(questions)))
        share.update(odd.draw(trials % len(questions)))
        first = number % len(questions)
        plan: list[PlannedTrial] = []
        for question in [*questions[first:], *questions[:first]]:
            plan += dealers[question].deal(share[question], after=plan[-1].scene if plan else None)
        blocks.append(plan)
    return blocks


class _Dealer:
    """The decks of one question: scenes, the pairs of each scene, the sides of each pair."""

    def __init__(self, question: int, groups: Sequence[tuple[int, Sequence[int]]], rng: random.Random) -> None:
        self._question = question
        self._groups = groups
        self._rng = rng
        self._scenes = Deck(lambda: _shuffled(range(len(groups)), rng))
        self._pairs = [Deck(partial(round_robin, items, rng)) for _, items in groups]
        self._sides: dict[tuple[int, int, int], Deck[bool]] = {}

    def deal(self, count: int, *, after: int | None) -> list[PlannedTrial]:
        """The next ``count`` trials, for one session that showed the scene ``after`` just before."""
        turns = Counter(self._scenes.draw(count))
        hands = {group: self._pairs[group].draw(n) for group, n in turns.items()}
        by_scene: dict[int, list[int]] = {}
        for group, n in turns.items():
            by_scene.setdefault(self._groups[group][0], []).extend([group] * n)
        for members in by_scene.values():
            self._rng.shuffle(members)
        order = spread({scene: len(members) for scene, members in by_scene.items()}, self._rng, after)
        return [self._trial(group, hands[group].pop()) for group in (by_scene[scene].pop() for scene in order)]

    def _trial(self, group: int, pair: tuple[int, int]) -> PlannedTrial:
        scene, items = self._groups[group]
        low, high = pair
        side = self._sides.setdefault((group, low, high), Deck(lambda: _shuffled((False, True), self._rng)))
        left, right = (low, high) if side.draw(1)[0] else (high, low)
        pairs = len(items) * (len(items) - 1) // 2
        return PlannedTrial(self._question, scene, left, right, BALANCED, 1 / (len(self._groups) * pairs))


def _shuffled(items: Iterable[T], rng: random.Random) -> list[T]:
    cards = list(items)
    rng.shuffle(cards)
    return cards
