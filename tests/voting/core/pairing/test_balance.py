"""What plans promise whatever the design: balance, distinct pairs, equal turns, the focus."""

from collections import Counter
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyplatform.voting.core.pairing import lay_blocks
from studyplatform.voting.core.pairing.decks import share_out
from tests.voting.core.pairing.made_up import (
    check_balance,
    designs,
    flat,
    largest_share,
    pair_of,
    scenes_of,
    sizes_of,
    spread_of,
)


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
