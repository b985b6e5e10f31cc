"""Curves over a parameter: levels by hand, the quadratic of R, and what flat and plateau curves are called."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from evaluation.core import sections
from evaluation.core.evidence import POOLED, gather
from evaluation.core.options import Options
from evaluation.core.weights.shape import curves, levels, shape_section
from tests.evaluation.simulate import study

R = json.loads((Path(__file__).parents[4] / "fixtures" / "oracles" / "models.json").read_text())
RATES = [0.001, 0.003, 0.01, 0.03, 0.1]
FAST = Options(draws=499)


def with_params(data, params):
    conditions = [dataclasses.replace(c, params=p) for c, p in zip(data.conditions, params, strict=True)]
    return dataclasses.replace(data, conditions=tuple(conditions))


def rates(utilities, **fields):
    k = len(utilities)
    data = study(utilities=[utilities] * 2, losses=np.ones((2, k)) * np.arange(k), **fields)
    return with_params(data, [{"learning_rate": r, "size": 384, "optimizer": "adam"} for r in RATES[:k]])


def section(data, options=FAST):
    return shape_section(gather(data.canonical(), "q", options))


def scores(influence, theta, **fields):
    """Levels with given scores (L,) and contributions (P, L)."""
    influence = influence - influence.mean(axis=1, keepdims=True)
    cov = influence.T @ influence
    size = len(theta)
    return levels.Levels(
        "lr", np.array([10.0**i for i in range(size)]), np.array(theta) - np.mean(theta), cov, cov * 0.5,
        np.full(size, 100), tuple((f"c{i}",) for i in range(size)), {f"c{i}": 0 for i in range(size)}, True,
        len(influence) - 1,
    )  # fmt: skip


def test_the_quadratic_and_its_peak_are_those_of_r():
    x, left, right = (np.array(R[name]) for name in ("levels", "left", "right"))
    person = np.array(R["person"]) - 1
    found = curves.quadratic(np.log10(x), left - 1, right - 1, np.array(R["shape_y"]), person, seed=1, draws=4000)
    assert [found.b1, found.b2] == pytest.approx(R["shape_coef"][1:], abs=1e-6)
    assert found.peak == pytest.approx(R["peak"][0], abs=1e-6)
    assert found.inside
    # The delta method on R's covariance gives about the same interval.
    b1, b2 = R["shape_coef"][1:]
    slope = np.array([-1 / (2 * b2), b1 / (2 * b2**2)])
    se = np.sqrt(slope @ np.array(R["shape_cov"]).reshape(3, 3)[1:, 1:] @ slope)
    assert found.high - found.low == pytest.approx(2 * 2.16 * se, rel=0.2)
    assert found.p_lind_mehlum < 0.001


def test_the_interior_peak_by_hand():
    one = scores(np.random.default_rng(1).normal(0, 0.02, (30, 4)), [0.0, 0.3, 0.5, 0.2])
    peak = curves.interior_peak(one)
    p = max(one.p_above(2, 0), one.p_above(2, 3))
    assert (peak.level, peak.end) == (2, 3)
    assert peak.p == pytest.approx(2 * p)
    assert peak.difference == pytest.approx(0.3)


def test_isotonic_agrees_with_scipy():
    from scipy.optimize import isotonic_regression

    rng = np.random.default_rng(0)
    theta, weight = rng.normal(size=(20, 7)), rng.uniform(1, 5, 7)
    expected = [isotonic_regression(row, weights=weight).x for row in theta]
    assert curves.isotonic(theta, weight) == pytest.approx(np.array(expected))


def noise_levels(rng, theta, people=20, sd=0.1):
    influence = rng.normal(0, sd / np.sqrt(people), (people, len(theta)))
    return scores(influence, np.array(theta) + sd * rng.normal(size=len(theta)))


def test_a_flat_curve_and_a_plateau_have_no_peak():
    rng = np.random.default_rng(5)
    for theta in ([0, 0, 0, 0, 0], [-1.0, -0.3, 0, 0, 0]):
        p = [curves.interior_peak(noise_levels(rng, theta)).p for _ in range(200)]
        assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 200)


def test_a_monotone_curve_is_not_called_otherwise_and_a_hill_is():
    rng = np.random.default_rng(6)
    p = []
    for _ in range(100):
        one = noise_levels(rng, [0, 0, 0, 0, 0], people=30)
        p.append(curves.p_monotone(one, one.noise(1, 199)))
    assert 0 < np.mean(np.array(p) <= 0.05) <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 100)
    hill = noise_levels(rng, [-0.5, 0, 0.5, 0, -0.5], people=30)
    assert curves.p_monotone(hill, hill.noise(1, 199)) == pytest.approx(1 / 200)
    rise = noise_levels(rng, [-1, -0.5, 0, 0.5, 1], people=30)
    assert curves.p_monotone(rise, rise.noise(1, 199)) > 0.3


@pytest.mark.parametrize(
    ("theta", "name"),
    [
        ([-0.8, 0.1, 0.6, 0.2, -0.8], "inverted_u"),
        ([-1, -0.5, 0, 0.5, 1], "increasing"),
        ([1, 0.5, 0, 0, -1], "decreasing"),
        ([0, 0.01, 0, 0.02, 0], "flat"),
        ([0.8, 0, -0.6, 0, 0.8], "undetermined"),
    ],
)
def test_shapes_by_name(theta, name):
    one = noise_levels(np.random.default_rng(2), theta, people=30, sd=0.02)
    assert curves.classify(one, curves.interior_peak(one).p, alpha=0.05, delta=0.2) == name


def test_a_hill_in_the_votes_is_found_and_said():
    found = section(rates([-0.9, 0.2, 0.7, 0.1, -0.9], n_participants=40, seed=3))
    said = found.summary["learning_rate"]
    assert list(found.summary) == ["learning_rate"]  # size does not vary, the optimiser is no number
    assert said["shape"] == "inverted_u"
    assert said["peak_low"] < said["peak_x"] < said["peak_high"]
    assert 0.005 < said["peak_x"] < 0.02
    assert "people prefer the middle" in said["sentence"]
    rows = found.rows["dose_response"]
    assert [r["x"] for r in rows] == RATES
    assert [r["condition_id"] for r in rows] == [f"c{i}" for i in range(5)]
    assert all(r["ci_low"] < r["theta"] < r["ci_high"] for r in rows)
    primary, *secondary = found.tests
    assert (primary.family, primary.adjustment, primary.p_adj) == ("F4", "holm", said["p_interior_peak"])
    assert [t.p_raw for t in secondary] == [said["p_monotone"], said["p_lind_mehlum"]]
    json.dumps(sections.test_rows(found.tests), allow_nan=False)
    json.dumps([found.summary, rows], allow_nan=False)


def test_a_rehearsal_never_speaks_of_people():
    text = section(rates([-0.9, 0.2, 0.7, 0.1, -0.9], simulated=True)).summary["learning_rate"]["sentence"]
    assert text.startswith("In this SIMULATED rehearsal, over learning rate")
    assert "people" not in text


def test_other_parameters_are_held_still():
    # Three rates x two styles in a product: theta = rate effect + style effect, to be taken apart.
    data = study(utilities=[[0, 0.5, 0.2, 1, 1.5, 1.2]], losses=[[1, 2, 3, 4, 5, 6]], n_participants=60, seed=1)
    params = [{"learning_rate": r, "style_weight": w} for w in (1.0, 10.0) for r in RATES[:3]]
    evidence = gather(with_params(data, params).canonical(), "q", FAST)
    theta = evidence.scales[POOLED].theta
    found = shape_section(evidence).summary
    assert list(found) == ["learning_rate"]
    assert found["learning_rate"]["theta"] == pytest.approx(theta.reshape(2, 3).mean(axis=0) - theta.mean())
    assert not found["learning_rate"]["alone"]
    assert "where the other parameters are the same" in found["learning_rate"]["sentence"]


def test_one_at_a_time_uses_the_single_changes_only():
    data = study(utilities=[[0, 0.5, 0.2, 3, -3]], losses=[[1, 2, 3, 4, 5]], n_participants=60, seed=1)
    params = [{"lr": r, "tv": 0.0, "mode": "a"} for r in (1.0, 2, 3)]
    params += [{"lr": 1.0, "tv": 1.0, "mode": "a"}, {"lr": 1.0, "tv": 0.0, "mode": "b"}]
    evidence = gather(with_params(data, params).canonical(), "q", FAST)
    theta = evidence.scales[POOLED].theta
    assert shape_section(evidence).summary["lr"]["theta"] == pytest.approx(theta[:3] - theta[:3].mean())


def test_parameters_that_move_together_are_not_told_apart():
    data = study(utilities=[[0, 0.5, 0.2]], losses=[[1, 2, 3]], seed=1)
    found = section(with_params(data, [{"a": 1, "b": 3}, {"a": 2, "b": 2}, {"a": 3, "b": 1}]))
    assert [found.summary[n]["reason"]["code"] for n in "ab"] == ["NC_CONFOUNDED"] * 2
    assert found.tests == ()


def test_gates():
    assert section(study(utilities=[0, 1, 2], losses=[1, 2, 3])).summary["reason"]["code"] == "NC_NO_PARAMETER"
    few = section(rates([0, 0.5, 0.2], n_participants=5))
    assert few.summary["learning_rate"]["reason"]["code"] == "NC_FEW_PARTICIPANTS"
    assert few.tests[0].p_raw is None
    assert few.tests[0].reason_code == "NC_FEW_PARTICIPANTS"
    assert few.rows["dose_response"][0]["ci_low"] is None
    none = section(rates([0, 0.5, 0.2], n_participants=1, n_trials=1))
    assert none.summary["reason"]["code"] == "NC_FEW_VOTES"
    json.dumps([few.summary, none.summary], allow_nan=False)


@pytest.mark.parametrize("level", [None, pytest.param(10**400, id="huge"), True, "auto"])
def test_a_level_that_is_no_finite_number_makes_no_axis(level):
    params = [{"lr": r} for r in (0.1, 1, 10, 100)]
    assert levels.numeric_parameters(params) == ("lr",)
    assert levels.numeric_parameters([*params, {"lr": level}]) == ()


def test_a_dip_in_a_steep_rise_is_judged_by_the_steps_beside_it():
    rng = np.random.default_rng(8)
    one = scores(rng.normal(0, 0.1 / np.sqrt(30), (30, 5)), [-3.0, -1.5, 0.15, -0.15, 3.0])
    # The dip is 0.3 with a standard error of about 0.14; a flat curve has many more ways to look this uneven.
    expected = 1 - norm.cdf(0.3 / one.se_of(2, 3))
    assert curves.p_monotone(one, one.noise(1, 4999)) == pytest.approx(expected, abs=0.02)
