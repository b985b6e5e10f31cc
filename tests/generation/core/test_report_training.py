"""What the trainings of a report say, on losses known beforehand: means, spreads, units, baselines, what went wrong."""

import csv
import io
import re
from dataclasses import astuple, replace
from typing import Any

import numpy as np
import pytest

from generation.core.report.contents import contents
from generation.core.report.data import Axis, Condition, Report, Training
from generation.core.report.figures import charts, report_files
from generation.core.report.training import curves, forest
from generation.core.report.training.networks import Estimate, estimate, families, networks
from generation.core.report.training.sentences import sentences
from generation.core.report.training.tables import Row, columns, notes, shown, table

AXES = (
    Axis("model", "Generator", "model"),
    Axis("init", "Initialisation", "init"),
    Axis("at_epoch", "Epoch", "epoch"),
)
#: The same photographs for all: grey scores 11 in training, 22 on those kept apart.
BASELINES = {
    "grey_ab_error": 11.0,
    "grey_val_ab_error": 22.0,
    "median_val_ab_error": 15.0,
    "own_median_val_ab_error": 6.0,
}
UNIT: dict[str, Any] = {"gan": "vanilla", "l1_weight": 100.0, "ab_scale": 110.0}
RAW: dict[str, Any] = {**UNIT, "ab_scale": 1.0}


def condition(label: str, model: str = "isola", *, is_default: bool = False, **params: Any) -> Condition:
    values = {"model": model, "init": label.rpartition(" ")[2], "at_epoch": 4, "epochs": 4, **params}
    return Condition(label, values, is_default=is_default)


def training(
    places: tuple[int, ...],
    g_gan: float,
    error: float,
    kept: float,
    *,
    seed: int = 0,
    objective: dict[str, Any] | None = None,
    **more: Any,
) -> Training:
    """A finished training whose losses follow from its errors, as they do in a run: G_L1 = weight · error / unit."""
    unit = UNIT if objective is None else objective
    l1, val_l1 = (unit["l1_weight"] * e / unit["ab_scale"] for e in (error, kept))
    losses = {
        "g_gan": g_gan, "g_l1": l1, "g": g_gan + l1, "d": 0.5, "ab_error": error,
        "val_g_gan": g_gan, "val_g_l1": val_l1, "val_g": g_gan + val_l1, "val_d": 0.5, "val_ab_error": kept,
    }  # fmt: skip
    curve = {name: np.linspace(3 * value, value, 4) for name, value in losses.items()}
    fields = {
        "status": "ok", "losses": {**losses, **BASELINES}, "final_reason": "all epochs", "epochs": 4, "seconds": 30.0,
        "device": "cpu", "dtype": "float32", "photographs": (40, 10), "objective": unit, "data": "a" * 64,
        "digest": f"{places}{seed}", "curve": curve,
    }  # fmt: skip
    return Training(places, seed, **{**fields, **more})


def report(conditions: list[Condition], trainings: list[Training]) -> Report:
    return Report("A grid", "grid", "Colorization", (), tuple(conditions), AXES, (), (), (), trainings=tuple(trainings))


@pytest.fixture
def seeded() -> Report:
    """Two conditions, three seeds: G_L1 100 · {5.5, 6.6, 7.7} / 110 = 5, 6, 7 and G_GAN 1, 2, 3."""
    first = [training((0,), 1.0 + s, 5.5 + 1.1 * s, 10.0 + s, seed=s) for s in range(3)]
    second = [training((1,), 1.0, 8.8, 9.0, seed=s) for s in range(3)]
    return report([condition("U-Net", is_default=True), condition("U-Net, init he")], first + second)


def rows(of: Report) -> dict[str, Row]:
    return {row.label: row for _, members in table(of) for row in members}


def all_words(of: Report) -> str:
    return " ".join([*sentences(of), *notes(of)])


def test_the_mean_and_the_spread_of_the_seeds(seeded: Report) -> None:
    row = rows(seeded)["U-Net"]
    assert astuple(row.losses["g_l1"]) == pytest.approx((6.0, 1.0, 3))
    assert astuple(row.losses["g_gan"]) == pytest.approx((2.0, 1.0, 3))
    assert astuple(row.losses["g"]) == pytest.approx((8.0, 2.0, 3))
    assert astuple(row.losses["ab_error"]) == pytest.approx((6.6, 1.1, 3))
    assert shown(row.losses["g"]) == "8.000 ± 2.0"
    assert (row.seeds, row.epochs, row.status) == ("3", "4", "trained")
    assert row.lowest == {"g_l1", "g", "ab_error"}
    assert rows(seeded)["U-Net, init he"].lowest == {"g_gan", "val_ab_error"}
    assert "Mean over the seeds ± their standard deviation." in all_words(seeded)


def test_baselines_stand_in_the_units_of_the_rows(seeded: Report) -> None:
    grey = rows(seeded)["Grey picture"]
    assert grey.is_baseline
    assert grey.losses["g_l1"].value == pytest.approx(100 * 11 / 110)
    assert (grey.losses["ab_error"].value, grey.losses["val_ab_error"].value) == (11.0, 22.0)
    assert grey.losses["g"].value == "no network"
    median = rows(seeded)["Median colour of the training"]
    assert (median.losses["ab_error"].value, median.losses["val_ab_error"].value) == ("not taken", 15.0)
    raw = report([condition("Zhang", "zhang")], [training((0,), 17.0, 4.83, 5.0, objective=RAW)])
    assert rows(raw)["Zhang"].losses["g_l1"].value == pytest.approx(483.0)
    assert rows(raw)["Grey picture"].losses["g_l1"].value == pytest.approx(1100.0)
    mixed = report(
        [condition("one"), condition("two")], [training((0,), 1, 2, 3), training((1,), 1, 2, 3, objective=RAW)]
    )
    assert rows(mixed)["Grey picture"].losses["g_l1"].value == "units differ between the rows"
    assert "100 · mean |Δab| / 110 or 100 · mean |Δab| / 1" in all_words(mixed)


def test_sentences_say_where_the_losses_are_lowest_and_whether_that_is_luck(seeded: Report) -> None:
    words = sentences(seeded)
    assert words[0] == "6 of 6 networks trained. Training took 3.0 min of wall time in total, on cpu."
    assert (
        "G is lowest in training at U-Net (8), 11.1\u00a0% below the next (U-Net, init he); on the photographs kept "
        "apart at U-Net, init he (9.182), 23.5\u00a0% below the next (U-Net): the two do not agree."
    ) in words
    assert "Every trained network beats the grey picture in training (11 Lab units)." in words
    assert (
        "G in training goes from 8 to 9 over the conditions; the 3 seeds of U-Net alone go from 6 to 10 (SD 2), "
        "400.0\u00a0% of that range."
    ) in words


def test_who_does_not_beat_grey_is_named() -> None:
    bad = report(
        [condition("good", is_default=True), condition("bad"), condition("worse")],
        [training((0,), 1, 5, 6), training((1,), 1, 9, 22.0), training((2,), 1, 12, 25)],
    )
    words = sentences(bad)
    assert "worse (12) does not beat the grey picture in training (11 Lab units)." in words
    assert "bad (22); worse (25) do not beat the grey picture on the photographs kept apart (22 Lab units)." in words
    agreed = "G is lowest in training at good (5.545), 39.6\u00a0% below the next (bad), and there on the photographs"
    assert any(w.startswith(agreed) and w.endswith("the two agree.") for w in words)
    assert any("good has one trained seed" in w for w in words)
    assert any("One seed per condition, so there is no standard deviation" in n for n in notes(bad))


def test_losses_in_other_units_are_not_compared() -> None:
    two = [training((0,), 1, 5, 6), training((1,), 1, 7, 8)]
    two += [training((2,), 20, 4, 5, objective=RAW), training((3,), 20, 3, 9, objective=RAW)]
    both = report([condition("u"), condition("v"), condition("z", "zhang"), condition("y", "zhang")], two)
    words = sentences(both)
    assert any(w.startswith("With ab_scale 110: G is lowest in training at u (5.545)") for w in words)
    assert any(w.startswith("With ab_scale 1: G is lowest in training at y (320)") for w in words)
    assert any(w.startswith("With ab_scale 1: G in training goes from 320 to 420") for w in words)
    assert any(w.startswith("The colour error is lowest in training at y (3)") for w in words)
    assert [head for head, _ in families(both)] == ["Generator: isola", "Generator: zhang"]
    assert "g" in rows(both)["u"].lowest
    assert "ab_error" not in rows(both)["u"].lowest


def broken() -> Report:
    """Every end there is: trained, diverged, given up, failed, still to come; and one of three seeds diverged."""
    names = ["fine", "diverged", "given up", "failed", "planned", "seeds", "half"]
    ends: dict[str, dict[str, Any]] = {
        "diverged": {"status": "nan", "reason": "The losses stopped being finite in epoch 2 of 4.", "epochs": 1},
        "given up": {"final_reason": "given up", "reason": "Thrice the error of grey after epoch 1.", "epochs": 1},
        "failed": {"status": "failed", "reason": "No photographs.", "epochs": 0, "losses": {}, "curve": {}},
        "planned": {
            "status": "planned", "epochs": 0, "losses": {}, "curve": {}, "seconds": 0.0, "device": "", "dtype": "",
            "photographs": (0, 0),
        },
    }  # fmt: skip
    trainings = [training((i,), 1, 5, 6, **ends.get(name, {})) for i, name in enumerate(names)]
    trainings += [training((5,), 1, 6, 7, seed=1), training((5,), 1, 6, 7, seed=2, **ends["diverged"])]
    trainings += [training((6,), 1, 6, 7, seed=1, **ends["planned"])]
    return report([condition(name) for name in names], trainings)


def test_what_went_wrong_is_said_and_is_no_number() -> None:
    found = rows(broken())
    said = {name: (found[name].losses["g"].value, found[name].status) for name in found if name != "Grey picture"}
    assert said["diverged"] == ("diverged", "diverged: The losses stopped being finite in epoch 2 of 4.")
    assert said["given up"] == ("given up", "given up: Thrice the error of grey after epoch 1.")
    assert said["failed"] == ("failed", "failed: No photographs.")
    assert said["planned"] == ("not trained yet", "not trained yet")
    assert said["seeds"] == (
        "seed 2 diverged", "seed 2 diverged: The losses stopped being finite in epoch 2 of 4.",
    )  # fmt: skip
    assert found["seeds"].seeds == "2 of 3"
    assert found["diverged"].epochs == "1 of 4"
    half = found["half"]
    assert half.losses["ab_error"] == Estimate(5.0, None, 1)
    assert (half.seeds, half.epochs, half.status) == ("1 of 2", "0 to 4 of 4", "1 not trained yet")
    words = "4 of 10 networks trained, 2 diverged, 1 given up, 1 failed, 2 not trained yet."
    assert sentences(broken())[0].startswith(words)


def test_a_classifier_has_no_adversarial_loss() -> None:
    losses = {"g": 2.5, "ab_error": 9.0, "val_g": 2.6, "val_ab_error": 10.0, **BASELINES}
    row = training((0,), 1, 1, 1, losses=losses, objective={"model": "zhang_class", "l1_weight": 1, "ab_scale": 1})
    row = replace(row, objective={"model": "zhang_class"})
    of = report([condition("Zhang, classes", "zhang_class")], [row])
    assert rows(of)["Zhang, classes"].losses["g_gan"].value == "not part of its loss"
    assert rows(of)["Grey picture"].losses["g_l1"].value == "not part of the loss"
    assert all(all(line) for line in read(report_files(of)["training.csv"]))


def test_one_network_of_several_conditions_is_one_row() -> None:
    of = report([condition("epoch 1", at_epoch=1), condition("the end", is_default=True)], [training((0, 1), 1, 5, 6)])
    (network,) = networks(of)
    assert (network.condition, network.others) == (1, (0,))
    assert "The network of the end also makes the pictures of epoch 1." in notes(of)
    lines = read(report_files(of)["training.csv"])
    assert [(line[0], line[lines[0].index("at_epoch")]) for line in lines[1:]] == [("epoch 1", "1"), ("the end", "4")]


def read(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode())))


@pytest.mark.parametrize("of", [broken(), report([condition("one")], [training((0,), 1, 5, 6)])])
def test_tables_can_be_read_back_and_have_no_empty_cell(of: Report) -> None:
    files = report_files(of)
    for name in ("training.csv", "training_table.csv", "training_curves.csv"):
        lines = read(files[name])
        assert len({len(line) for line in lines}) == 1
        cells = [cell for line in lines for cell in line]
        assert all(cells)
        assert not {"nan", "inf", "None"} & set(cells)
    lines = read(files["training.csv"])
    assert len(lines) == 1 + len(of.trainings)
    first = dict(zip(lines[0], lines[1], strict=True))
    assert (float(first["ab_error"]), first["status"], first["photographs_train"]) == (5.0, "trained", "40")
    assert float(first["g"]) == of.trainings[0].losses["g"]
    by_epoch = read(files["training_curves.csv"])
    assert [line[2] for line in by_epoch[1:5]] == ["1", "2", "3", "4"]
    assert float(by_epoch[4][by_epoch[0].index("g")]) == of.trainings[0].losses["g"]


def test_the_page_has_the_table_the_sentences_and_the_figures(seeded: Report) -> None:
    stems = [chart.stem for chart in charts(seeded)]
    assert stems == ["training_curves", "training_forest"]
    figures = [{"stem": stem} for stem in stems]
    page = contents(seeded, figures, lambda name: name, lambda kind, sha: "")
    assert [f["stem"] for f in page["training"]["figures"]] == stems
    assert page["figures"] == []
    ((head, lines),) = page["training"]["families"]
    assert (head, [line.label for line in lines][:2]) == ("", ["U-Net", "U-Net, init he"])
    assert [(c.text, c.kind) for c in lines[0].cells[:3]] == [
        ("2.000 ± 1.0", "num"), ("6.000 ± 1.0", "lowest"), ("8.000 ± 2.0", "lowest"),
    ]  # fmt: skip
    went_wrong = contents(broken(), [], lambda name: name, lambda kind, sha: "")["training"]["families"][0][1][1]
    assert [(c.text, c.span) for c in went_wrong.cells[:2]] == [("diverged", 5), ("0 of 1", 1)]
    nothing = replace(seeded, trainings=())
    assert contents(nothing, [], lambda name: name, lambda kind, sha: "")["training"] is None
    assert "training.csv" not in report_files(nothing)


def marks(figure: Any, gid: str) -> list[Any]:
    return [line for axes in figure.axes for line in axes.lines if line.get_gid() == gid]


def test_the_curves_have_a_line_per_seed_and_the_grey_line(seeded: Report) -> None:
    for narrow in (False, True):
        figure = curves.draw(seeded, narrow=narrow)
        assert len(marks(figure, "condition 0")) == 2 * 3
        assert [line.get_ydata()[0] for line in marks(figure, "grey")] == [11.0, 22.0]
        assert marks(figure, "mean 0")[0].get_ydata()[-1] == pytest.approx(6.6)
        assert list(marks(figure, "condition 0")[0].get_ydata()) == list(seeded.trainings[0].curve["ab_error"])
    assert len(marks(curves.draw(broken(), narrow=False), "ended early")) == 2 * 3
    assert "3 ended early" in curves.caption(broken())


def test_the_forest_has_a_dot_per_seed_a_mean_and_the_baselines(seeded: Report) -> None:
    for narrow in (False, True):
        figure = forest.draw(seeded, narrow=narrow)
        assert sorted(marks(figure, "seed")[0].get_xdata()) == pytest.approx([5.5, 6.6, 7.7])
        assert marks(figure, "mean")[0].get_xdata()[0] == pytest.approx(6.6)
        levels = {gid: [m.get_xdata()[0] for m in marks(figure, gid)] for gid in ("grey", "median", "own_median")}
        assert levels == {"grey": [11.0, 22.0], "median": [15.0], "own_median": [6.0]}
    texts = [t.get_text() for axes in forest.draw(broken(), narrow=False).axes for t in axes.texts]
    assert texts.count("diverged") == 2
    assert {"given up", "failed", "not trained yet", "seed 2 diverged"} <= set(texts)


def test_a_grid_that_has_trained_nothing_yet_has_words(seeded: Report) -> None:
    waiting = replace(
        seeded,
        trainings=tuple(
            replace(t, status="planned", losses={}, curve={}, epochs=0, seconds=0) for t in seeded.trainings
        ),
    )
    assert sentences(waiting)[0] == "0 of 6 networks trained, 6 not trained yet."
    assert charts(waiting) == []
    assert not re.search(r"\bnan\b|None", all_words(waiting))
    assert all(estimate(n, "g").value == "not trained yet" for n in networks(waiting))


def test_the_same_trainings_give_the_same_bytes(seeded: Report) -> None:
    assert report_files(seeded) == report_files(seeded)


def painted(seeds: int) -> Report:
    """Networks for one style: two conditions in two styles, whose losses lie far apart; 0.1 more with each seed."""
    totals = {(0, "Eddies"): 0.2, (0, "Mist"): 0.6, (1, "Eddies"): 0.3, (1, "Mist"): 0.5}
    trainings = []
    for (place, style), total in totals.items():
        for seed in range(seeds):
            losses = {"total": total + 0.1 * seed, "val_total": 2 * total + 0.1 * seed}
            curve = {name: np.linspace(3 * value, value, 4) for name, value in losses.items()}
            trainings.append(
                training((place,), 1, 1, 1, seed=seed, losses=losses, curve=curve, loss="total", style=style)
            )
    both = [condition("low", is_default=True), condition("high")]
    return replace(report(both, trainings), task="Style transfer")


def by_style(of: Report) -> dict[tuple[str, str], Row]:
    return {(head, row.label): row for head, members in table(of) for row in members}


def test_networks_for_other_styles_are_no_seeds_of_one() -> None:
    of = painted(seeds=1)
    found = by_style(of)
    assert list(found) == [(f"Style: {style}", name) for style in ("Eddies", "Mist") for name in ("low", "high")]
    assert {row.seeds for row in found.values()} == {"1"}
    assert found["Style: Eddies", "low"].losses["total"] == Estimate(0.2, None, 1)
    assert [key for key, row in found.items() if row.lowest] == [("Style: Eddies", "low"), ("Style: Mist", "high")]
    assert any("One seed per condition" in note for note in notes(of))
    words = sentences(of)
    assert any(w.startswith("With style Eddies: The loss is lowest in training at low (0.2)") for w in words)
    assert any(w.startswith("With style Mist: The loss is lowest in training at high (0.5)") for w in words)
    assert not any("seeds of" in w for w in words)


def test_the_spread_of_the_seeds_is_within_a_style() -> None:
    of = painted(seeds=2)
    row = by_style(of)["Style: Mist", "low"]
    assert astuple(row.losses["total"]) == pytest.approx((0.65, 0.005**0.5, 2))
    assert (row.seeds, len(networks(of))) == ("2", 4)
    assert any("the 2 seeds of low alone go from 0.6 to 0.7 (SD 0.071)" in w for w in sentences(of))
    files = report_files(of)
    lines = read(files["training.csv"])
    assert lines[0][:3] == ["condition", "style", "seed"]
    assert [line[:3] for line in lines[1:5]] == [
        ["low", "Eddies", "0"], ["low", "Eddies", "1"], ["low", "Mist", "0"], ["low", "Mist", "1"],
    ]  # fmt: skip
    by_epoch = read(files["training_curves.csv"])
    assert {(line[0], line[1]) for line in by_epoch[1:]} == {
        (c, s) for c in ("low", "high") for s in ("Eddies", "Mist")
    }
    assert len(by_epoch) == 1 + 4 * 2 * 4
    for name in ("training.csv", "training_table.csv", "training_curves.csv"):
        assert len({len(line) for line in read(files[name])}) == 1
    figure = curves.draw(of, narrow=False)
    assert len(figure.axes) == 2 * (2 + 1), "two panels and the names for each style"
    assert "Style: Mist: high ends lowest" in curves.alt(of)


def test_other_tasks_have_columns_in_words_and_parts_of_a_part_in_the_file_alone() -> None:
    names = ("tv", "style", "style_relu1_2", "total", "lonely")
    losses = dict.fromkeys(names, 1.0) | {f"val_{name}": 2.0 for name in names[:-1]}
    data = report([condition("A")], [training((0,), 1.0, 1.0, 1.0, losses=losses, loss="total")])
    heads = list(columns(data).values())
    assert heads[:2] == ["total", "total, kept apart"]
    assert sorted(heads[2::2]) == ["style", "total variation"]
