"""Which hyper-parameter matters for a loss: the change each level makes, a panel per family, with the seeds' noise.

Drawn from the rows of a grid (``evaluation/factors.py``): it is no figure of an analysis.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle

from evaluation.core.figures import forest
from evaluation.core.figures.page import names
from evaluation.core.voters.layouts import CROSSED
from evaluation.core.weights.factors.results import LevelChange, LossFactors, LossFamily
from evaluation.core.weights.factors.sayings import loss_sentences, spoken
from generation.core.csv_text import csv_table
from generation.core.drawing import style, ticks
from generation.core.drawing.sheet import sheet

#: Factor and level.
Key = tuple[str, str]
ONE_SEED = "One seed per cell: no interval, and no telling from seed noise"


def factor_files(title: str, found: LossFactors) -> dict[str, bytes]:
    """File name -> bytes of the figure of one metric: wide and narrow SVG, PNG and a CSV of what is drawn."""
    stem = f"factors_{found.metric.id}"

    def draw() -> dict[str, bytes]:
        head, alt = _title(found), f"{title}. {' '.join(loss_sentences(found))}"
        wide, narrow = drawing(found, narrow=False), drawing(found, narrow=True)
        return {
            f"{stem}.svg": style.svg(wide, head[0], alt),
            f"{stem}.png": style.png(wide, head[0], alt),
            f"{stem}_narrow.svg": style.svg(narrow, head[0], alt),
            f"{stem}.csv": csv_table(_rows(found)),
        }

    return style.styled(draw)


def _title(found: LossFactors) -> tuple[str, str]:
    change = "Each level against the mean of all" if found.design == CROSSED else "Change from the default"
    unit = ", in %" if _relative(found) else ""
    return (
        f"Which setting matters for: {found.metric.label}",
        f"{change}{unit}, with 95 % intervals; filled: the interval leaves no change out",
    )


def _relative(found: LossFactors) -> bool:
    """Whether changes can be told as shares: not from a default of zero."""
    return all(family.middle for family in found.families)


def _changes(found: LossFactors, family: LossFamily) -> dict[Key, LevelChange]:
    """Factor and level -> what it does, without the default (the first level), whose change is nothing by definition.
    In a crossed grid all levels have one."""
    first = 0 if found.design == CROSSED else 1
    return {(f.factor, level.level): level for f in family.factors for level in f.levels[first:]}


def _order(found: LossFactors) -> list[Key]:
    """The rows: factors as the means over the families have them, else as the first family has them."""
    first = [m.factor for m in found.means] or [f.factor for f in found.families[0].factors]
    keys = list(dict.fromkeys(key for family in found.families for key in _changes(found, family)))
    return sorted(keys, key=lambda key: first.index(key[0]) if key[0] in first else len(first))


def drawing(found: LossFactors, *, narrow: bool) -> Figure:
    """The figure; call it within :func:`~generation.core.drawing.style.styled`."""
    shown, families = _order(found), found.families
    width = style.NARROW if narrow else style.WIDE
    labels = [f"{spoken(factor)}: {level}" for factor, level in shown]
    column = names(labels, width, line=0.34)
    panel = len(shown) * column.line
    abreast = 1 if narrow else len(families)
    each = (width - column.width - 0.15) / abreast
    tall = panel + 0.72
    page = sheet(*_title(found), (len(families) if narrow else 1) * tall, narrow=narrow, legend=_legend(found))
    for i, family in enumerate(families):
        top, left = (i * tall, column.width) if narrow else (0.0, column.width + i * each)
        changes = _changes(found, family)
        axes = page.axes(left, top + 0.32, each - 0.25, panel)
        start, room = (0.16, width - 0.3) if narrow else (left, each - 0.2)
        page.text(start, top + 0.06, style.one_line(_name(family), room, 9.5), fontsize=9.5, fontweight="bold")
        _panel(axes, family, [(k[0], changes.get(k)) for k in shown], each - 0.25, relative=_relative(found))
        if narrow or not i:
            column.write(axes, labels)
    return page.figure


def _name(family: LossFamily) -> str:
    return family.name or (f"Against {family.base}" if family.base else "All conditions")


def _legend(found: LossFactors) -> list[Artist]:
    noisy = any(family.noise for family in found.families)
    label = "95 of 100 ranges of a setting under seed noise alone are smaller" if noisy else ONE_SEED
    return [Patch(facecolor=style.FAINT if noisy else "white", edgecolor="none", label=label)]


def _panel(
    axes: Axes, family: LossFamily, shown: Sequence[tuple[str, LevelChange | None]], inches: float, *, relative: bool
) -> None:
    """``shown``: factor and level of each row, None where the family has no such level."""
    unit = abs(family.middle) / 100 if relative else 1.0
    bands = {f.factor: f.most / unit for f in family.factors if f.most is not None}
    drawn = [_scaled(level, unit) for _, level in shown]
    values = [v for row in drawn if row for v in row if v is not None]
    forest.forest_axes(axes, len(shown), *forest.limits([0.0, *values]))
    axes.xaxis.set_major_locator(ticks.few(inches, 0.55))
    low, high = axes.get_xlim()
    for i, (factor, _) in enumerate(shown):
        if factor in bands:
            left, right = max(low, -bands[factor]), min(high, bands[factor])
            axes.add_patch(Rectangle((left, i - 0.5), right - left, 1, facecolor=style.FAINT, linewidth=0, zorder=0))
    axes.axvline(0, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    for i, row in enumerate(drawn):
        if row is None:
            continue
        change, below, above = row
        forest.interval(axes, i, (below, above), style.MINIMISER, thick=False)
        sure = below is not None and above is not None and not below <= 0 <= above
        forest.dot(axes, i, change, style.MINIMISER, sure=sure, marker="s")
    for i, (upper, lower) in enumerate(pairwise(shown)):
        if upper[0] != lower[0]:
            axes.axhline(i + 0.5, color=style.MUTED, linewidth=0.8, zorder=1)


def _scaled(level: LevelChange | None, unit: float) -> tuple[float, float | None, float | None] | None:
    """Change and interval in the unit of the axis; None where the family has no such level."""
    if level is None:
        return None
    low, high = (None if v is None else v / unit for v in (level.low, level.high))
    return level.change / unit, low, high


def _rows(found: LossFactors) -> list[list[object]]:
    rows: list[list[object]] = [["family", "factor", "level", "change", "ci_low", "ci_high", "noise_range_95"]]
    for family in found.families:
        for f in family.factors:
            rows += [[family.name, f.factor, v.level, v.change, v.low, v.high, f.most] for v in f.levels]
    return rows
