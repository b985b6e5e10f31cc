"""The report of a grid on numbers known beforehand: rings, margins, edges, tables, and renders that went wrong."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from generation.core.csv_text import csv_table
from generation.core.drawing import style
from generation.core.report import against, steps
from generation.core.report.axes import families, varying
from generation.core.report.contents import contents
from generation.core.report.data import Axis, Condition, Measure, Report, Run, Value, cell, over_scenes
from generation.core.report.figures import report_files
from generation.core.report.minima import EDGE, edges, margin_words, minimum
from generation.core.report.sentences import about, excluded, minima, progress
from generation.core.report.tables import loss_table, minima_lines, render_lines
from generation.core.spec import Scalar

STYLE = Measure("style_loss", "style_loss", "Style loss (raw)", "style, raw", "objective_part", weight="style_weight")
CONTENT = Measure("content_loss", "content_loss", "Content loss (raw)", "content, raw", weight="content_weight")
LPIPS = Measure("lpips_content", "lpips_content", "LPIPS to the photograph", "LPIPS")
RATE = Axis("learning_rate", "Learning rate", "lr", log=True)
STYLE_WEIGHT = Axis("style_weight", "Style weight", "style", log=True)
CONTENT_WEIGHT = Axis("content_weight", "Content weight", "content", log=True)
OPTIMIZER = Axis("optimizer", "Optimiser", "optimiser")
RATES, GROUPS = (0.01, 0.1, 1.0), ((1e-3, 5.0), (1e-1, 500.0))
#: Style loss by learning rate; the second scene disagrees about the best of the last two.
LOSS = {0.01: (8.0, 8.0), 0.1: (1.0, 3.2), 1.0: (4.0, 2.0)}


def report(
    conditions: Sequence[dict[str, Scalar]],
    values: dict[tuple[int, int], float] | None = None,
    *,
    scenes: Sequence[str] = ("Cat", "Coffee"),
    axes: Sequence[Axis] = (RATE, STYLE_WEIGHT, CONTENT_WEIGHT, OPTIMIZER),
    measures: Sequence[Measure] = (STYLE, CONTENT),
    broken: dict[tuple[int, int], tuple[str, str]] | None = None,
    seeds: Sequence[int] = (0,),
    **more: Any,
) -> Report:
    """A grid whose style loss is ``values`` by (scene, condition), with a tenth of it as content loss; ``broken``:
    status and reason of a cell."""
    rows = tuple(Condition(", ".join(f"{k} {v}" for k, v in c.items()) or "default", c) for c in conditions)
    runs = []
    for (s, _), (c, params), seed in product(enumerate(scenes), enumerate(conditions), seeds):
        status, reason = (broken or {}).get((s, c), ("ok", ""))
        value = values[s, c] if values else LOSS[float(params["learning_rate"])][s]
        scores: dict[str, Value] = {"style_loss": value + seed, "content_loss": value / 10}
        scores["lpips_content"] = "No weights."
        scales = {"style": 1.0, "content": 0.1, "total": 2.0}
        curve = {k: (np.geomspace(50 * f, value * f, 6), 1.0) for k, f in scales.items()}
        if status == "nan":
            curve = {k: (np.where(np.arange(6) < 4, v, np.nan), w) for k, (v, w) in curve.items()}
        if status == "failed":
            scores, curve = {}, {}
        image = "" if status == "failed" else f"{s}{c}{seed}".ljust(64, "a")
        runs.append(Run(s, c, seed, status, scores, reason, 6, 2.0, "cpu", image, 96, 64, {"vgg19": "ab"}, curve=curve))
    return Report(
        title="A grid", slug="grid", task="Style transfer", scenes=tuple(scenes), conditions=rows, axes=tuple(axes),
        measures=tuple(measures), shown=tuple(measures), runs=tuple(runs), **more,
    )  # fmt: skip


def rates(**more: Any) -> Report:
    """Three learning rates and nothing else."""
    return report([{"learning_rate": r} for r in RATES], **more)


def weights(**more: Any) -> Report:
    """Meng's shape: learning rates by weight groups."""
    pairs = [{"style_weight": s, "content_weight": c} for s, c in GROUPS]
    return report([{"learning_rate": r, **pair} for r in RATES for pair in pairs], **more)


def page(data: Report) -> dict[str, Any]:
    """What the template would show, with addresses that say what they are."""
    return contents(data, [], file=lambda name: name, picture=lambda kind, sha: f"{kind}/{sha}")


def test_the_minimum_its_margin_and_the_scenes_that_agree() -> None:
    data = rates()
    found = minimum(data, STYLE)
    assert found is not None
    # Means over scenes: 8, 2.1, 3. So 2.1 is 30 % below 3, and only the first scene has its minimum there.
    assert (found.condition, found.value, found.next) == (1, pytest.approx(2.1), 2)
    assert found.margin == pytest.approx(0.3)
    assert (found.scenes, found.of_scenes) == (1, 2)
    assert margin_words(data, found) == "30.0\u00a0% below the next (learning_rate 1.0)"
    assert edges(data, found) == []
    second = minimum(data, STYLE, scene=1)
    assert second is not None
    assert (second.condition, second.value) == (2, 2.0)
    assert minima(data)[0].endswith("the same condition is the minimum in 1 of 2 scenes.")


def test_a_minimum_at_the_end_of_a_range_says_so() -> None:
    data = rates(values={(s, c): 3.0 - c for s in range(2) for c in range(3)})
    found = minimum(data, STYLE)
    assert found is not None
    assert edges(data, found) == ["learning rate 1 is its largest value"]
    assert "The minimum lies at the edge of the grid: learning rate 1 is its largest value." in minima(data)[0]
    assert "the minimum in every scene" in minima(data)[0]
    assert EDGE in against.points(data, RATE)[0]


def test_the_range_of_a_rate_is_that_of_its_optimiser() -> None:
    """AdaDelta's 1 is the largest number of the grid, and in the middle of what AdaDelta was tried with."""
    rates_of = {"adadelta": (0.1, 1.0, 10.0), "adam": (0.001, 0.01, 0.1), "sgd": (0.01, 0.1)}
    made = [{"optimizer": name, "learning_rate": rate} for name, tried in rates_of.items() for rate in tried]

    def said(best: int) -> list[str]:
        data = report(made, {(s, c): 1.0 if c == best else 2.0 + c for s in range(2) for c in range(len(made))})
        found = minimum(data, STYLE)
        assert found is not None
        return edges(data, found)

    assert said(1) == []
    assert said(2) == ["learning rate 10 is its largest value"]
    assert said(5) == ["learning rate 0.1 is its largest value"]
    assert said(7) == []  # of two values each is an end


def test_a_metric_of_which_more_is_better_has_a_maximum() -> None:
    higher = Measure("style_loss", "colour", "Colour", "colour", lower=False)
    found = minimum(rates(measures=[higher]), higher)
    assert found is not None
    assert found.condition == 0
    assert margin_words(rates(), found) == "166.7\u00a0% above the next (learning_rate 1.0)"
    assert "maximum lies at the edge" in minima(rates(measures=[higher]))[0]
    assert "maximum lies at the edge" in against.points(rates(measures=[higher]), RATE)[0]


def test_the_ring_sits_on_the_minimum_of_each_line() -> None:
    data = rates()
    (family,) = families(data, RATE)
    figure = style.styled(lambda: against.draw(data, RATE, narrow=False))
    rings = {str(line.get_gid()): (line.get_xdata()[0], line.get_ydata()[0]) for line in figure.axes[0].lines
             if str(line.get_gid()).startswith("minimum")}  # fmt: skip
    assert rings.pop("minimum mean") == (0.1, pytest.approx(2.1))
    assert rings == {"minimum scene 0": (0.1, 1.0), "minimum scene 1": (1.0, 2.0)}
    assert len(family.conditions) == 3
    words = [text.get_text() for text in figure.texts]
    assert "lowest at 0.1, by 30.0\u00a0%" in words


def test_a_choice_is_drawn_as_dots_with_the_ring_on_the_best() -> None:
    data = report([{"optimizer": name} for name in ("sgd", "adam", "rprop")],
                  {(s, c): v for s in range(2) for c, v in enumerate((5.0, 2.0, 3.0))})  # fmt: skip
    figure = style.styled(lambda: against.draw(data, OPTIMIZER, narrow=True))
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["sgd", "adam", "rprop"]
    (ring,) = [line for line in axes.lines if line.get_gid() == "minimum mean"]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (2.0, 1)


def test_an_axis_is_read_with_the_others_held_and_partners_move_along() -> None:
    data = weights()
    assert [f.words for f in families(data, RATE)] == ["style 0.001, content 5", "style 0.1, content 500"]
    assert [f.words for f in families(data, STYLE_WEIGHT)] == ["lr 0.01", "lr 0.1", "lr 1"]
    assert "With it change: Content weight." in against.caption(data, STYLE_WEIGHT)
    assert "style weight and content weight together: (0.001, 5), (0.1, 500)" in about(data)[1]


def test_one_change_at_a_time_is_one_family_around_the_default() -> None:
    base: dict[str, Scalar] = {"learning_rate": 0.1, "style_weight": 1.0}
    conditions = [base, {**base, "learning_rate": 1.0}, {**base, "style_weight": 9.0}]
    data = report(conditions, {(s, c): float(c + 1) for s in range(2) for c in range(3)})
    assert [(f.words, f.conditions) for f in families(data, RATE)] == [("style 1", (0, 1))]
    assert loss_table(data).title == "Learning rate"


def test_optimizers_with_learning_rates_of_their_own_are_all_in_one_dot_plot() -> None:
    options = Axis("options", "Options of the optimiser", "options")
    rows: list[dict[str, Scalar]] = [
        {"optimizer": name, "learning_rate": rate, "options": "" if name == "sgd" else f"{name} 1"}
        for name, own in {"sgd": (1.0, 0.1), "adam": (0.01, 0.02), "rprop": (0.5, 0.7), "adagrad": (0.3, 0.4)}.items()
        for rate in own
    ]
    data = report(rows, {(s, c): float(c + 1) for s in range(2) for c in range(8)}, axes=(RATE, OPTIMIZER, options))
    assert [a.name for a in against.drawable(data)] == ["learning_rate", "optimizer"]
    # The options follow from the optimiser: they are not told as something that varies.
    assert about(data)[1] == "What varies: learning rate 0.01 to 1 (8 values); optimiser sgd, adam, rprop, adagrad."
    assert [(f.words, len(f.conditions)) for f in families(data, OPTIMIZER)] == [("", 8)]
    assert [f.words for f in families(data, RATE)] == [f"optimiser {n}" for n in ("sgd", "adam", "rprop", "adagrad")]
    figure = style.styled(lambda: against.draw(data, OPTIMIZER, narrow=False))
    assert [t.get_text() for t in figure.axes[0].get_yticklabels()] == ["sgd", "adam", "rprop", "adagrad"]


def test_a_derived_column_is_read_over_the_weights_it_comes_from() -> None:
    ratio = Axis("sc_ratio", "Style weight / content weight", "sc_ratio", True, of=("style_weight", "content_weight"))
    data = weights(axes=(RATE, STYLE_WEIGHT, CONTENT_WEIGHT, ratio))
    rows = [
        replace(c, derived={"sc_ratio": float(c.params["style_weight"]) / n}) for n, c in enumerate(data.conditions, 1)
    ]
    data = replace(data, conditions=tuple(rows))
    assert [a.name for a in varying(data)][-1] == "sc_ratio"
    assert [f.words for f in families(data, ratio)] == ["lr 0.01", "lr 0.1", "lr 1"]


def test_the_table_has_mengs_shape_and_weighted_is_raw_times_weight() -> None:
    table = loss_table(weights())
    assert table.title == "Learning rate"
    assert table.groups == ("style 0.001, content 5", "style 0.1, content 500")
    assert table.columns == ("Style loss, raw", "Content loss, raw", "Style loss, weighted", "Content loss, weighted")
    assert [label for label, _ in table.rows] == ["0.01", "0.1", "1"]
    first, second = table.rows[1][1]
    assert first == (pytest.approx(2.1), pytest.approx(0.21), pytest.approx(2.1e-3), pytest.approx(1.05))
    assert second == (pytest.approx(2.1), pytest.approx(0.21), pytest.approx(0.21), pytest.approx(105.0))


def test_a_hole_in_the_table_and_a_sparse_grid() -> None:
    rows = [{"learning_rate": r, "style_weight": s, "content_weight": 1.0} for r in RATES for s in (1.0, 2.0)][:-1]
    table = loss_table(report(rows))
    assert table.rows[2][1][1] == ("not in this grid",) * 4
    diagonal = report([{"learning_rate": r, "style_weight": 10 * r, "content_weight": c} for c, r in enumerate(RATES)])
    assert (loss_table(diagonal).title, loss_table(diagonal).groups) == ("Condition", ("",))


def test_a_diverged_and_a_failed_render_are_words_and_no_part_of_a_mean() -> None:
    data = rates(broken={(1, 0): ("nan", "Not finite at step 5 of 6."), (0, 2): ("failed", "No memory.")})
    assert cell(data, STYLE, 1, 0) == "diverged: Not finite at step 5 of 6."
    assert over_scenes(data, STYLE, 2) == "Cat: failed: No memory."
    assert loss_table(data).rows[0][1][0][0] == "Coffee: diverged: Not finite at step 5 of 6."
    assert "4 of 6 pictures rendered, 1 diverged, 1 failed." in progress(data)[0]
    assert excluded(data)[0] == "learning_rate 0.01 diverged in Coffee and is in no mean over scenes."
    shown = page(data)["sheet"]
    assert shown[1][1][0].trouble == "diverged: Not finite at step 5 of 6."
    assert shown[1][1][0].run.image
    assert shown[0][1][2].trouble == "failed: No memory."
    figure = style.styled(lambda: steps.draw(data, "style", narrow=False))
    (cross,) = [line for axes in figure.axes for line in axes.lines if line.get_gid() == "diverged"]
    assert cross.get_xdata()[0] == 3  # the last finite step of six
    missing = style.styled(lambda: against.draw(data, RATE, narrow=False)).axes[0]
    assert sorted(line.get_xdata()[0] for line in missing.lines if line.get_gid() == "missing") == [0.01, 1.0]


def test_no_cell_of_a_csv_is_empty_or_nan() -> None:
    data = rates(broken={(1, 0): ("nan", ""), (0, 2): ("failed", "No memory.")}, measures=[STYLE, CONTENT, LPIPS])
    for lines in (render_lines(data), minima_lines(data)):
        rows = list(csv.reader(io.StringIO(csv_table(lines).decode())))
        assert len({len(row) for row in rows}) == 1
        assert all(cell and cell.lower() not in ("nan", "inf", "none", "-inf") for row in rows for cell in row)
        assert len(set(rows[0])) == len(rows[0])
    first = dict(zip(*map(list, render_lines(data)[:2]), strict=True))
    assert first["style_loss"] == 8.0
    assert first["style_loss_weighted"] == "this condition has no such weight"
    assert first["lpips_content"] == "No weights."


def test_weighted_terms_of_every_render_are_raw_times_weight() -> None:
    head, *rows = render_lines(weights())
    at = {str(name): i for i, name in enumerate(head)}
    for row in rows:
        for term in ("style", "content"):
            raw, weight = row[at[f"{term}_loss"]], row[at[f"{term}_weight"]]
            assert row[at[f"{term}_loss_weighted"]] == pytest.approx(raw * weight)


def test_seeds_are_averaged_and_shown_side_by_side() -> None:
    data = rates(seeds=(0, 2))
    assert cell(data, STYLE, 0, 1) == pytest.approx(2.0)  # 1 and 1 + 2
    assert about(data)[0] == "2 scenes × 3 conditions × 2 seeds: 12 pictures."
    tiles = page(data)["sheet"][0][1]
    assert [t.label for t in tiles[:2]] == ["learning_rate 0.01, seed 0", "learning_rate 0.01, seed 2"]


def test_a_condition_without_a_parameter_is_on_no_axis_of_it_but_in_the_table() -> None:
    rows: list[dict[str, Scalar]] = [{"learning_rate": 0.1}, {"learning_rate": 1.0}, {"optimizer": "sgd"}]
    data = report(rows, {(s, c): float(c + 1) for s in range(2) for c in range(3)})
    assert [f.conditions for f in families(data, RATE)] == [(0, 1)]
    assert [label for label, _ in loss_table(data).rows] == [c.label for c in data.conditions]
    assert "steps_style.svg" in report_files(data)
    assert "learning_rate" in csv_table(render_lines(data)).decode()


def test_one_condition_and_one_scene() -> None:
    data = report([{"learning_rate": 0.1}], scenes=["Cat"])
    assert minima(data)[0] == "Style loss (raw) is lowest at learning_rate 0.1 (1)."
    assert loss_table(data).rows[0][1][0][0] == 1.0
    assert not against.drawable(data)
    assert sorted(report_files(data))[:2] == ["figures.json", "losses.csv"]
    alone = rates(scenes=["Cat"])
    figure = style.styled(lambda: against.draw(alone, RATE, narrow=False))
    assert [line.get_gid() for line in figure.axes[0].lines] == ["scene 0", "minimum scene 0"]


def test_a_grid_that_is_not_rendered_yet_has_words_only() -> None:
    data = rates(broken={(s, c): ("planned", "") for s in range(2) for c in range(3)})
    assert "0 of 6 pictures rendered, none diverged, 6 not rendered yet." in progress(data)[0]
    assert minima(data)[0] == "Style loss (raw): no condition has a value in every scene (not rendered yet)."
    assert not against.drawable(data)


def test_the_same_report_gives_the_same_bytes() -> None:
    assert report_files(weights()) == report_files(weights())


def test_preset_and_notes_stand_among_the_first_sentences() -> None:
    data = rates(preset="meng2023-conv3", notes=("Departs from meng2023: relu3_2 instead of relu5_2.",))
    assert about(data)[2:] == ["Preset: meng2023-conv3.", "Departs from meng2023: relu3_2 instead of relu5_2."]
