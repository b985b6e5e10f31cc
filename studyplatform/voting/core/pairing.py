"""Which pairs a session is shown, in which order, on which side: plain data in, plans out.

The main trials of a plan are dealt by a strategy from decks: each scene has a deck that holds every unordered pair of
its conditions once and is shuffled anew when it runs out, so after any number of blocks the counts of two pairs of a
scene differ by one at most; drop-outs are the only source of imbalance, and their pairs are dealt again as a new block.
Practice, catch and repeat trials are woven in at places that do not depend on what the main trials show.
"""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import ClassVar, Generic, TypeVar

PRACTICE, MAIN, CATCH, REPEAT = "practice", "main", "catch", "repeat"
# Of ten trials of a scene, how many show its target in a focused study (measured against 5 and 9 conditions).
FOCUS_TENTHS = 7
# A repeat comes so many places after the first time, or a third of its question's main trials if that is more.
REPEAT_AFTER = 5

T = TypeVar("T")
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
    kind : ``practice``, ``main``, ``catch`` or ``repeat``.
    expected : the right answer of practice and catch trials, ``left`` or ``right``; else empty.
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
        deck = self._sides.setdefault((group, pair), Deck(lambda: _shuffled((False, True), self.rng)))
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
        deck = self._odd.setdefault(tuple(open_groups), Deck(lambda: _shuffled(open_groups, self.rng)))
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
            self._with[group] = Deck(partial(_shuffled, pairs, rng))
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


def lay_blocks(
    *,
    scenes: Mapping[int, Sequence[int]] | Sequence[tuple[int, Sequence[int]]],
    questions: Sequence[int],
    trials: int,
    sessions: int,
    seed: int,
    strategy: str = BALANCED,
    targets: Mapping[int, int] | None = None,
    known: Mapping[int, Sequence[KnownPair]] | None = None,
    practice: int = 0,
    catches: int = 0,
    repeats: int = 0,
) -> list[list[PlannedTrial]]:
    """Lay the plans of ``sessions`` participants, each of ``trials`` main trials and what is woven in between.

    Parameters
    ----------
    scenes : scene -> stimuli to compare there, two or more; a control is one more of them. As a sequence of tuples a
        scene may come several times (its replicates), each a group with pairs of its own.
    questions : asked one after the other within a session, each of about ``trials / len(questions)`` main trials; which
        goes first, and which gets an odd pair, rotates over sessions.
    trials : main trials of a session; with ``all_pairs`` a session has every pair once for each question instead.
    seed : the same seed gives the same plans.
    strategy : a name of :data:`STRATEGIES`.
    targets : group (its place in ``scenes``, from 0) -> its minimiser, for ``focused``.
    known : question -> pairs with a known answer, for practice and catch trials; they take turns, scene after scene.
    practice : trials that open a session, with its first question.
    catches : trials spread over the main trials at random within equal stretches, each with the question around it:
        never before the first main trial, two in a row only when they outnumber the main trials.
    repeats : main trials, drawn uniformly among those early enough, that come again with sides swapped under the same
        question: at least five places and a third of the question's main trials later, or as far as the session allows;
        in no case next to their first time, or next to each other.

    Returns
    -------
    One list of :class:`PlannedTrial` per session. What its main trials keep, for each question:

    - The two sides of a pair differ by one at most, over any number of sessions from the first on.
    - So do the counts of two pairs of a group; in a focused group, of two pairs with its target or of two without.
    - So do the turns of two groups that have pairs enough for an equal share of a session. A smaller one shows all the
      pairs it has in every session, and the others share the turns that it leaves.
    - No pair comes twice in a session that has no more main trials than there are pairs; in a longer one, none comes
      again before all have come.
    - No scene follows itself within a session, unless it has more than half of the turns.

    Known pairs of a question, practice and catch together, and their two sides, differ by one at most too.

    Raises ``ValueError`` with a sentence when there is no question, no scene, a scene with fewer than two stimuli, no
    trial, an unknown strategy, a target that is not in its group, no known pair for practice or catch trials, or more
    repeats than fit.
    """
    groups = list(scenes.items()) if isinstance(scenes, Mapping) else list(scenes)
    if not questions:
        raise ValueError("There is no question to ask.")
    if not groups or any(len(set(items)) < 2 for _, items in groups):
        raise ValueError("Every scene needs at least two stimuli to compare.")
    if strategy not in STRATEGIES:
        raise ValueError(f"No strategy is called {strategy!r}. Choose one of {', '.join(STRATEGIES)}.")
    for group, target in (targets or {}).items():
        if not 0 <= group < len(groups) or target not in groups[group][1]:
            raise ValueError(f"Target {target} is not in group {group}. Name a stimulus that is compared there.")
    if practice or catches:
        for question in questions:
            if not known or not known.get(question):
                raise ValueError(
                    f"Practice and catch trials need pairs with a known answer, and question {question} has none. "
                    "Name some, or ask for no practice and no catch trials."
                )
    rng = random.Random(seed)
    dealers = {question: STRATEGIES[strategy](question, groups, targets or {}, rng) for question in questions}
    answers = {q: _known_trials(q, pairs, strategy, rng) for q, pairs in (known or {}).items() if pairs}
    odd = Deck(lambda: _shuffled(questions, rng))
    blocks: list[list[PlannedTrial]] = []
    for number in range(sessions):
        share = Counter(dict.fromkeys(questions, trials // len(questions)))
        share.update(odd.draw(trials % len(questions)))
        first = number % len(questions)
        mains = [t for q in [*questions[first:], *questions[:first]] for t in dealers[q].deal(share[q])]
        if not mains:
            raise ValueError("A session without a main trial asks nothing. Ask for at least one.")
        opening = [replace(next(answers[mains[0].question]), kind=PRACTICE) for _ in range(practice)]
        blocks.append(opening + _weave(mains, catches, repeats, answers, rng, start=practice))
    return blocks


def _weave(
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
        for main in _shuffled(woven, rng):
            if main is None:
                plan.append(next(answers[trial.question]))
            else:
                shown = mains[main]
                swapped = replace(shown, left=shown.right, right=shown.left, design_prob=chance)
                plan.append(replace(swapped, kind=REPEAT, repeats=places[main]))
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


def _known_trials(
    question: int, pairs: Sequence[KnownPair], strategy: str, rng: random.Random
) -> Iterator[PlannedTrial]:
    """Catch trials of one question without end: round after round of all known pairs, neighbours of different scenes.

    Sides alternate by twos at random, and every second round swaps those of the round before.
    """
    by_scene: dict[int, list[KnownPair]] = {}
    for pair in _shuffled(pairs, rng):
        by_scene.setdefault(pair.scene, []).append(pair)
    order = [by_scene[scene].pop() for scene in ring({s: len(own) for s, own in by_scene.items()}, rng)]
    while True:
        sides = [side for _ in range(0, len(order), 2) for side in _shuffled(("left", "right"), rng)]
        for turn in (False, True):
            for pair, side in zip(order, sides, strict=False):
                expected = side if not turn else "left" if side == "right" else "right"
                left, right = (pair.better, pair.worse) if expected == "left" else (pair.worse, pair.better)
                yield PlannedTrial(
                    question, pair.scene, left, right, strategy, 1 / len(pairs), kind=CATCH, expected=expected
                )


def _shuffled(items: Iterable[T], rng: random.Random) -> list[T]:
    cards = list(items)
    rng.shuffle(cards)
    return cards
