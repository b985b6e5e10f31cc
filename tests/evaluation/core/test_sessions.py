"""Sessions of a plan: laid by the live allocator, and only what the primary test uses is counted."""

import json
from collections import Counter

import numpy as np
import pytest

from evaluation.core.sessions import UNCOUNTED, Design, factorial, lay, pairs_counted
from studyplatform.voting.core import pairing


def pairs(design, sessions):
    """(person, scene, set of conditions) of every pair that counts."""
    shown = lay(design, sessions).shown
    rows = zip(shown.person, shown.scene, shown.left, shown.right, strict=True)
    return [(int(p), int(s), frozenset((int(a), int(b)))) for p, s, a, b in rows]


def test_a_balanced_study_shows_nobody_a_pair_twice_and_all_pairs_alike():
    found = pairs(factorial(5, 5, 30), 20)
    assert len(found) == len(set(found)) == 600
    counts = Counter((scene, pair) for _, scene, pair in found)
    assert set(counts.values()) == {12}


def test_they_are_the_plans_of_the_allocator():
    design = factorial(3, 4, 9, seed=5)
    groups = [(s, range(4 * s, 4 * s + 4)) for s in range(3)]
    plans = pairing.lay_blocks(scenes=groups, questions=[0], trials=9, sessions=7, seed=5)
    shown = lay(design, 7).shown
    laid = [(n, t.scene, t.left % 4, t.right % 4) for n, plan in enumerate(plans) for t in plan]
    assert laid == list(zip(shown.person, shown.scene, shown.left, shown.right, strict=True))


def test_fewer_sessions_are_the_first_of_more():
    design = factorial(4, 3, 8, practice=2, catches=3, repeats=1)
    few, many = lay(design, 9).shown, lay(design, 20).shown
    first = many.person < 9
    for name in ("person", "scene", "left", "right"):
        assert np.array_equal(getattr(few, name), getattr(many, name)[first])


def test_practice_catch_and_repeat_trials_take_time_and_do_not_count():
    plain, woven = factorial(4, 3, 8), factorial(4, 3, 8, practice=2, catches=3, repeats=2)
    assert pairs_counted(plain) == pairs_counted(woven) == 8
    assert (lay(plain, 9).length, lay(woven, 9).length) == (8, 15)


def test_all_pairs_are_shown_to_everybody_whatever_was_asked_for():
    found = pairs(factorial(2, 4, 3, strategy="all_pairs"), 8)
    assert len(found) == len(set(found)) == 8 * 2 * 6


def test_a_focused_study_shows_the_minimiser_in_seven_of_ten_pairs():
    design = factorial(5, 9, 30, strategy="focused")
    shares = [design.minimiser in pair for _, _, pair in pairs(design, 40)]
    assert np.mean(shares) == pytest.approx(0.7, abs=0.01)


def test_controls_and_conditions_that_a_scene_lacks_take_turns_and_do_not_count():
    cells = ((0, UNCOUNTED), (0, 0), (0, 1), (1, UNCOUNTED), (1, 0), (1, 1))
    design = Design(cells, ((1, 2, 0), (4, 5, 3)), trials=6)
    assert (design.scenes, design.conditions) == (2, 2)
    assert pairs_counted(design) == 2  # of the six pairs of a session one in each scene
    assert {pair for _, _, pair in pairs(design, 8)} == {frozenset((0, 1))}


def test_questions_share_a_session_and_the_first_that_compares_pictures_is_planned():
    cells = factorial(2, 3, 1).pictures
    groups = ((0, 1, 2), (3, 4, 5))
    two = Design(cells, groups, trials=6, real=(False, False))
    assert pairs_counted(two) == 3
    photographs = ((6, (0, 1, 2)), (7, (3, 4, 5)))
    both = Design((*cells, (0, UNCOUNTED), (1, UNCOUNTED)), groups, 6, photographs, real=(True, False))
    assert pairs_counted(both) == 3
    assert {pair for _, _, pair in pairs(both, 8)} == {frozenset(p) for p in ((0, 1), (0, 2), (1, 2))}


def test_a_design_comes_back_from_json():
    design = factorial(2, 3, 6, photographed=((6, (0, 1)),), ties=True, alpha=0.01)
    assert Design.from_json(json.loads(json.dumps(design.to_json()))) == design


def test_what_cannot_be_compared_is_refused():
    for scenes, conditions, trials in ((0, 5, 30), (5, 1, 30), (5, 5, 0)):
        with pytest.raises(ValueError, match="nothing to compare"):
            factorial(scenes, conditions, trials)
    with pytest.raises(ValueError, match="nothing to compare"):
        factorial(5, 5, 30, real=(True,))
    with pytest.raises(ValueError, match="repeats do not fit"):
        lay(factorial(2, 3, 4, repeats=4), 8)
