"""All figures of a report with their texts, and all its files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from generation.core.csv_text import csv_table
from generation.core.drawing import style
from generation.core.report import against, steps, tables
from generation.core.report.data import Report
from generation.core.report.training import curves, forest, lines
from generation.core.report.training.page import STEM

#: Part of what a stored report is known by; a change of how anything is drawn or said is a new one.
VERSION = 5
INDEX = "figures.json"


@dataclass(frozen=True)
class Chart:
    """One figure: file stem, texts, ``draw(narrow=...)``, and the sentences that read it (``points``)."""

    stem: str
    title: str
    caption: str
    alt: str
    draw: Callable[..., Figure]
    points: tuple[str, ...] = ()


def charts(report: Report) -> list[Chart]:
    """The figures there is something to draw for: the losses over the steps, the final ones by parameter, and what the
    trainings say."""
    found = [
        Chart(
            f"steps_{term}",
            steps.titles(report, term)[0],
            steps.caption(report, term),
            steps.alt(report, term),
            partial(steps.draw, report, term),
        )
        for term in steps.TERMS
        if steps.drawable(report, term)
    ]
    for number, axis in enumerate(against.drawable(report), 1):
        title, caption = against.titles(report, axis)[0], against.caption(report, axis)
        points = tuple(against.points(report, axis))
        alt = f"{title}: a panel per measure. {points[0]}" if len(points) == 1 else f"{title}: a block per family."
        draw = partial(against.draw, report, axis)
        found.append(Chart(f"against_{number}_{_word(axis.name)}", title, caption, alt, draw, points))
    return found + _trainings(report)


def _trainings(report: Report) -> list[Chart]:
    """The figures of the trainings that have something to show."""
    there = {"curves": (curves, bool(curves.drawable(report))), "forest": (forest, forest.drawable(report))}
    return [
        Chart(STEM + name, of.titles(report)[0], of.caption(report), of.alt(report), partial(of.draw, report))
        for name, (of, drawable) in there.items()
        if drawable
    ]


def _word(name: str) -> str:
    """A parameter's name as part of a file's."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


def report_files(report: Report) -> dict[str, bytes]:
    """File name -> bytes: per figure a wide and a narrow SVG and a PNG, the CSVs, and ``figures.json`` with the texts
    and sizes of the figures. The same report gives the same bytes."""
    files = {
        "renders.csv": csv_table(tables.render_lines(report)),
        "losses.csv": csv_table(tables.loss_lines(report)),
        "minima.csv": csv_table(tables.minima_lines(report)),
    }
    if report.trainings:
        files |= {
            "training.csv": csv_table(lines.training_lines(report)),
            "training_table.csv": csv_table(lines.table_lines(report)),
            "training_curves.csv": csv_table(lines.curve_lines(report)),
        }
    index = []
    for chart in charts(report):
        drawn, entry = style.styled(partial(_files, chart))
        files |= drawn
        index.append(entry)
    return files | {INDEX: json.dumps(index, indent=1).encode()}


def _files(chart: Chart) -> tuple[dict[str, bytes], dict[str, Any]]:
    wide, narrow = chart.draw(narrow=False), chart.draw(narrow=True)
    files = {
        f"{chart.stem}.svg": style.svg(wide, chart.title, chart.alt),
        f"{chart.stem}_narrow.svg": style.svg(narrow, chart.title, chart.alt),
        f"{chart.stem}.png": style.png(wide, chart.title, chart.alt),
    }
    sizes = {name: _pixels(figure) for name, figure in (("wide", wide), ("narrow", narrow))}
    texts = {"title": chart.title, "caption": chart.caption, "alt": chart.alt, "points": list(chart.points)}
    return files, {"stem": chart.stem, **texts, **sizes}


def _pixels(figure: Figure) -> list[int]:
    """Width and height in CSS pixels, 96 to the inch."""
    width, height = figure.get_size_inches()
    return [round(96 * width), round(96 * height)]
