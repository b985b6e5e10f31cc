"""Votes per condition by hand."""

import numpy as np
import pytest
from scipy import stats

from evaluation.core.ballots import Ballots
from evaluation.core.shares import win_shares


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


def test_a_clean_sweep_still_has_an_interval():
    sweep = win_shares(votes([(p, 0, 1, 1) for p in range(10)], 2))[0]
    assert sweep.share == sweep.high == 1
    assert sweep.low == pytest.approx(0.025**0.1)


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
