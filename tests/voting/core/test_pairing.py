"""The balance that `balanced` promises, for designs that Hypothesis makes up."""

import random
from collections import Counter
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyplatform.voting.core.pairing import PlannedTrial, lay_blocks, round_robin, spread

designs = st.fixed_dictionaries(
    {
        "scenes": st.lists(st.integers(2, 6), min_size=1, max_size=5).map(
            lambda sizes: {s: [100 * s + c for c in range(n)] for s, n in enumerate(sizes)}
        ),
        "questions": st.integers(1, 3).map(lambda n: list(range(n))),
        "trials": st.integers(1, 24),
        "sessions": st.integers(1, 14),
        "seed": st.integers(0, 10_000),
    }
)


def spread_of(counts: Counter[object], keys: list[object]) -> int:
    """Largest less smallest count over all ``keys``, those never seen included."""
    values = [counts[key] for key in keys]
    return max(values) - min(values)


def flat(blocks: list[list[PlannedTrial]]) -> list[PlannedTrial]:
    return [trial for block in blocks for trial in block]


@given(designs)
@settings(max_examples=150, deadline=None)
def test_pairs_scenes_and_sides_are_balanced_after_any_number_of_blocks(design):
    blocks = lay_blocks(**design)
    for cut in range(1, len(blocks) + 1):
        for question in design["questions"]:
            trials = [t for t in flat(blocks[:cut]) if t.question == question]
            scenes = Counter(t.scene for t in trials)
            assert spread_of(scenes, list(design["scenes"])) <= 1
            for scene, items in design["scenes"].items():
                pairs = Counter(frozenset((t.left, t.right)) for t in trials if t.scene == scene)
                wanted = [frozenset(pair) for pair in combinations(items, 2)]
                assert set(pairs) <= set(wanted)
                assert spread_of(pairs, wanted) <= 1
                lefts = Counter((t.left, t.right) for t in trials if t.scene == scene)
                assert all(abs(lefts[a, b] - lefts[b, a]) <= 1 for a, b in combinations(items, 2))


@given(designs)
@settings(max_examples=150, deadline=None)
def test_a_session_has_its_length_its_questions_in_one_piece_and_no_pair_twice(design):
    for block in lay_blocks(**design):
        assert len(block) == design["trials"]
        changes = sum(a.question != b.question for a, b in pairwise(block))
        assert changes == len({t.question for t in block}) - 1
        for question in design["questions"]:
            for scene, items in design["scenes"].items():
                pairs = [frozenset((t.left, t.right)) for t in block if (t.question, t.scene) == (question, scene)]
                if len(pairs) <= len(items) * (len(items) - 1) // 2:
                    assert len(set(pairs)) == len(pairs)


@given(designs)
@settings(max_examples=100, deadline=None)
def test_the_probabilities_are_those_of_the_design(design):
    for trial in flat(lay_blocks(**design)):
        n = len(design["scenes"][trial.scene])
        assert trial.design_prob == pytest.approx(1 / (len(design["scenes"]) * n * (n - 1) / 2))
        assert trial.strategy == "balanced"


def test_the_stated_probability_is_the_frequency():
    """Which pair comes first is uniform over seeds: the stored number is not only a label."""
    firsts = Counter(
        (block[0].scene, *sorted((block[0].left, block[0].right)))
        for seed in range(3000)
        for block in lay_blocks(scenes={0: [1, 2, 3], 1: [4, 5, 6]}, questions=[0], trials=4, sessions=1, seed=seed)
    )
    assert len(firsts) == 6
    assert max(abs(n / 3000 - 1 / 6) for n in firsts.values()) < 0.03


def test_left_and_right_are_random_within_the_balance():
    firsts = [
        lay_blocks(scenes={0: [1, 2]}, questions=[0], trials=1, sessions=1, seed=seed)[0][0].left for seed in range(400)
    ]
    assert 150 < firsts.count(1) < 250


@given(st.dictionaries(st.integers(0, 5), st.integers(0, 6), min_size=1), st.integers(0, 1000), st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_scene_follows_itself_where_that_can_be_avoided(counts, seed, started):
    previous = next(iter(counts)) if started else None
    order = spread(counts, random.Random(seed), previous)
    assert Counter(order) == +Counter(counts)
    total = sum(counts.values())
    limits = {s: total // 2 if s == previous else (total + 1) // 2 for s in counts}
    if all(n <= limits[s] for s, n in counts.items()):
        assert all(a != b for a, b in pairwise([previous, *order]))


@given(st.integers(2, 12), st.integers(0, 100))
def test_a_round_robin_has_each_pair_once(n, seed):
    pairs = round_robin(list(range(n)), random.Random(seed))
    assert sorted(pairs) == list(combinations(range(n), 2))


def test_the_same_seed_gives_the_same_plans_and_another_seed_others():
    design = {"scenes": {1: [1, 2, 3], 2: [4, 5, 6]}, "questions": [1], "trials": 6, "sessions": 5}
    assert lay_blocks(**design, seed=3) == lay_blocks(**design, seed=3)
    assert lay_blocks(**design, seed=3) != lay_blocks(**design, seed=4)


@pytest.mark.parametrize(("scenes", "questions"), [({}, [1]), ({1: [1]}, [1]), ({1: [1, 2]}, [])])
def test_an_empty_design_is_refused(scenes, questions):
    with pytest.raises(ValueError, match=r"question|two stimuli"):
        lay_blocks(scenes=scenes, questions=questions, trials=3, sessions=1, seed=1)
