"""Agreement by hand, its p-values by enumeration and by simulation, its ceilings by hand."""

import dataclasses
import itertools

import numpy as np
import pytest

from evaluation.core import agreement as agree
from evaluation.core.clusters import sign_flip
from tests.evaluation.simulate import study


def test_accuracy_and_its_standard_error_by_hand():
    credit = np.array([1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 1, 1, 1, 0, 1, 1.0])
    who = np.repeat(np.arange(8), 2)
    found = agree.clustered_share(credit, who, 8, 1, seed=1, draws=9999)
    earned = credit.reshape(8, 2).sum(axis=1)
    assert found.accuracy == 0.75
    assert found.se == pytest.approx(np.sqrt(8 / 7 * np.sum((earned - 1.5) ** 2)) / 16)


def test_the_sign_flip_is_exact_for_few():
    scores = np.array([2.0, 1.0, 3.0])
    every = [abs(np.dot(signs, scores)) for signs in itertools.product((1, -1), repeat=3)]
    assert sign_flip(scores, seed=1, draws=9999) == np.mean([t >= 6 for t in every]) == 0.25


def test_the_sampled_sign_flip_agrees_with_the_exact_one():
    scores = np.random.default_rng(0).normal(0.4, 1, size=12)
    exact = sign_flip(scores, seed=1, draws=2**12)
    sampled = sign_flip(scores, seed=1, draws=2**12 - 1)
    assert sampled == pytest.approx(exact, abs=4 * np.sqrt(exact / 4096))


def test_tastes_that_cancel_are_no_agreement():
    rejected = 0
    for seed in range(150):
        data = study(utilities=np.zeros(4), losses=[4, 3, 2, 1], n_participants=20, n_trials=12, axis=0.8, seed=seed)
        found = agree.agreement(data, data.trials, data.metrics[0], ["s0"], seed=1, draws=399)
        rejected += found.p < 0.05
    assert 0 < rejected / 150 <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 150)


def test_a_metric_that_is_right_agrees_and_its_opposite_disagrees():
    data = study(utilities=[0, 0.7, 1.4], losses=[3, 2, 1])
    right = agree.agreement(data, data.trials, data.metrics[0], ["s0"], seed=1, draws=999)
    upside_down = dataclasses.replace(data.metrics[0], direction="higher_better")
    wrong = agree.agreement(data, data.trials, upside_down, ["s0"], seed=1, draws=999)
    assert right.low > 0.55
    assert right.accuracy + wrong.accuracy == pytest.approx(1)
    assert right.p == pytest.approx(0.001)


def test_ties_of_votes_and_of_metrics_are_half():
    data = study(utilities=[0, 1], losses=[2, 1], ties=1.0)
    assert agree.agreement(data, data.trials, data.metrics[0], ["s0"], seed=1, draws=99).accuracy == 0.5
    data = study(utilities=[0, 3], losses=[1, 1])
    assert agree.agreement(data, data.trials, data.metrics[0], ["s0"], seed=1, draws=99).accuracy == 0.5


def test_the_ceilings_by_hand():
    data = study(utilities=[0, 0], losses=[1, 2], n_participants=4, n_trials=1)
    # Three prefer the first image, one the second.
    wins = ["s0c0", "s0c0", "s0c0", "s0c1"]
    trials = tuple(
        dataclasses.replace(t, choice="left" if t.left == winner else "right")
        for t, winner in zip(data.trials, wins, strict=True)
    )
    data = dataclasses.replace(data, trials=trials)
    found = agree.ceilings(data, data.trials, ["s0"])
    assert found.majority == 0.75
    assert found.loo == 0.75
    assert found.human == pytest.approx((3 * 2 + 1 * 0) / (4 * 3))


def test_without_votes_there_is_no_agreement():
    data = study(utilities=[0, 1], losses=[2, 1])
    assert agree.agreement(data, [], data.metrics[0], ["s0"], seed=1, draws=99) is None
    assert agree.ceilings(data, [], ["s0"]) == agree.Ceilings(None, None, None)
