"""F5: who beats whom. A table of win shares, row against column, over all scenes and in each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from evaluation.core.figures import matrix
from evaluation.core.figures.chart import (
    Chart,
    Json,
    Table,
    basis,
    columns,
    condition_labels,
    first_panels,
    panels_note,
    pooled,
    scenes,
    table,
    texts,
)
from evaluation.core.figures.matrix import Cell
from evaluation.core.figures.page import Names, names, page
from generation.core.drawing import style

#: Meetings below which a share is not coloured.
ENOUGH = 5
#: Fields of a figure above which only colours are drawn: nobody reads more numbers.
MOST_NUMBERS = 600
#: (row condition, column condition) -> wins of the row, meetings, whether the difference is significant.
Meetings = dict[tuple[str, str], tuple[float, int, bool]]


def meetings(rows: Iterable[Json], *, tested: bool) -> Meetings:
    """Meetings of ``rows`` of the table of pairs, both ways round. ``tested``: they are of one scene; summed over
    scenes none is called significant."""
    found: Meetings = {}
    for row in rows:
        significant = tested and row["class"] == "different"
        one, two = row["condition_1"], row["condition_2"]
        for a, b, wins in ((one, two, row["wins_1"]), (two, one, row["wins_2"])):
            before, n, _ = found.get((a, b), (0.0, 0, False))
            found[a, b] = (before + wins, n + row["n"], significant)
    return found


def order(result: Json) -> list[str]:
    """Conditions that met another, by their score over all scenes, those without one last in grid order."""
    met = {name for row in table(result, "pairs") for name in (row["condition_1"], row["condition_2"])}
    theta = {r["condition"]: r["theta"] for r in pooled(result)["rows"] if r["theta"] is not None}
    there = [c for c in condition_labels(result) if c in met]
    return sorted(there, key=lambda c: -theta.get(c, -math.inf))


def _panels(result: Json, by_scene: bool) -> list[tuple[str, Meetings]]:
    if by_scene:
        rows: dict[str, list[Json]] = {}
        for row in table(result, "pairs"):
            rows.setdefault(row["scene_id"], []).append(row)
        return [(g["label"], meetings(mine, tested=True)) for g in scenes(result) if (mine := rows.get(g["scene"]))]
    # One scene is its own sum, and then its pairs were tested.
    found = meetings(table(result, "pairs"), tested=len(scenes(result)) == 1)
    return [("", found)] if found else []


def _draw(result: Json, narrow: bool, *, by_scene: bool) -> Figure:
    there = order(result)
    panels = first_panels(_panels(result, by_scene), len(there))
    label = condition_labels(result)
    width = style.NARROW if narrow else style.WIDE
    k = len(there)
    abreast = 1 if narrow or not by_scene else min(3 if k <= 7 else 2, len(panels))
    rows = [f"{i}  {label[c]}" for i, c in enumerate(there, start=1)]
    # Many long names would make tall rows of slim fields: on a narrow page they get more of the width.
    long = narrow and k > 9
    column = names(rows, width, size=9.0 if k <= 30 and not long else 8.0, share=0.5 if long else 0.34, line=0.17)
    each = (width - column.width - 0.2) / abreast
    across = min(each - (0.25 if abreast > 1 else 0.0), 1.25 * k)
    line = max(column.line, min(across / k, 0.5))
    most = max(n for _, found in panels for _, n, _ in found.values())
    roomy = across / k > style.text_width([f"n {most}"], matrix.LEAST_SIZE) + 0.08
    line = max(line, 0.44 if roomy else 0.0)
    lines = math.ceil(len(panels) / abreast)
    titles = [style.two_lines(name, across, 9.5) if name else [] for name, _ in panels]
    head = 0.3 + 0.17 * max(map(len, titles))
    sheet = page(result, *_title(by_scene), lines * (head + k * line + 0.14), narrow=narrow, legend=_legend(panels))
    numbers = k * (k - 1) * len(panels) <= MOST_NUMBERS
    size = matrix.number_size(across / k, 0.24) if numbers else 0.0
    for i, (_, found) in enumerate(panels):
        down, place = divmod(i, abreast)
        top = down * (head + k * line + 0.14)
        axes = sheet.axes(column.width + place * each, top + head, across, k * line)
        matrix.draw_cells(axes, _cells(found, there, roomy=roomy), k, k, matrix.PREFERENCE, size=size)
        _number(axes, k, across, column, rows if place == 0 else [])
        sheet.text(
            column.width + place * each, top + head - 0.24, "\n".join(titles[i]), fontsize=9.5, fontweight="bold",
            va="bottom",
        )  # fmt: skip
    return sheet.figure


def _number(axes: Axes, k: int, across: float, column: Names, rows: Sequence[str]) -> None:
    """Numbers over the columns: every one, or as many as have room; names beside the rows."""
    step = max(1, math.ceil(0.2 * k / across))
    at = range(0, k, step)
    axes.set_xticks(at, [str(i + 1) for i in at], fontsize=8.5)
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", length=0, pad=2)
    if rows:
        column.write(axes, rows)
    else:
        axes.set_yticks([])


def _cells(
    found: Mapping[tuple[str, str], tuple[float, int, bool]], there: Sequence[str], *, roomy: bool
) -> list[Cell]:
    cells = []
    for i, a in enumerate(there):
        for j, b in enumerate(there):
            if a == b:
                cells.append(Cell(i, j, 0.5, "–"))
            if (a, b) not in found:
                continue
            wins, n, significant = found[a, b]
            if n:
                share, note = wins / n, f"n {n}" if roomy else ""
                cells.append(Cell(i, j, share, f"{100 * share:.0f}", note, faint=n < ENOUGH, outlined=significant))
    return cells


def _legend(panels: Sequence[tuple[str, Meetings]]) -> list[Artist]:
    entries = [m for _, found in panels for m in found.values()]
    handles: list[Artist] = [
        Patch(facecolor=matrix.PREFERENCE(0.95), label="row wins"),
        Patch(facecolor=matrix.PREFERENCE(0.05), label="column wins"),
    ]
    if any(0 < n < ENOUGH for _, n, _ in entries):
        handles.append(Patch(facecolor=matrix.NOTHING, label=f"fewer than {ENOUGH} meetings"))
    if any(significant for *_, significant in entries):
        frame = Line2D(
            [], [], marker="s", markersize=9, markerfacecolor="white", linewidth=0, label="differs (q < .05)"
        )
        frame.set_markeredgecolor(style.INK)
        frame.set_markeredgewidth(1.5)
        handles.append(frame)
    return handles


def _exists(result: Json, *, by_scene: bool) -> bool:
    return bool(_panels(result, by_scene)) and (len(scenes(result)) > 1 or not by_scene)


def _title(by_scene: bool) -> tuple[str, str]:
    where = " in each scene" if by_scene else ""
    return f"Who beats whom{where}", "Meetings won by the row against the column, in per cent; highest score first"


def _text(result: Json, *, by_scene: bool) -> dict[str, str]:
    panels, label = _panels(result, by_scene), condition_labels(result)
    caption = (
        f"{basis(pooled(result), result)}. A tie counts half for each side; n, where it is written, is the number of "
        f"meetings. {_tested(result, panels, by_scene)}"
    )
    caption += panels_note(len(first_panels(panels, len(order(result)))), len(panels))
    first = order(result)[0]
    alt = (
        f"Table of win shares of {len(order(result))} conditions against each other"
        f"{' in each scene' if by_scene else ''}, ordered by score; {label[first]} comes first."
    )
    return texts(result, _title(by_scene)[0], caption, alt)


def _tested(result: Json, panels: Sequence[tuple[str, Meetings]], by_scene: bool) -> str:
    if len(scenes(result)) > 1 and not by_scene:
        return "Meetings are summed over the scenes; whether a pair differs is said by scene."
    if all(row["q_bh"] is None for row in table(result, "pairs")):
        return "No pair met enough participants for a test."
    framed = sum(significant for _, found in panels for *_, significant in found.values()) // 2
    return f"Framed: pairs that differ after the Benjamini–Hochberg correction over all pairs (q < .05): {framed}."


def _rows(result: Json, *, by_scene: bool) -> Table:
    label = condition_labels(result)
    return columns(
        "scene row column wins n share significant",
        (
            [name or pooled(result)["label"], label[a], label[b], wins, n, wins / n if n else None, significant]
            for name, found in _panels(result, by_scene)
            for (a, b), (wins, n, significant) in sorted(found.items())
        ),
    )


CHART, BY_SCENE = (
    Chart(
        stem="fig05_wins_by_scene" if by_scene else "fig05_wins",
        exists=partial(_exists, by_scene=by_scene),
        text=partial(_text, by_scene=by_scene),
        draw=partial(_draw, by_scene=by_scene),
        rows=partial(_rows, by_scene=by_scene),
    )
    for by_scene in (False, True)
)
