"""F14: which hyper-parameter matters: the change it makes to the metric and to preference, on two aligned forests."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.core.figures import forest, parameters, signs
from evaluation.core.figures.chart import (
    Chart,
    Json,
    Table,
    basis,
    columns,
    minus,
    pooled,
    primary,
    section,
    short_name,
    table,
    texts,
    voters,
)
from evaluation.core.figures.page import names, page
from generation.core.drawing import style, ticks

STEM, PEOPLE = "fig14_factors", "people"

#: Family (empty where there is one), factor and level.
Key = tuple[str, str, str]


def _changes(result: Json, kind: str) -> dict[Key, Json]:
    """Family, factor and level -> its row, of metrics in z; without the range of a whole factor and without the
    default, whose change is nothing by definition."""
    return {
        (row.get("family", ""), row["factor"], row["level"]): row
        for row in table(result, "factors")
        if row["kind"] == kind and row["unit"] != "raw" and row["level"] and row["change"] is not None
        if row["change"] != 0 or row["ci_low"] != row["ci_high"]
    }


def order(result: Json) -> list[Key]:
    """Family, factor and level of each row: factors by how much they matter to the voters, levels in grid order."""
    people = _changes(result, PEOPLE)
    families = list(dict.fromkeys(family for family, _, _ in people))
    return sorted(people, key=lambda key: (families.index(key[0]), people[key]["rank"], key[1]))


def _factor(key: Key) -> str:
    """The factor in words, after its family where there are several."""
    family, factor, _ = key
    return f"{f'{family}, ' if family else ''}{parameters.spoken(factor)}"


def _title(result: Json) -> tuple[str, str]:
    crossed = section(result, "factors").get("design") == "factorial"
    return (
        f"Which setting matters{', for the loss and' if len(_kinds(result)) > 1 else ''} for {voters(result)}",
        f"{'Each level against the mean of all' if crossed else 'Change from the default'}, with 95 % intervals; "
        "filled: the interval leaves no change out",
    )


def _kinds(result: Json) -> list[tuple[str, str, str]]:
    """Kind, title of the panel, colour."""
    metric = primary(result)
    kinds = [(PEOPLE, "Change of preference (logit)", signs.FAVOURITE)]
    if metric and _changes(result, metric["id"]):
        kinds.insert(0, (metric["id"], f"Change of {short_name(metric)} (z)", style.MINIMISER))
    return kinds


def _draw(result: Json, narrow: bool) -> Figure:
    shown, kinds = order(result), _kinds(result)
    width = style.NARROW if narrow else style.WIDE
    labels = [f"{_factor(key)}: {key[2]}" for key in shown]
    column = names(labels, width, line=0.34)
    panel = len(shown) * column.line
    abreast = 1 if narrow else len(kinds)
    each = (width - column.width - 0.15) / abreast
    lines = len(kinds) if narrow else 1
    sheet = page(result, *_title(result), lines * (panel + 0.72), narrow=narrow)
    for i, (kind, title, color) in enumerate(kinds):
        top, left = (i * (panel + 0.72), column.width) if narrow else (0.0, column.width + i * each)
        axes = sheet.axes(left, top + 0.32, each - 0.25, panel)
        start, room = (0.16, width - 0.3) if narrow else (left, each - 0.2)
        sheet.text(start, top + 0.06, style.one_line(title, room, 9.5), fontsize=9.5, fontweight="bold")
        _panel(
            axes, [_changes(result, kind).get(key) for key in shown], color, each - 0.25, "o" if kind == PEOPLE else "s"
        )
        for row, (above, below) in enumerate(pairwise(shown)):
            if above[:2] != below[:2]:
                axes.axhline(row + 0.5, color=style.MUTED, linewidth=0.8, zorder=0)
        if narrow or not i:
            column.write(axes, labels)
    return sheet.figure


def _panel(axes: Axes, rows: Sequence[Json | None], color: str, inches: float, marker: str) -> None:
    values = [0.0, *(v for r in rows if r for v in (r["change"], r["ci_low"], r["ci_high"]) if v is not None)]
    forest.forest_axes(axes, len(rows), *forest.limits(values))
    axes.xaxis.set_major_locator(ticks.few(inches, 0.55))
    axes.axvline(0, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    for i, row in enumerate(rows):
        if row is None:
            axes.text(0, i, " not known", va="center", fontsize=8.5, style="italic", color=style.MUTED)
            continue
        low, high = row["ci_low"], row["ci_high"]
        forest.interval(axes, i, (low, high), color, thick=False)
        sure = low is not None and not low <= 0 <= high
        forest.dot(axes, i, row["change"], color, sure=sure, marker=marker)


def _text(result: Json) -> dict[str, str]:
    shown, people = order(result), _changes(result, PEOPLE)
    caption = f"{basis(pooled(result), result)}. Settings that change preference most come first."
    if any(row["reason_code"] == "NC_ONE_SEED" for row in table(result, "factors")):
        caption += " There is one seed per condition: a change of the loss cannot be told from seed noise."
    said = "; ".join(f"{_factor(key)} {key[2]} {_signed(people[key])}" for key in shown)
    return texts(
        result, _title(result)[0], caption, f"Forest plots of changes by setting. Change in preference: {said}."
    )


def _signed(row: Json) -> str:
    return minus(f"{row['change']:+.2f}")


def _rows(result: Json) -> Table:
    shown = order(result)
    several = any(family for family, _, _ in shown)
    return columns(
        f"{'family ' if several else ''}factor level kind change ci_low ci_high",
        (
            [*(key if several else key[1:]), kind, row["change"], row["ci_low"], row["ci_high"]]
            for key in shown
            for kind, *_ in _kinds(result)
            if (row := _changes(result, kind).get(key))
        ),
    )


CHART = Chart(stem=STEM, exists=lambda result: bool(order(result)), text=_text, draw=_draw, rows=_rows)
