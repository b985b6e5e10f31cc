"""What the page of a report shows of its trainings, ready for a template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generation.core.report.data import Report
from generation.core.report.training import sentences, tables

#: File stems of the figures of the trainings.
STEM = "training_"

#: The tables that may be taken along: file name -> what it is.
DOWNLOADS = {
    "training_table.csv": "The table (CSV)",
    "training.csv": "Every training (CSV)",
    "training_curves.csv": "Losses by epoch (CSV)",
}


@dataclass(frozen=True)
class Cell:
    """Something in the table and how it is shown: num, lowest, reason (why there is none), none (a
    baseline cannot have one), or note. ``span``: columns it takes; a reason for all losses is said once."""

    text: str
    kind: str
    span: int = 1


@dataclass(frozen=True)
class Line:
    """A row of the table."""

    label: str
    cells: tuple[Cell, ...]
    is_baseline: bool


def contents(
    report: Report, figures: Sequence[Mapping[str, Any]], file: Callable[[str], str]
) -> dict[str, Any] | None:  # fmt: skip
    """Everything that the part "What the training says" shows; None for a grid that trains nothing.

    ``figures``: those of the trainings; ``file(name)``: address of a file of the report.
    """
    if not report.trainings:
        return None
    table = tables.table(report)
    return {
        "sentences": sentences.sentences(report),
        "notes": tables.notes(report),
        "columns": list(tables.columns(report).values()),
        "families": [(head, [_line(row) for row in rows]) for head, rows in table],
        "headed": any(head for head, _ in table),
        "figures": figures,
        "downloads": [{"address": file(name), "title": title} for name, title in DOWNLOADS.items()],
    }


def _line(row: tables.Row) -> Line:
    cells = [_cell(row, key) for key in row.losses]
    if cells and cells[0].kind == "reason" and len({cell.text for cell in cells}) == 1:
        cells = [Cell(cells[0].text, "reason", len(cells))]
    words = [] if row.is_baseline else [row.seeds, row.epochs, row.status]
    kinds = ["num", "num", "note" if row.status == "trained" else "reason"]
    return Line(row.label, (*cells, *(Cell(w, k) for w, k in zip(words, kinds, strict=False))), row.is_baseline)


def _cell(row: tables.Row, key: str) -> Cell:
    one = row.losses[key]
    if isinstance(one.value, str):
        return Cell(one.value, "none" if row.is_baseline else "reason")
    return Cell(tables.shown(one), "lowest" if key in row.lowest else "num")
