"""Settings of several families: F14 tells them one after the other, the figure of a loss beside each other."""

import pytest

from evaluation.core.dataset import MetricInfo
from evaluation.core.figures.chart import Table
from evaluation.core.figures.factors import CHART, order
from evaluation.core.figures.loss_factors import drawing, factor_files
from evaluation.core.weights.factors import LossFactors, loss_factors
from generation.core.drawing import style
from tests.evaluation.core.figures.drawn import boxes, touching
from tests.evaluation.core.figures.studies import result
from tests.evaluation.core.voters.test_layouts import TWO_MODELS, conditions

G = MetricInfo("train_g", "train_g", "G <of the training> & more", comparable_within="all")


def of_two_families():
    """A result whose settings were changed in two families."""
    found = result("rates")
    rows = found["tables"]["factors"]
    both = [{"family": family} | row for family in ("model isola", "model zhang") for row in rows]
    return found | {"tables": found["tables"] | {"factors": both}}


def test_f14_names_the_family_of_each_setting():
    found = of_two_families()
    keys = order(found)
    assert [key[0] for key in keys] == ["model isola"] * 4 + ["model zhang"] * 4
    table: Table = CHART.rows(found)
    assert table[0][:3] == ["family", "factor", "level"]
    assert len(table) == 1 + 2 * 8
    assert "model zhang, initialisation He" in CHART.text(found)["alt"]
    labels = [t.get_text() for t in CHART.draw(found, False).axes[0].get_yticklabels()]
    assert labels[4].replace("\n", " ") == "model zhang, initialisation: He"


def told(*, seeds: int) -> LossFactors:
    values = [[1.0 + i % 5 + 0.1 * s * (-1) ** i for s in range(seeds)] for i in range(18)]
    found = loss_factors(conditions(TWO_MODELS), values, G)
    assert isinstance(found, LossFactors)
    return found


def test_a_loss_has_a_panel_per_family_and_says_what_the_noise_is():
    files = factor_files("Colour & grids", told(seeds=3))
    assert set(files) == {f"factors_train_g{end}" for end in (".svg", "_narrow.svg", ".png", ".csv")}
    svg = files["factors_train_g.svg"].decode()
    assert "G &lt;of the training&gt; &amp; more" in svg
    assert "In model zhang" in svg
    rows = files["factors_train_g.csv"].decode().splitlines()
    # Two families of four settings with three levels each.
    assert (rows[0], len(rows)) == ("family,factor,level,change,ci_low,ci_high,noise_range_95", 25)
    assert files == factor_files("Colour & grids", told(seeds=3))


@pytest.mark.parametrize("narrow", [False, True])
def test_no_text_touches_another(narrow):
    for found in (told(seeds=3), told(seeds=1)):
        assert touching(boxes(style.styled(lambda found=found: drawing(found, narrow=narrow)))) == []
    assert touching(boxes(style.styled(lambda: CHART.draw(of_two_families(), narrow)))) == []


def test_one_seed_has_no_intervals_and_no_noise():
    rows = factor_files("Colour", told(seeds=1))["factors_train_g.csv"].decode().splitlines()
    assert all(row.endswith(",,,") for row in rows[1:])
