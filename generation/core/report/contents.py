"""What the page of a report shows beside its figures, ready for a template: contact sheet, table, sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from generation.core.drawing.numbers import short
from generation.core.report.data import Measure, Report, Run, Value
from generation.core.report.sentences import about, excluded, minima, progress
from generation.core.report.tables import loss_table
from generation.core.report.training import page as training

#: The tables that may be taken along: file name -> what it is.
DOWNLOADS = {
    "renders.csv": "Every render (CSV)",
    "losses.csv": "Table of losses (CSV)",
    "minima.csv": "Minima (CSV)",
}


@dataclass(frozen=True)
class Number:
    """Something shown: ``number`` is false where it is the reason why there is none."""

    text: str
    number: bool
    name: str = ""


@dataclass(frozen=True)
class Tile:
    """A picture of the contact sheet. ``trouble``: why it counts for nothing; ``addresses``: of ``thumbnail`` and
    ``full``, empty where it leads nowhere."""

    label: str
    run: Run
    trouble: str
    scores: tuple[Number, ...]
    addresses: Mapping[str, str]


def shown(value: Value, name: str = "") -> Number:
    """A value with four significant digits, or its reason."""
    return Number(value, False, name) if isinstance(value, str) else Number(short(value, 4), True, name)


def sheet(report: Report, address: Callable[[str, str], str]) -> list[tuple[str, list[Tile]]]:
    """Scene -> its pictures, conditions in grid order, seeds side by side. ``address(kind, sha256)`` of a picture."""
    # What was measured nowhere is said once, above.
    there = [m for m in report.shown if any(isinstance(run.scores.get(m.id), float) for run in report.runs)]
    places = range(len(report.conditions))
    return [
        (label, [_tile(report, run, there, address) for c in places for run in report.of(scene, c)])
        for scene, label in enumerate(report.scenes)
    ]


def _tile(report: Report, run: Run, measures: Sequence[Measure], address: Callable[[str, str], str]) -> Tile:
    condition = report.conditions[run.condition]
    seed = f", seed {run.seed}" if len(report.seeds) > 1 and condition.role == "grid" else ""
    scores = tuple(shown(run.scores.get(m.id, "not measured"), m.short) for m in measures) if run.image else ()
    addresses = {kind: address(kind, run.image) for kind in ("thumbnail", "full")} if run.image else {}
    return Tile(condition.label + seed, run, run.trouble, scores, addresses)


def contents(
    report: Report,
    figures: Sequence[Mapping[str, Any]],
    file: Callable[[str], str],
    picture: Callable[[str, str], str],
) -> dict[str, Any]:
    """Everything the template shows. ``figures``: as in ``figures.json``; ``file(name)``: address of a file of the
    report; ``picture(kind, sha256)``: of a picture, ``kind`` being thumbnail or full."""
    table = loss_table(report)
    names = {"wide": ".svg", "narrow": "_narrow.svg", "png": ".png"}
    drawn = [{**f, "files": {k: file(f["stem"] + end) for k, end in names.items()}} for f in figures]
    of_trainings = [f for f in drawn if f["stem"].startswith(training.STEM)]
    return {
        "report": report,
        "about": about(report),
        "minima": minima(report) if report.runs else [],
        "progress": progress(report),
        "excluded": excluded(report),
        "downloads": [{"address": file(name), "title": title} for name, title in DOWNLOADS.items()],
        "sheet": sheet(report, picture),
        "linked": any(picture("full", run.image) for run in report.runs if run.image),
        "figures": [f for f in drawn if f not in of_trainings],
        "training": training.contents(report, of_trainings, file),
        "table": table,
        "grouped": any(table.groups),
        "rows": [(label, [[shown(v) for v in group] for group in row]) for label, row in table.rows],
    }
