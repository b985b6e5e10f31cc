"""The probability stored with a trial is the frequency of its pair over the randomisation."""

import math
import random
from collections import Counter
from collections.abc import Callable

import pytest

from studyplatform.voting.core.pairing import KnownPair, decks, lay_blocks, strategies
from tests.voting.core.pairing.made_up import (
    Blocks,
    flat,
    pair_of,
    scenes_of,
)


def deviations(lay: Callable[[int], Blocks], seeds: int, session: int) -> list[float]:
    """How far the frequencies of pairs in one session are from their ``design_prob``, in standard deviations.

    At each place, and over all main trials of a question, where a pair comes as often as q or one more.
    """
    seen: dict[tuple[int, int, str], Counter[frozenset[int]]] = {}
    stated: dict[tuple[int, int, str, frozenset[int]], float] = {}
    shown: Counter[tuple[int, frozenset[int]]] = Counter()
    on_average: Counter[tuple[int, frozenset[int]]] = Counter()
    for seed in range(seeds):
        plan = lay(seed)[session]
        mains = Counter(t.question for t in plan if t.kind == "main")
        for place, trial in enumerate(plan):
            if trial.kind == "main":
                shown[trial.question, pair_of(trial)] += 1
                on_average[trial.question, pair_of(trial)] = mains[trial.question] * trial.design_prob
            if trial.kind != "repeat":
                key = (place, trial.question, trial.kind)
                seen.setdefault(key, Counter())[pair_of(trial)] += 1
                said = stated.setdefault((*key, pair_of(trial)), trial.design_prob)
                assert trial.design_prob == pytest.approx(said), "one pair at one place has two probabilities"
    out = []
    for case, q in on_average.items():
        if abs(shown[case] - seeds * q) > 1e-6:
            out.append(abs(shown[case] - seeds * q) / math.sqrt(max(seeds * (q % 1) * (1 - q % 1), 1e-6)))
    for key, counts in seen.items():
        total = counts.total()
        if total < 500:  # a place that is rarely of this kind
            continue
        chances = [(n, stated[(*key, pair)]) for pair, n in counts.items()]
        never = 1 - sum(p for _, p in chances)  # of the pairs that did not come at all
        for n, p in [*chances, (0, never)]:
            if abs(n - total * p) > 1e-6:
                out.append(abs(n - total * p) / math.sqrt(max(total * p * (1 - p), 1e-6)))
    return out


UNEVEN = [(0, [1, 2]), (1, [11, 12, 13]), (2, [21, 22, 23, 24, 25]), (2, [31, 32, 33, 34, 35])]
HARD = {
    "scenes of two sizes, one too small for its share": {"trials": 13},
    "the last session, after decks have run out": {"trials": 6, "sessions": 4},
    "more trials than pairs": {"trials": 27},
    "focused, the first session": {"trials": 15, "strategy": "focused", "targets": {1: 12, 2: 23, 0: 1}},
    "focused, a later session": {"trials": 15, "sessions": 3, "strategy": "focused", "targets": {1: 12, 2: 23, 0: 1}},
    "with everything woven in": {
        "trials": 10,
        "sessions": 2,
        "known": {7: [KnownPair(0, 91, 81), KnownPair(0, 92, 82), KnownPair(2, 93, 83)]},
        "practice": 2,
        "catches": 2,
        "repeats": 2,
    },
    "two questions": {"trials": 14, "sessions": 2, "questions": [7, 8]},
}


@pytest.mark.parametrize("design", HARD.values(), ids=HARD.keys())
def test_the_stated_probability_is_the_frequency(design):
    full = {"scenes": UNEVEN, "questions": [7], "sessions": 1} | design
    found = deviations(lambda seed: lay_blocks(**full, seed=seed), 2500, full["sessions"] - 1)
    assert len(found) > 100
    assert max(found) < 5  # about 400 frequencies: 5 standard deviations are passed once in 4 000 runs


def unturned(counts: dict[int, int], rng: random.Random) -> list[int]:
    return decks._spread(counts, rng)


def crooked(self: strategies.Balanced, group: int, turns: int) -> list[tuple[int, int]]:
    """Prefers the first pair of a group in one hand of three."""
    hand = self._decks[group].draw(turns)
    first = tuple(sorted(self.groups[group][1])[:2])
    return [first, *hand[1:]] if hand and first not in hand and self.rng.random() < 1 / 3 else hand


@pytest.mark.parametrize("fault", [("ring", unturned), ("Balanced.hand", crooked)], ids=["order", "pairs"])
def test_a_planted_bias_is_caught(monkeypatch, fault):
    name, wrong = fault
    monkeypatch.setattr(f"{strategies.__name__}.{name}", wrong)
    found = deviations(lambda seed: lay_blocks(scenes=UNEVEN, questions=[7], trials=13, sessions=1, seed=seed), 2500, 0)
    assert max(found) > 5


def test_of_equal_scenes_every_pair_has_the_same_probability():
    blocks = lay_blocks(scenes=scenes_of([4, 4, 4]), questions=[1, 2], trials=11, sessions=9, seed=1)
    assert {round(t.design_prob, 12) for t in flat(blocks)} == {round(1 / 18, 12)}


def test_the_chance_of_coming_again_is_the_frequency():
    """Of 12 main trials the first eight have room for a repeat five places later; three of them come again."""
    found: Counter[int] = Counter()
    for seed in range(2000):
        (plan,) = lay_blocks(scenes=UNEVEN, questions=[7], trials=12, sessions=1, seed=seed, repeats=3)
        mains = [place for place, t in enumerate(plan) if t.kind == "main"]
        again = [t for t in plan if t.kind == "repeat"]
        assert {t.design_prob for t in again} == {3 / 8}
        found.update(mains.index(t.repeats) for t in again)
    assert sorted(found) == list(range(8))
    sd = math.sqrt(2000 * 3 / 8 * 5 / 8)
    assert all(abs(n - 750) < 5 * sd for n in found.values())


def test_left_and_right_are_random_within_the_balance():
    firsts = [
        lay_blocks(scenes={0: [1, 2]}, questions=[0], trials=1, sessions=1, seed=seed)[0][0].left for seed in range(400)
    ]
    assert 150 < firsts.count(1) < 250
