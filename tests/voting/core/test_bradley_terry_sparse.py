"""The sparse fit against the dense one, at its threads and bridges, and at its size."""

import tracemalloc

import numpy as np
import pytest

from studyplatform.voting.core import bradley_terry as bt
from studyplatform.voting.core.bradley_terry import newton


def votes(n, left, right, rng, *, times=6, both_ways=True):
    """Votes on the given pairs under random strengths; ``both_ways``: each pair also decided once either way."""
    left, right = np.repeat(left, times), np.repeat(right, times)
    theta = rng.normal(size=n)
    y = (rng.random(len(left)) < 1 / (1 + np.exp(theta[right] - theta[left]))).astype(float)
    if both_ways:
        left, right = np.concatenate([left, left, left]), np.concatenate([right, right, right])
        y = np.concatenate([y, np.ones(len(y)), np.zeros(len(y))])
    return left, right, y


def shapes(n, rng):
    row = np.arange(n - 1)
    half = n // 2
    inside, across = rng.integers(0, half, (6 * n, 2)), rng.integers(half, n, (6 * n, 2))
    two = np.concatenate([inside, across])
    two = two[two[:, 0] != two[:, 1]].T
    return {
        "chain": (row, row + 1),
        "ring": (np.arange(n), (np.arange(n) + 1) % n),
        "star": (np.zeros(n - 1, dtype=int), row + 1),
        "tree": (row // 2, row + 1),
        "neighbours": tuple(np.concatenate([[np.arange(n - k), np.arange(n - k) + k] for k in (1, 2, 3)], axis=1)),
        "islands": tuple(two),
        "bridge": tuple(np.concatenate([two, [[0], [half]]], axis=1)),
    }


@pytest.mark.parametrize("both_ways", [True, False], ids=["plain", "separated"])
@pytest.mark.parametrize("shape", ["chain", "ring", "star", "tree", "neighbours", "islands", "bridge"])
def test_sparse_and_dense_agree(shape, both_ways, monkeypatch):
    n, rng = 300, np.random.default_rng(7)
    left, right, y = votes(n, *shapes(n, rng)[shape], rng, both_ways=both_ways)
    pairs = bt.count_pairs(n, left, right, y)
    sparse = bt.fit_pairs(pairs)
    monkeypatch.setattr(newton, "SMALL", n)
    dense = bt.fit_pairs(pairs)
    assert sparse.converged
    assert np.allclose(sparse.theta, dense.theta, atol=1e-6)
    assert sparse.ridge == dense.ridge


@pytest.mark.parametrize("v", [400, 50], ids=["through a table", "through a sparse sum"])
def test_counts_by_hand(v):
    rng = np.random.default_rng(0)
    n = 30
    left = rng.integers(0, n, v)
    right = (left + rng.integers(1, n, v)) % n
    y, weight = rng.choice([0, 0.5, 1], v), rng.integers(0, 4, v).astype(float)
    by_hand = np.zeros((n, n))
    for i, j, share, w in zip(left, right, y, weight, strict=True):
        by_hand[i, j] += w * share
        by_hand[j, i] += w * (1 - share)
    pairs = bt.count_pairs(n, left, right, y, weight)
    assert np.allclose(pairs.table(), by_hand)
    assert np.all(pairs.first < pairs.second)
    assert np.all(np.diff(pairs.first * n + pairs.second) > 0)
    assert np.all(pairs.games > 0)


def test_separation_is_found_without_a_table():
    n = 400
    chain = np.arange(n - 1)
    left, right = np.concatenate([chain, chain]), np.concatenate([chain + 1, chain + 1])
    y = np.concatenate([np.ones(n - 1), np.zeros(n - 1)])
    y[0] = y[n - 1] = 1.0  # item 0 beat item 1 both times
    fit = bt.fit_pairs(bt.count_pairs(n, left, right, y))
    assert fit.separated.tolist() == [True] + [False] * (n - 1)
    assert fit.ridge == bt.RIDGE
    assert fit.connected


@pytest.fixture(scope="module")
def large():
    rng = np.random.default_rng(1)
    n, v = 5_000, 1_000_000
    theta = rng.normal(size=n)
    left = rng.integers(0, n, v)
    right = (left + rng.integers(1, n, v)) % n
    return n, left, right, (rng.random(v) < 1 / (1 + np.exp(theta[right] - theta[left]))).astype(float)


def test_five_thousand_items_and_a_million_votes_take_memory_in_their_pairs(large):
    n, left, right, y = large
    tracemalloc.start()
    pairs = bt.count_pairs(n, left, right, y)
    fit = bt.fit_pairs(pairs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert fit.converged
    expected = pairs.games * fit.win
    assert np.abs(pairs.net(pairs.wins - expected)).max() < 1e-5
    # A table of 5 000 x 5 000 numbers alone takes 200 bytes a pair.
    assert peak < 160 * len(pairs.first)


def test_a_bad_start_leads_home():
    rng = np.random.default_rng(3)
    n = 200
    left = rng.integers(0, n, 8000)
    right = (left + rng.integers(1, n, 8000)) % n
    pairs = bt.count_pairs(n, left, right, (rng.random(8000) < 0.6).astype(float))
    cold = bt.fit_pairs(pairs)
    assert np.allclose(bt.fit_pairs(pairs, start=np.linspace(-40, 40, n)).theta, cold.theta, atol=1e-6)


def test_replicates_are_fits_of_their_own_counts():
    rng = np.random.default_rng(5)
    for n in (8, 170):  # in a batch, and one by one
        left = rng.integers(0, n, 40 * n)
        right = (left + rng.integers(1, n, 40 * n)) % n
        pairs = bt.count_pairs(n, left, right, rng.integers(0, 2, 40 * n).astype(float))
        whole = bt.fit_pairs(pairs)
        wins, losses = (
            rng.poisson(counts, size=(4, len(counts))).astype(float) for counts in (pairs.wins, pairs.losses)
        )
        wins[0], losses[0] = (
            np.where(pairs.first == 0, wins[0] + losses[0], wins[0]),
            np.where(pairs.first == 0, 0, losses[0]),
        )
        found = bt.fit_replicates(pairs, wins, losses, start=whole.theta)
        for theta, won, lost in zip(found, wins, losses, strict=True):
            table = np.zeros((n, n))
            table[pairs.first, pairs.second], table[pairs.second, pairs.first] = won, lost
            alone = bt.fit(table)
            assert np.allclose(theta, alone.theta, atol=1e-6)
        assert bt.fit(table).ridge == 0
        first = np.zeros((n, n))
        first[pairs.first, pairs.second], first[pairs.second, pairs.first] = wins[0], losses[0]
        assert bt.fit(first).ridge == bt.RIDGE


@pytest.mark.parametrize("n", [60, 200])
def test_a_replicate_that_falls_apart_keeps_its_distance(n):
    rng = np.random.default_rng(8)
    chain = np.arange(n - 1)
    pairs = bt.count_pairs(n, *votes(n, chain, chain + 1, rng))
    whole = bt.fit_pairs(pairs)
    wins, losses = pairs.wins.copy(), pairs.losses.copy()
    cut = np.flatnonzero(pairs.first == n // 2)
    wins[cut] = losses[cut] = 0.0
    theta = bt.fit_replicates(pairs, wins[None], losses[None], start=whole.theta)[0]
    assert np.allclose(np.diff(theta), np.diff(whole.theta), atol=1e-6)
