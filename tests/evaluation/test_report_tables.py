"""Rows become tables, summaries become sentences: a number or a reason in every cell, and no code without its words."""

from typing import Any

import pytest

from evaluation.core.words import BRIEFLY, LEVELS, REASONS, why_missing
from evaluation.report.charts import place_of
from evaluation.report.contents import tables_of
from evaluation.report.numbers import interval, percent, plain, signed, signed_interval, unbroken
from evaluation.report.sentences import plainly, sentences_of
from evaluation.report.tables import number, p_value, span, table_of, words

COLUMNS = [words("Metric", "metric_id", {"lpips": "LPIPS"}), number("Share", "share", percent), p_value("p", "C2")]


def texts(table: Any) -> list[list[str]]:
    return [[cell.text + cell.mark for cell in row] for row in table.rows]


def test_a_reason_stands_once_under_the_table() -> None:
    few = {"reason_code": "NC_FEW_PARTICIPANTS", "message": "Estimates only: 3 participants are too few."}
    rows: list[dict[str, Any]] = [
        {"metric_id": "lpips", "share": 0.5, "p": None, **few},
        {"metric_id": "total", "share": None, "p": None, **few},
        {"metric_id": "style", "share": 0.25, "p": 0.0004, "reason_code": ""},
    ]
    table = table_of(rows, COLUMNS, title="t")
    assert table is not None
    assert texts(table) == [
        ["LPIPS", "50\u00a0%", "–a"],
        ["total", "–a", "–a"],
        ["style", "25\u00a0%", "p\u00a0<\u00a0.001"],
    ]
    assert table.notes == [("a", "Estimates only: 3 participants are too few.")]
    assert [column.head for column in table.columns][2] == "p: holds for other scenes of this kind"


def test_a_column_without_any_value_and_a_table_without_any_row_are_left_out() -> None:
    table = table_of([{"metric_id": "lpips", "share": 0.5, "p": None}], COLUMNS, title="")
    assert table is not None
    assert [column.head for column in table.columns] == ["Metric", "Share"]
    assert table_of([], COLUMNS, title="") is None


def test_every_reason_of_a_row_has_words() -> None:
    for code in REASONS:
        said = why_missing({"reason_code": code})
        assert said
        assert "{" not in said
        assert "NC_" not in said
    assert why_missing({"reason": {"code": "NC_SCOPE", "sentence": "So it is."}}) == "So it is."
    assert set(BRIEFLY) <= set(REASONS)
    assert not any(level in said for level, said in LEVELS.items())


def test_columns_of_intervals_do_not_break() -> None:
    table = table_of([{"low": 0.1, "high": 0.25}], [span("95 % interval", "low", "high", interval)], title="")
    assert table is not None
    assert table.columns[0].head == "95\u00a0% interval"
    assert texts(table) == [["10–25"]]


@pytest.mark.parametrize(
    ("shown", "text"),
    [
        (percent(-0.034), "−3\u00a0%"),
        (plain(1234.4), "1,234"),
        (plain(-0.01234), "−0.0123"),
        (plain(7.0), "7"),
        (signed(-0.001), "0.00"),
        (signed_interval(-0.1, 0.4), "−0.10 to +0.40"),
        (percent(None), None),
    ],
)
def test_numbers_as_readers_meet_them(shown: str | None, text: str | None) -> None:
    assert shown == text


def test_the_longer_label_is_bound_first() -> None:
    assert unbroken(["lr 0.1", "lr 0.15"])({"a": ["lr 0.15 beats lr 0.1, p < .001"]}) == {
        "a": ["lr\u00a00.15 beats lr\u00a00.1, p\u00a0<\u00a0.001"]
    }


def results(primary: str = "total") -> dict[str, Any]:
    return {
        "primary": primary,
        "metrics": [{"id": "lpips", "label": "LPIPS"}, {"id": "total", "label": "Total loss"}],
        "groups": [{"scene": None, "label": "All scenes"}, {"scene": "s0", "label": "Cat"}],
        "conditions": [{"id": "c0", "label": "lr 1"}],
        "flow": [{"words": "laid out", "n_trials": 3, "n_participants": 1}],
    }


def test_the_primary_metric_speaks_first_and_scene_by_scene_is_left_to_the_table() -> None:
    summary = {
        "lpips": {"sentence": "LPIPS says.", "c2": {"sentence": "LPIPS adds."}},
        "total": {"sentence": "Total says.", "c2": {"sentence": "Total adds."}, "scenes": [{"sentence": "In Cat."}]},
    }
    assert sentences_of(summary, results(), tabled=False) == ["Total says. Total adds.", "LPIPS says."]
    assert sentences_of({"metrics": summary, "sentence": "All in all."}, results(), tabled=True) == [
        "All in all.",
        "Total says. Total adds.",
    ]
    assert sentences_of(None, results(), tabled=False) == []
    reason = {"reason": {"code": "NC_NO_METRIC", "sentence": "No metric."}, "sentence": "No metric."}
    assert sentences_of(reason, results(), tabled=False) == ["No metric."]


def test_what_stands_beside_a_mark_need_not_say_rehearsal_again() -> None:
    assert plainly("In this SIMULATED rehearsal, the votes agree.") == "The votes agree."
    assert plainly("First. In this SIMULATED rehearsal, second.") == "First. Second."


def test_tests_are_told_with_their_claim_their_correction_and_what_was_planned_first() -> None:
    test = {"hypothesis": "agreement", "family": "F2 agreement C1", "metric_id": "lpips", "claim_level": "C3"}
    test |= {"estimate": 0.6, "ci_low": None, "ci_high": None, "p_raw": 0.01, "p_adj": 0.02, "adjustment": "holm"}
    planned = test | {"metric_id": "total", "confirmatory": True, "scene_id": ""}
    in_scene = test | {"scene_id": "s0", "adjustment": "none"}
    tables = {"hypothesis_tests": [test, planned, in_scene]}
    [table] = tables_of("tests", results() | {"tables": tables})
    assert [row[0].text.split(":")[0] for row in table.rows] == ["Total loss", "LPIPS"]
    line = [cell.text for cell in table.rows[0]]
    assert "Holm, 3 tests" in line
    assert "holds for this metric, beyond these settings" in line
    assert "yes" in line
    [scene] = tables_of("scene_tests", results() | {"tables": tables})
    assert scene.rows[0][0].text.startswith("LPIPS, Cat: ")
    assert "not corrected" in [cell.text for cell in scene.rows[0]]
    assert not any("F2" in cell.text or "C3" in cell.text for row in table.rows for cell in row)


def test_a_part_that_an_old_analysis_lacks_is_not_shown() -> None:
    assert tables_of("agreement", results()) == []
    assert tables_of("tests", results()) == []
    assert len(tables_of("flow", results())) == 1


@pytest.mark.parametrize(
    ("stem", "place"),
    [
        ("fig01_votes", ("top", "")),
        ("fig03_loss", ("top", "")),
        ("fig03_loss_by_scene", ("scenes", "")),
        ("fig06_agreement", ("metrics", "agreement")),
        ("fig99_new_by_scene", ("scenes", "")),
        ("fig99_new", ("metrics", "")),
    ],
)
def test_every_figure_has_its_place(stem: str, place: tuple[str, str]) -> None:
    assert place_of(stem) == place
