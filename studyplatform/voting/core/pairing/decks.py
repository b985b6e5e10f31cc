"""Dealing: decks that keep counts level, round robins, and orders in which scenes take turns."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from studyplatform.voting.core.pairing.plans import Pair

T = TypeVar("T")


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


def round_robin(items: Sequence[int], rng: random.Random) -> list[Pair]:
    """Every unordered pair of ``items`` once, smaller first, in rounds of disjoint pairs (the circle method), shuffled.

    Neighbours in the list share no item where that can be had, so any stretch of it shows all conditions about equally
    often.
    """
    seats: list[int | None] = list(items)
    rng.shuffle(seats)
    if len(seats) % 2:
        seats.append(None)
    rounds: list[list[Pair]] = []
    for _ in range(len(seats) - 1):
        half = len(seats) // 2
        table = zip(seats[:half], reversed(seats[half:]), strict=True)
        pairs = [(min(a, b), max(a, b)) for a, b in table if a is not None and b is not None]
        rng.shuffle(pairs)
        rounds.append(pairs)
        seats = [seats[0], seats[-1], *seats[1:-1]]
    rng.shuffle(rounds)
    return [pair for pairs in rounds for pair in pairs]


def ring(counts: Mapping[int, int], rng: random.Random) -> list[int]:
    """Order scenes in a ring, each as often as ``counts`` says, and cut it open anywhere.

    No scene follows itself, unless it has more than half of the turns. Where the ring is cut is uniform, so whatever
    the counts, each turn of a scene has the same chance of each place: ``count / total`` for the scene.
    """
    order = _spread(counts, rng)
    if len(order) > 1 and order[0] == order[-1]:
        last = order.pop()
        gaps = [gap for gap in range(1, len(order)) if last not in order[gap - 1 : gap + 1]]
        order.insert(rng.choice(gaps) if gaps else len(order), last)
    cut = rng.randrange(len(order)) if order else 0
    return order[cut:] + order[:cut]


def _spread(counts: Mapping[int, int], rng: random.Random) -> list[int]:
    """Order scenes so that none follows itself where that can be avoided.

    At each place the scene with most turns left goes next (ties at random), which reaches an order without repeats
    whenever there is one.
    """
    left = Counter(counts)
    order: list[int] = []
    while left.total():
        some = [s for s, n in left.items() if n]
        others = [s for s in some if not order or s != order[-1]] or some
        most = max(left[s] for s in others)
        order.append(rng.choice(sorted(s for s in others if left[s] == most)))
        left[order[-1]] -= 1
    return order


def share_out(count: int, sizes: Sequence[int]) -> tuple[list[int], list[int], int]:
    """Share ``count`` turns among groups of ``sizes`` pairs: as equal as can be, and no pair twice before all once.

    Returns the turns that each group has for sure, the groups that have pairs left for one turn more, and how many of
    those get it (fewer than there are).
    """
    rounds, rest = divmod(count, sum(sizes))
    level = 0
    while sum(min(size, level + 1) for size in sizes) <= rest:
        level += 1
    sure = [rounds * size + min(size, level) for size in sizes]
    return sure, [group for group, size in enumerate(sizes) if size > level], count - sum(sure)


def shuffled(items: Iterable[T], rng: random.Random) -> list[T]:
    cards = list(items)
    rng.shuffle(cards)
    return cards
