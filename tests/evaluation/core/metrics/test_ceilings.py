"""Ceilings by hand, and the one-step held-out scores against exact refits."""

import dataclasses
import json

import numpy as np
import pytest

from evaluation.core.evidence import gather
from evaluation.core.metrics import ceilings
from evaluation.core.options import Options
from studyplatform.voting.core import bradley_terry
from tests.evaluation.simulate import study


def evidence(data):
    return gather(data.canonical(), "q", Options(draws=99))


def four(data):
    """Three prefer the first image, one the second."""
    wins = ["s0c0", "s0c0", "s0c0", "s0c1"]
    trials = tuple(
        dataclasses.replace(t, choice="left" if t.left == winner else "right")
        for t, winner in zip(data.trials, wins, strict=True)
    )
    return dataclasses.replace(data, trials=trials)


def test_the_ceilings_by_hand():
    data = four(study(utilities=[0, 0], losses=[1, 2], n_participants=4, n_trials=1))
    found = ceilings.ceilings_section(evidence(data))
    assert found.summary["majority"] == 0.75
    assert found.summary["loo"] == 0.75
    assert found.summary["human"] == pytest.approx((3 * 2 + 1 * 0) / (4 * 3))
    assert found.summary["reason"]["code"] == "NC_FEW_PARTICIPANTS"
    assert {r["status"] for r in found.rows["ceilings"] if r["kind"] == "loo"} == {"warning"}


def test_another_vote_of_the_same_person_is_not_another_person():
    data = study(utilities=[0, 0], losses=[1, 2], n_participants=1, n_trials=6)
    found = ceilings.ceilings_section(evidence(data)).summary
    assert found["human"] is None
    assert found["loo"] is None


def test_held_out_scores_by_refitting():
    data = study(utilities=[0, 0.5, 1], losses=[1, 2, 3], n_participants=12, n_trials=10)
    votes = evidence(data).votes
    lead = ceilings.held_out_lead(votes.person, votes.left, votes.right, votes.y)
    for p in range(12):
        others, own = votes.where(votes.person != p), votes.person == p
        theta = bradley_terry.fit(others.wins()[0], ridge=bradley_terry.RIDGE).theta
        assert lead[own] == pytest.approx(theta[votes.left[own]] - theta[votes.right[own]], abs=1e-6)


def test_one_step_is_as_good_as_a_refit_where_participants_are_many(monkeypatch):
    data = study(utilities=[0, 0.2, 0.4, 0.3], losses=[1, 2, 3, 4], n_participants=301, n_trials=8, taste=0.5)
    votes = evidence(data).votes
    step = ceilings.held_out_lead(votes.person, votes.left, votes.right, votes.y)
    monkeypatch.setattr(ceilings, "EXACT_PARTICIPANTS", 1000)
    exact = ceilings.held_out_lead(votes.person, votes.left, votes.right, votes.y)
    assert not np.array_equal(step, exact)
    assert step == pytest.approx(exact, abs=1e-3)
    assert np.mean(np.sign(step) == np.sign(exact)) > 0.99


def test_the_bracket_holds_the_truth():
    theta = np.tile([0.0, 0.5, 1.0], (3, 1))
    gaps = np.array([0.5, 1.0, 0.5])
    truth = np.mean(1 / (1 + np.exp(-gaps)))
    found = ceilings.ceilings_section(evidence(study(utilities=theta, losses=-theta, n_participants=60))).summary
    assert found["loo"] - 0.03 < truth < found["majority"] + 0.01
    assert found["low"] < found["loo"] < found["high"]
    assert found["agreed"]
    assert found["human"] < found["loo"]


def test_rows_say_why_and_the_sentence_says_so():
    data = study(utilities=np.zeros((2, 4)), losses=np.ones((2, 4)), n_participants=20)
    section = ceilings.ceilings_section(evidence(data))
    columns = [
        "scope",
        "scene_id",
        "kind",
        "value",
        "se",
        "ci_low",
        "ci_high",
        "n_votes",
        "n_participants",
        "status",
        "reason_code",
    ]
    assert all(list(r) == columns for r in section.rows["ceilings"])
    assert len(section.rows["ceilings"]) == 9
    assert "do not agree with each other" in section.summary["sentence"]
    json.dumps(section.summary, allow_nan=False)


def test_without_votes_there_is_no_ceiling():
    data = study(utilities=[0, 1], losses=[2, 1])
    section = ceilings.ceilings_section(evidence(dataclasses.replace(data, trials=())))
    assert section.summary["reason"]["code"] == "NC_NO_VOTES"
    assert all(r["value"] is None and r["reason_code"] == "NC_NO_VOTES" for r in section.rows["ceilings"])
