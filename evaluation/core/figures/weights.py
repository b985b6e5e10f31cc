"""F8: how much the voters weigh style against content, beside the weights the images were made with."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.core.figures import forest, signs
from evaluation.core.figures.chart import (
    Chart,
    Json,
    Table,
    basis,
    columns,
    participants,
    pooled,
    section,
    texts,
    voters,
)
from evaluation.core.figures.page import names, page
from generation.core.drawing import style

STEM, SECTION = "fig08_weights", "learned"


def learned(result: Json) -> Json:
    """The summary of the learned weights; empty where there is no share of style."""
    found = section(result, SECTION)
    return found if found.get("lambda") is not None else {}


def own_shares(found: Json) -> list[float]:
    """Share of style of each participant who weighs either at all."""
    return [one["lambda"] for one in found.get("per_person") or () if one["lambda"] is not None]


def _title(result: Json) -> tuple[str, str]:
    bounded = "; 95 % interval" if learned(result)["lambda_low"] is not None else ""
    return (
        f"Style against content, as {voters(result)} weigh them",
        f"Share of style in the weights that predict the votes best{bounded}",
    )


def _lines(result: Json) -> list[tuple[str, str]]:
    """Key and name of each row that has something to show."""
    found = learned(result)
    lines = [("voters", "in the votes")]
    if found.get("lambda_generator") is not None:
        lines.append(("generator", "in the making of the images"))
    if own_shares(found):
        lines.append(("people", f"each {participants(result)[:-1]} (shrunken)"))
    return lines


def _draw(result: Json, narrow: bool) -> Figure:
    found, lines = learned(result), _lines(result)
    width = style.NARROW if narrow else style.WIDE
    column = names([name for _, name in lines], width, line=0.46)
    sheet = page(result, *_title(result), len(lines) * column.line + 0.6, narrow=narrow)
    across = width - column.width - 0.35
    axes = sheet.axes(column.width, 0.05, across, len(lines) * column.line)
    forest.forest_axes(axes, len(lines), -0.02, 1.02)
    column.write(axes, [name for _, name in lines])
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100 %"], fontsize=8.5)
    for i, (key, _) in enumerate(lines):
        _row(axes, i, key, found)
    down = 0.05 + len(lines) * column.line + 0.3
    sheet.text(column.width, down, "←  content alone", fontsize=9)
    sheet.text(column.width + across, down, "style alone  →", fontsize=9, ha="right")
    return sheet.figure


def _row(axes: Axes, i: int, key: str, found: Json) -> None:
    generator: float | None = found.get("lambda_generator")
    if key == "voters":
        low, high = found["lambda_low"], found["lambda_high"]
        forest.interval(axes, i, (low, high), signs.FAVOURITE, thick=True)
        apart = low is not None and (generator is None or not low <= generator <= high)
        forest.dot(axes, i, found["lambda"], signs.FAVOURITE, sure=apart)
    elif generator is not None and key == "generator":
        forest.dot(axes, i, generator, style.MINIMISER, marker="D")
        axes.axvline(generator, color=style.MINIMISER, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    else:
        at = own_shares(found)
        axes.plot(
            at,
            [i] * len(at),
            "|",
            markersize=13,
            color=style.INK,
            markeredgewidth=1,
            alpha=0.55,
            zorder=3,
            clip_on=False,
        )


def _text(result: Json) -> dict[str, str]:
    found = learned(result)
    unit = "Losses are compared within scenes, in standard deviations."
    caption = f"{found['sentence']} {basis(pooled(result), result)}. {unit}"
    generator = found.get("lambda_generator")
    if generator is not None and found["lambda_low"] is not None:
        caption += " Filled dot: its interval leaves the share of the generator out."
    beside = f", the images were made with {100 * generator:.0f} %" if generator is not None else ""
    alt = f"Share of style in the weights: {100 * found['lambda']:.0f} % in the votes{beside}."
    return texts(result, _title(result)[0], caption, alt)


def _rows(result: Json) -> Table:
    found = learned(result)
    lines = [["voters", found["lambda"], found["lambda_low"], found["lambda_high"]]]
    if found.get("lambda_generator") is not None:
        lines.append(["generator", found["lambda_generator"], None, None])
    lines += [["participant", value, None, None] for value in own_shares(found)]
    return columns("who style_share ci_low ci_high", iter(lines))


CHART = Chart(stem=STEM, exists=lambda result: bool(learned(result)), text=_text, draw=_draw, rows=_rows)
