"""Practice, catch and repeat trials: in their place, on both sides, without a pattern."""

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings

from studyplatform.voting.core.pairing import KnownPair, lay_blocks
from tests.voting.core.pairing.made_up import (
    check_balance,
    flat,
    known_of,
    scenes_of,
    spread_of,
    woven,
)


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
