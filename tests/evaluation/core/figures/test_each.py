"""What single figures show."""

import dataclasses
import functools
import itertools
import re

import numpy as np
import pytest
from matplotlib.lines import Line2D

from evaluation.core.analysis import analyse
from evaluation.core.dataset import MetricInfo
from evaluation.core.figures import chart_texts, dose, people, times, votes
from evaluation.core.figures.files import CHARTS
from evaluation.core.figures.page import page
from generation.core.drawing import style
from tests.evaluation.core.figures.drawn import LONG, boxes, touching
from tests.evaluation.core.figures.studies import FAST, GRID, by_stem, result, result_of, rows, study_of, texts_of


def test_the_data_of_a_figure_are_the_numbers_of_the_analysis():
    found = rows("rates", "fig05_wins")
    for row in found:
        back = next(r for r in found if (r["row"], r["column"]) == (row["column"], row["row"]))
        assert row["wins"] + back["wins"] == row["n"] == back["n"]
    votes = result("rates")["groups"][0]["n_votes"]
    assert sum(r["n"] for r in found) == 2 * votes
    by_scene = rows("rates", "fig05_wins_by_scene")
    assert sum(r["n"] for r in by_scene) == 2 * votes
    different = sum(p["class"] == "different" for p in result("rates")["tables"]["pairs"])
    assert sum(r["significant"] for r in by_scene) == 2 * different > 0
    shape = result("rates")["sections"]["shape"]["lr"]
    assert [r["theta"] for r in rows("rates", "fig07_dose")] == shape["theta"]
    assert sum(r["n_votes"] or 0 for r in rows("rates", "fig10_times") if r["part"] == "histogram_ms") == votes
    assert [r["n_trials"] for r in rows("screened", "fig12_flow")][-1] == result("screened")["groups"][0]["n_votes"]
    lowest = {(r["scene"], r["metric"]) for r in rows("rates", "fig02_losses") if r["is_minimiser"]}
    assert len(lowest) == 3 * 3


def test_the_maps_of_a_grid_put_every_condition_in_its_place():
    found = rows("grid", "fig04_grid")
    assert sorted((r["row"], r["column"]) for r in found) == list(itertools.product((1, 2, 3), (1, 2, 3)))
    # Both have three levels, so the first by name goes down.
    rates, weights = [0.01, 0.05, 0.1], [1e3, 1e4, 1e5]
    there = {(rates[r["row"] - 1], weights[r["column"] - 1]): r["condition"] for r in found}
    labels = {(p["lr"], p["style_weight"]): c["label"] for p, c in zip(GRID, result("grid")["conditions"], strict=True)}
    assert there == labels
    assert sorted(r["rank_votes"] for r in found) == sorted(r["rank_metric"] for r in found) == list(range(1, 10))
    assert sum(r["rank_difference"] for r in found) == 0


def test_a_diagonal_and_a_third_parameter_are_no_grid():
    diagonal = study_of(4, 1, params=[{"lr": 0.01 * i, "steps": i} for i in range(1, 5)])
    third = study_of(9, 1, params=[p | {"seed_layer": i % 2} for i, p in enumerate(GRID)])
    for data in (diagonal, third):
        assert "fig04_grid" not in chart_texts(analyse(data, FAST))


def test_a_pair_that_met_too_rarely_has_no_colour():
    from evaluation.core.figures import matrix, wins

    cells = wins._cells({("a", "b"): (2.0, 4, False), ("b", "a"): (2.0, 4, False)}, ["a", "b"], roomy=False)
    assert [c.faint for c in cells if c.text != "–"] == [True, True]
    assert matrix._face(next(c for c in cells if c.faint), matrix.PREFERENCE) == matrix.NOTHING


def test_those_who_were_left_out_are_crosses_and_counted():
    caption = chart_texts(result("screened"))["fig11_participants"]["caption"]
    assert "(excluded: 24; without a vote that counts: 2)" in caption
    assert "never a reason" in caption
    found = rows("screened", "fig11_participants")
    assert len(found) == 120
    # A report may be public: nobody's name, nor what was written of them.
    assert not {"participant", "exclusion_reason"} & set(found[0])
    assert sum(not r["included"] for r in found) == 26


def test_the_flow_draws_what_was_left_out_and_names_the_rest():
    from evaluation.core.figures.flow import steps

    drawn = [step["step"] for step in steps(result("screened"))]
    assert drawn == ["presented", "main_sessions", "answered", "included", "different_conditions"]
    assert "not replaced by a later answer" in chart_texts(result("screened"))["fig12_flow"]["caption"]


def test_a_refused_loss_is_named_with_its_reason_and_not_drawn():
    data = study_of(3, 2, scope="objective", objectives=["a", "b", "c"])
    found = result_of(data)
    caption = chart_texts(found)["fig02_losses"]["caption"]
    assert "Total loss was computed under 3 different objectives" in caption
    drawn = {row[1] for row in next(c for c in CHARTS if c.stem == "fig02_losses").rows(found)[1:]}
    assert drawn == {"Style loss (raw)", "Content loss (raw)"}


def test_weighted_curves_are_shown_where_they_differ_and_warn():
    assert (
        "only between conditions of the same weights"
        in chart_texts(result("rates"))["fig02_curves_weighted"]["caption"]
    )
    same = [point | {"weighted": point["raw"]} for point in result("rates")["curves"]]
    assert "fig02_curves_weighted" not in chart_texts(result("rates") | {"curves": same})


def test_the_forests_show_changes_of_levels_and_neither_default_nor_range():
    found = rows("rates", "fig14_factors")
    assert {r["level"] for r in found} == {"He", "orthogonal", "4e-4", "16"}
    assert [(r["kind"], r["ci_low"] is None) for r in found[:2]] == [("total", True), ("people", False)]
    assert "cannot be told from seed noise" in chart_texts(result("rates"))["fig14_factors"]["caption"]
    crossed = {r["level"] for r in rows("grid", "fig14_factors")}
    assert crossed == {"0.01", "0.05", "0.1", "1000", "10000", "100000"}


def test_the_two_totals_of_one_objective_are_drawn_once_and_said_to_be_the_same():
    data = study_of(3, 2)
    own = MetricInfo("own", "own", "Total loss (own weights)", role="objective")
    twins = [dataclasses.replace(s, metric="own") for s in data.scores if s.metric == "total"]
    found = analyse(dataclasses.replace(data, metrics=(*data.metrics, own), scores=(*data.scores, *twins)), FAST)
    chart = by_stem("fig02_losses")
    assert {row[1] for row in chart.rows(found)[1:]} & {"Total loss", "Total loss (own weights)"} == {"Total loss"}
    assert "Total loss (own weights) has the same values as total loss." in chart.text(found)["caption"]


def test_a_mark_at_even_odds_stands_at_even_odds():
    rows = [{"left_rate": v, "included": True} for v in (0.25, 0.36, 0.5, 0.5, 0.81)]
    measure = next(m for m in people.MEASURES if m.key == "left_rate")
    places, _ = people._places(rows, measure, 38)
    assert places[50.0, True] == 2
    assert sorted(p for p, _ in places) == pytest.approx([25, 36, 50, 81], abs=1)


def test_a_fit_without_bound_and_medians_of_a_handful_are_not_drawn():
    one = {"levels": [0.01, 0.1, 1.0], "log": True, "theta": [-1.0, 1.0, 0.0], "alone": True}
    assert dose._has_fit(one | {"quadratic": {"b1": -2.0, "b2": -1.0}})
    assert not dose._has_fit(one | {"quadratic": {"b1": -400.0, "b2": -200.0}})
    steps = [{"low": 0.0, "high": 1.0, "median_rt_ms": 900, "n_votes": n} for n in (4, 30)]
    assert times._steps({"sections": {"quality": {"rt": {"by_distance": steps}}}}) == []


def test_every_bar_has_its_number_even_where_its_interval_reaches_the_end():
    data = study_of(4, 2, n_participants=20, n_trials=20)
    won = {s.id for s in data.stimuli if s.condition == "c2"}
    choices = ["left" if t.left in won else "right" if t.right in won else t.choice for t in data.trials]
    trials = tuple(dataclasses.replace(t, choice=c) for t, c in zip(data.trials, choices, strict=True))
    found = analyse(dataclasses.replace(data, trials=trials), FAST)
    for chart, narrow in itertools.product((votes.CHART, votes.BY_SCENE), (False, True)):
        figure = style.styled(functools.partial(chart.draw, found, narrow))
        drawn = boxes(figure)
        panels = [axes.get_window_extent() for axes in figure.axes]
        whole = [box for text, box in drawn if text == "100"]
        assert len(whole) == len(panels)
        assert all(any(panel.x0 < box.x0 and box.x1 < panel.x1 for panel in panels) for box in whole)
        assert touching(drawn) == []


def test_the_scatter_says_its_correlation_and_draws_the_regret():
    found = result("rates")
    said = texts_of(by_stem("fig03_loss"), found)
    tested = r"mean ρ = −?\d\.\d\d \(p [=<] \.\d+; least possible \.\d+\)"
    assert any(re.fullmatch(tested, t) for t in said), said
    assert "its height is the regret" in said
    assert sum(t.startswith("ρ = ") for t in texts_of(by_stem("fig03_loss_by_scene"), found)) == 3
    crowded = found | {"tables": {}}
    crowded["groups"] = [g | {"rows": [r | {"label": f"{r['label']}, {LONG[1]}, {LONG[2]}"} for r in g["rows"]]}
                         for g in found["groups"]]  # fmt: skip
    named = sorted(t[0] for t in texts_of(by_stem("fig03_loss"), crowded) if LONG[1] in t)
    assert named == ["○", "★"]


@pytest.mark.parametrize("narrow", [False, True])
def test_a_legend_of_any_length_stays_on_the_page(narrow):
    rng = np.random.default_rng(1)
    found = result("one scene")
    for n in range(1, 14):
        handles = [Line2D([], [], label="m" * int(rng.integers(2, 30))) for _ in range(n)]
        sheet = style.styled(functools.partial(page, found, "title", "words", 0.3, narrow=narrow, legend=handles))
        drawn = boxes(sheet.figure)
        width, height = sheet.figure.get_size_inches() * sheet.figure.dpi
        assert len(drawn) == n + 2
        assert touching(drawn) == []
        assert all(b.x1 <= width and b.y0 >= 0 and b.y1 <= height for _, b in drawn)


@pytest.mark.parametrize("narrow", [False, True])
def test_the_levels_of_a_large_grid_do_not_touch_and_its_numbers_are_drawn(narrow):
    found = result("grid")
    pooled = found["groups"][0]
    places = list(itertools.product((0.01, 0.05), [round(10 ** (i / 2), 4) for i in range(10)]))
    conditions = [
        found["conditions"][0] | {"id": f"n{i}", "label": f"n{i}", "params": {"lr": a, "style_weight": b}}
        for i, (a, b) in enumerate(places)
    ]
    rows = [pooled["rows"][0] | {"condition": c["id"], "n_votes": 1234, "share": 0.37} for c in conditions]
    grown = found | {"conditions": conditions, "groups": [pooled | {"rows": rows}, *found["groups"][1:]]}
    grown |= {"metrics": [], "primary": None}
    drawn = boxes(style.styled(functools.partial(by_stem("fig04_grid").draw, grown, narrow)))
    assert touching(drawn) == []
    assert [text for text, _ in drawn].count("37") == 20
    assert [text for text, _ in drawn].count("n 1234") == (0 if narrow else 20)
