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
    several = "families" in section.summary
    columns = (*(["family"] if several else []), *COLUMNS.split())
    assert all(tuple(row) == columns for row in section.rows["factors"])
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


# Two models as two defaults with single changes; they share no level of their layers.
TWO_MODELS = [
    {"model": model, "layers": layers, "batch": batch, "init": init}
    for model, default, other in (("isola", "8", "9"), ("zhang", "skip567", "full"))
    for layers, batch, init in ((default, 1, "n"), (other, 1, "n"), (default, 8, "n"), (default, 1, "he"))
]


def two_models(seeds=0, **more):
    """For people the start of isola and the batch of zhang matter; for the loss the layers of both."""
    utilities, losses = [0, 0.1, 0.2, 1.5, 0, 0.2, 1.5, 0.1], [5, 9, 5.5, 5.2, 500, 300, 510, 490]
    data = grid(TWO_MODELS, utilities, losses, n_participants=40, n_trials=40, seeds=seeds, **more)
    if seeds:
        # The second default has seeds of its own.
        rng = np.random.default_rng(3)
        keys = list(itertools.product(range(len(data.scenes)), range(seeds)))
        stimuli = [Stimulus(f"s{s}c4r{r}", f"s{s}", "c4", replicate=r + 1) for s, r in keys]
        scores = [Score(f"s{s}c4r{r}", "total", 500 + 10 * float(rng.normal())) for s, r in keys]
        data = dataclasses.replace(data, stimuli=(*data.stimuli, *stimuli), scores=(*data.scores, *scores))
    return data


def test_two_families_are_told_one_by_one_and_together():
    evidence, section = section_of(two_models(seeds=3))
    summary = section.summary
    assert summary["factors"] == ["batch", "init", "layers"]
    isola, zhang = summary["families"]
    assert [(f["family"], f["base"]) for f in (isola, zhang)] == [("model isola", "c0"), ("model zhang", "c4")]
    assert (isola["people"]["order"][0], zhang["people"]["order"][0]) == ("init", "batch")
    assert isola["people"]["p_rank"]["init"][0] > 0.95
    # A change is against the family's own default.
    scale = evidence.scales[POOLED]
    rows = [r for r in section.rows["factors"] if (r["kind"], r["factor"], r["level"]) == ("people", "batch", "8")]
    assert {r["family"]: r["change"] for r in rows} == pytest.approx(
        {"model isola": scale.theta[2] - scale.theta[0], "model zhang": scale.theta[6] - scale.theta[4]}
    )
    # z-scores and their noise are within the family: 300 to 510 does not flatten 5 to 9.
    assert [f["metrics"][0]["order"][0] for f in (isola, zhang)] == ["layers", "layers"]
    assert isola["metrics"][0]["sizes"]["layers"] == pytest.approx(4 / np.std([5, 9, 5.5, 5.2]), rel=0.05)
    assert zhang["metrics"][0]["sizes"]["layers"] == pytest.approx(200 / np.std([500, 300, 510, 490]), rel=0.1)
    own = {s.id for s in evidence.data.stimuli if s.condition == "c4"}
    spread = np.std([x.value for x in evidence.data.scores if x.stimulus in own], ddof=1)
    level = np.mean([x.value for x in evidence.data.scores if x.stimulus in own])
    floor = spread / np.std([level, 300, 510, 490])
    assert zhang["metrics"][0]["noise_floor_z"] == pytest.approx(floor)
    for kind in ("people", "metrics"):
        told = [f["people"] if kind == "people" else f["metrics"][0] for f in (isola, zhang)]
        both = summary["people"] if kind == "people" else summary["metrics"][0]
        mean = {n: np.mean([f["sizes"][n] for f in told]) for n in summary["factors"]}
        assert both["sizes"] == pytest.approx(mean)
        assert both["order"] == sorted(mean, key=lambda n: -mean[n])
        assert np.sum(list(both["p_rank"].values()), axis=0) == pytest.approx([1, 1, 1])
    assert summary["metrics"][0]["p_rank"]["layers"][0] > 0.99
    # One draw of the scores is of both families, and its mean sizes have an order.
    draws, cov = np.random.default_rng(1), max(scale.cov, scale.cov_model, key=np.trace)
    theta = draws.multivariate_normal(scale.theta, cov, size=20000)
    found = layout([evidence.data.condition[c] for c in scale.items])
    size = np.mean([factors.sizes(f.factors, theta) for f in found.families], axis=0)
    first = [np.mean(np.argmax(size, axis=1) == f) for f in range(3)]
    assert [summary["people"]["p_rank"][n][0] for n in summary["factors"]] == pytest.approx(first, abs=0.06)
    assert (summary["metrics"][0]["same_first"], summary["metrics"][0]["p_same_first"] < 0.05) == (False, True)
    assert "In model zhang, batch matters most for people" in summary["sentence"]
    assert "Over the 2 families together" in summary["sentence"]


def test_families_under_other_objectives_are_compared_each_within_itself():
    data = two_models(scope="objective")
    apart = tuple(
        dataclasses.replace(c, objective_id="110" if c.params["model"] == "isola" else "1") for c in data.conditions
    )
    _, section = section_of(dataclasses.replace(data, conditions=apart))
    assert [f["metrics"][0]["order"][0] for f in section.summary["families"]] == ["layers", "layers"]
    assert section.summary["metrics"][0]["p_rank"] is None
    mixed = tuple(dataclasses.replace(c, objective_id=str(i // 3)) for i, c in enumerate(data.conditions))
    _, section = section_of(dataclasses.replace(data, conditions=mixed))
    codes = [f["metrics"][0]["reason"]["code"] for f in section.summary["families"]]
    assert [*codes, section.summary["metrics"][0]["reason"]["code"]] == ["NC_SCOPE"] * 3


def test_the_number_of_a_training_run_has_no_less_noise_in_more_scenes():
    # The same number in all scenes of a seed: its noise is that of one scene.
    halves = []
    for scenes in (1, 6):
        data = grid(SINGLE, [[0, 0.2, -0.2, 1.5, 0.1]] * scenes, [[5, 1, 9, 5.5, 5.2]] * scenes)
        stimuli, scores = list(data.stimuli), list(data.scores)
        for s, (r, value) in itertools.product(range(scenes), enumerate([4.8, 5.3])):
            stimuli.append(Stimulus(f"s{s}c0r{r}", f"s{s}", "c0", replicate=r + 1))
            scores.append(Score(f"s{s}c0r{r}", "total", value))
        _, section = section_of(dataclasses.replace(data, stimuli=tuple(stimuli), scores=tuple(scores)))
        row = next(r for r in section.rows["factors"] if (r["unit"], r["level"]) == ("raw", "content"))
        halves.append(row["ci_high"] - row["ci_low"])
    assert halves[1] == pytest.approx(halves[0])
    sd = np.std([5, 4.8, 5.3], ddof=1)
    assert halves[0] == pytest.approx(2 * stats.t.ppf(0.975, 2) * sd * np.sqrt(1 + 1 / 3))
