"""What all figures and tables of the project share: ticks, short numbers, a banner, cells."""

import csv
import io

import numpy as np
import pytest

from generation.core.csv_text import csv_table
from generation.core.drawing import style, ticks
from generation.core.drawing.numbers import short, short_number
from generation.core.drawing.sheet import Banner, sheet


@pytest.mark.parametrize(("low", "high"), [(1, 1.01), (0.4, 7), (1e-3, 1e4), (2e5, 9e5), (1e-12, 1e12)])
@pytest.mark.parametrize("inches", [0.9, 2.5])
def test_ticks_of_a_log_axis_are_round_and_apart(low: float, high: float, inches: float) -> None:
    found = ticks.log_ticks(low, high, inches, 0.3)
    places = np.log10(found) * inches / np.log10(high / low)
    assert all(np.diff(places) >= 0.3 - 1e-9)
    assert all(low <= value <= high for value in found)


def test_an_axis_is_fitted_to_all_its_lines_and_logarithmic_only_above_0() -> None:
    axes = style.new_figure(4, 3).add_axes((0.2, 0.2, 0.7, 0.7))
    axes.plot([1, 10], [2, 3])
    axes.plot([5, 100], [-4, 1])
    assert sorted(ticks.drawn(axes, "x")) == [1, 5, 10, 100]
    for which in ("x", "y"):
        ticks.value_axis(axes, which, ticks.drawn(axes, which), 2.0)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert axes.get_ylim()[0] < -4 < 3 < axes.get_ylim()[1]


@pytest.mark.parametrize(
    ("value", "words"),
    [(441330, "441.3k"), (2e6, "2M"), (-1500, "−1.5k"), (0.00012, "0.00012"), (0.5, "0.5"), (999.9, "999.9"),
     (4.17e10, "41.7G"), (4.17e13, "4.17e13"), (1e-5, "1e−5")],
)  # fmt: skip
def test_numbers_of_a_tick_are_short(value: float, words: str) -> None:
    assert short_number(value) == words


@pytest.mark.parametrize(
    ("value", "words"), [(4.17e10, "4.17e10"), (1e-5, "1e−5"), (0.0, "0"), (-2.5, "−2.5"), (0.1, "0.1")]
)
def test_numbers_are_short_and_plain(value: float, words: str) -> None:
    assert short(value, 4) == words


def test_a_banner_stands_above_the_title_and_has_room_of_its_own() -> None:
    banner = Banner("Nobody voted", "#8f2a6b")
    plain = style.styled(lambda: sheet("Title", "Words", 1.0, narrow=True))
    said = style.styled(lambda: sheet("Title", "Words", 1.0, narrow=True, banner=banner))
    assert [t.get_text() for t in said.figure.texts] == ["Nobody voted", "Title", "Words"]
    assert [t.get_text() for t in plain.figure.texts] == ["Title", "Words"]
    assert said.top - plain.top == pytest.approx(0.22)
    down = [(1 - t.get_position()[1]) * said.height for t in said.figure.texts]
    assert down == pytest.approx([0.12, 0.34, 0.6])


def test_cells_are_exact_and_no_formula() -> None:
    rows: list[list[object]] = [["=1+1", "'quoted", 'a "b", c', "line\rend"], [0.1 + 0.2, True, None, -3]]
    read = list(csv.reader(io.StringIO(csv_table(rows).decode(), newline="")))
    assert read == [["'=1+1", "''quoted", 'a "b", c', "line\rend"], ["0.30000000000000004", "true", "", "-3"]]
