"""The sparse jackknife against its definition with whole tables, the bootstrap against both, and their size."""

import tracemalloc

import numpy as np
import pytest

from evaluation.core.ballots import Ballots
from evaluation.core.scale import inference, jackknife
from studyplatform.voting.core import bradley_terry as bt


def ballots_of(people, items, votes, *, seed=0, sd=1.0, ties=0.0):
    rng = np.random.default_rng(seed)
    theta = sd * rng.normal(size=items)
    left = rng.integers(0, items, votes)
    right = (left + rng.integers(1, items, votes)) % items
    person = np.concatenate([np.arange(people), rng.integers(0, people, votes - people)])
    y = (rng.random(votes) < 1 / (1 + np.exp(theta[right] - theta[left]))).astype(float)
    y[rng.random(votes) < ties] = 0.5
    return Ballots(tuple(f"c{i}" for i in range(items)), people, person, left, right, y)


def tables(box):
    """(P, K, K) table of wins of each participant: what the sparse counts stand for."""
    wins = np.zeros((box.n_participants, len(box.items), len(box.items)))
    np.add.at(wins, (box.participant, box.left, box.right), box.y)
    np.add.at(wins, (box.participant, box.right, box.left), 1.0 - box.y)
    return wins


def by_definition(fit, by_person):
    """CR3 with one pseudo-inverse for each participant."""
    people, k = by_person.shape[:2]
    gauge = bt.gauge_matrix(fit.component)
    centre = np.eye(k) - gauge
    p = bt.win_probability(fit.theta)
    without = []
    for wins in by_person:
        games = wins + wins.T
        weight = games * p * (1 - p)
        others = fit.information + fit.ridge * np.eye(k) + gauge - (np.diag(weight.sum(axis=1)) - weight)
        without.append(-np.linalg.pinv(others, rcond=1e-8, hermitian=True) @ (wins - games * p).sum(axis=1))
    deviation = (np.array(without) - np.mean(without, axis=0)) @ centre
    return (people - 1) / people * deviation.T @ deviation


def bridge():
    """Items 3 and 4 are tied to the others by one participant alone."""
    rng = np.random.default_rng(2)
    rows = [(p, *rng.choice(3, 2, replace=False), rng.random() < 0.5) for p in range(12) for _ in range(10)]
    rows += [(p, 3, 4, y) for p in range(12) for y in (0, 1)] + [(5, 0, 3, 1), (5, 0, 3, 0), (5, 4, 1, 0), (5, 1, 4, 0)]
    person, left, right, y = (np.array(column) for column in zip(*rows, strict=True))
    return Ballots(tuple("abcde"), 12, person, left, right, y.astype(float))


@pytest.mark.parametrize(
    ("box", "ridge", "indispensable"),
    [
        (ballots_of(30, 9, 900), 0, 0),
        (ballots_of(40, 12, 200, sd=0.3, ties=0.3), 0, 0),
        (ballots_of(9, 5, 600), 0, 0),  # long sessions: more pairs than items
        (ballots_of(12, 8, 40, sd=3.0), bt.RIDGE, 0),
        (bridge(), 0, 1),
    ],
    ids=["plain", "short and tied", "long", "separated", "bridge"],
)
def test_the_definition(box, ridge, indispensable):
    people = box.by_participant()
    fit = bt.fit_pairs(people.pairs)
    assert fit.ridge == ridge
    assert len(jackknife._indispensable(fit, people)) == indispensable
    cov, _, influence = jackknife.covariance(fit, people)
    assert np.allclose(cov, by_definition(fit, tables(box)), atol=1e-9)
    assert np.allclose(influence.T @ influence, cov)


def test_counts_by_participant():
    box = ballots_of(7, 6, 80, ties=0.2)
    people = box.by_participant()
    whole = tables(box)
    assert np.allclose(people.pairs.table(), whole.sum(axis=0))
    for p in range(7):
        own = slice(people.starts[p], people.starts[p + 1])
        first, second = people.pairs.first[people.pair[own]], people.pairs.second[people.pair[own]]
        assert np.allclose(people.wins[own], whole[p, first, second])
        assert np.allclose(people.games[own] - people.wins[own], whole[p, second, first])
        assert people.games[own].sum() == whole[p].sum()
    kept = np.array([1, 2, 5])
    among = people.among(kept)
    assert np.allclose(among.pairs.table(), whole[:, kept][:, :, kept].sum(axis=0))
    assert among.n_participants == int(whole[:, kept][:, :, kept].any(axis=(1, 2)).sum())


def test_the_bootstrap_checks_the_jackknife():
    box = ballots_of(150, 8, 3000, seed=3)
    people = box.by_participant()
    fit = bt.fit_pairs(people.pairs)
    draws = jackknife.bootstrap(fit, people, draws=2000, seed=1)
    cov = jackknife.covariance(fit, people)[0]
    ratio = np.sqrt(np.diag(cov)) / draws.std(axis=0)
    assert ratio == pytest.approx(np.ones(8), abs=0.08)  # Monte-Carlo error of one SD from 2000 draws: .016
    assert np.array_equal(draws, jackknife.bootstrap(fit, people, draws=2000, seed=1))


def test_a_draw_is_a_refit():
    box = ballots_of(20, 5, 300)
    people = box.by_participant()
    fit = bt.fit_pairs(people.pairs)
    weights = np.random.default_rng(9).multinomial(20, np.full(20, 1 / 20), size=3)
    draws = jackknife.bootstrap(fit, people, draws=3, seed=9)
    for weight, theta in zip(weights, draws, strict=True):
        assert np.allclose(bt.fit(np.tensordot(weight, tables(box), 1)).theta, theta, atol=1e-7)


def test_many_participants_take_little_memory():
    box = ballots_of(5_000, 100, 250_000)
    tracemalloc.start()
    scale = inference.estimate(box, labels={c: c for c in box.items}, group="g")
    scale.p_some_rival_better(0, np.arange(1, 100))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100e6  # tables of (5 000, 100, 100) would take 400 MB each


def test_gaussian_multipliers_have_the_spread_of_the_signs(monkeypatch):
    box = ballots_of(60, 5, 900)
    labels = {c: c for c in box.items}
    signs = inference.estimate(box, labels=labels, group="g", draws=20_000).null_scores
    monkeypatch.setattr(inference, "MANY", 10)
    normal = inference.estimate(box, labels=labels, group="g", draws=20_000).null_scores
    assert normal.shape == signs.shape
    assert np.allclose(np.cov(normal.T), np.cov(signs.T), atol=0.05 * np.cov(signs.T).max())
