"""Habits of participants: as the platform counts them, and the rules on them."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from evaluation.core.voters import habits
from studyplatform.voting.core.flags import Rules
from studyplatform.voting.core.quality import quality
from tests.evaluation.simulate import study


def test_the_left_rate_is_tested_exactly():
    left, n = np.array([0, 3, 15, 25, 0]), np.array([10, 10, 30, 30, 0])
    expected = [stats.binomtest(int(a), int(b)).pvalue if b else 1 for a, b in zip(left, n, strict=True)]
    assert habits.binomial_half(left, n) == pytest.approx(np.array(expected))


def test_the_habits_are_those_of_the_platform():
    rng = np.random.default_rng(5)
    data = study(utilities=[0, 1], losses=[2, 1], n_participants=8, n_trials=25)
    choices, times = ["left", "right", "tie", "skip", "timeout", ""], [None, 300, 499, 500, 1200, 2500]
    trials = tuple(
        dataclasses.replace(
            t, choice=choices[rng.choice(6, p=[0.4, 0.3, 0.1, 0.1, 0.05, 0.05])], rt_ms=times[rng.integers(6)],
            superseded=rng.random() < 0.1, position=int(rng.integers(10**6)),
        )
        for t in data.trials
    )  # fmt: skip
    found = habits.habits(dataclasses.replace(data, trials=trials).canonical())
    for i, person in enumerate(found.people):
        own = [t for t in sorted(trials, key=lambda t: t.position) if t.participant == person]
        own = [t for t in own if t.choice and not t.superseded]
        expected = quality([t.choice for t in own], [t.rt_ms for t in own])
        assert found.n[i] == expected.answers
        assert found.left_rate[i] == pytest.approx(expected.left_rate)
        assert found.longest_run[i] == expected.longest_run
        assert found.median_rt_ms[i] == expected.median_rt_ms
        assert found.share_fast[i] == pytest.approx(expected.fast_share)
    assert len(found.people) == 8


def test_the_rules_that_screen():
    found = habits.Habits(
        people=tuple("abcdef"),
        n=np.full(6, 30),
        n_catch=np.full(6, 5),
        catch_failed=np.array([0, 2, 1, 0, 0, 0]),
        left_rate=np.full(6, 0.5),
        left_p=np.array([1, 1, 0.002, 0.0009, 1, 1]),
        longest_run=np.array([11, 3, 3, 3, 12, 3]),
        median_rt_ms=np.full(6, 900.0),
        share_fast=np.array([0.5, 0, 0, 0, 0, 0.51]),
    )
    assert habits.screened_out(found, Rules()).tolist() == [False, True, False, True, True, True]
    strict = Rules(catch_rate=1.0, side_p=0.01, run=11, fast_share=0.4)
    assert habits.screened_out(found, strict).tolist() == [True, True, True, True, True, True]
    lax = Rules(catch_rate=0.5, side_p=0.0001, run=13, fast_share=0.6)
    assert not habits.screened_out(found, lax).any()
