"""The order in which scenes take turns, and round robins."""

import random
from collections import Counter
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studyplatform.voting.core.pairing.decks import ring, round_robin


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
