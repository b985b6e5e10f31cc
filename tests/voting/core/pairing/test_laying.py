"""Plans as a whole: repeatable, and refused in words where they cannot be laid."""

import pytest

from studyplatform.voting.core.pairing import lay_blocks
from tests.voting.core.pairing.made_up import (
    known_of,
)


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
