"""F4: a grid of two parameters as maps: what is preferred, what the metric says, and how far their orders are apart."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from matplotlib.artist import Artist
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from evaluation.core.figures import matrix, parameters, signs
from evaluation.core.figures.chart import (
    Chart,
    Json,
    Table,
    basis,
    columns,
    condition_labels,
    extreme,
    minimum,
    minus,
    pooled,
    primary,
    short_name,
    texts,
    voters,
)
from evaluation.core.figures.matrix import Cell
from evaluation.core.figures.page import names, page
from generation.core.drawing import style, ticks

STEM = "fig04_grid"


@dataclass(frozen=True)
class Place:
    """A condition on the grid. ``z``: mean within-scene z of the primary metric, lower predicted better; ranks by score
    and by metric count from 1, the best; ``apart``: metric's rank minus that of the votes. None where unknown."""

    condition: str
    row: int
    column: int
    share: float | None
    n: int
    z: float | None
    liked: int | None
    lowest: int | None

    @property
    def apart(self) -> int | None:
        """Above 0: the votes rank it higher than the metric does."""
        return None if self.liked is None or self.lowest is None else self.lowest - self.liked


@dataclass(frozen=True)
class Map:
    """One map: its title, its colours, and the cell of a place."""

    title: str
    scale: LinearSegmentedColormap
    cell: Callable[[Place], Cell]


def places(result: Json) -> list[Place]:
    """Every condition of the grid that the votes of all scenes are pooled over; empty where it is no such grid."""
    grid = parameters.two(result)
    if grid is None:
        return []
    at = grid[2]
    found = minimum(primary(result), None)
    z = found["z"] if found else {}
    rows = [r for r in pooled(result)["rows"] if r["condition"] in at]
    both = [r for r in rows if r["theta"] is not None and r["condition"] in z]
    liked = _ranks({r["condition"]: -r["theta"] for r in both})
    lowest = _ranks({r["condition"]: z[r["condition"]] for r in both})
    return [
        Place(c, *at[c], r["share"], r["n_votes"], z.get(c), liked.get(c), lowest.get(c))
        for r in rows
        for c in [r["condition"]]
    ]


def _ranks(values: dict[str, float]) -> dict[str, int]:
    return {c: i for i, c in enumerate(sorted(values, key=lambda c: values[c]), start=1)}


def _maps(result: Json, shown: Sequence[Place]) -> list[Map]:
    metric, found = primary(result), minimum(primary(result), None)
    favourite = {pooled(result)["favourite"]}
    maps = [Map("Share of meetings won, %", matrix.PREFERENCE, lambda p: _share(p, favourite))]
    if metric and found:
        lowest, name = set(found["conditions"]), short_name(metric)
        spread = max(abs(p.z) for p in shown if p.z is not None) or 1.0
        title = f"{name[0].upper()}{name[1:]}, mean z"
        maps.append(Map(title, matrix.PREFERENCE, lambda p: _metric(p, spread, lowest)))
    if any(p.apart is not None for p in shown):
        maps.append(Map("Rank by metric − rank by votes", matrix.APART, lambda p: _apart(p, len(shown))))
    return maps


def _share(p: Place, favourite: Collection[str]) -> Cell:
    if p.share is None:
        return Cell(p.row, p.column, None)
    # Shares near a half must differ in colour too: the scale runs from 10 to 90 %.
    colour = 0.5 + (p.share - 0.5) / 0.8
    mark = "favourite" if p.condition in favourite else ""
    return Cell(p.row, p.column, colour, f"{100 * p.share:.0f}", f"n {p.n}", mark=mark)


def _metric(p: Place, spread: float, lowest: Collection[str]) -> Cell:
    if p.z is None:
        return Cell(p.row, p.column, None)
    mark = "minimiser" if p.condition in lowest else ""
    return Cell(p.row, p.column, 0.5 - 0.45 * p.z / spread, minus(f"{p.z:+.1f}"), mark=mark)


def _apart(p: Place, k: int) -> Cell:
    if p.apart is None:
        return Cell(p.row, p.column, None)
    return Cell(p.row, p.column, 0.5 + 0.45 * p.apart / max(1, k - 1), minus(f"{p.apart:+d}"))


def _draw(result: Json, narrow: bool) -> Figure:
    grid = parameters.two(result)
    assert grid is not None  # noqa: S101 - the figure exists only where there is a grid
    (down, rows), (across, levels), _ = grid
    shown = places(result)
    maps = _maps(result, shown)
    width = style.NARROW if narrow else style.WIDE
    row_names = [parameters.level(v) for v in rows]
    column = names(row_names, width, size=9.0, share=0.2, line=0.46)
    left = column.width + 0.22
    gap, room = 0.22, width - left - 0.15
    abreast = 1 if narrow else len(maps)
    if not matrix.number_size((room - gap * (abreast - 1)) / abreast / len(levels)):
        abreast = 1  # Below each other the fields of a large grid are wide enough for their numbers.
    each = min((room - gap * (abreast - 1)) / abreast, (1.2 if narrow else 1.6) * len(levels))
    folded = [style.wrap(parameters.level(v), each / len(levels) - 0.06, 8.5) for v in levels]
    widest = [max(lines, key=lambda line: style.text_width([line], 8.5)) for lines in folded]
    named = ticks.roomy([(j + 0.5) * each / len(levels) for j in range(len(levels))], widest, 8.5)
    foot = 0.3 + 0.15 * max(map(len, folded))
    titles = [style.wrap(m.title, each, 10) for m in maps]
    head = 0.14 + 0.17 * max(map(len, titles))
    panel = head + len(rows) * column.line + foot
    lines = len(maps) if abreast == 1 else 1
    sheet = page(result, *_title(result), lines * panel, narrow=narrow, legend=_legend(result, maps, shown))
    size = matrix.number_size(each / len(levels))
    noted = style.text_width([f"n {p.n}" for p in shown], matrix.LEAST_SIZE) + 0.06 < each / len(levels)
    for i, part in enumerate(maps):
        top, start = (i * panel, left) if abreast == 1 else (0.0, left + i * (each + gap))
        axes = sheet.axes(start, top + head, each, len(rows) * column.line)
        cells = [cell if noted else replace(cell, note="") for p in shown for cell in [part.cell(p)]]
        matrix.draw_cells(axes, cells, len(rows), len(levels), part.scale, size=size)
        sheet.text(start, top + head - 0.07, "\n".join(titles[i]), fontsize=9.5, fontweight="bold", va="bottom")
        axes.set_xticks(named, ["\n".join(folded[j]) for j in named], fontsize=8.5, linespacing=1.0)
        axes.set_xlabel(parameters.spoken(across), fontsize=9, labelpad=2)
        axes.set_yticks([])
        if start == left:
            column.write(axes, row_names)
            middle = top + head + len(rows) * column.line / 2
            sheet.text(0.1, middle, parameters.spoken(down), fontsize=9, rotation=90, va="center")
    return sheet.figure


def _title(result: Json) -> tuple[str, str]:
    grid = parameters.two(result)
    both = [parameters.spoken(name) for name, _ in grid[:2]] if grid else []
    metric = primary(result)
    against = f" and {short_name(metric)}" if metric and minimum(metric, None) else ""
    return f"Preference{against} over the grid", f"Conditions by {' and '.join(both)}, all scenes together"


def _legend(result: Json, maps: Sequence[Map], shown: Sequence[Place]) -> list[Artist]:
    group, metric = pooled(result), primary(result)
    handles: list[Artist] = [
        Patch(facecolor=matrix.PREFERENCE(0.92), label="wins more, or predicted to"),
        Patch(facecolor=matrix.PREFERENCE(0.08), label="wins less, or predicted to"),
    ]
    if group["favourite"]:
        handles.append(signs.favourite_star(signs.favourite_words([group], simulated=result["study"]["simulated"])))
    if metric and len(maps) > 1:
        handles.append(style.minimum_ring(extreme(metric)))
    if any(p.apart for p in shown):
        who = "simulated voters" if result["study"]["simulated"] else "people"
        handles.append(Patch(facecolor=matrix.APART(0.88), label=f"ranked higher by {who}"))
        handles.append(Patch(facecolor=matrix.APART(0.12), label="ranked higher by the metric"))
    if any(part.cell(p).share is None for part in maps for p in shown):
        handles.append(Patch(facecolor=matrix.NOTHING, hatch="////", edgecolor="white", label="not known"))
    return handles


def _text(result: Json) -> dict[str, str]:
    title, _ = _title(result)
    shown, label = places(result), condition_labels(result)
    several = len(_maps(result, shown)) > 2
    apart = (
        " The last map subtracts the rank by votes from the rank by metric (1 is the best): above 0, "
        f"{voters(result)} rank the condition higher than the metric does."
        if several
        else ""
    )
    caption = (
        f"{basis(pooled(result), result)}. Shares of meetings won, each rival weighing the same; n, where it is "
        f"written, is the number of meetings of the condition.{apart}"
    )
    said = "; ".join(f"{label[p.condition]} {100 * p.share:.0f} %" for p in shown if p.share is not None)
    return texts(result, title, caption, f"Maps of the grid. Share of meetings won: {said}.")


def _rows(result: Json) -> Table:
    label = condition_labels(result)
    return columns(
        "condition row column share n mean_z rank_votes rank_metric rank_difference",
        (
            [label[p.condition], p.row + 1, p.column + 1, p.share, p.n, p.z, p.liked, p.lowest, p.apart]
            for p in places(result)
        ),
    )


CHART = Chart(
    stem=STEM,
    exists=lambda result: any(p.share is not None for p in places(result)),
    text=_text,
    draw=_draw,
    rows=_rows,
)
