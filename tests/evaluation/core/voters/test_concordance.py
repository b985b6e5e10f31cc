"""Coefficients of agreement: published tables, other formulae, and by enumeration."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from evaluation.core.voters import concordance as c

R = json.loads((Path(__file__).parents[4] / "fixtures/oracles/people.json").read_text())


def test_krippendorff_has_the_published_value():
    counts = np.array(R["krippendorff_counts"], dtype=float)
    assert c.krippendorff_alpha(counts) == pytest.approx(R["krippendorff_alpha"], abs=1e-12)
    assert c.krippendorff_alpha(counts) == pytest.approx(R["krippendorff_published"], abs=5e-4)


def test_fleiss_has_the_published_value():
    counts = np.array(R["fleiss_counts"], dtype=float)
    assert counts.shape == (30, 5)
    assert (counts.sum(axis=1) == 6).all()
    assert c.fleiss_kappa(counts) == pytest.approx(R["fleiss_kappa"], abs=1e-12)
    assert c.fleiss_kappa(counts) == pytest.approx(R["fleiss_published"], abs=5e-4)


def test_the_dog_that_was_asked_about_its_food():
    dog = np.array(R["dog"], dtype=float)
    assert c.triads_of_rows(dog.sum(axis=1)) == c.cycles(dog) == R["dog_triads"]
    assert c.zeta(c.cycles(dog), 6) == pytest.approx(R["dog_zeta"])
    assert c.few_triads_p(c.cycles(dog), 6) == pytest.approx(R["dog_p_at_most"])


def test_circular_triads_by_looking_at_each():
    rng = np.random.default_rng(0)
    for k in (3, 5, 8):
        beats = np.triu(rng.integers(0, 2, size=(k, k)), 1).astype(float)
        beats += np.tril(1 - beats.T, -1)
        seen = sum(
            (beats[a, b] and beats[b, d] and beats[d, a]) or (beats[b, a] and beats[d, b] and beats[a, d])
            for a, b, d in itertools.combinations(range(k), 3)
        )
        assert c.cycles(beats) == c.triads_of_rows(beats.sum(axis=1)) == seen


def test_the_largest_number_of_triads_is_reached():
    turn = np.array([[(j - i) % 5 in (1, 2) for j in range(5)] for i in range(5)], dtype=float)
    assert c.cycles(turn) == c.most_triads(5) == 5
    assert c.zeta(5, 5) == 0
    assert c.most_triads(6) == 8
    counts = c._tournaments(6)
    assert counts.sum() == 2**15
    assert len(counts) == 9
    assert counts @ np.arange(9) / 2**15 == 5  # a quarter of the 20 triads


def test_kendalls_chi_square_is_close_where_it_takes_over():
    rng = np.random.default_rng(1)
    k, draws = 8, 20_000
    pairs = list(itertools.combinations(range(k), 2))
    first = rng.integers(0, 2, size=(draws, len(pairs)))
    rows = np.zeros((draws, k))
    for e, (i, j) in enumerate(pairs):
        rows[:, i] += first[:, e]
        rows[:, j] += 1 - first[:, e]
    found = c.triads_of_rows(rows)
    for d in (5, 6, 8):
        assert c.few_triads_p(d, k) == pytest.approx(np.mean(found <= d), abs=0.006)


def test_kendalls_u_by_hand():
    assert c.kendall_u(np.array([[0, 4, 4], [0, 0, 4], [0, 0, 0.0]])) == 1
    assert c.kendall_u(np.array([[0, 2, 2], [2, 0, 2], [2, 2, 0.0]])) == pytest.approx(-1 / 3)
    # 3 : 1 on each pair: 3 of 6 pairs of judges agree.
    assert c.kendall_u(np.array([[0, 3, 3], [1, 0, 3], [1, 1, 0.0]])) == pytest.approx(0)
    assert c.kendall_u(np.array([[0, 3, 3], [1, 0, 2], [1, 1, 0.0]])) is None
    assert c.kendall_u(np.array([[0, 1.0], [0, 0]])) is None


def test_for_two_outcomes_written_both_ways_the_coefficients_meet():
    first, second = np.array([3.0, 4, 1]), np.array([1.0, 0, 3])
    counts = c.both_ways(first, second, np.zeros(3))
    wins = np.array([[0, 3, 4], [1, 0, 1], [0, 3, 0.0]])
    assert c.fleiss_kappa(counts) == pytest.approx(c.kendall_u(wins))
    # Which of a pair is written first must not matter.
    swapped = c.both_ways(np.array([1.0, 4, 1]), np.array([3.0, 0, 3]), np.zeros(3))
    assert c.krippendorff_alpha(counts) == pytest.approx(c.krippendorff_alpha(swapped))
    # n = 24 values, half each; alpha = 1 - (n - 1) D_o / D_e.
    assert c.krippendorff_alpha(counts) == pytest.approx(1 - 23 * 2 * (2 + 0 + 2) / (24**2 - 2 * 12**2))


def test_what_cannot_be_told_is_none():
    single = np.array([[1.0, 0], [0, 1]])
    assert c.krippendorff_alpha(single) is None
    assert c.fleiss_kappa(single) is None
    same = np.array([[3.0, 0], [2, 0]])
    assert c.krippendorff_alpha(same) is None
    assert c.fleiss_kappa(same) is None
    assert c.krippendorff_alpha(np.zeros((0, 3))) is None
