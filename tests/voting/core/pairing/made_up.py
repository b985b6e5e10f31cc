"""Designs that Hypothesis makes up, and what is counted about their plans."""

import math
from collections import Counter
from itertools import combinations

from hypothesis import strategies as st

from studyplatform.voting.core.pairing import KnownPair, PlannedTrial

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
