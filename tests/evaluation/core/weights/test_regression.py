"""What a metric adds: nothing when it is noise, something when the votes follow it, and the same as by hand."""

import dataclasses
import json

import numpy as np
import pytest

from evaluation.core import sections
from evaluation.core.evidence import gather
from evaluation.core.options import Options
from evaluation.core.weights import logit
from evaluation.core.weights.regression import regression_section
from evaluation.core.weights.regression.increment import increment, left_out
from tests.evaluation.core.losses import weighed

FAST = Options(draws=199)
RNG = np.random.default_rng(17)
STYLE, CONTENT, LPIPS = (RNG.normal(3, 1, (6, 5)) for _ in range(3))


def section(data):
    return regression_section(gather(data.canonical(), "q", FAST))


def by_model(found):
    return {e["model"]: e for e in found.summary["increments"]}


def test_style_and_content_add_and_noise_does_not():
    data = weighed(STYLE, CONTENT, other=LPIPS, w_style=0.6, w_content=0.5, n_participants=60, seed=1)
    found = section(data)
    entries = by_model(found)
    assert list(entries) == ["M1", "M2:total_loss", "M2:lpips_content"]
    assert entries["M1"]["p"] < 0.001
    assert entries["M1"]["log_loss_people"]["low"] > 0
    assert entries["M1"]["log_loss_scenes"]["estimate"] > 0
    assert entries["M1"]["agreement"]["estimate"] > 0.05
    assert entries["M2:lpips_content"]["p"] > 0.05
    assert entries["M2:lpips_content"]["log_loss_people"]["estimate"] < 0.002
    rows = found.rows["regression"]
    assert [(r["model"], r["term"]) for r in rows][:4] == [
        ("M0", "side_bias"), ("M1", "side_bias"), ("M1", "style_loss"), ("M1", "content_loss"),
    ]  # fmt: skip
    p = [t.p_raw for t in found.tests]
    assert all(r["p"] in p for r in rows)
    assert {t.family for t in found.tests} == {"", "increments", "increments, C2"}
    json.dumps([found.summary, rows, sections.test_rows(sections.adjusted(found.tests))], allow_nan=False)


def test_a_metric_that_the_votes_follow_adds():
    utility = STYLE + 0.8 * LPIPS  # what is weighed as style is in part LPIPS
    data = weighed(utility, CONTENT, other=LPIPS, w_style=0.6, w_content=0.5, n_participants=60, seed=2)
    style = {f"s{s}c{c}": float(STYLE[s, c]) for s in range(6) for c in range(5)}
    scores = [dataclasses.replace(s, value=style[s.stimulus]) if s.metric == "style_loss" else s for s in data.scores]
    entry = by_model(section(dataclasses.replace(data, scores=tuple(scores))))["M2:lpips_content"]
    assert entry["p"] < 0.01
    assert entry["coef"][0] < 0
    assert entry["agreement"]["estimate"] > 0
    assert "adds to what tells the votes apart beside style loss and content loss" in entry["sentence"]


def test_the_gain_with_participants_left_out_is_that_of_fitting_without_them():
    rng = np.random.default_rng(5)
    person, scene = np.repeat(np.arange(20), 25), rng.integers(0, 4, 500)
    x = rng.normal(size=(500, 2))
    y = (rng.random(500) < 1 / (1 + np.exp(-x[:, 0]))).astype(float)
    small, large = logit.fit(logit.antisymmetric(x[:, 0]), y), logit.fit(logit.antisymmetric(*x.T), y)
    exact = np.zeros(500)
    for p in range(20):
        own = person == p
        exact[own] = large.design[own] @ logit.fit(large.design[~own], y[~own]).coef
    assert left_out(large, person) == pytest.approx(exact, abs=1e-2)
    found = increment(small, large, person, scene, min_scenes=4)
    losses = [logit.log_loss(left_out(m, person), y) for m in (small, large)]
    assert found.log_loss_people.estimate == pytest.approx(np.mean(losses[0] - losses[1]))
    without = [np.array([m.design[v] @ logit.fit(m.design[scene != scene[v]], y[scene != scene[v]]).coef
                         for v in range(0, 500, 50)]) for m in (small, large)]  # fmt: skip
    assert left_out(large, scene)[::50] == pytest.approx(without[1], abs=1e-7)
    t = large.coef[2] / np.sqrt(large.by_participant(person)[2, 2])
    assert found.f == pytest.approx(t**2)


def test_how_much_people_differ_in_one_metric():
    data = weighed(STYLE, CONTENT, w_style=0.3, w_content=0.5, sd=0.5, n_participants=150, seed=4)
    entry = by_model(section(data))["M1"]
    assert entry["slope_sd"][1] == pytest.approx(0.5 * CONTENT.std(axis=1).mean(), rel=0.35)
    assert entry["slope_sd"][0] < 0.2


def test_without_parts_each_metric_stands_on_the_side_bias():
    data = weighed(STYLE, CONTENT, other=LPIPS, w_style=0.6, w_content=0.5)
    metrics = tuple(m for m in data.metrics if m.role != "objective_part")
    entries = by_model(section(dataclasses.replace(data, metrics=metrics)))
    assert list(entries) == ["M2:total_loss", "M2:lpips_content"]
    assert entries["M2:total_loss"]["base"] == []
    assert entries["M2:total_loss"]["p"] < 0.001


def test_gates():
    few = section(weighed(STYLE, CONTENT, w_style=0.6, w_content=0.5, n_participants=4))
    assert by_model(few)["M1"]["reason"]["code"] == "NC_FEW_PARTICIPANTS"
    assert all(t.p_raw is None for t in few.tests)
    same = section(weighed(STYLE, STYLE * 2, other=LPIPS, w_style=0.6, w_content=0.5))
    entries = by_model(same)
    assert entries["M1"]["reason"]["code"] == "NC_COLLINEAR"
    assert entries["M2:lpips_content"]["base"] == []
    twin = section(weighed(STYLE, CONTENT, other=STYLE * 3 + 1e-4 * LPIPS, w_style=0.6, w_content=0.5))
    assert by_model(twin)["M2:lpips_content"]["reason"]["code"] == "NC_METRICS_COLLINEAR"
    constant = section(weighed(STYLE, CONTENT, other=np.ones((6, 5)), w_style=0.6, w_content=0.5))
    assert by_model(constant)["M2:lpips_content"]["reason"]["code"] == "NC_CONSTANT_METRIC"
    data = weighed(STYLE, CONTENT, w_style=0.6, w_content=0.5)
    none = section(dataclasses.replace(data, metrics=(), scores=(), primary_metric=""))
    assert none.summary["reason"]["code"] == "NC_NO_METRIC"
    for found in (few, same, twin, constant, none):
        json.dumps([found.summary, found.rows, sections.test_rows(found.tests)], allow_nan=False)


def test_a_rehearsal_never_speaks_of_people():
    data = weighed(STYLE, CONTENT, other=LPIPS, w_style=0.6, w_content=0.5, sd=0.5, simulated=True)
    for entry in section(data).summary["increments"]:
        assert entry["sentence"].startswith("In this SIMULATED rehearsal, ")
        assert "people" not in entry["sentence"].lower()
