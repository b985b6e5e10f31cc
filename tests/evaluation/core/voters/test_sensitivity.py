"""The verdict with more and with fewer participants."""

import dataclasses
import json

import numpy as np
import pytest

from evaluation.core.ballots import Ballots
from evaluation.core.evidence import POOLED, gather
from evaluation.core.options import Options
from evaluation.core.voters import sensitivity
from tests.evaluation.simulate import study


def evidence_of(data):
    return gather(data.canonical(), "q", Options(draws=499))


def merged(one, other, reason):
    """``one`` with the participants of ``other`` beside its own, excluded for ``reason``."""
    people = [dataclasses.replace(p, id=f"x{p.id}", exclusion_reason=reason) for p in other.participants]
    trials = [dataclasses.replace(t, id=f"x{t.id}", participant=f"x{t.participant}") for t in other.trials]
    return dataclasses.replace(one, participants=(*one.participants, *people), trials=(*one.trials, *trials))


def rows_of(data):
    section = sensitivity.sensitivity_section(evidence_of(data))
    assert json.dumps(section.summary, allow_nan=False)
    return {row["who"]: row for row in section.summary["rows"]}, section.summary


def test_a_clear_verdict_stays():
    rows, summary = rows_of(study(utilities=[0, 0.5, 1.5], losses=[1, 2, 3]))
    assert list(rows) == ["all", "analysis", "screened", "weighted"]
    assert {row["verdict"] for row in rows.values()} == {"refuted"}
    assert not summary["depends"]
    assert summary["sentence"] == "The verdict does not depend on exclusions: refuted with every set."
    assert "p < .0" in rows["analysis"]["sentence"] or "p = .0" in rows["analysis"]["sentence"]


def test_excluded_participants_who_turn_the_verdict_are_seen():
    mine = study(utilities=[0, 0.2, 1.5], losses=[1, 2, 3], n_participants=12)
    theirs = study(utilities=[2, 0.2, 0], losses=[1, 2, 3], n_participants=30, seed=5)
    rows, summary = rows_of(merged(mine, theirs, "too_fast"))
    assert (rows["analysis"]["verdict"], rows["analysis"]["n_participants"]) == ("refuted", 12)
    assert (rows["all"]["verdict"], rows["all"]["n_participants"]) == ("confirmed", 42)
    assert summary["depends"]
    assert summary["sentence"].startswith("The verdict depends on exclusions: confirmed with")


def test_who_withdrew_never_comes_back():
    mine = study(utilities=[0, 0.2, 1.5], losses=[1, 2, 3], n_participants=12)
    theirs = study(utilities=[2, 0.2, 0], losses=[1, 2, 3], n_participants=30, seed=5)
    rows, _ = rows_of(merged(mine, theirs, "withdrew"))
    assert rows["all"]["n_participants"] == 12


def test_screening_takes_those_who_only_press_left():
    data = study(utilities=[0, 0.5, 1.5], losses=[1, 2, 3], n_participants=20)
    lazy = tuple(
        dataclasses.replace(t, choice="left") if t.participant in ("p000", "p001", "p002") else t for t in data.trials
    )
    rows, _ = rows_of(dataclasses.replace(data, trials=lazy))
    assert rows["all"]["n_participants"] == rows["analysis"]["n_participants"] == 20
    assert rows["screened"]["n_participants"] == rows["weighted"]["n_participants"] == 17


def test_equal_weights_change_nothing_and_no_weight_is_absence():
    evidence = evidence_of(study(utilities=[0, 0.5, 1.0], losses=[1, 2, 3], n_participants=40, taste=0.3))
    scale, votes = evidence.scales[POOLED], evidence.votes
    box = Ballots(scale.items, 40, votes.person, votes.left, votes.right, votes.y)
    same = sensitivity.weighted_scale(scale, box, np.ones(40))
    assert same.theta == pytest.approx(scale.theta)
    assert same.cov_model == pytest.approx(scale.cov_model)
    # CR1 and CR3 differ by terms of order 1/P.
    assert np.diag(same.cov) == pytest.approx(np.diag(scale.cov), rel=0.12)
    less = sensitivity.weighted_scale(scale, box, np.full(40, 0.5))
    assert less.theta == pytest.approx(scale.theta)
    assert less.cov_model == pytest.approx(scale.cov_model)
    half = sensitivity.weighted_scale(scale, box, (np.arange(40) < 20).astype(float))
    data = evidence.data
    first = dataclasses.replace(data, trials=tuple(t for t in data.trials if t.participant < "p020"))
    alone = evidence_of(first).scales[POOLED]
    assert half.theta == pytest.approx(alone.theta)
    assert half.cov_model == pytest.approx(alone.cov_model)


def test_attention_is_a_posterior_probability():
    n = np.array([30, 30, 30])
    loglik = np.array([np.log(0.5), -0.6, -0.8])
    likelihood, guess = np.exp(n * loglik), 0.5**30
    assert sensitivity.attention(n, loglik) == pytest.approx(likelihood / (likelihood + guess))


def test_random_clickers_weigh_less():
    data = study(utilities=[0, 1, 2], losses=[1, 2, 3], n_participants=20, n_trials=40)
    rng = np.random.default_rng(3)
    trials = tuple(
        dataclasses.replace(t, choice=str(rng.choice(["left", "right"]))) if t.participant < "p005" else t
        for t in data.trials
    )
    evidence = evidence_of(dataclasses.replace(data, trials=trials))
    found = evidence.metric("total").minima[POOLED]
    plain = sensitivity.decide(evidence.scales[POOLED], found, evidence)
    assert plain.verdict == "refuted"
    weighted = sensitivity._weighted(evidence, evidence.votes, found, evidence.scales[POOLED])
    assert np.ptp(weighted.theta) > np.ptp(evidence.scales[POOLED].theta) * 1.1


def test_scenes_without_the_metric_are_left_out():
    data = study(utilities=[[0, 0.2, 1.5], [3, 0, 0]], losses=[[1, 2, 3], [1, 2, 3]], n_participants=20)
    scores = tuple(s for s in data.scores if s.stimulus != "s1c0")
    rows, _ = rows_of(dataclasses.replace(data, scores=scores))
    assert {row["verdict"] for row in rows.values()} == {"refuted"}
    assert rows["analysis"]["n_votes"] == sum(t.scene == "s0" for t in data.trials)


def test_without_a_metric_or_votes_there_is_a_reason():
    data = study(utilities=[0, 1], losses=[2, 1])
    none = sensitivity.sensitivity_section(evidence_of(dataclasses.replace(data, metrics=(), scores=()))).summary
    assert none["reason"]["code"] == "NC_NO_METRIC"
    rows, summary = rows_of(dataclasses.replace(data, trials=()))
    assert rows["weighted"]["reason"]["code"] == "NC_NO_VOTES"
    assert not summary["depends"]
