"""All files of the figures of one analysis, with their titles, captions and alternative texts."""

from __future__ import annotations

from evaluation.core.figures import (
    agree,
    curves,
    dose,
    factors,
    final,
    flow,
    grid,
    loss,
    people,
    regrets,
    times,
    votes,
    weights,
    wins,
)
from evaluation.core.figures.chart import Chart, Json
from generation.core.csv_text import csv_table
from generation.core.drawing import style

#: Every figure there is, in the order of the report: first the votes and the loss, then what explains them.
CHARTS: tuple[Chart, ...] = (
    votes.CHART,
    votes.BY_SCENE,
    loss.CHART,
    loss.BY_SCENE,
    curves.RAW,
    curves.WEIGHTED,
    final.CHART,
    grid.CHART,
    wins.CHART,
    wins.BY_SCENE,
    agree.CHART,
    dose.CHART,
    weights.CHART,
    regrets.CHART,
    times.CHART,
    people.CHART,
    flow.CHART,
    factors.CHART,
)


def chart_texts(result: Json) -> dict[str, dict[str, str]]:
    """Title, caption and alternative text of each figure that this analysis has, by file stem."""
    return {chart.stem: chart.text(result) for chart in CHARTS if chart.exists(result)}


def chart_files(result: Json) -> dict[str, bytes]:
    """File name -> bytes: per figure a wide SVG, a narrow SVG for phones, a PNG for print and a CSV of its data."""
    return style.styled(lambda: {name: data for c in CHARTS if c.exists(result) for name, data in files_of(c, result)})


def files_of(chart: Chart, result: Json) -> list[tuple[str, bytes]]:
    """(name, bytes) of one figure's files; call it within :func:`style.styled`."""
    text = chart.text(result)
    title, alt = text["title"], text["alt"]
    wide, narrow = chart.draw(result, False), chart.draw(result, True)
    return [
        (f"{chart.stem}.svg", style.svg(wide, title, alt)),
        (f"{chart.stem}.png", style.png(wide, title, alt)),
        (f"{chart.stem}_narrow.svg", style.svg(narrow, title, alt)),
        (f"{chart.stem}.csv", csv_table(chart.rows(result))),
    ]
