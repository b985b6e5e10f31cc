"""Learned weights: what was planted comes back, with the intervals and gates it needs."""

import dataclasses
import json

import numpy as np
import pytest
from scipy import stats

from evaluation.core import sections
from evaluation.core.evidence import gather
from evaluation.core.options import Options
from evaluation.core.weights import logit
from evaluation.core.weights.learned import learned_section, ratio
from evaluation.core.weights.learned.held_out import Halves, agreement_gain, halves, weights_without
from evaluation.core.weights.learned.parts import generator_weights, loss_parts, z_difference
from tests.evaluation.core.losses import WEIGHTS, weighed

FAST = Options(draws=499)
RNG = np.random.default_rng(7)
STYLE, CONTENT = RNG.normal(3, 1, (6, 5)), RNG.normal(3, 1, (6, 5))


def section(data):
    return learned_section(gather(data.canonical(), "q", FAST))


def test_planted_weights_come_back_beside_the_generators():
    found = section(weighed(STYLE, CONTENT, w_style=0.6, w_content=0.9, n_participants=80, seed=1))
    raw, z = found.summary["raw"], found.summary["z"]
    assert raw["lambda_low"] < 0.4 < raw["lambda_high"]
    assert raw["lambda_generator"] == pytest.approx(0.8)  # 1 / (1 + 0.25)
    assert raw["p"] < 0.001
    assert found.summary["lambda"] == z["lambda"]
    assert z["lambda_method"] == "Fieller"
    assert found.summary["gain_agreement"]["estimate"] > 0
    assert found.summary["gain_agreement"]["low"] > -0.05
    assert found.summary["gain_regret"]["estimate"] > 0
    assert "The votes of people weigh style against content loss" in found.summary["sentence"]
    rows = {(r["model"], r["term"]): r for r in found.rows["regression"]}
    assert rows["raw", "content_loss"]["coef"] == pytest.approx(-raw["w_content"])
    assert rows["learned_raw", "lambda_generator"]["coef"] == pytest.approx(0.8)
    p = {t.p_raw for t in found.tests}
    assert {r["p"] for r in rows.values() if r["p"] is not None and r["term"] != "side_bias"} <= p
    assert {t.claim_level for t in found.tests} == {"C1", "C2"}
    assert len(found.summary["per_person"]) == 80
    json.dumps([found.summary, found.rows, sections.test_rows(found.tests)], allow_nan=False)


def test_the_generators_share_in_units_of_spread_by_hand():
    # One scene, SDs 1 and 3: beta sd_s / (alpha sd_c + beta sd_s) = 1 / (1 + .25 x 3).
    found = section(weighed([[1, 3, 1, 3]], [[0, 0, 6, 6]], w_style=0.5, w_content=0.1, n_participants=20))
    assert found.summary["lambda_generator"] == pytest.approx(1 / 1.75)
    assert found.summary["raw"]["lambda_generator"] == pytest.approx(0.8)
    ratio_of_scales = found.summary["w_content"] / found.summary["raw"]["w_content"]
    assert ratio_of_scales == pytest.approx(3)


def test_differences_of_z_scores_by_hand():
    evidence = gather(weighed([[1, 3, 1, 3]], [[0, 0, 6, 6]], w_style=0.5, w_content=0.1).canonical(), "q", FAST)
    metric = evidence.metric("content_loss")
    votes = evidence.votes
    assert z_difference(metric, votes) == pytest.approx(metric.z[0, votes.left] - metric.z[0, votes.right])


def test_fieller_keeps_what_its_test_does_not_reject():
    w, cov, df = np.array([0.5, 0.8]), np.array([[0.02, 0.005], [0.005, 0.03]]), 19
    for bound in ratio.fieller(w, cov, df):
        contrast = np.array([1 - bound, -bound])
        t = contrast @ w / np.sqrt(contrast @ cov @ contrast)
        assert abs(t) == pytest.approx(stats.t.ppf(0.975, df))
    assert ratio.fieller(np.array([0.1, 0.1]), cov, df) is None
    found = ratio.share(np.array([0.3, 0.02]), cov, df, seed=1, draws=999)
    assert found.method == "angle, participant bootstrap"
    assert found.low < found.estimate <= found.high == 1
    assert ratio.share(np.array([0.01, 0.01]), cov, df, seed=1, draws=999).low is None
    assert ratio.share(np.array([-0.5, -0.1]), cov, df, seed=1, draws=999) is None


def test_the_interval_covers_and_the_test_holds_its_level():
    rng = np.random.default_rng(3)
    people, each, covered, rejected, runs = 25, 30, 0, 0, 150
    person = np.repeat(np.arange(people), each)
    for _ in range(runs):
        x = rng.normal(size=(people * each, 2))
        own = np.array([0.8, 0.4]) + 0.4 * rng.normal(size=(people, 2))
        y = (rng.random(len(x)) < 1 / (1 + np.exp(np.sum(own[person] * x, axis=1)))).astype(float)
        fitted = logit.fit(logit.antisymmetric(*x.T), y)
        cov = fitted.by_participant(person)[1:, 1:]
        found = ratio.share(-fitted.coef[1:], cov, people - 1, seed=1, draws=199)
        covered += found.low <= 2 / 3 <= found.high
        rejected += ratio.p_share(2 / 3, x, y, person)[1] < 0.05
    assert covered / runs >= 0.95 - 3.3 * np.sqrt(0.05 * 0.95 / runs)
    assert rejected / runs <= 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / runs)


def test_the_opposite_sign_is_said():
    found = section(weighed(STYLE, CONTENT, w_style=0.8, w_content=-0.6, n_participants=40, seed=2))
    assert found.summary["lambda"] == 1
    assert found.summary["opposite"] == ["content"]
    assert "higher content loss (unconstrained weight −0." in found.summary["sentence"]
    both = section(weighed(STYLE, CONTENT, w_style=-0.8, w_content=-0.6, n_participants=40, seed=2))
    assert both.summary["lambda"] is None
    assert both.summary["reason"]["code"] == "NC_OPPOSITE"
    data = weighed(STYLE, CONTENT, w_style=0.5, w_content=0.5)
    tied = section(dataclasses.replace(data, trials=tuple(dataclasses.replace(t, choice="tie") for t in data.trials)))
    assert tied.summary["lambda"] is None
    assert tied.summary["sentence"].startswith("Neither style nor content loss moves these votes")
    for found in (both, tied):
        json.dumps([found.summary, found.rows, sections.test_rows(found.tests)], allow_nan=False)


def test_how_much_people_differ_is_said():
    found = section(weighed(STYLE, CONTENT, w_style=0.3, w_content=0.5, sd=0.5, n_participants=150, seed=4))
    spread = CONTENT.std(axis=1).mean()
    assert found.summary["taste_sd"]["content"] == pytest.approx(0.5 * spread, rel=0.35)
    assert found.summary["taste_sd"]["style"] < 0.2


def test_gates():
    same = section(weighed(STYLE, STYLE * 2 + 1e-9 * CONTENT, w_style=0.5, w_content=0.1))
    assert same.summary["reason"]["code"] == "NC_COLLINEAR"
    assert "r = 1.000" in same.summary["sentence"]
    data = weighed(STYLE, CONTENT, w_style=0.5, w_content=0.1)
    scope = [dataclasses.replace(m, comparable_within="run") for m in data.metrics]
    assert section(dataclasses.replace(data, metrics=tuple(scope))).summary["reason"]["code"] == "NC_SCOPE"
    alone = dataclasses.replace(data, metrics=data.metrics[:1])
    assert section(alone).summary["reason"]["code"] == "NC_NO_PARTS"
    few = section(weighed(STYLE, CONTENT, w_style=0.5, w_content=0.1, n_participants=5))
    assert few.summary["lambda_low"] is None
    assert few.summary["reason"]["code"] == "NC_FEW_PARTICIPANTS"
    assert all(t.p_raw is None for t in few.tests)
    unknown = section(weighed(STYLE, CONTENT, w_style=0.5, w_content=0.5, weights={}))
    assert unknown.summary["lambda"] is not None
    assert unknown.summary["reason"]["code"] == "NC_NO_GENERATOR_WEIGHTS"
    for bad in (None, "auto", True, 10**400, float("inf"), [1]):
        weights = WEIGHTS | {"style_weight": bad}
        found = section(weighed(STYLE, CONTENT, w_style=0.5, w_content=0.5, weights=weights))
        assert found.summary["reason"]["code"] == "NC_NO_GENERATOR_WEIGHTS", bad
    certain = section(weighed(STYLE, CONTENT, w_style=500, w_content=300))
    assert certain.summary["reason"]["code"] == "NC_UNBOUNDED_WEIGHTS"
    for found in (same, few, unknown, certain):
        json.dumps([found.summary, found.rows, sections.test_rows(found.tests)], allow_nan=False)


@pytest.mark.parametrize(("style", "known"), [(1000, True), ("auto", False), (None, False)])
def test_the_weights_that_all_conditions_share_are_taken_where_they_are_numbers(style, known):
    data = weighed(STYLE, CONTENT, w_style=0.5, w_content=0.5, weights={})
    params = {"style_weight": style, "content_weight": 1}
    conditions = tuple(dataclasses.replace(c, params=params) for c in data.conditions)
    found = generator_weights(gather(dataclasses.replace(data, conditions=conditions).canonical(), "q", FAST))
    assert (found == (1000.0, 1.0)) is known
    assert known or found.code == "NC_NO_GENERATOR_WEIGHTS"


def test_a_rehearsal_never_speaks_of_people():
    text = section(weighed(STYLE, CONTENT, w_style=0.6, w_content=0.5, simulated=True)).summary["sentence"]
    assert text.startswith("In this SIMULATED rehearsal, the votes of simulated voters")
    assert "people" not in text


def test_the_gain_in_agreement_by_hand():
    # Lower style wins every vote. Learned in the other scene: right there, wrong here; the generator: right in both.
    coef = np.array([[-1.0, 0.0], [1.0, 0.0]])
    raw = np.array([[-2.0, 5.0], [2.0, 5.0], [-2.0, 5.0], [0.0, 5.0]])
    y, person, scene = np.array([1.0, 0.0, 1.0, 0.5]), np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1])
    each = Halves(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([coef, coef]))
    gain = agreement_gain(coef, each, raw, raw, (1.0, 0.0), y, person, scene)
    # Credits: learned 1, 1, 0, 1/2; generator 1, 1, 1, 1/2. Sums by person of the difference: 0 and -1.
    assert gain.estimate == pytest.approx(-0.25)
    # Of each person alone: 0 and -1/2.
    assert gain.se == pytest.approx(0.25)
    assert gain.n_scenes == 2


def test_the_weights_of_a_half_are_those_of_its_votes():
    evidence = gather(weighed(STYLE, CONTENT, w_style=0.6, w_content=0.9, n_participants=400).canonical(), "q", FAST)
    votes, z = evidence.votes, loss_parts(evidence).z(evidence.votes)
    fitted = logit.fit(logit.antisymmetric(*z.T), votes.y)
    coef = weights_without(fitted, votes.scene, len(STYLE))
    drawn = halves(fitted, coef, votes.person, votes.scene, seed=1)
    for signs, found in zip(drawn.signs[:3], drawn.coef[:3], strict=True):
        keep = (signs[votes.person] > 0) & (votes.scene != 2)
        alone = logit.fit(fitted.design[keep], votes.y[keep]).coef[1:]
        assert found[2] == pytest.approx(alone, abs=0.03)
        assert np.abs(alone - coef[2]).max() > 0.001


def test_the_error_of_the_gain_knows_that_the_weights_came_from_the_same_people():
    # Nobody cares for either loss. With the weights taken as given the SE is an eighth too small.
    gains = []
    for seed in range(100):
        data = weighed(STYLE[:5], CONTENT[:5], w_style=0.0, w_content=0.0, n_participants=10, seed=seed)
        votes = (evidence := gather(data.canonical(), "q", Options(draws=2))).votes
        parts = loss_parts(evidence)
        fitted = logit.fit(logit.antisymmetric(*parts.z(votes).T), votes.y)
        coef = weights_without(fitted, votes.scene, 5)
        drawn = halves(fitted, coef, votes.person, votes.scene, seed=1)
        gains.append(
            agreement_gain(coef, drawn, parts.z(votes), parts.raw(), (1.0, 0.25), votes.y, votes.person, votes.scene)
        )
    assert np.mean([g.se for g in gains]) > np.std([g.estimate for g in gains])


def test_weights_that_agree_with_the_generators_gain_nothing():
    found = section(weighed(STYLE, CONTENT, w_style=0.8, w_content=0.2, n_participants=40, seed=3))
    assert abs(found.summary["gain_agreement"]["estimate"]) < 0.03
    assert abs(found.summary["gain_regret"]["estimate"]) < 0.3
