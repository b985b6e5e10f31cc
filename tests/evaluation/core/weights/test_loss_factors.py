"""The loss side of E17 alone: sizes by hand, the yardstick of seed noise, and what the seed paper's tables say."""

import csv
import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from evaluation.core.dataset import Condition, MetricInfo
from evaluation.core.options import Options
from evaluation.core.weights.factors import LossFactors, loss_factors, loss_sentences
from evaluation.core.weights.factors.results import FROM_DEFAULT, GIVEN, POOLED
from evaluation.core.words import Reason

SEEDS = Path(__file__).parents[4] / "fixtures" / "seeds"
G = MetricInfo("train_g", "train_g", "G", comparable_within="all")
FAST = Options(draws=4999)
SINGLE = [{"lr": 0.01, "init": "n", "batch": 1}, {"lr": 0.1, "init": "n", "batch": 1},
          {"lr": 0.001, "init": "n", "batch": 1}, {"lr": 0.01, "init": "he", "batch": 1},
          {"lr": 0.01, "init": "n", "batch": 8}]  # fmt: skip


def conditions(params):
    return [
        Condition(f"c{i}", f"setting {i}", i, "colorizer", is_default=i == 0, params=p) for i, p in enumerate(params)
    ]


def told(params, values, **more):
    found = loss_factors(conditions(params), values, G, options=FAST, **more)
    assert isinstance(found, LossFactors), found
    return found


def by_name(family):
    return {f.factor: f for f in family.factors}


def test_sizes_intervals_and_the_default_s_noise_by_hand():
    found = told(SINGLE, [[10.0, 11, 9], [12.0, 12, 12], [9.0, 9, 9], [20.0, 20, 20], [10.5, 10.5, 10.5]])
    (family,) = found.families
    assert (family.base, family.middle, found.means) == ("setting 0", 10, ())
    assert (family.noise.sd, family.noise.df, family.noise.source, family.noise.seeds) == (1, 2, FROM_DEFAULT, 3)
    assert [(f.factor, f.size, f.share, f.rank) for f in family.factors] == [
        ("init", 10, 1, 1), ("lr", 3, 0.3, 2), ("batch", 0.5, 0.05, 3),
    ]  # fmt: skip
    init = by_name(family)["init"]
    default, he = init.levels
    assert (default.level, default.mean, default.n, default.sd, default.change) == ("n", 10, 3, 1, 0)
    assert (he.level, he.mean, he.sd, he.change) == ("he", 20, 0, 10)
    half = stats.t.ppf(0.975, 2) * math.sqrt(2 / 3)
    assert (he.low, he.high) == pytest.approx((10 - half, 10 + half))
    # The expected range of two means of three is 2 / sqrt(pi) of their SD; the studentised range of two is |t| sqrt 2.
    assert init.expected == pytest.approx(2 / math.sqrt(math.pi) / math.sqrt(3), rel=0.05)
    assert init.most == pytest.approx(stats.t.ppf(0.975, 2) * math.sqrt(2 / 3), rel=0.15)
    lr = by_name(family)["lr"]
    assert lr.most == pytest.approx(stats.studentized_range.ppf(0.95, 3, 2) / math.sqrt(3), rel=0.15)
    assert (init.beyond_noise, by_name(family)["batch"].beyond_noise) == (True, False)
    assert init.p_first > 0.99


def test_three_lucky_seeds_of_the_default_stand_beside_the_seeds_of_all():
    found = told(SINGLE, [[10.0, 10.01, 9.99], [12.0, 13, 14], [9.0, 8, 10], [20.0, 19, 21], [10.5, 11.5, 9.5]])
    (family,) = found.families
    assert (family.noise.source, family.noise.sd) == (FROM_DEFAULT, pytest.approx(0.01))
    assert (family.pooled.source, family.pooled.df) == (POOLED, 10)
    assert family.pooled.sd == pytest.approx(math.sqrt((1e-4 + 4) / 5))
    assert [(f.factor, f.beyond_noise, f.beyond_pooled) for f in family.factors] == [
        ("init", True, True), ("lr", True, True), ("batch", True, False),
    ]  # fmt: skip
    said = " ".join(loss_sentences(found))
    assert "By the noise pooled over the seeds of all conditions, 10 degrees of freedom (SD 0.894), init and lr" in said


def test_seeds_are_pooled_where_the_default_has_too_few():
    values = [[10.0, 11], [12.0, 13, 14], [9.0], [20.0, 22], [10.5]]
    (family,) = told(SINGLE, values).families
    pooled = (0.5 + 2 * 1 + 2) / (1 + 2 + 1)
    assert (family.noise.sd, family.noise.df, family.noise.source) == (pytest.approx(math.sqrt(pooled)), 4, POOLED)
    assert "pooled over the seeds of all conditions, 4 degrees of freedom" in " ".join(
        loss_sentences(told(SINGLE, values))
    )


def test_one_seed_per_cell_cannot_be_told_and_says_what_noise_it_would_bear():
    found = told(SINGLE, [[10.0], [12.0], [9.0], [20.0], [10.5]])
    (family,) = found.families
    assert family.noise is None
    assert {(f.p_first, f.expected, f.most, f.p_noise, f.low, f.beyond_noise) for f in family.factors} == {
        (None, None, None, None, None, False)
    }
    assert family.factors[0].withstands == pytest.approx(1 / (1.96 * math.sqrt(2)), rel=0.05)
    said = " ".join(loss_sentences(found))
    assert said.startswith("Init comes first: its 2 levels span 10 (100 % of the default's 10).")
    assert "One seed per cell: this order cannot be told from seed noise." in said


def test_nothing_but_seeds_stands_out_in_one_of_twenty():
    rng, out = np.random.default_rng(5), []
    for _ in range(150):
        values = (5 + rng.normal(size=(5, 4))).tolist()
        found = loss_factors(conditions(SINGLE), values, G, options=Options(draws=999))
        out += [f.beyond_noise for f in found.families[0].factors]
    assert np.mean(out) == pytest.approx(0.05, abs=0.035)


def test_families_are_told_in_shares_of_their_own_default():
    params = [{**p, "model": m} for m in ("isola", "zhang") for p in SINGLE]
    low = [[10.0, 10.1, 9.9], [11.0] * 3, [10.5] * 3, [15.0] * 3, [10.2] * 3]
    high = [[1000.0, 1020, 980], [1100.0] * 3, [1050.0] * 3, [1000.0] * 3, [1900.0] * 3]
    found = told(params, [*low, *high])
    isola, zhang = found.families
    assert (isola.name, zhang.name) == ("model isola", "model zhang")
    assert (isola.factors[0].factor, zhang.factors[0].factor) == ("init", "batch")
    assert [m.factor for m in found.means] == ["batch", "init", "lr"]
    assert [m.share for m in found.means] == pytest.approx([(0.02 + 0.9) / 2, 0.25, 0.1])
    # The noise is 1 and 2 % of the defaults.
    assert [m.p_first for m in found.means] == pytest.approx([1, 0, 0], abs=0.01)
    said = loss_sentences(found)
    assert said[0].startswith("In model isola, init comes first")
    assert any(s.startswith("Over the 2 families together, batch comes first") for s in said)


def test_a_border_of_objectives_refuses_a_family_and_never_hides_it():
    own = dataclasses.replace(G, comparable_within="objective")
    params = [{**p, "model": m} for m in ("isola", "zhang") for p in SINGLE]
    values = [[1.0 + i] for i in range(10)]
    apart = [dataclasses.replace(c, objective_id="a" if i < 5 else str(i)) for i, c in enumerate(conditions(params))]
    found = loss_factors(apart, values, own, options=FAST)
    assert [f.name for f in found.families] == ["model isola"]
    assert [(name, reason.code) for name, reason in found.refused] == [("model zhang", "NC_SCOPE")]
    assert any(s.startswith("model zhang: G was computed under 5 different objectives") for s in loss_sentences(found))
    run = loss_factors(apart, values, dataclasses.replace(G, comparable_within="run"), options=FAST)
    assert isinstance(run, Reason)
    assert run.code == "NC_SCOPE"


def test_conditions_without_a_value_or_with_two_changes_are_named():
    found = told([*SINGLE, {"lr": 0.1, "init": "he", "batch": 8}], [[1.0], [2.0], [], [3.0], [1.5], [9.0]])
    assert (found.missing, found.unreached) == (("setting 2",), ("setting 5",))
    said = " ".join(loss_sentences(found))
    assert "Without a value, and left out: setting 2." in said
    assert "Left out because they change several settings at once: setting 5." in said


def test_a_grid_without_any_value_has_a_reason():
    found = loss_factors(conditions(SINGLE), [[]] * 5, G)
    assert isinstance(found, Reason)
    assert found.sentence == "G is missing for 5 of 5 stimuli; the grid left out of G."


def test_a_crossed_grid_has_levels_of_many_conditions():
    params = [{"lr": lr, "init": init} for lr in (1, 2, 3) for init in "ab"]
    found = told(params, [[1.0, 1.2], [3.0, 3.1], [1.5, 1.4], [3.5, 3.6], [2.0, 2.2], [4.0, 4.1]])
    (family,) = found.families
    init = by_name(family)["init"]
    assert (found.design, init.rank, init.size) == ("factorial", 1, pytest.approx(2.0))
    assert {(v.mean, v.n, v.sd) for v in init.levels} == {(None, None, None)}
    # Each level is a mean of three conditions with two seeds each.
    assert init.expected == pytest.approx(family.noise.sd * 2 / math.sqrt(math.pi) / math.sqrt(6), rel=0.05)
    assert (init.beyond_noise, family.noise.source) == (True, FROM_DEFAULT if family.noise.seeds > 2 else POOLED)


def test_a_default_of_zero_has_no_shares():
    params = [{**p, "model": m} for m in ("isola", "zhang") for p in SINGLE]
    found = told(params, [[0.0], [1.0], [2.0], [3.0], [4.0]] * 2)
    assert {(f.share, f.withstands) for f in found.families[0].factors} == {(None, None)}
    assert found.means == ()
    assert all("None" not in s and "nan" not in s for s in loss_sentences(found))


def test_noise_that_is_none_is_refused():
    with pytest.raises(ValueError, match="not above zero"):
        told(SINGLE, [[1.0]] * 5, noise=0.0)


# The tables of Lee, Liu and Trukhin 2022 as printed: one run per row.


def lee(table, column, noise=None):
    with (SEEDS / f"lee2022_table{table}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(dict.fromkeys(r["factor"] for r in rows[1:]))
    params = [{n: r["setting"] if r["factor"] == n else "default" for n in names} for r in rows]
    (family,) = told(params, [[float(r[column])] for r in rows], noise=noise).families
    return family


B, L, I, R = "batch size", "number of layers", "weight initialization", "learning rate"  # noqa: E741


@pytest.mark.parametrize(
    ("table", "column", "shares"),
    [
        (1, "g", [(B, 0.978), (L, 0.597), (I, 0.337), (R, 0.034)]),
        (1, "g_l1", [(B, 0.995), (L, 0.613), (I, 0.359), (R, 0.032)]),
        (1, "g_gan", [(B, 0.526), (I, 0.314), (L, 0.195), (R, 0.188)]),
        (2, "g", [(I, 1.161), (B, 0.229), (R, 0.105), (L, 0.036)]),
        (2, "g_l1", [(I, 0.834), (B, 0.224), (R, 0.172), (L, 0.160)]),
        (2, "g_gan", [(I, 2.351), (B, 0.727), (R, 0.601), (L, 0.417)]),
    ],
)
def test_initialisation_comes_first_in_the_table_of_the_u_net_alone(table, column, shares):
    family = lee(table, column)
    assert [f.factor for f in family.factors] == [name for name, _ in shares]
    assert [f.share for f in family.factors] == pytest.approx([share for _, share in shares], abs=6e-4)
    assert family.noise is None


@pytest.mark.parametrize(
    ("table", "column", "noise", "out", "first"),
    [
        (1, "g", 0.04, [B, L, I], 1.00),
        (1, "g", 0.20, [B], 0.86),
        (1, "g_gan", 0.20, [], 0.52),
        (2, "g", 0.04, [I, B], 1.00),
        (2, "g", 0.20, [I], 0.98),
        (2, "g_l1", 0.04, [I, B, R, L], 1.00),
        (2, "g_l1", 0.20, [I], 0.87),
    ],
)
def test_which_factors_stand_out_of_a_noise_taken_from_elsewhere(table, column, noise, out, first):
    family = lee(table, column, noise)
    assert [f.factor for f in family.factors if f.beyond_noise] == out
    assert family.factors[0].p_first == pytest.approx(first, abs=0.02)
    assert (family.noise.source, family.noise.sd) == (GIVEN, pytest.approx(noise * family.middle))


@pytest.mark.parametrize(("table", "bears"), [(1, {B: 0.30, L: 0.18, I: 0.10, R: 0.010}), (2, {I: 0.35, B: 0.069})])
def test_the_noise_up_to_which_a_factor_stands_out(table, bears):
    found = by_name(lee(table, "g"))
    assert {n: found[n].withstands for n in bears} == pytest.approx(bears, rel=0.04)
    # The yardstick is the 95 % point of the range of three normal values.
    assert found[I].withstands == pytest.approx(found[I].share / stats.studentized_range.ppf(0.95, 3, np.inf), rel=0.04)
