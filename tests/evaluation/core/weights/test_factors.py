"""Which hyper-parameter matters: contrasts by hand, planted effects, seeds, and what cannot be told."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from scipy import stats

from evaluation.core.dataset import Condition, Score, Stimulus
from evaluation.core.evidence import POOLED, gather
from evaluation.core.options import Options
from evaluation.core.voters.layouts import Layout, layout
from evaluation.core.weights import factors
from tests.evaluation.simulate import study

COLUMNS = "factor level kind unit change ci_low ci_high rank p_rank_first status reason_code"
CROSSED = [{"lr": lr, "init": init} for lr, init in itertools.product([0.01, 0.1, 1.0], ["noise", "content"])]
# Lee et al.: a default and single changes of it.
SINGLE = [{"lr": 0.01, "init": "noise", "batch": 1}, {"lr": 0.1, "init": "noise", "batch": 1},
          {"lr": 0.001, "init": "noise", "batch": 1}, {"lr": 0.01, "init": "content", "batch": 1},
          {"lr": 0.01, "init": "noise", "batch": 8}]  # fmt: skip


def conditions(params, default=0):
    return [
        Condition(f"c{i}", f"setting {i}", i, "gatys", is_default=i == default, params=p) for i, p in enumerate(params)
    ]


def grid(params, utilities, losses, *, default=0, seeds=0, **more):
    """A study over ``params`` (K dicts); ``seeds``: further renders of the default, with their own losses."""
    data = study(utilities=utilities, losses=losses, **more)
    stimuli, scores = list(data.stimuli), list(data.scores)
    rng = np.random.default_rng(9)
    for s, r in itertools.product(range(len(data.scenes)), range(seeds)):
        stimuli.append(Stimulus(f"s{s}c{default}r{r}", f"s{s}", f"c{default}", replicate=r + 1))
        base = next(x.value for x in scores if x.stimulus == f"s{s}c{default}")
        scores.append(Score(f"s{s}c{default}r{r}", "total", base + 0.1 * float(rng.normal())))
    return dataclasses.replace(
        data, conditions=tuple(conditions(params, default)), stimuli=tuple(stimuli), scores=tuple(scores)
    )


def section_of(data):
    evidence = gather(data.canonical(), "q", Options(draws=999))
    section = factors.factors_section(evidence)
    assert json.dumps([section.summary, section.rows], allow_nan=False)
    assert all(tuple(row) == tuple(COLUMNS.split()) for row in section.rows["factors"])
    return evidence, section


def test_a_crossed_grid_has_marginal_means():
    found = layout(conditions(CROSSED))
    assert found.design == "factorial"
    init, lr = found.factors
    assert (init.name, init.levels, lr.levels) == ("init", ("noise", "content"), ("0.01", "0.1", "1"))
    y = np.array([1.0, 2, 4, 6, 9, 5])
    assert lr.contrasts @ y == pytest.approx([1.5 - 4.5, 5 - 4.5, 7 - 4.5])
    assert init.contrasts @ y == pytest.approx([14 / 3 - 4.5, 13 / 3 - 4.5])
    assert factors.sizes(found.factors, y) == pytest.approx([1 / 3, 5.5])


def test_one_at_a_time_is_the_change_from_the_default():
    found = layout(conditions(SINGLE))
    assert (found.design, found.base) == ("one_at_a_time", 0)
    assert [(f.name, f.levels) for f in found.factors] == [
        ("batch", ("1", "8")), ("init", ("noise", "content")), ("lr", ("0.01", "0.1", "0.001")),
    ]  # fmt: skip
    y = np.array([1.0, 3, 0.5, 2, 1])
    assert found.factors[2].contrasts @ y == pytest.approx([0, 2, -0.5])
    assert factors.sizes(found.factors, y) == pytest.approx([0, 1, 2.5])
    # Without a flag the default is the one that the others are changes of.
    assert layout(conditions(SINGLE[1:] + SINGLE[:1], default=-1)).base == 4


def test_mixed_up_or_single_parameters_have_a_reason():
    paired = [{"lr": x, "batch": x} for x in (1, 2, 3)]
    assert layout(conditions(paired)).code == "NC_NOT_CROSSED"
    assert layout(conditions([{"lr": x} for x in (1, 2, 3)])).code == "NC_ONE_FACTOR"
    _, section = section_of(grid([{"lr": x} for x in (1, 2, 3)], [0, 1, 2], [1, 2, 3]))
    assert section.summary["reason"]["code"] == "NC_ONE_FACTOR"
    assert section.rows["factors"] == []


def test_planted_orders_are_found_and_compared():
    # For people the start matters, for the loss the learning rate.
    utilities = [0, 0.2, -0.2, 1.5, 0.1]
    evidence, section = section_of(
        grid(SINGLE, utilities, [5, 1, 9, 5.5, 5.2], n_participants=40, n_trials=40, seeds=3)
    )
    summary = section.summary
    assert summary["people"]["order"][0] == "init"
    assert summary["people"]["p_rank"]["init"][0] > 0.95
    (metric,) = summary["metrics"]
    assert metric["order"][0] == "lr"
    assert (metric["same_first"], metric["p_same_first"] < 0.05) == (False, True)
    assert metric["tau"] == pytest.approx(1 / 3)
    assert metric["noise_floor_z"] == pytest.approx(0.1 / np.std([5, 1, 9, 5.5, 5.2]), rel=0.7)
    assert summary["sentence"].startswith("init matters most for people (range 1.")
    rows = [r for r in section.rows["factors"] if r["kind"] == "people"]
    scale = evidence.scales[POOLED]
    change = next(r for r in rows if (r["factor"], r["level"]) == ("init", "content"))
    assert change["change"] == pytest.approx(scale.theta[3] - scale.theta[0])
    low, high = scale.interval(change["change"], np.sqrt(scale.cov[3, 3] + scale.cov[0, 0] - 2 * scale.cov[0, 3]))
    assert (change["ci_low"], change["ci_high"]) == pytest.approx((low, high), rel=0.1)
    raw = next(r for r in section.rows["factors"] if (r["level"], r["unit"]) == ("0.1", "raw"))
    assert raw["change"] == pytest.approx(1 - 5, abs=0.2)
    assert raw["ci_low"] < raw["change"] < raw["ci_high"]


def test_the_interval_of_a_range_by_hand():
    cov, t = np.diag([0.01, 0.01, 0.04]), lambda level: stats.t.ppf(level, 9)
    effects = factors.Effects("people", "logit", np.array([0.0, 0.5, 0.8]), cov, 9.0, None)
    two = np.array([[1.0, 0, 0], [0, 1, 0]])
    reach = t(0.975) * np.sqrt(0.02)
    assert factors.range_interval(effects, two) == pytest.approx((0.5 - reach, 0.5 + reach))
    # Three pairs: the surest of them bounds from below, the vaguest from above.
    wide, narrow = (t(1 - 0.025 / 3) * np.sqrt(v) for v in (0.05, 0.02))
    assert factors.range_interval(effects, np.eye(3)) == pytest.approx((max(0, 0.5 - narrow, 0.8 - wide), 0.8 + wide))
    assert factors.range_interval(dataclasses.replace(effects, cov=None), two) == (None, None)


def test_the_interval_of_a_range_holds_nothing_where_nothing_matters():
    # The highest level less the lowest, chosen by the votes, is called a difference in one of six such studies.
    rng, n, held = np.random.default_rng(3), 20, []
    for _ in range(400):
        own = rng.normal(size=(n, 4))
        effects = factors.Effects("people", "logit", own.mean(axis=0), np.cov(own.T) / n, n - 1.0, None)
        held.append(factors.range_interval(effects, np.eye(4))[0] == 0)
    assert np.mean(held) >= 0.95 - 3.3 * np.sqrt(0.05 * 0.95 / 400)


def test_the_probabilities_of_the_ranks_are_probabilities():
    _, section = section_of(grid(CROSSED, [0, 0.1, 0.3, 0.2, 0.5, 0.6], [1, 2, 3, 4, 5, 6]))
    table = np.array(list(section.summary["people"]["p_rank"].values()))
    assert table.sum(axis=0) == pytest.approx([1, 1])
    assert table.sum(axis=1) == pytest.approx([1, 1])


def test_one_seed_per_cell_cannot_be_told_from_noise():
    _, section = section_of(grid(SINGLE, [0, 0.2, -0.2, 1.5, 0.1], [5, 1, 9, 5.5, 5.2]))
    rows = [r for r in section.rows["factors"] if r["kind"] == "total"]
    assert {(r["status"], r["reason_code"], r["ci_low"], r["p_rank_first"]) for r in rows} == {
        ("warning", "NC_ONE_SEED", None, None)
    }
    assert "one seed per cell: this cannot be told from seed noise" in section.summary["sentence"]


def test_a_metric_of_other_objectives_is_refused():
    data = grid(SINGLE, [0, 0.2, -0.2, 1.5, 0.1], [5, 1, 9, 5.5, 5.2], scope="objective")
    apart = tuple(dataclasses.replace(c, objective_id=f"o{i}") for i, c in enumerate(data.conditions))
    _, section = section_of(dataclasses.replace(data, conditions=apart))
    assert section.summary["metrics"][0]["reason"]["code"] == "NC_SCOPE"
    refused = [r for r in section.rows["factors"] if r["kind"] == "total"]
    assert {(r["status"], r["reason_code"]) for r in refused} == {("not_computable", "NC_SCOPE")}


def test_without_scores_of_people_the_loss_is_still_told():
    data = grid(SINGLE, [0, 0.2, -0.2, 1.5, 0.1], [5, 1, 9, 5.5, 5.2], seeds=2)
    _, section = section_of(dataclasses.replace(data, trials=()))
    assert section.summary["people"]["reason"]["code"] == "NC_NO_VOTES"
    assert section.summary["metrics"][0]["order"][0] == "lr"
    assert section.summary["metrics"][0]["tau_reason"]["code"] == "NC_NO_VOTES"
    few = dataclasses.replace(data, trials=tuple(t for t in data.trials if t.participant < "p004"))
    _, section = section_of(few)
    people = [r for r in section.rows["factors"] if r["kind"] == "people"]
    assert {(r["status"], r["reason_code"]) for r in people} == {("warning", "NC_FEW_PARTICIPANTS")}


@pytest.mark.parametrize("seeds", [0, 3])
def test_a_higher_better_metric_keeps_its_sign(seeds):
    data = grid(SINGLE, [0, 0.2, -0.2, 1.5, 0.1], [5, 1, 9, 5.5, 5.2], seeds=seeds)
    up = tuple(dataclasses.replace(m, direction="higher_better") for m in data.metrics)
    for metrics in (data.metrics, up):
        _, section = section_of(dataclasses.replace(data, metrics=metrics))
        row = next(r for r in section.rows["factors"] if (r["level"], r["unit"]) == ("0.1", "z"))
        assert row["change"] == pytest.approx(-4 / np.std([5, 1, 9, 5.5, 5.2]), rel=0.05 if seeds else 1e-9)


def test_rehearsals_and_methods():
    settings = [("gatys", 1), ("adain", 1), ("gatys", 2)]
    two = [
        Condition(f"c{i}", "abc"[i], i, method, is_default=i == 0, params={"w": w})
        for i, (method, w) in enumerate(settings)
    ]
    assert isinstance(found := layout(two), Layout)
    assert [f.name for f in found.factors] == ["method", "w"]
    data = study(utilities=[0, 1, 2], losses=[1, 2, 3], simulated=True)
    _, section = section_of(dataclasses.replace(data, conditions=tuple(two)))
    assert "for simulated voters" in section.summary["sentence"]
