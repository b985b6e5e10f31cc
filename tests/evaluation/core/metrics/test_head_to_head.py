"""How often the minimiser wins: equal rivals by hand, and its rows."""

import dataclasses
import json

import numpy as np
import pytest

from evaluation.core.evidence import gather
from evaluation.core.metrics import head_to_head as duel
from evaluation.core.options import Options
from evaluation.core.scale.inference import holm
from evaluation.core.sections import adjusted
from tests.evaluation.simulate import study

UTILITIES = np.tile([0.0, 0.4, 0.8], (5, 1))


def evidence(data, draws=199):
    return gather(data.canonical(), "q", Options(draws=draws))


def test_rivals_weigh_the_same_whatever_their_votes():
    data = study(utilities=[0, 0, 0], losses=[1, 2, 3], n_participants=10, n_trials=6)
    votes = evidence(data).votes
    # The minimiser wins all of many votes against one rival and half of few against the other.
    n = 60
    right = np.array([1] * 40 + [2] * 20)
    y = np.array([1.0] * 40 + [1.0, 0.0] * 10)
    table = dataclasses.replace(
        votes, person=np.arange(n) % 10, scene=np.zeros(n, int), left=np.zeros(n, int), right=right, y=y
    )
    found = duel.minimiser_share(table, np.array([0]), seed=1, draws=999)
    assert found.share == pytest.approx((1.0 + 0.5) / 2)
    own = [sum((y[i] - 0.5) / 20 / 2 for i in range(40, 60) if i % 10 == p) for p in range(10)]
    assert found.se == pytest.approx(np.sqrt(10 / 9 * np.sum(np.square(own))))
    assert found.c2.code == "NC_TOO_FEW_SCENES"


def test_the_interval_leaves_out_each_participant():
    votes = evidence(study(utilities=np.zeros((3, 6)), losses=np.zeros((3, 6)), n_participants=9, n_trials=10)).votes
    h = np.array([0, 2, 4])
    found = duel.minimiser_share(votes, h, seed=1, draws=9)
    without = [duel.minimiser_share(votes.where(votes.person != p), h, seed=1, draws=9).share for p in range(9)]
    rival = np.where(votes.left == h[votes.scene], votes.right, votes.left)
    used = (votes.left == h[votes.scene]) | (votes.right == h[votes.scene])
    met = {(s, j): set(votes.person[used & (votes.scene == s) & (rival == j)]) for s in range(3) for j in range(6)}
    assert 1 in {len(people) for people in met.values()}  # a pair that is gone with its only participant
    assert found.se == pytest.approx(np.sqrt(8 / 9 * np.sum((np.array(without) - found.share) ** 2)))


def test_a_minimiser_that_is_liked():
    section = duel.head_to_head_section(evidence(study(utilities=UTILITIES, losses=-UTILITIES, n_participants=60)))
    said = section.summary["total"]
    truth = np.mean([1 / (1 + np.exp(-0.8)), 1 / (1 + np.exp(-0.4))])
    assert said["low"] < truth < said["high"]
    assert said["model"] == pytest.approx(said["share"], abs=0.03)
    assert said["p"] < 0.05
    assert said["c2"]["low"] <= said["low"]
    json.dumps(section.summary, allow_nan=False)


def test_nobody_prefers_anything():
    rejected = []
    for seed in range(60):
        data = study(utilities=np.zeros((5, 3)), losses=UTILITIES, n_participants=12, n_trials=20, axis=0.6, seed=seed)
        section = duel.head_to_head_section(evidence(data, 99))
        rejected.append([section.summary["total"]["p"] < 0.05, section.summary["total"]["c2"]["p"] < 0.05])
    assert np.all(np.mean(rejected, axis=0) <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 60))


def test_the_rows():
    section = duel.head_to_head_section(evidence(study(utilities=UTILITIES, losses=-UTILITIES)))
    rows = section.rows["head_to_head"]
    columns = [
        "scope",
        "scene_id",
        "metric_id",
        "minimiser",
        "rival",
        "win_prob_model",
        "win_share_observed",
        "n",
        "se",
        "ci_low",
        "ci_high",
        "p_raw",
        "p_adj",
    ]
    assert all(list(r) == columns for r in rows)
    assert len(rows) == 2 * 6
    pooled = [r for r in rows if r["scope"] == "pooled"]
    assert [r["rival"] for r in pooled] == ["c0", "c1"]
    assert [r["p_adj"] for r in pooled] == holm([r["p_raw"] for r in pooled])
    assert all(r["ci_low"] < r["win_prob_model"] < r["ci_high"] for r in rows)
    tests = [t for t in adjusted(section.tests) if t.hypothesis == "head_to_head" and t.estimate in
             {r["win_prob_model"] for r in pooled}]  # fmt: skip
    assert {t.message.split(" would win")[0] for t in tests} == {"Over all scenes, lr 0.03"}
    assert sorted(t.p_adj for t in tests) == pytest.approx(sorted(r["p_adj"] for r in pooled))


def test_few_participants_have_rows_without_p():
    data = study(utilities=UTILITIES, losses=-UTILITIES, n_participants=4, n_trials=80)
    section = duel.head_to_head_section(evidence(data))
    assert section.summary["total"]["reason"]["code"] == "NC_FEW_PARTICIPANTS"
    assert all(r["p_raw"] is None and r["win_prob_model"] > 0 for r in section.rows["head_to_head"])
