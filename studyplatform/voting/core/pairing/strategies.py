"""Strategies: which main pairs a session is shown. Another one is a subclass and a line in the registry."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from studyplatform.voting.core.pairing.decks import Deck, ring, round_robin, share_out, shuffled
from studyplatform.voting.core.pairing.plans import Groups, Pair, PlannedTrial

# Of ten trials of a scene, how many show its target in a focused study (measured against 5 and 9 conditions).
FOCUS_TENTHS = 7


class Strategy(ABC):
    """Deals the main trials of one question, session after session.

    A new strategy is a subclass with a ``name`` and a line in :data:`STRATEGIES`. Its trials carry the exact
    probability of their pair at their place.
    """

    name: ClassVar[str]

    def __init__(self, question: int, groups: Groups, targets: Mapping[int, int], rng: random.Random) -> None:
        self.question = question
        self.groups = groups
        self.targets = targets
        self.rng = rng
        self.sizes = [len(items) * (len(items) - 1) // 2 for _, items in groups]
        self._sides: dict[tuple[int, Pair], Deck[bool]] = {}

    @abstractmethod
    def deal(self, count: int) -> list[PlannedTrial]:
        """The main trials of the next session in their order, ``count`` of them where the strategy leaves a choice."""

    def trial(self, group: int, pair: Pair, design_prob: float) -> PlannedTrial:
        """Show ``pair`` of a group, each item as often on the left as on the right."""
        deck = self._sides.setdefault((group, pair), Deck(lambda: shuffled((False, True), self.rng)))
        left, right = pair if deck.draw(1)[0] else pair[::-1]
        return PlannedTrial(self.question, self.groups[group][0], left, right, self.name, design_prob)


class Balanced(Strategy):
    """Every pair of a scene as often as every other, every scene as often as its pairs allow."""

    name = "balanced"

    def __init__(self, question: int, groups: Groups, targets: Mapping[int, int], rng: random.Random) -> None:
        super().__init__(question, groups, targets, rng)
        self._decks = [Deck(partial(round_robin, items, rng)) for _, items in groups]
        self._odd: dict[tuple[int, ...], Deck[int]] = {}

    def deal(self, count: int) -> list[PlannedTrial]:
        sure, open_groups, odd = share_out(count, self.sizes)
        turns = list(sure)
        deck = self._odd.setdefault(tuple(open_groups), Deck(lambda: shuffled(open_groups, self.rng)))
        for group in deck.draw(odd):
            turns[group] += 1
        # Which of the open groups get one turn more is a draw that treats all of them alike.
        one_more = [odd / len(open_groups) if group in open_groups else 0.0 for group in range(len(turns))]
        by_scene: dict[int, list[tuple[int, Pair]]] = {}
        for group, hand in enumerate(self.hand(group, n) for group, n in enumerate(turns)):
            by_scene.setdefault(self.groups[group][0], []).extend((group, pair) for pair in hand)
        for cards in by_scene.values():
            self.rng.shuffle(cards)
        plan: list[PlannedTrial] = []
        for scene in ring({scene: len(cards) for scene, cards in by_scene.items()}, self.rng):
            group, pair = by_scene[scene].pop()
            few, more = (self.expected(group, sure[group] + extra, pair) for extra in (0, 1))
            plan.append(self.trial(group, pair, (few + one_more[group] * (more - few)) / count))
        return plan

    def hand(self, group: int, turns: int) -> list[Pair]:
        """The pairs that a session is shown which visits ``group`` so many times."""
        return self._decks[group].draw(turns)

    def expected(self, group: int, turns: int, pair: Pair) -> float:
        """How often ``pair`` is in such a hand, on average over the randomisation."""
        return turns / self.sizes[group]


class Focused(Balanced):
    """Seven tenths of each scene's trials show its target, the rest the other pairs; balanced within either.

    A session is shown no pair twice for that: a target that has too few opponents comes less often. A scene without a
    target is dealt as in a balanced study.
    """

    name = "focused"

    def __init__(self, question: int, groups: Groups, targets: Mapping[int, int], rng: random.Random) -> None:
        super().__init__(question, groups, targets, rng)
        self._with: dict[int, Deck[Pair]] = {}
        self._without: dict[int, Deck[Pair]] = {}
        self._carry: dict[int, int] = {}
        for group, target in targets.items():
            others = [item for item in groups[group][1] if item != target]
            pairs = [(min(target, item), max(target, item)) for item in others]
            self._with[group] = Deck(partial(shuffled, pairs, rng))
            self._without[group] = Deck(partial(round_robin, others, rng))
            # Tenths of a trial are carried from session to session; a random start makes every session alike.
            self._carry[group] = rng.randrange(10)

    def hand(self, group: int, turns: int) -> list[Pair]:
        if group not in self.targets:
            return super().hand(group, turns)
        whole, part = divmod(self._target_tenths(group, turns), 10)
        up, self._carry[group] = divmod(self._carry[group] + part, 10)
        return self._with[group].draw(whole + up) + self._without[group].draw(turns - whole - up)

    def expected(self, group: int, turns: int, pair: Pair) -> float:
        if group not in self.targets:
            return super().expected(group, turns, pair)
        opponents = len(self.groups[group][1]) - 1
        shown = self._target_tenths(group, turns) / 10
        if self.targets[group] in pair:
            return shown / opponents
        return (turns - shown) / (self.sizes[group] - opponents)

    def _target_tenths(self, group: int, turns: int) -> int:
        """Tenths of a trial that go to the target in ``turns`` trials, as near to the focus as distinct pairs allow."""
        opponents = len(self.groups[group][1]) - 1
        rounds = -(-turns // self.sizes[group])
        least = turns - rounds * (self.sizes[group] - opponents)
        return min(max(FOCUS_TENTHS * turns, 10 * least), 10 * rounds * opponents)


class AllPairs(Balanced):
    """Every pair of every scene once in each session, however many trials were asked for."""

    name = "all_pairs"

    def deal(self, count: int) -> list[PlannedTrial]:
        return super().deal(sum(self.sizes))


STRATEGIES: Mapping[str, type[Strategy]] = {strategy.name: strategy for strategy in (Balanced, Focused, AllPairs)}
BALANCED = Balanced.name
