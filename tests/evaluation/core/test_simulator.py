"""The simulator against its own formulas: shares, ties, sides, lapses, spammers, the design, the seed."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit

from evaluation.core.evidence import gather, vote_table
from evaluation.core.options import Options
from evaluation.core.simulator import Crowd, Design, as_study, expected_shares, simulate

SAME = {"taste": 0.0, "axis": 0.0, "lapse": 0.0}


def share_left(utilities, crowd, *, seed=1, trials=50):
    """Mean of y and its standard error."""
    y = simulate(np.array([utilities]), crowd, Design(trials), seed=seed).y
    return y.mean(), y.std() / np.sqrt(len(y))


def test_one_seed_gives_the_same_votes():
    theta = np.random.default_rng(0).normal(size=(3, 4))
    first, again, other = (simulate(theta, Crowd(), Design(), seed=s) for s in (1, 1, 2))
    for name in ("person", "scene", "left", "right", "y"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.y, other.y)


@pytest.mark.parametrize(
    "crowd",
    [
        Crowd(5000, taste=2.0, axis=0.0, lapse=0.0),
        Crowd(5000, taste=0.0, axis=2.0, lapse=0.0),
        Crowd(5000, taste=0.3, axis=0.5, lapse=0.4, side=0.6, ties=0.8, spam_random=0.3, spam_left=0.15),
        Crowd(5000, taste=0.5, axis=0.0, lapse=0.0, link="normal"),
    ],
)
def test_expected_shares_are_what_an_endless_crowd_would_say(crowd):
    theta = np.array([[0.0, 0.6, 1.5], [0.4, -0.4, 0.0]])
    truth = expected_shares(theta, crowd)
    votes = simulate(theta, crowd, Design(30), seed=3)
    wins = votes.wins()
    games = wins + wins.transpose(0, 2, 1)
    upper = np.triu_indices(3, 1)
    for s in range(2):
        off = (wins[s] / np.maximum(games[s], 1) - truth[s])[upper]
        # A person's two or more votes on a cell go together: the error is at most that of the people.
        assert np.abs(off).max() < 4 * 0.5 / np.sqrt(crowd.participants)
    assert np.allclose(truth + truth.transpose(0, 2, 1), 1)


def test_without_tastes_the_share_is_the_logistic_of_the_difference():
    truth = expected_shares(np.array([[0.0, 1.3]]), Crowd(**SAME))
    assert truth[0, 1, 0] == pytest.approx(expit(1.3), abs=1e-12)
    thurstone = expected_shares(np.array([[0.0, np.log(3)]]), Crowd(**SAME, link="normal"))
    assert thurstone[0, 1, 0] == pytest.approx(0.75, abs=1e-4)  # one JOD is 75 : 25 in both models


def test_sides_ties_and_lapses_have_their_sizes():
    mean, se = share_left([0.0, 0.0], Crowd(1000, **SAME, side=0.5))
    assert mean == pytest.approx(expit(0.5), abs=4 * se)
    votes = simulate(np.zeros((1, 2)), Crowd(1000, **SAME, ties=1.0), Design(50), seed=2)
    assert np.mean(votes.y == 0.5) == pytest.approx(1 / 3, abs=0.01)  # nu / (2 + nu)
    votes = simulate(np.array([[0.0, 3.0]]), Crowd(1000, **SAME, ties=1.0), Design(50), seed=2)
    assert np.mean(votes.y == 0.5) == pytest.approx(1 / (np.exp(1.5) + 1 + np.exp(-1.5)), abs=0.01)
    votes = simulate(np.array([[0.0, 50.0]]), Crowd(1000, taste=0, axis=0, lapse=0.2), Design(50), seed=2)
    assert np.mean(np.where(votes.left == 1, votes.y, 1 - votes.y)) == pytest.approx(0.9, abs=0.01)


def test_spammers_answer_by_coin_or_always_left():
    votes = simulate(np.array([[0.0, 50.0]]), Crowd(2000, **SAME, spam_random=0.1, spam_left=0.2), Design(40), seed=1)
    lefts = np.bincount(votes.person, weights=votes.y) / 40
    right_answer = np.bincount(votes.person, weights=np.where(votes.left == 1, votes.y, 1 - votes.y)) / 40
    assert np.mean(lefts == 1) == pytest.approx(0.2, abs=0.03)
    assert np.mean((lefts < 1) & (right_answer < 1)) == pytest.approx(0.1, abs=0.03)
    everyone = simulate(np.zeros((1, 2)), Crowd(50, spam_left=1.0), Design(10), seed=1)
    assert (everyone.y == 1).all()


def test_pairs_are_dealt_evenly_and_sides_are_random():
    votes = simulate(np.zeros((5, 5)), Crowd(100), Design(30), seed=4)
    low, high = np.minimum(votes.left, votes.right), np.maximum(votes.left, votes.right)
    counts = np.bincount((votes.scene * 5 + low) * 5 + high)
    assert set(counts[counts > 0]) == {60}  # 3 000 votes on 50 cells
    assert (low != high).all()
    assert stats.binomtest(int(np.sum(votes.left < votes.right)), 3000).pvalue > 1e-3
    assert (np.bincount(votes.person) == 30).all()


def test_a_focused_design_shows_the_hub_as_often_as_it_says():
    hub = [0, 3, 8]
    votes = simulate(np.zeros((3, 9)), Crowd(300), Design(30, hub=hub, focus=0.7), seed=4)
    with_hub = (votes.left == np.array(hub)[votes.scene]) | (votes.right == np.array(hub)[votes.scene])
    assert with_hub.mean() == pytest.approx(0.7, abs=0.02)
    two = simulate(np.zeros((1, 2)), Crowd(5), Design(4, hub=[1]), seed=1)
    assert two.n_votes == 20


def test_a_picture_that_is_not_there_is_never_shown():
    theta = np.array([[0.0, np.nan, 0.0], [0.0, 0.0, 0.0]])
    votes = simulate(theta, Crowd(50), Design(), seed=1)
    first = votes.scene == 0
    assert not ((votes.left[first] == 1) | (votes.right[first] == 1)).any()
    assert votes.shared.tolist() == [True, False, True]
    assert np.isnan(expected_shares(theta, Crowd())[0, 0, 1])
    with pytest.raises(ValueError, match="nothing to compare"):
        simulate(np.array([[0.0, np.nan]]), Crowd(), Design(), seed=1)


def test_the_study_holds_the_same_votes_and_losses():
    theta = np.random.default_rng(1).normal(size=(3, 4))
    theta[2, 3] = np.nan
    votes = simulate(theta, Crowd(12, ties=0.5), Design(20), seed=1)
    data = as_study(votes, {"total": -theta, "other": theta}, levels={"lr": [0.1, 0.2, 0.3, 0.4]}).canonical()
    assert data.simulated
    assert [c.params["lr"] for c in data.conditions] == [0.1, 0.2, 0.3, 0.4]
    found = gather(data, "q", Options(draws=99))
    again = found.votes
    assert np.array_equal(again.there, votes.there)
    for name in ("person", "scene", "left", "right", "y"):
        assert np.array_equal(getattr(again, name), getattr(votes, name)), name
    assert found.primary == "total"
    at = [np.nanargmin(row) for row in -theta]
    assert [found.metric("total").minima[s].items for s in votes.scenes] == [(votes.conditions[c],) for c in at]
    assert vote_table(data, data.trials).n_votes == 240


def test_a_large_crowd_is_drawn_in_seconds():
    votes = simulate(np.zeros((20, 30)), Crowd(5000), Design(50), seed=1)
    assert votes.n_votes == 250_000


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"link": "cauchy"}, "'cauchy'"), ({"lapse": 1.5}, "no share"), ({"spam_left": 0.7, "spam_random": 0.6}, "every")],
)
def test_a_crowd_that_cannot_be_is_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        Crowd(**wrong)
