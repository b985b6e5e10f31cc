"""Questions that ask which picture is the real photograph: it stands beside each generated picture equally often."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyplatform.voting.core.pairing import KnownPair, Photographed, lay_blocks
from tests.voting.core.pairing.made_up import flat, pair_of, scenes_of, spread_of

#: The photograph of scene s is 10 000 + s.
PHOTOGRAPH = 10_000


def photographed(sizes):
    return [Photographed(s, PHOTOGRAPH + s, items) for s, items in scenes_of(sizes).items()]


def lay(sizes, **more):
    design = {"scenes": [], "questions": [7], "sessions": 12, "seed": 3, "real": {7: photographed(sizes)}}
    return lay_blocks(**(design | more))


def generated(trial):
    return min(trial.left, trial.right)


sizes = st.lists(st.integers(1, 6), min_size=1, max_size=6)


@given(sizes, st.integers(1, 20), st.integers(1, 14), st.integers(0, 9999), st.sampled_from(["balanced", "focused"]))
@settings(max_examples=120, deadline=None)
def test_pictures_sides_and_scenes_are_level_after_any_number_of_blocks(sizes, trials, sessions, seed, strategy):
    blocks = lay(sizes, trials=trials, sessions=sessions, seed=seed, strategy=strategy)
    pictures = scenes_of(sizes)
    for cut in range(1, sessions + 1):
        shown = flat(blocks[:cut], "real_fake")
        assert len(shown) == cut * trials
        for trial in shown:
            assert PHOTOGRAPH + trial.scene in (trial.left, trial.right)
            assert generated(trial) in pictures[trial.scene]
            assert getattr(trial, trial.expected) == PHOTOGRAPH + trial.scene
            assert (trial.strategy, trial.repeats) == ("balanced", None)
        counts = Counter(generated(t) for t in shown)
        rights = Counter((generated(t), t.expected) for t in shown)
        for items in pictures.values():
            assert spread_of(counts, items) <= 1
            assert all(abs(rights[i, "left"] - rights[i, "right"]) <= 1 for i in items)
        most = max(n for block in blocks for n in Counter(t.scene for t in block).values())
        turns = Counter(t.scene for t in shown)
        assert trials > sum(sizes) or spread_of(turns, [s for s in pictures if len(pictures[s]) >= most]) <= 1
    for block in blocks:
        scenes = Counter(t.scene for t in block)
        if 2 * max(scenes.values()) <= len(block):
            assert all(a.scene != b.scene for a, b in pairwise(block))
        again = Counter(map(pair_of, block))
        assert max(again.values()) <= -(-trials // sum(sizes))


@pytest.mark.parametrize(("scenes", "conditions", "trials"), [(24, 4, 24), (12, 5, 12), (9, 3, 18), (40, 4, 20)])
def test_a_session_meets_all_conditions_about_equally_often(scenes, conditions, trials):
    """By chance alone the commonest condition would be about 3 to 5 trials ahead of the rarest."""
    blocks = lay([conditions] * scenes, trials=trials, sessions=40)
    ahead = [spread_of(Counter(generated(t) % 100 for t in block), range(conditions)) for block in blocks]
    assert sum(ahead) / len(ahead) < 1.5


def test_in_a_session_longer_than_its_pictures_none_comes_again_before_all_have_come():
    for sizes, trials in (([3, 3], 8), ([3, 3, 3], 14), ([2, 4, 4], 23)):
        for block in lay(sizes, trials=trials, sessions=60):
            for scene in range(len(sizes)):
                shown = Counter(generated(t) for t in block if t.scene == scene)
                assert spread_of(shown, scenes_of(sizes)[scene]) <= 1


@pytest.mark.parametrize("session", [0, 1, 2])
def test_the_probability_of_a_pair_is_how_often_the_dice_bring_it(session):
    sizes, seeds = [3, 2], 3000
    found = Counter()
    for seed in range(seeds):
        block = lay(sizes, trials=3, sessions=3, seed=seed)[session]
        found[generated(block[1])] += 1
        assert {t.design_prob for t in block if t.scene == 0} == {0.5 / 3}
        assert {t.design_prob for t in block if t.scene == 1} == {0.5 / 2}
    for picture, share in ((0, 0.5 / 3), (1, 0.5 / 3), (2, 0.5 / 3), (100, 0.25), (101, 0.25)):
        assert found[picture] / seeds == pytest.approx(share, abs=4 * (share * (1 - share) / seeds) ** 0.5)


def test_all_pairs_shows_each_generated_picture_once_in_every_session():
    for block in lay([3, 2], trials=1, strategy="all_pairs"):
        assert sorted(map(generated, block)) == [0, 1, 2, 100, 101]
        assert {t.strategy for t in block} == {"all_pairs"}
        assert [t.design_prob for t in block] == pytest.approx([0.2] * 5)


def test_beside_another_question_each_keeps_its_own_pairs():
    scenes = scenes_of([3, 3, 3])
    real = {2: photographed([3, 3, 3])}
    blocks = lay_blocks(scenes=scenes, questions=[1, 2], trials=7, sessions=18, seed=4, real=real)
    for block in blocks:
        assert {t.kind for t in block if t.question == 1} == {"main"}
        assert {t.kind for t in block if t.question == 2} == {"real_fake"}
        assert abs(sum(t.question == 1 for t in block) - 3.5) < 1
        assert all(max(t.left, t.right) < PHOTOGRAPH and not t.expected for t in block if t.question == 1)
    mains = Counter(pair_of(t) for t in flat(blocks))
    assert len(mains) == 9
    assert max(mains.values()) - min(mains.values()) <= 1


def test_repeats_swap_the_sides_and_the_right_answer_and_catch_pairs_are_known_ones():
    known = {7: [KnownPair(s, 20_000 + s, 30_000 + s) for s in range(4)]}
    blocks = lay([3] * 4, trials=10, practice=2, catches=2, repeats=2, known=known)
    for block in blocks:
        assert Counter(t.kind for t in block) == {"practice": 2, "real_fake": 10, "catch": 2, "repeat": 2}
        for trial in block:
            if trial.kind == "repeat":
                first = block[trial.repeats]
                assert (first.kind, first.left, first.right) == ("real_fake", trial.right, trial.left)
            if trial.kind in ("practice", "catch"):
                assert getattr(trial, trial.expected) == 20_000 + trial.scene
            else:
                assert getattr(trial, trial.expected) == PHOTOGRAPH + trial.scene


def test_a_photograph_with_nothing_beside_it_is_refused_in_words():
    for real in ({7: []}, {7: [Photographed(0, 5, [])]}):
        with pytest.raises(ValueError, match="at least one generated picture"):
            lay([], trials=1, real=real)


def test_plans_of_other_questions_are_those_of_before():
    """The dice of a study that asks no such question fall as they did before there was one."""
    scenes = {1: [1, 2, 3], 2: [4, 5, 6]}
    [block] = lay_blocks(scenes=scenes, questions=[1], trials=6, sessions=1, seed=3)
    assert [(t.left, t.right) for t in block] == [(4, 5), (3, 2), (5, 6), (1, 2), (4, 6), (1, 3)]
