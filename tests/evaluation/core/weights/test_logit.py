"""The binomial logit against R's glm and sandwich, by hand where two votes are enough, and under the null."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from evaluation.core.weights import logit

R = json.loads((Path(__file__).parents[4] / "fixtures" / "oracles" / "models.json").read_text())
PERSON, SCENE = np.array(R["person"]) - 1, np.array(R["scene"]) - 1
Y = np.array(R["y"])
DESIGN = logit.antisymmetric(np.array(R["style"]), np.array(R["content"]))


def table(name):
    return np.array(R[name]).reshape(3, 3)


def test_coefficients_and_covariances_are_those_of_r():
    found = logit.fit(DESIGN, Y)
    assert found.converged
    assert found.coef == pytest.approx(R["coef"], abs=1e-8)
    assert found.bread == pytest.approx(table("cov_naive"), abs=1e-6)
    assert found.by_participant(PERSON) == pytest.approx(table("cov_one_way"), abs=1e-8)
    assert found.by_both(PERSON, SCENE) == pytest.approx(table("cov_two_way"), abs=1e-8)
    influence = found.influence(PERSON)
    assert influence.T @ influence * 14 / 13 == pytest.approx(table("cov_one_way"), abs=1e-8)


def test_the_joint_wald_test_is_that_of_r():
    found = logit.fit(DESIGN, Y)
    f, p = logit.wald(found.coef[1:], found.by_participant(PERSON)[1:, 1:], 13)
    assert (f, p) == (pytest.approx(R["joint_f"][0]), pytest.approx(R["joint_p"][0]))


def test_the_units_of_a_loss_change_nothing_but_its_weight():
    found = logit.fit(DESIGN, Y)
    large = logit.fit(DESIGN * [1, 1e6, 1e-6], Y)
    assert large.coef * [1, 1e6, 1e-6] == pytest.approx(found.coef)
    scale = np.outer([1, 1e-6, 1e6], [1, 1e-6, 1e6])
    assert large.by_participant(PERSON) == pytest.approx(found.by_participant(PERSON) * scale)


def test_leaving_a_group_out_is_fitting_without_it():
    found = logit.fit(DESIGN, Y)
    scenes = found.without(SCENE)  # six: fitted again
    assert scenes[2] == pytest.approx(logit.fit(DESIGN[SCENE != 2], Y[SCENE != 2]).coef, abs=1e-8)
    people = found.without(PERSON)  # fourteen: one Newton step
    others = [np.flatnonzero(p != PERSON) for p in range(14)]
    exact = np.array([logit.fit(DESIGN[o], Y[o]).coef for o in others])
    assert people == pytest.approx(exact, abs=4e-3)
    assert np.abs(people - exact).max() < 0.03 * np.abs(exact - found.coef).max()


def test_separated_votes_have_no_finite_weight():
    x = np.array([-2.0, -1, 1, 2])
    assert not logit.fit(logit.antisymmetric(x), (x > 0).astype(float)).converged
    assert logit.fit(logit.antisymmetric(x), np.array([0, 1, 0, 1.0])).converged


def test_condition_number_and_inflation_by_hand():
    x = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1], [1, 1], [-1, -1.0]])  # r = 1/3
    assert logit.condition_number(x) == pytest.approx(np.sqrt((4 / 3) / (2 / 3)))
    assert logit.vif(x) == pytest.approx([9 / 8, 9 / 8])
    assert logit.condition_number(np.column_stack([x[:, 0], 2 * x[:, 0]])) > logit.COLLINEAR_ABOVE
    assert logit.condition_number(np.zeros((3, 1))) == np.inf


def test_the_score_test_of_one_vote_each_is_a_t_test():
    rng = np.random.default_rng(3)
    extra, y = rng.normal(size=40), rng.integers(0, 2, 40).astype(float)
    t, p, df = logit.score_test(np.ones((40, 1)), extra, y, np.arange(40))
    own = (extra - extra.mean()) * (y - y.mean())
    assert t == pytest.approx(own.mean() / (own.std(ddof=1) / np.sqrt(40)))
    assert df == 39
    assert 0 < p < 1


def votes(rng, *, people=20, each=30, sd=0.0, slope=0.0):
    person = np.repeat(np.arange(people), each)
    x = rng.normal(size=people * each)
    own = slope + sd * rng.normal(size=people)
    y = (rng.random(people * each) < expit(own[person] * x)).astype(float)
    return person, x, y


def test_a_null_covariate_with_tastes_is_rejected_as_often_as_said():
    rng = np.random.default_rng(1)
    clustered = score = naive = 0
    for _ in range(200):
        person, x, y = votes(rng, sd=0.8)
        found = logit.fit(logit.antisymmetric(x), y)
        clustered += logit.wald(found.coef[1:], found.by_participant(person)[1:, 1:], 19)[1] < 0.05
        naive += logit.wald(found.coef[1:], found.bread[1:, 1:], 1e9)[1] < 0.05
        score += logit.score_test(np.ones((len(y), 1)), x, y, person)[1] < 0.05
    bound = 0.05 + 3.3 * np.sqrt(0.05 * 0.95 / 200)
    assert 0 < clustered / 200 <= bound
    assert 0 < score / 200 <= bound
    assert naive / 200 > 0.2  # votes of one person are not independent


def test_how_much_people_differ_is_recovered():
    rng = np.random.default_rng(2)
    person, x, y = votes(rng, people=400, each=40, sd=0.5, slope=0.6)
    found = logit.fit(logit.antisymmetric(x), y)
    sd, own = logit.own_slopes(found, 1, person)
    assert sd == pytest.approx(0.5, abs=0.07)
    assert own.mean() == pytest.approx(found.coef[1], abs=0.05)
    assert own.std() < sd
    person, x, y = votes(rng, people=400, each=40, slope=0.6)
    assert logit.own_slopes(logit.fit(logit.antisymmetric(x), y), 1, person)[0] < 0.15
