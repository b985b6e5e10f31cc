"""What plans promise, for designs that Hypothesis makes up: balance, distinct pairs, spacing, exact probabilities."""

import math
import random
from collections import Counter
from collections.abc import Callable
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyplatform.voting.core.pairing import KnownPair, PlannedTrial, decks, lay_blocks, strategies
from studyplatform.voting.core.pairing.decks import ring, round_robin, share_out

Blocks = list[list[PlannedTrial]]


def scenes_of(sizes: list[int]) -> dict[int, list[int]]:
    """Scene s has the stimuli 100 s, 100 s + 1, ..."""
    return {s: [100 * s + c for c in range(n)] for s, n in enumerate(sizes)}


def known_of(scenes: dict[int, list[int]], questions: list[int]) -> dict[int, list[KnownPair]]:
    """Question q knows of scene s the pair (9000 + s, 8000 + s), the first one better, and one more of scene 0."""
    return {q: [KnownPair(s, 9000 + s, 8000 + s) for s in scenes] + [KnownPair(0, 9100, 8100)] for q in questions}


designs = st.fixed_dictionaries(
    {
        "scenes": st.lists(st.integers(2, 6), min_size=1, max_size=5).map(scenes_of),
        "questions": st.integers(1, 3).map(lambda n: list(range(n))),
        "trials": st.integers(1, 24),
        "sessions": st.integers(1, 14),
        "seed": st.integers(0, 10_000),
    }
)


@st.composite
def woven(draw):
    """A design with all kinds of trials and room for its repeats."""
    design = draw(designs)
    n_questions = len(design["questions"])
    design["trials"] = draw(st.integers(4 * n_questions, 24))
    return design | {
        "known": known_of(design["scenes"], design["questions"]),
        "practice": draw(st.integers(0, 4)),
        "catches": draw(st.integers(0, 6)),
        # Each question has three trials that can come again, however short its block.
        "repeats": draw(st.integers(0, 3)),
    }


def sizes_of(design) -> dict[int, int]:
    return {scene: math.comb(len(items), 2) for scene, items in design["scenes"].items()}


def largest_share(design) -> int:
    return -(-design["trials"] // len(design["questions"]))


def spread_of(counts: Counter[object], keys: list[object]) -> int:
    """Largest less smallest count over all ``keys``, those never seen included."""
    values = [counts[key] for key in keys]
    return max(values) - min(values)


def flat(blocks: Blocks, kind: str = "main") -> list[PlannedTrial]:
    return [trial for block in blocks for trial in block if trial.kind == kind]


def pair_of(trial: PlannedTrial) -> frozenset[int]:
    return frozenset((trial.left, trial.right))


def check_balance(trials: list[PlannedTrial], scenes: dict[int, list[int]], targets: dict[int, int]) -> None:
    """Pairs within a scene (of one class in a focused one) and the sides of a pair differ by one at most."""
    pairs = Counter(pair_of(t) for t in trials)
    assert set(pairs) <= {frozenset(p) for items in scenes.values() for p in combinations(items, 2)}
    for scene, items in scenes.items():
        wanted = [frozenset(pair) for pair in combinations(items, 2)]
        with_target = [pair for pair in wanted if targets.get(scene) in pair]
        without = [pair for pair in wanted if targets.get(scene) not in pair]
        assert all(spread_of(pairs, suit) <= 1 for suit in (with_target, without) if suit)
        lefts = Counter((t.left, t.right) for t in trials)
        assert all(abs(lefts[a, b] - lefts[b, a]) <= 1 for a, b in combinations(items, 2))


@given(designs, st.sampled_from(["balanced", "focused"]))
@settings(max_examples=100, deadline=None)
def test_pairs_scenes_and_sides_are_balanced_after_any_number_of_blocks(design, strategy):
    targets = {s: items[0] for s, items in design["scenes"].items() if s % 2} if strategy == "focused" else {}
    blocks = lay_blocks(**design, strategy=strategy, targets=targets)
    sizes = sizes_of(design)
    for cut in range(1, len(blocks) + 1):
        for question in design["questions"]:
            trials = [t for t in flat(blocks[:cut]) if t.question == question]
            check_balance(trials, design["scenes"], targets)
            if largest_share(design) > sum(sizes.values()):
                continue
            shown = [Counter(t.scene for t in block if t.question == question) for block in blocks]
            most = max(max(own.values(), default=0) for own in shown)
            turns = Counter(t.scene for t in trials)
            assert spread_of(turns, [s for s in sizes if sizes[s] >= most]) <= 1
            # A scene with fewer pairs than an equal share shows all of them.
            for own in shown:
                assert all(own[s] >= min(sizes[s], max(own.values(), default=0) - 1) for s in sizes)


@given(designs, st.sampled_from(["balanced", "focused"]))
@settings(max_examples=100, deadline=None)
def test_a_session_has_its_length_its_questions_in_one_piece_and_no_pair_twice(design, strategy):
    targets = {s: items[-1] for s, items in design["scenes"].items()} if strategy == "focused" else {}
    total = sum(sizes_of(design).values())
    for block in lay_blocks(**design, strategy=strategy, targets=targets):
        assert len(block) == design["trials"]
        changes = sum(a.question != b.question for a, b in pairwise(block))
        assert changes == len({t.question for t in block}) - 1
        for question in design["questions"]:
            pairs = Counter(pair_of(t) for t in block if t.question == question)
            # Not before all have come: so many full rounds, and one more of some.
            assert max(pairs.values(), default=0) <= -(-pairs.total() // total)


@given(st.integers(0, 60), st.lists(st.integers(1, 10), min_size=1, max_size=6))
def test_turns_are_shared_as_equally_as_the_pairs_allow(count, sizes):
    sure, open_groups, odd = share_out(count, sizes)
    assert sum(sure) + odd == count
    assert 0 <= odd < max(1, len(open_groups))
    rounds = count // sum(sizes)
    turns = [n - rounds * size for n, size in zip(sure, sizes, strict=True)]
    assert all(turns[g] < sizes[g] and turns[g] == max(turns) for g in open_groups)
    assert all(turns[g] == sizes[g] <= max(turns) for g in range(len(sizes)) if g not in open_groups)


@given(designs)
@settings(max_examples=60, deadline=None)
def test_all_pairs_shows_every_pair_once_for_every_question(design):
    wanted = [frozenset(pair) for items in design["scenes"].values() for pair in combinations(items, 2)]
    for block in lay_blocks(**design, strategy="all_pairs"):
        asked = Counter((t.question, pair_of(t)) for t in block)
        assert asked == Counter((q, pair) for q in design["questions"] for pair in wanted)
        assert all(t.design_prob == pytest.approx(1 / len(wanted)) and t.strategy == "all_pairs" for t in block)


def test_a_focused_study_shows_the_target_in_seven_of_ten_trials():
    scenes = scenes_of([9, 9, 9, 5])
    targets = {0: 3, 1: 100}
    blocks = lay_blocks(
        scenes=scenes, questions=[1], trials=23, sessions=40, seed=2, strategy="focused", targets=targets
    )
    for scene, target in targets.items():
        shown = [t for t in flat(blocks) if t.scene == scene]
        assert abs(sum(target in pair_of(t) for t in shown) - 0.7 * len(shown)) < 1
    free = [t for t in flat(blocks) if t.scene == 2]
    assert sum(205 in pair_of(t) for t in free) == pytest.approx(len(free) * 2 / 9, abs=9)
    # Five conditions: a session of ten pairs of the scene has four with the target, and no pair twice for its sake.
    short = lay_blocks(
        scenes=scenes_of([5]), questions=[1], trials=8, sessions=5, seed=2, strategy="focused", targets={0: 1}
    )
    assert all(sum(1 in pair_of(t) for t in block) == 4 for block in short)
    assert all(len({pair_of(t) for t in block}) == 8 for block in short)


# Probabilities


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


# Practice, catch and repeat trials


@given(woven())
@settings(max_examples=100, deadline=None)
def test_practice_comes_first_and_catch_trials_stand_between_main_trials(design):
    for number, block in enumerate(lay_blocks(**design)):
        kinds = [t.kind for t in block]
        opening = block[: design["practice"]]
        assert all(t.kind == "practice" for t in opening)
        assert Counter(kinds) == +Counter(
            main=design["trials"],
            **{k: design[d] for k, d in (("practice", "practice"), ("catch", "catches"), ("repeat", "repeats"))},
        )
        rest = block[design["practice"] :]
        assert rest[0].kind == "main"
        assert {t.question for t in opening} <= {rest[0].question}
        if design["catches"] <= design["trials"]:
            assert not any(a.kind == b.kind == "catch" for a, b in pairwise(rest))
        assert sum(a.question != b.question for a, b in pairwise(rest)) == len({t.question for t in rest}) - 1
        assert rest[0].question == design["questions"][number % len(design["questions"])]


@given(woven())
@settings(max_examples=100, deadline=None)
def test_known_pairs_take_turns_on_both_sides_and_say_the_answer(design):
    blocks = lay_blocks(**design)
    for question in design["questions"]:
        shown = [t for b in blocks for t in b if t.kind in ("practice", "catch") and t.question == question]
        pairs = design["known"][question]
        counts = Counter(t.left + t.right for t in shown)
        assert spread_of(counts, [pair.better + pair.worse for pair in pairs]) <= 1
        for trial in shown:
            better = trial.left if trial.expected == "left" else trial.right
            assert KnownPair(trial.scene, better, trial.left + trial.right - better) in pairs
            assert trial.design_prob == 1 / len(pairs)
        for pair in pairs:
            sides = Counter(t.expected for t in shown if pair.better in (t.left, t.right))
            assert abs(sides["left"] - sides["right"]) <= 1
        if len(design["scenes"]) >= 3:  # scene 0 has two known pairs of four or more
            ordered = [t for b in blocks for t in b if t.kind == "catch" and t.question == question]
            assert design["practice"] or all(a.scene != b.scene for a, b in pairwise(ordered))
    assert all(t.expected == "" for b in blocks for t in b if t.kind in ("main", "repeat"))


def test_the_known_pairs_of_a_session_lie_on_both_sides():
    """Who always answers left fails about half of the catch trials of a session, not only on average."""
    known = {1: [KnownPair(s, 10 + s, 20 + s) for s in range(7)]}
    for seed in range(20):
        for block in lay_blocks(
            scenes={0: [1, 2, 3, 4, 5]}, questions=[1], trials=10, sessions=8, seed=seed, known=known, catches=6
        ):
            lefts = sum(t.expected == "left" for t in block if t.kind == "catch")
            assert 1 <= lefts <= 5


def test_catch_trials_are_spread_without_a_period():
    blocks = lay_blocks(
        scenes=scenes_of([5] * 6),
        questions=[1],
        trials=30,
        sessions=60,
        seed=4,
        known=known_of({0: []}, [1]),
        catches=5,
    )
    gaps: Counter[int] = Counter()
    for block in blocks:
        places = [place for place, t in enumerate(block) if t.kind == "catch"]
        # One in each fifth of the session, wherever in it.
        assert [sum(t.kind == "main" for t in block[:p]) - 1 for p in places] == [
            pytest.approx(6 * fifth + 2.5, abs=2.5) for fifth in range(5)
        ]
        gaps.update(b - a for a, b in pairwise(places))
    assert len(gaps) >= 9
    assert max(gaps.values()) < 0.3 * gaps.total()


@given(woven())
@settings(max_examples=100, deadline=None)
def test_a_repeat_is_a_main_trial_swapped_and_far_enough_away(design):
    for block in lay_blocks(**design):
        seen = set()
        blocks_of = Counter(t.question for t in block if t.kind == "main")
        room = sum(max(0, n - max(5, -(-n // 3)) + 1) for n in blocks_of.values())
        for place, trial in enumerate(block):
            if trial.kind != "repeat":
                assert trial.repeats is None
                continue
            first = block[trial.repeats]
            assert first.kind == "main"
            assert (first.question, first.scene, first.left, first.right) == (
                trial.question,
                trial.scene,
                trial.right,
                trial.left,
            )
            assert trial.repeats not in seen
            seen.add(trial.repeats)
            wanted = max(5, -(-blocks_of[trial.question] // 3)) if room >= design["repeats"] else 2
            assert place - trial.repeats >= wanted
        assert all(a.kind != "repeat" or b.kind != "repeat" for a, b in pairwise(block))


def test_what_is_woven_in_leaves_the_balance_of_main_trials_alone():
    scenes = scenes_of([4, 4, 3])
    blocks = lay_blocks(
        scenes=scenes,
        questions=[1],
        trials=12,
        sessions=9,
        seed=8,
        known=known_of(scenes, [1]),
        catches=3,
        practice=2,
        repeats=4,
    )
    for cut in range(1, 10):
        check_balance(flat(blocks[:cut]), scenes, {})


# Building blocks


@given(st.dictionaries(st.integers(0, 5), st.integers(0, 6), min_size=1), st.integers(0, 1000))
@settings(max_examples=300, deadline=None)
def test_no_scene_follows_itself_in_the_ring_where_that_can_be_avoided(counts, seed):
    order = ring(counts, random.Random(seed))
    assert Counter(order) == +Counter(counts)
    if order and 2 * max(counts.values()) <= len(order):
        assert all(a != b for a, b in pairwise([*order, order[0]]))


def test_each_turn_has_the_same_chance_of_each_place_of_the_ring():
    rng = random.Random(1)
    orders = [ring({0: 1, 1: 3, 2: 3}, rng) for _ in range(4000)]
    for place in range(7):
        assert sum(order[place] == 0 for order in orders) / 4000 == pytest.approx(1 / 7, abs=0.028)


@given(st.integers(2, 12), st.integers(0, 100))
def test_a_round_robin_has_each_pair_once(n, seed):
    pairs = round_robin(list(range(n)), random.Random(seed))
    assert sorted(pairs) == list(combinations(range(n), 2))


def test_the_same_seed_gives_the_same_plans_and_another_seed_others():
    scenes = {1: [1, 2, 3], 2: [4, 5, 6]}
    design = {
        "scenes": scenes,
        "questions": [1],
        "trials": 6,
        "sessions": 5,
        "known": known_of(scenes, [1]),
        "practice": 1,
        "catches": 2,
        "repeats": 1,
    }
    assert lay_blocks(**design, seed=3) == lay_blocks(**design, seed=3)
    assert lay_blocks(**design, seed=3) != lay_blocks(**design, seed=4)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"scenes": {}}, "at least two stimuli"),
        ({"scenes": {1: [1]}}, "at least two stimuli"),
        ({"questions": []}, "no question"),
        ({"trials": 0}, "at least one"),
        ({"strategy": "lucky"}, "No strategy is called 'lucky'. Choose one of balanced, focused, all_pairs"),
        ({"strategy": "focused", "targets": {0: 9}}, "Target 9 is not in group 0"),
        ({"catches": 1}, "question 1 has none"),
        ({"practice": 1, "known": {1: []}}, "question 1 has none"),
        ({"repeats": 3}, "3 repeats do not fit into 3 main trials, where 2 can"),
    ],
)
def test_an_impossible_design_is_refused_in_words(change, sentence):
    design = {"scenes": {1: [1, 2, 3]}, "questions": [1], "trials": 3, "sessions": 1, "seed": 1} | change
    with pytest.raises(ValueError, match=sentence):
        lay_blocks(**design)
