"""Votes per condition by hand."""

import numpy as np
import pytest
from scipy import stats

from evaluation.core.ballots import Ballots
from evaluation.core.scale.shares import win_shares


def votes(rows, k):
    p, left, right, y = (np.array(column) for column in zip(*rows, strict=True))
    return Ballots(tuple(f"c{i}" for i in range(k)), int(p.max()) + 1, p, left, right, y.astype(float))


def test_share_and_interval_by_hand():
    y = [1, 1, 0, 1, 1, 0, 1, 1, 1, 0]
    first, second = win_shares(votes([(p, 0, 1, y[p]) for p in range(10)], 2))
    assert first.share == 0.7
    assert second.share == pytest.approx(0.3)
    se = np.sqrt(10 / 9 * sum((v - 0.7) ** 2 for v in y)) / 10
    assert first.share - first.low == pytest.approx(stats.t.ppf(0.975, 9) * se)


def test_rivals_weigh_the_same():
    rows = [(p, 0, 1, 1) for p in range(10) for _ in range(9)] + [(p, 0, 2, 0) for p in range(10)]
    assert win_shares(votes(rows, 3))[0].share == 0.5


def test_the_interval_leaves_out_each_participant():
    rng = np.random.default_rng(3)
    rows = [(p, *rng.choice(4, 2, replace=False), rng.choice([0, 0.5, 1])) for p in range(9) for _ in range(3)]
    rows.append((9, 3, 4, 1))  # nobody else meets c4: without participant 9 that pair is gone
    found = win_shares(votes(rows, 5))
    without = [win_shares(votes([r for r in rows if r[0] != p], 5)) for p in range(10)]
    for i in range(4):
        met = [p for p in range(10) if any(r[0] == p and i in r[1:3] for r in rows)]
        squares = sum((without[p][i].share - found[i].share) ** 2 for p in met)
        n = found[i].n_participants
        assert n == len(met) >= 8
        half = stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) / n * squares)
        assert found[i].high == pytest.approx(min(1, found[i].share + half))
        assert found[i].low == pytest.approx(max(0, found[i].share - half))
    assert (found[4].share, found[4].low) == (0.0, None)


def test_a_clean_sweep_still_has_an_interval():
    sweep = win_shares(votes([(p, 0, 1, 1) for p in range(10)], 2))[0]
    assert sweep.share == sweep.high == 1
    assert sweep.low == pytest.approx(0.025**0.1)


def test_no_votes_are_no_shares():
    empty = np.zeros(0, dtype=int)
    found = win_shares(Ballots(("a", "b"), 0, empty, empty, empty, np.zeros(0)))
    assert [s.share for s in found] == [None, None]


def test_few_participants_have_no_interval_and_the_unseen_no_share():
    few = win_shares(votes([(p, 0, 1, 1) for p in range(7)], 3))
    assert few[0].share == 1
    assert few[0].low is None
    assert few[2].share is None
    assert few[2].n_votes == 0


def test_the_interval_covers_the_truth_under_tastes():
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        p_person = rng.beta(3, 2, size=12)  # mean .6
        rows = [(p, 0, 1, rng.random() < p_person[p]) for p in range(12) for _ in range(10)]
        share = win_shares(votes(rows, 2))[0]
        covered += share.low <= 0.6 <= share.high
    assert abs(covered / 200 - 0.95) <= 3.3 * np.sqrt(0.95 * 0.05 / 200)
