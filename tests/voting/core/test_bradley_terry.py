"""The maximum-likelihood fit against the literature, against choix, and at its edges."""

import json
from pathlib import Path

import choix
import numpy as np
import pytest

from studyplatform.voting.core import bradley_terry as bt

ORACLES = Path(__file__).parents[3] / "fixtures" / "oracles"
BRADLEY_TERRY = [json.loads(p.read_text()) for p in sorted(ORACLES.glob("*.json")) if '"wins"' in p.read_text()]


def random_wins(seed: int, n: int = 6, games: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=n)
    left, right = np.array([rng.choice(n, 2, replace=False) for _ in range(games)]).T
    y = (rng.random(games) < 1 / (1 + np.exp(theta[right] - theta[left]))).astype(float)
    return bt.count_wins(n, left, right, y)


@pytest.mark.parametrize("case", BRADLEY_TERRY, ids=lambda c: c["name"])
def test_published_answers_come_out(case):
    fit = bt.fit(np.array(case["wins"], dtype=float))
    at = case["reference_item"]
    assert np.allclose(fit.theta - fit.theta[at], case["theta"], atol=10.0 ** -case["decimals"])
    if "se_model" in case:
        keep = np.arange(len(fit.theta)) != at
        se = np.sqrt(np.diag(np.linalg.inv(fit.information[np.ix_(keep, keep)])))
        assert np.allclose(se, np.array(case["se_model"])[keep], atol=10.0 ** -case["decimals"])


def test_there_are_published_answers():
    assert len(BRADLEY_TERRY) >= 2


@pytest.mark.parametrize("seed", range(5))
def test_choix_agrees(seed):
    wins = random_wins(seed)
    pairs = [(i, j) for i in range(len(wins)) for j in range(len(wins)) for _ in range(int(wins[i, j]))]
    fit = bt.fit(wins)
    assert fit.ridge == 0
    assert np.allclose(fit.theta, choix.opt_pairwise(len(wins), pairs, tol=1e-10), atol=1e-5)


def test_two_items_give_the_log_odds():
    fit = bt.fit(np.array([[0.0, 30.0], [10.0, 0.0]]))
    assert fit.theta[0] - fit.theta[1] == pytest.approx(np.log(3))
    assert fit.information[0, 0] == pytest.approx(40 * 0.75 * 0.25)


def test_a_tie_is_half_a_win_to_each_side():
    left, right = np.array([0, 0, 1]), np.array([1, 1, 0])
    tied = bt.count_wins(2, left, right, np.array([1.0, 0.5, 0.5]))
    assert tied.tolist() == [[0.0, 2.0], [1.0, 0.0]]


def test_a_warm_start_leads_to_the_same_place_in_fewer_steps():
    wins = random_wins(1)
    cold = bt.fit(wins)
    warm = bt.fit(wins, start=cold.theta + 0.01)
    assert np.allclose(warm.theta, cold.theta, atol=1e-8)
    assert warm.steps < cold.steps
    assert bt.fit(wins, start=np.linspace(-30, 30, 6)).theta == pytest.approx(cold.theta, abs=1e-6)


def test_the_gradient_vanishes_at_the_answer():
    wins = random_wins(2)
    fit = bt.fit(wins)
    expected = ((wins + wins.T) * bt.win_probability(fit.theta)).sum(axis=1)
    assert fit.converged
    assert np.allclose(wins.sum(axis=1), expected, atol=1e-7)
    assert fit.theta.sum() == pytest.approx(0, abs=1e-12)


def test_an_item_that_won_everything_is_named_and_kept_finite():
    wins = random_wins(3, n=4)
    wins[:, 0] = 0
    fit = bt.fit(wins)
    assert fit.separated.tolist() == [True, False, False, False]
    assert fit.ridge == bt.RIDGE
    assert np.isfinite(fit.theta).all()
    assert fit.theta.argmax() == 0
    assert fit.connected


def test_islands_are_found_and_each_is_centred():
    wins = np.zeros((5, 5))
    wins[:2, :2] = [[0, 7], [3, 0]]
    wins[2:, 2:] = random_wins(4, n=3, games=60)
    fit = bt.fit(wins)
    assert fit.component.tolist() == [0, 0, 1, 1, 1]
    assert not fit.connected
    assert fit.theta[:2].sum() == pytest.approx(0)
    assert fit.theta[2:].sum() == pytest.approx(0)
    assert fit.theta[0] - fit.theta[1] == pytest.approx(np.log(7 / 3))


def test_a_stack_of_tables_is_fitted_as_one_by_one():
    stack = np.stack([random_wins(seed, games=games) for seed, games in enumerate([3, 10, 40, 400])])
    stack[1, :, 2] = 0
    one_by_one = [bt.fit(wins, ridge=0.05).theta for wins in stack]
    assert np.allclose(bt.fit_many(stack), one_by_one, atol=1e-7)


@pytest.mark.parametrize(
    ("wins", "sentence"),
    [
        ([[0, 1], [1, 1]], "itself"),
        ([[0, -1], [1, 0]], "negative"),
        ([[0, np.nan], [1, 0]], "finite"),
        ([[0, 1, 2], [1, 0, 2]], "square"),
    ],
)
def test_a_table_that_is_none_is_refused(wins, sentence):
    with pytest.raises(ValueError, match=sentence):
        bt.fit(np.array(wins, dtype=float))


def test_votes_that_are_none_are_refused():
    with pytest.raises(ValueError, match="itself"):
        bt.count_wins(2, np.array([1]), np.array([1]), np.array([1.0]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        bt.count_wins(2, np.array([0]), np.array([1]), np.array([2.0]))
    with pytest.raises(ValueError, match="ridge"):
        bt.fit_many(np.zeros((1, 2, 2)), ridge=0)
