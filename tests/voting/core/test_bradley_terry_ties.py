"""Ties and sides against R's numbers (fixtures/oracles/pairs.R), against publications, and at their edges."""

import json
from pathlib import Path

import numpy as np
import pytest

from studyplatform.voting.core import bradley_terry as bt

CASES = json.loads((Path(__file__).parents[3] / "fixtures" / "oracles" / "pairs.json").read_text())
MODELS = {"half_wins": bt.fit_half_wins, "davidson": bt.fit_davidson, "rao_kupper": bt.fit_rao_kupper}
named = {case["name"]: case for case in CASES}


def votes(case):
    """Votes of a case, one by one, and whose they are where that is known."""
    n = np.array(case["n"], dtype=int)
    left, right, y = (np.repeat(case[key], n) for key in ("left", "right", "y"))
    return left, right, y.astype(float), np.array(case["cluster"]) if "cluster" in case else None


def fit_of(case):
    left, right, y, cluster = votes(case)
    return MODELS[case["model"]](len(case["items"]), left, right, y, cluster=cluster, side="side" in case)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c["name"])
def test_r_agrees(case):
    fit = fit_of(case)
    assert fit.converged
    assert fit.ridge == 0
    assert np.allclose(fit.theta - fit.theta[0], case["theta"], atol=1e-5)
    # polr's curvature is a numeric one.
    close = 2e-3 if case["model"] == "rao_kupper" else 2e-5
    for i in range(1, len(case["items"])):
        contrast = np.zeros(len(fit.cov_model))
        contrast[[i, 0]] = 1.0, -1.0
        assert np.sqrt(contrast @ fit.cov_model @ contrast) == pytest.approx(case["se"][i], rel=close)
        if "se_clustered" in case:
            assert np.sqrt(contrast @ fit.cov_clustered @ contrast) == pytest.approx(case["se_clustered"][i], rel=1e-5)
    if "side" in case:
        assert fit.side == pytest.approx(case["side"], abs=1e-5)
        assert fit.se_side == pytest.approx(case["side_se"], rel=close)
    if "tie" in case:
        assert fit.tie == pytest.approx(case["tie"], abs=1e-5)
        assert np.sqrt(fit.cov_model[-1, -1]) == pytest.approx(case["tie_se"], rel=close)


def test_davidsons_own_puddings():
    fit = fit_of(named["puddings"])
    worth = np.exp(fit.theta) / np.exp(fit.theta).sum()
    # His iterations of 1970 stopped 2e-5 from the maximum that R and we find.
    assert np.allclose(worth, named["puddings"]["published_worth"], atol=3e-5)
    assert np.exp(fit.tie) == pytest.approx(named["puddings"]["published_nu"], abs=3e-5)


def test_the_counts_give_the_plain_fit():
    for name in ("citations", "icehockey", "celebrities"):
        case = named[name]
        left, right, y, _ = votes(case)
        fit = bt.fit_pairs(bt.count_pairs(len(case["items"]), left, right, y))
        assert np.allclose(fit.theta - fit.theta[0], case["theta"], atol=1e-6)


def test_half_wins_are_the_plain_fit():
    rng = np.random.default_rng(2)
    left = rng.integers(0, 6, 500)
    right = (left + rng.integers(1, 6, 500)) % 6
    y = rng.choice([0, 0.5, 1], 500)
    fit = bt.fit_half_wins(6, left, right, y)
    assert np.allclose(fit.theta, bt.fit_pairs(bt.count_pairs(6, left, right, y)).theta, atol=1e-8)


@pytest.mark.parametrize("model", ["davidson", "rao_kupper"])
def test_without_ties_every_model_is_bradley_and_terrys(model):
    case = named["citations"]
    left, right, y, _ = votes(case)
    fit = MODELS[model](4, left, right, y)
    assert fit.tie is None
    assert np.allclose(fit.theta - fit.theta[0], case["theta"], atol=1e-5)


@pytest.mark.parametrize("model", ["davidson", "rao_kupper"])
def test_the_truth_is_recovered(model):
    rng = np.random.default_rng(4)
    theta, gamma, tie, v = np.array([-0.8, -0.2, 0.3, 0.7]), 0.4, 0.5, 60_000
    left = rng.integers(0, 4, v)
    right = (left + rng.integers(1, 4, v)) % 4
    d = theta[left] - theta[right] + gamma
    if model == "davidson":
        parts = np.column_stack([np.exp(d / 2), np.full(v, np.exp(tie)), np.exp(-d / 2)])
        parts /= parts.sum(axis=1, keepdims=True)
    else:
        parts = np.column_stack([1 / (1 + np.exp(tie - d)), np.zeros(v), 1 / (1 + np.exp(tie + d))])
        parts[:, 1] = 1 - parts.sum(axis=1)
    y = 1 - (rng.random(v)[:, None] > parts.cumsum(axis=1)).sum(axis=1) / 2
    fit = MODELS[model](4, left, right, y, side=True)
    assert np.allclose(fit.theta, theta - theta.mean(), atol=0.06)
    assert fit.side == pytest.approx(gamma, abs=0.05)
    assert fit.tie == pytest.approx(tie, abs=0.05)


def test_a_thousand_votes_of_one_person_are_one_persons():
    left, y = np.zeros(40, dtype=int), np.array([1.0] * 24 + [0.0] * 16)
    right, who = np.ones(40, dtype=int), np.arange(40)
    alone = bt.fit_half_wins(2, left, right, y, cluster=who)
    crowd = bt.fit_half_wins(2, *(np.repeat(x, 25) for x in (left, right, y)), cluster=np.repeat(who, 25))
    assert crowd.difference(0, 1) == pytest.approx(alone.difference(0, 1), rel=1e-6)


def test_separated_items_stay_finite():
    left, right = np.array([0, 0, 0, 1, 2, 1]), np.array([1, 2, 1, 2, 1, 2])
    y = np.array([1, 1, 1, 0.5, 1, 1])
    for fit in (bt.fit_davidson(3, left, right, y), bt.fit_rao_kupper(3, left, right, y)):
        assert fit.separated.tolist() == [True, False, False]
        assert fit.ridge == bt.RIDGE
        assert fit.converged
        assert np.isfinite(fit.theta).all()
        assert np.isfinite(fit.difference(0, 1)).all()


def test_a_side_that_took_every_vote_does_not_converge():
    left = np.array([0, 1, 2, 0, 1, 2])
    right = np.array([1, 2, 0, 2, 0, 1])
    assert not bt.fit_half_wins(3, left, right, np.ones(6), side=True).converged


def test_what_cannot_be_told_apart_is_refused():
    left, right = np.zeros(9, dtype=int), np.ones(9, dtype=int)
    y = np.array([1.0] * 5 + [0.0] * 4)
    with pytest.raises(ValueError, match="show pairs on both sides"):
        bt.fit_half_wins(2, left, right, y, side=True)
    with pytest.raises(ValueError, match="every vote is a tie"):
        bt.fit_davidson(2, left, right, np.full(9, 0.5))
    with pytest.raises(ValueError, match="1/2"):
        bt.fit_rao_kupper(2, left, right, np.full(9, 0.25))
    with pytest.raises(ValueError, match="itself"):
        bt.fit_half_wins(2, left, left, y)
