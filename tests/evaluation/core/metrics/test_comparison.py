"""Metric against metric: the paired difference by hand, swaps by enumeration, families."""

import dataclasses
import itertools
import json

import numpy as np
import pytest

from evaluation.core.evidence import gather
from evaluation.core.metrics import comparison as comp
from evaluation.core.metrics.correlation import standardised_ranks
from evaluation.core.options import Options
from evaluation.core.scale.inference import holm
from studyplatform.voting.core.claims import DRAWS
from tests.evaluation.metrics import add_metric
from tests.evaluation.simulate import study

RNG = np.random.default_rng(21)
UTILITIES = RNG.normal(size=(6, 6))
NOISE = RNG.normal(size=(6, 6))


def evidence(data, draws=199):
    return gather(data.canonical(), "q", Options(draws=draws))


def test_the_paired_difference_by_hand():
    rng = np.random.default_rng(1)
    gain, person = rng.integers(-1, 2, 120) * 1.0, np.arange(120) % 10
    found = comp.paired(gain, person, np.zeros(120, int), seed=1, draws=2**10)
    sums = np.array([gain[person == p].sum() for p in range(10)])
    assert found.difference == pytest.approx(gain.mean())
    assert found.se == pytest.approx(np.sqrt(10 / 9 * np.sum((sums - 12 * gain.mean()) ** 2)) / 120)
    flips = [abs(np.dot(s, sums)) for s in itertools.product((1, -1), repeat=10)]
    assert found.p == pytest.approx(np.mean([f >= abs(sums.sum()) - 1e-9 for f in flips]))
    assert found.c2.code == "NC_TOO_FEW_SCENES"
    assert comp.paired(gain[:6], person[:6], np.zeros(6, int), seed=1, draws=9).code == "NC_FEW_PARTICIPANTS"


def test_the_swaps_by_enumeration():
    rng = np.random.default_rng(2)
    items = [np.arange(6), np.arange(1, 7)]  # seven conditions, five of them in both scenes
    a, b, h = ([standardised_ranks(rng.normal(size=6)) for _ in items] for _ in range(3))
    observed = np.mean([(x - y) @ t for x, y, t in zip(a, b, h, strict=True)])
    null = []
    for swap in itertools.product((False, True), repeat=7):
        turned = [np.array(swap)[own] for own in items]
        pairs = [(np.where(w, y, x), np.where(w, x, y)) for w, x, y in zip(turned, a, b, strict=True)]
        null.append(np.mean([_r(x, t) - _r(y, t) for (x, y), t in zip(pairs, h, strict=True)]))
    p = np.mean(np.abs(null) >= abs(observed) - 1e-9)
    found = comp.perm_both((a, b), h, items, seed=1, draws=200)
    assert (found.n_swaps, found.p, found.difference) == (128, pytest.approx(p), pytest.approx(observed))
    drawn = comp.perm_both((a, b), h, items, seed=1, draws=127)
    assert drawn.p == pytest.approx(p, abs=4 * np.sqrt(p / 127))


def _r(x, y):
    return np.corrcoef(x, y)[0, 1]


def test_five_shared_conditions_have_too_few_swaps():
    data = add_metric(study(utilities=UTILITIES[:, :5], losses=-UTILITIES[:, :5]), "noise", NOISE[:, :5])
    section = comp.comparison_section(evidence(data))
    rho = section.summary["pairs"][0]["rho"]
    assert (rho["p"], rho["reason"]["code"]) == (None, "NC_TOO_FEW_CONDITIONS")
    assert "0.062" in rho["reason"]["sentence"]
    assert section.tests[-1].reason_code == "NC_TOO_FEW_CONDITIONS"


def test_a_better_metric_is_found_better():
    data = add_metric(study(utilities=UTILITIES, losses=-UTILITIES, n_participants=40), "noise", NOISE)
    section = comp.comparison_section(evidence(data))
    pair = section.summary["pairs"][0]
    assert (pair["metric_a"], pair["metric_b"]) == ("total", "noise")
    assert pair["low"] > 0
    assert pair["p"] < 0.05
    assert pair["rho"]["difference"] > 0
    assert pair["rho"]["p"] < 0.05
    assert "more often with total loss than with NOISE" in pair["sentence"]
    assert [t.claim_level for t in section.tests] == ["C1", "C2", "C3"]
    json.dumps(section.summary, allow_nan=False)


@pytest.mark.parametrize("profiles", [1, 6])
def test_two_metrics_that_know_nothing_are_alike(profiles):
    rejected = []
    for seed in range(100):
        rng = np.random.default_rng([seed, 3])
        theta, a, b = (np.broadcast_to(rng.normal(size=(profiles, 7)), (6, 7)) for _ in range(3))
        person, scene = np.repeat(np.arange(20), 36), rng.integers(0, 6, 720)
        left = rng.integers(0, 7, 720)
        right = (left + rng.integers(1, 7, 720)) % 7
        y = (rng.random(720) < 1 / (1 + np.exp(theta[scene, right] - theta[scene, left]))) * 1.0
        gain = (y - 0.5) * (np.sign(a[scene, right] - a[scene, left]) - np.sign(b[scene, right] - b[scene, left]))
        found = comp.paired(gain, person, scene, seed=1, draws=99)
        ranks = tuple([standardised_ranks(-row) for row in m] for m in (a, b))
        human = [standardised_ranks(row) for row in theta]
        swap = comp.perm_both(ranks, human, [np.arange(7)] * 6, seed=seed, draws=199)
        rejected.append([found.c2.p < 0.05 and profiles > 1, swap.p < 0.05])
    assert np.all(np.mean(rejected, axis=0) <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 100))


def test_the_third_claim_contains_the_first():
    data = study(utilities=np.zeros((6, 6)), losses=NOISE, n_participants=20, axis=0.8)
    for m in range(4):
        data = add_metric(data, f"m{m}", np.random.default_rng(m).normal(size=(6, 6)))
    pairs = comp.comparison_section(evidence(data)).summary["pairs"]
    assert all(pair["rho"]["p"] >= pair["p"] for pair in pairs)
    assert any(pair["rho"]["p"] == pair["p"] for pair in pairs)


def test_frozen_designs_hold_their_pairs_by_holm():
    data = add_metric(study(utilities=UTILITIES, losses=-UTILITIES), "noise", NOISE)
    data = add_metric(data, "third", UTILITIES + NOISE)
    rows = comp.comparison_section(evidence(data)).rows["metric_comparison"]
    columns = ["metric_a", "metric_b", "difference", "se_c1", "p_c1", "p_c2", "p_adj", "q_bh"]
    assert all(list(r) == columns for r in rows)
    assert all(r["p_adj"] is None and r["q_bh"] is not None for r in rows)
    trials = tuple(dataclasses.replace(t, submitted_at="2026-02-02T00:00:00Z") for t in data.trials)
    frozen = dataclasses.replace(data, primary_metric="total", frozen_at="2026-01-01T00:00:00Z", trials=trials)
    section = comp.comparison_section(evidence(frozen, DRAWS))
    rows = section.rows["metric_comparison"]
    named = [r for r in rows if "total" in (r["metric_a"], r["metric_b"])]
    assert len(named) == 2
    assert [r["p_adj"] for r in named] == holm([r["p_c1"] for r in named])
    assert [r["q_bh"] for r in named] == [None, None]
    assert [t.confirmatory for t in section.tests if t.claim_level == "C1"] == [True, True, False]


def test_one_metric_has_nobody_to_be_compared_with():
    section = comp.comparison_section(evidence(study(utilities=UTILITIES, losses=-UTILITIES)))
    assert section.summary["pairs"] == []
    assert section.summary["reason"]["code"] == "NC_NOT_ASKED"


def test_three_conditions_have_no_swap_p():
    few = study(utilities=UTILITIES[:, :3], losses=-UTILITIES[:, :3])
    pair = comp.comparison_section(evidence(add_metric(few, "noise", NOISE[:, :3]))).summary["pairs"][0]
    assert pair["p"] is not None
    assert pair["rho"]["p"] is None
