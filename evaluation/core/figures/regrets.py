"""F9: what choosing by a metric costs in preference, beside choosing blindly, by habit, or as the others would."""

from __future__ import annotations

import math
from typing import Any

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evaluation.core.figures import forest, signs
from evaluation.core.figures.chart import (
    Chart,
    Json,
    Table,
    basis,
    columns,
    condition_labels,
    metric_label,
    minus,
    pooled,
    section,
    texts,
)
from evaluation.core.figures.page import names, page
from generation.core.drawing import style, ticks

STEM, SECTION = "fig09_regret", "regret"
TITLE = "What choosing by a metric costs"
BENCHMARKS = {
    "random": "any condition, at random",
    "default": "always the default, {}",
    "best_fixed": "always {}, the best one",
    "consensus": "the others' consensus",
}


def regrets(result: Json) -> dict[str, Json]:
    """Metric id -> its regret, the smallest first."""
    every = section(result, SECTION).get("metrics") or {}
    found = {name: one for name, one in every.items() if one["crossfit"] is not None}
    return dict(sorted(found.items(), key=lambda item: item[1]["crossfit"]))


def benchmarks(result: Json) -> list[tuple[str, float]]:
    """Name and regret of other ways to choose: cross-fit, or plain where the choice is held out already."""
    beside = section(result, SECTION).get("benchmarks") or {}
    label = condition_labels(result)
    found = []
    for key, name in BENCHMARKS.items():
        one = beside.get(key)
        if one:
            value = one["plugin"] if one["crossfit"] is None else one["crossfit"]
            found.append((name.format(label.get(one.get("condition"), "")), value))
    return found


def _draw(result: Json, narrow: bool) -> Figure:
    shown, others = regrets(result), benchmarks(result)
    width = style.NARROW if narrow else style.WIDE
    labels = [metric_label(result, name) for name in shown] + [name for name, _ in others]
    column = names(labels, width, line=0.36)
    body = len(labels) * column.line
    subtitle = "Lead of the favourite over the condition that is chosen, a mean over scenes; 0 is the favourite itself"
    sheet = page(
        result,
        TITLE,
        subtitle,
        body + 1.05,
        narrow=narrow,
        legend=_legend(any(one["low"] is not None for one in shown.values())),
    )
    across = width - column.width - 0.3
    axes = sheet.axes(column.width, 0.5, across, body)
    values = [
        0.0,
        *(
            v
            for one in shown.values()
            for v in (one["crossfit"], one["plugin"], one["low"], one["high"])
            if v is not None
        ),
    ]
    low, high = forest.limits(values + [v for _, v in others])
    forest.forest_axes(axes, len(labels), low, high)
    column.write(axes, labels)
    axes.axvline(0, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.xaxis.set_major_locator(ticks.few(across, 0.55))
    axes.set_xlabel("regret (logit)", fontsize=9)
    _meetings(axes.secondary_xaxis("top"), low, high, across)
    for i, one in enumerate(shown.values()):
        forest.interval(axes, i, (one["low"], one["high"]), signs.FAVOURITE, thick=False)
        if one["plugin"] is not None:
            axes.plot(one["plugin"], i, "|", markersize=13, color=style.MUTED, markeredgewidth=2, zorder=4)
        forest.dot(axes, i, one["crossfit"], signs.FAVOURITE, sure=one["low"] is not None and one["low"] > 0)
    if others:
        axes.axhline(len(shown) - 0.5, color=style.MUTED, linewidth=1)
    for i, (_, value) in enumerate(others, start=len(shown)):
        forest.dot(axes, i, value, style.MUTED, marker="D")
    return sheet.figure


def _meetings(axis: Any, low: float, high: float, inches: float) -> None:
    """The same axis in words of meetings: how many of 100 the favourite would win."""
    wins = [w for w in (10, 20, 30, 40, 45, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95, 99) if low <= _logit(w) <= high]
    # From even meetings to both sides, so that 50 is always named.
    up, down = [w for w in wins if w >= 50], [w for w in reversed(wins) if w < 50]
    shown: list[int] = []
    for side in (up, [*up[:1], *down]):
        places = [abs(_logit(w)) / (high - low) * inches for w in side]
        shown += [side[i] for i in ticks.roomy(places, [f"{w}  " for w in side], 8.5)]
    axis.set_xticks([_logit(w) for w in sorted({*shown})], [str(w) for w in sorted({*shown})], fontsize=8.5)
    axis.tick_params(length=3)
    axis.set_xlabel("wins of the favourite in 100 meetings", fontsize=9, labelpad=4)
    axis.spines["top"].set_color(style.FAINT)


def _logit(percent: float) -> float:
    return math.log(percent / (100 - percent))


def _legend(bounded: bool) -> list[Artist]:
    return [
        Line2D(
            [],
            [],
            marker="o",
            markersize=8,
            color=signs.FAVOURITE,
            linewidth=1.3,
            label=f"cross-fit{', simultaneous 95 % interval' if bounded else ''}",
        ),
        Line2D(
            [],
            [],
            marker="|",
            markersize=11,
            markeredgewidth=2,
            color=style.MUTED,
            linewidth=0,
            label="plug-in (too high)",
        ),
        Line2D([], [], marker="D", markersize=7, color=style.MUTED, linewidth=0, label="other ways to choose"),
    ]


def _text(result: Json) -> dict[str, str]:
    shown = regrets(result)
    caption = (
        f"{basis(pooled(result), result)}. Regret: score of the favourite minus score of the condition that the metric "
        "chooses, mean over the scenes. Cross-fit: the favourite is picked by half of the participants and priced by "
        "the other half, so that where nothing is lost it falls on either side of 0; the plug-in uses the same votes "
        "twice and is too high. "
    )
    if any(one["low"] is not None for one in shown.values()):
        caption += "Filled: the interval lies above 0. "
    caption += " ".join(dict.fromkeys(one["reason"]["sentence"] for one in shown.values() if one["reason"]))
    said = "; ".join(f"{metric_label(result, name)} {_number(one['crossfit'])}" for name, one in shown.items())
    beside = "; ".join(f"{name} {_number(value)}" for name, value in benchmarks(result))
    return texts(
        result,
        TITLE,
        caption.strip(),
        f"Regret in logits of choosing by each metric: {said}. For comparison: {beside}.",
    )


def _number(value: float) -> str:
    return minus(f"{value:.2f}")


def _rows(result: Json) -> Table:
    metrics = [
        [metric_label(result, name), "metric", one["crossfit"], one["plugin"], one["low"], one["high"]]
        for name, one in regrets(result).items()
    ]
    others = [[name, "benchmark", value, None, None, None] for name, value in benchmarks(result)]
    return columns("choice kind regret plugin low high", iter(metrics + others))


CHART = Chart(stem=STEM, exists=lambda result: bool(regrets(result)), text=_text, draw=_draw, rows=_rows)
