"""Main trials of a question that asks which picture is the real photograph (Zhang, Isola and Efros 2016).

Each shows the photograph of a scene beside one generated picture of it; two generated pictures never meet. Scenes take
turns, and sides are dealt, as among the other main trials.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from studyplatform.voting.core.pairing.decks import shuffled
from studyplatform.voting.core.pairing.plans import REAL_FAKE, Pair, Photographed, PlannedTrial
from studyplatform.voting.core.pairing.strategies import AllPairs, Balanced, Focused


class RealOrFake(Balanced):
    """Every generated picture of a scene beside its photograph as often as every other.

    Of those that a scene's cycle has left the one is dealt whose condition the session has met least, among the scenes
    of as many pictures: so a session, too, meets all conditions about equally often. Conditions are treated alike, so
    each picture keeps the same chance.
    """

    def __init__(self, question: int, scenes: Sequence[Photographed], rng: random.Random) -> None:
        super().__init__(question, [(scene.scene, scene.generated) for scene in scenes], {}, rng)
        self.photographs = [scene.photograph for scene in scenes]
        self.sizes = [len(scene.generated) for scene in scenes]
        self._left: list[list[int]] = [[] for _ in scenes]
        self._met: Counter[tuple[int, int]] = Counter()

    def deal(self, count: int) -> list[PlannedTrial]:
        self._met.clear()
        return super().deal(count)

    def hand(self, group: int, turns: int) -> list[Pair]:
        size = self.sizes[group]
        hand: list[int] = []
        for _ in range(turns):
            # The old cycle is dealt to the end first; what it gave to this hand waits in the new one.
            left = self._left[group] = self._left[group] or shuffled(range(size), self.rng)
            place = min(left, key=lambda p: (hand.count(p), self._met[size, p]))
            left.remove(place)
            self._met[size, place] += 1
            hand.append(place)
        return [(self.photographs[group], self.groups[group][1][place]) for place in hand]

    def trial(self, group: int, pair: Pair, design_prob: float) -> PlannedTrial:
        """The pair, with the photograph's side as the right answer."""
        shown = super().trial(group, pair, design_prob)
        expected = "left" if shown.left == self.photographs[group] else "right"
        return replace(shown, kind=REAL_FAKE, expected=expected)


class AllRealOrFake(RealOrFake, AllPairs):
    """Every generated picture beside its photograph once in each session."""


#: A study's strategy -> how its questions about the real photograph are dealt. No pair of theirs tests the picture with
#: the minimum loss against another, so a focused study has no reason to show it more often there.
REAL_OR_FAKE: Mapping[str, type[RealOrFake]] = {
    Balanced.name: RealOrFake,
    Focused.name: RealOrFake,
    AllPairs.name: AllRealOrFake,
}
