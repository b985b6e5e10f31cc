"""How much people differ: planted tastes come back, formulae against slower ones."""

import dataclasses
import json

import numpy as np
import pytest
from scipy.special import expit

from evaluation.core.evidence import POOLED, gather
from evaluation.core.options import Options
from evaluation.core.voters import heterogeneity as h
from tests.evaluation.simulate import study


def evidence_of(data):
    return gather(data.canonical(), "q", Options(draws=99))


def test_the_design_effect_of_a_share_by_hand():
    # Four participants of two votes each who never contradict themselves: every second vote is worth nothing.
    credit = np.array([1, 1, 0, 0, 1, 1, 0, 0.0])
    person = np.repeat(np.arange(4), 2)
    clustered = 4 / 3 * np.sum((credit.reshape(4, 2).sum(axis=1) - 1) ** 2) / 64
    naive = credit.var(ddof=1) / 8
    found = h.share_deff(credit, person)
    assert found.deff == pytest.approx(clustered / naive)
    assert h.share_deff(np.ones(8), person) is None


def test_the_design_effect_of_a_contrast_is_a_ratio_of_variances():
    scale = evidence_of(study(utilities=[0, 0.5, 1], losses=[1, 2, 3], axis=0.8)).scales[POOLED]
    found = h.contrast_deff(scale, 2, 0)
    clustered = scale.cov[2, 2] + scale.cov[0, 0] - 2 * scale.cov[0, 2]
    model = scale.cov_model[2, 2] + scale.cov_model[0, 0] - 2 * scale.cov_model[0, 2]
    assert found.deff == pytest.approx(clustered / model)
    assert found.deff > 1.5


@pytest.mark.parametrize("taste", [0.0, 0.3, 0.7])
def test_a_planted_taste_comes_back(taste):
    found = []
    for seed in range(8):
        utilities = np.tile([0, 0.4, 0.8, 0.2, 0.1], (1, 1))
        data = study(
            utilities=utilities, losses=[[1, 2, 3, 4, 5]], n_participants=40, n_trials=40, taste=taste, seed=seed
        )
        evidence = evidence_of(data)
        found.append(h.taste_variance(h.own_material(evidence, evidence.scales[POOLED])))
    # One step from the common scale sees large tastes smaller.
    assert 0.6 * taste**2 - 0.01 <= np.mean(found) <= 1.1 * taste**2 + 0.02


def test_scenes_that_differ_are_no_taste():
    # Each participant sees one of the two scenes only: what differs between them is not a taste.
    utilities = np.array([[0, 1, 2], [2, 1, 0]])
    data = study(utilities=utilities, losses=np.ones((2, 1)) * [1, 2, 3], n_participants=40, n_trials=40, seed=1)
    own = tuple(t for t in data.trials if int(t.participant[1:]) % 2 == int(t.scene[1:]))
    evidence = evidence_of(dataclasses.replace(data, trials=own))
    assert h.taste_variance(h.own_material(evidence, evidence.scales[POOLED])) < 0.06


def test_the_moments_and_the_step_by_dense_tables():
    evidence = evidence_of(study(utilities=[0, 0.5, 1, 0.3], losses=[1, 2, 3, 4], n_participants=12, taste=0.6, seed=2))
    votes, scale = evidence.votes, evidence.scales[POOLED]
    own = h.own_material(evidence, scale)
    x = np.zeros((votes.n_votes, 4))
    x[np.arange(len(x)), votes.left], x[np.arange(len(x)), votes.right] = 1, -1
    p = expit(x @ scale.theta)
    top = bottom = 0.0
    solved = np.zeros((12, 4))
    for person in range(12):
        at = votes.person == person
        r, w, inner = (votes.y - p)[at], (p * (1 - p))[at], x[at] @ x[at].T
        off = ~np.eye(at.sum(), dtype=bool)
        top += np.sum((inner * np.outer(r, r))[off])
        bottom += np.sum((inner**2 * np.outer(w, w))[off])
        solved[person] = np.linalg.solve(x[at].T @ (w[:, None] * x[at]) + np.eye(4) / 0.3, x[at].T @ r)
    assert top > 0
    assert h.taste_variance(own) == pytest.approx(top / bottom)
    assert h.own_deviations(own, 0.3) == pytest.approx(solved, abs=1e-6)
    assert not h.own_deviations(own, 0.0).any()


def test_own_favourites_of_two_camps():
    # Two thirds want the last, one third the first.
    many = study(utilities=[0, 0.5, 2.5], losses=[1, 2, 3], n_participants=20, n_trials=40, seed=1)
    few = study(utilities=[2.5, 0.5, 0], losses=[1, 2, 3], n_participants=10, n_trials=40, seed=2)
    people = [dataclasses.replace(p, id=f"x{p.id}") for p in few.participants]
    trials = [dataclasses.replace(t, id=f"x{t.id}", participant=f"x{t.participant}") for t in few.trials]
    data = dataclasses.replace(many, participants=(*many.participants, *people), trials=(*many.trials, *trials))
    summary = h.heterogeneity_section(evidence_of(data)).summary
    whose = summary["own_favourite"]
    assert (whose["favourite"], whose["n_participants"]) == ("c2", 30)
    assert whose["is_favourite"] == pytest.approx(2 / 3, abs=0.05)
    assert whose["is_minimiser"] == pytest.approx(1 / 3, abs=0.05)
    assert sum(whose["shares"].values()) == pytest.approx(1)
    assert summary["agreement_deff"]["deff"] > 5
    assert summary["agreement_deff"]["effective_votes"] == pytest.approx(1200 / summary["agreement_deff"]["deff"])
    assert "own favourite of 67 % of the participants" in summary["sentence"]


def test_alpha_over_pairs_counts_ties_as_an_outcome():
    data = study(utilities=[0, 0], losses=[1, 2], n_participants=6, n_trials=1)
    choices = ["s0c0", "s0c0", "s0c0", "s0c1", "", ""]
    trials = tuple(
        dataclasses.replace(t, choice="left" if t.left == w else "right" if w else "tie")
        for t, w in zip(data.trials, choices, strict=True)
    )
    counts = h.pair_counts(evidence_of(dataclasses.replace(data, trials=trials)).votes)
    assert counts.tolist() == [[3, 1, 2], [1, 3, 2]]


def test_each_missing_number_has_its_reason():
    data = study(utilities=[0, 0.5, 1], losses=[3, 2, 1])
    same = h.heterogeneity_section(evidence_of(data)).summary
    assert same["contrast_deff"]["reason"]["code"] == "NC_SAME_CONDITION"
    bare = h.heterogeneity_section(evidence_of(dataclasses.replace(data, metrics=(), scores=()))).summary
    assert bare["agreement_deff"]["reason"]["code"] == bare["own_favourite"]["reason"]["code"] == "NC_NO_METRIC"
    none = h.heterogeneity_section(evidence_of(dataclasses.replace(data, trials=()))).summary
    assert none["reason"]["code"] == "NC_NO_VOTES"
    assert none["krippendorff_alpha"]["reason"]["code"] == "NC_NO_OVERLAP"
    assert json.dumps([same, bare, none], allow_nan=False)
    one = study(utilities=[0, 1, 2], losses=[1, 2, 3], simulated=True)
    assert "people" not in json.dumps(h.heterogeneity_section(evidence_of(one)).summary)
