"""Families of single changes: found from the parameters alone, and never read into an incomplete crossed grid."""

import itertools

import numpy as np
import pytest

from evaluation.core.dataset import Condition
from evaluation.core.voters.layouts import Layout, layout
from evaluation.core.words import Reason

COMMON = {"learning_rate": 5e-4, "batch": 16, "init": "normal"}
ISOLA, ZHANG = {**COMMON, "model": "isola", "layers": "8"}, {**COMMON, "model": "zhang", "layers": "skip567"}


def single(base, layers):
    """A default and eight single changes."""
    changes = {"learning_rate": (2e-4, 1e-3), "batch": (8, 32), "init": ("glorot", "he"), "layers": layers}
    return [base, *({**base, name: value} for name, values in changes.items() for value in values)]


TWO_MODELS = [*single(ISOLA, ("9", "7")), *single(ZHANG, ("full", "removal348"))]


def conditions(params, default=0):
    return [
        Condition(f"c{i}", f"setting {i}", i, "colorizer", is_default=i == default, params=p)
        for i, p in enumerate(params)
    ]


def found(params, default=0):
    result = layout(conditions(params, default))
    assert isinstance(result, Layout), result
    return result


@pytest.mark.parametrize(("default", "first"), [(0, "isola"), (9, "zhang"), (-1, "isola")])
def test_two_models_are_two_families(default, first):
    result = found(TWO_MODELS, default)
    assert (result.design, result.names) == ("one_at_a_time", ["batch", "init", "layers", "learning_rate"])
    assert result.families[0].name == f"model {first}"
    by_name = {f.name: f for f in result.families}
    assert {n: (f.base, f.items.tolist()) for n, f in by_name.items()} == {
        "model isola": (0, list(range(9))),
        "model zhang": (9, list(range(9, 18))),
    }
    layers = {n: next(x for x in f.factors if x.name == "layers") for n, f in by_name.items()}
    assert layers["model zhang"].levels == ("skip567", "full", "removal348")
    # Every contrast stays within its family, against that family's own default.
    value = np.arange(18.0) ** 2
    assert layers["model zhang"].contrasts @ value == pytest.approx([0, 16**2 - 81, 17**2 - 81])
    own = by_name["model zhang"].within()
    assert (own.base, own.items.tolist()) == (0, list(range(9)))
    assert own.factors[2].contrasts @ value[9:] == pytest.approx([0, 16**2 - 81, 17**2 - 81])


def test_the_order_of_the_rows_does_not_matter():
    shuffled = [TWO_MODELS[i] for i in np.random.default_rng(4).permutation(18)]
    result = found(shuffled, shuffled.index(ISOLA))
    assert {f.name: shuffled[f.base] for f in result.families} == {"model isola": ISOLA, "model zhang": ZHANG}
    assert all(len(f.items) == 9 for f in result.families)


def test_a_family_may_be_in_units_of_its_own_and_hold_a_row_that_changes_two_things():
    raw = [*single(ISOLA, ("9", "7")), *({**p, "ab_scale": 1.0} for p in single(ZHANG, ("full", "removal348")))]
    raw = [{"ab_scale": 110.0, "init_gain": 0.02} | p for p in raw]
    textbook = {**raw[9], "init": "glorot", "init_gain": 1.0}
    result = found([*raw, textbook])
    # A text tells families apart before a number does.
    assert [(f.name, len(f.items)) for f in result.families] == [("model isola", 9), ("model zhang", 9)]


def test_models_that_share_their_layers_are_families_too():
    rest = [{**p, "layers": "8"} for p in single(ZHANG, ()) if p["layers"] == "skip567"]
    result = found([*single(ISOLA, ()), *rest])
    assert [f.name for f in result.families] == ["model isola", "model zhang"]
    assert result.names == ["batch", "init", "learning_rate"]


def test_one_family_keeps_the_numbers_of_all_conditions():
    alone = single(ISOLA, ("9", "7"))
    both_changed = {**ISOLA, "batch": 8, "init": "he"}
    result = found([*alone, both_changed])
    (family,) = result.families
    assert (family.name, family.base, result.base, len(result.factors)) == ("", 0, 0, 4)
    assert family.items.tolist() == list(range(10))
    assert not any(f.contrasts[:, 9].any() for f in family.factors)


def test_a_second_model_without_changes_of_its_own_is_no_family():
    result = found([*single(ISOLA, ("9", "7")), ZHANG])
    assert [f.name for f in result.families] == [""]


@pytest.mark.parametrize("missing", [1, 4])
def test_an_incomplete_crossed_grid_is_no_bundle_of_families(missing):
    crossed = [dict(zip("abc", c, strict=True)) for c in itertools.product((0, 1, 2), (0, 1, 2), ("x", "y"))]
    result = layout(conditions(crossed[:-missing], -1))
    assert isinstance(result, Reason) or [f.name for f in result.families] == [""]
