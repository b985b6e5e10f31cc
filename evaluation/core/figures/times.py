"""F10: how long the votes took, and whether close pairs took longer: the mark of somebody who looks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from evaluation.core.figures import signs
from evaluation.core.figures.chart import Chart, Json, Table, basis, columns, pooled, section, texts
from evaluation.core.figures.page import page
from generation.core.drawing import style, ticks

STEM, SECTION = "fig10_times", "quality"
#: Answers below it count as fast (``share_fast``), in ms.
FAST = 500
#: Votes that a median of a step needs.
ENOUGH = 10
SECONDS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)


def _rt(result: Json) -> Json:
    found: Json = section(result, SECTION).get("rt") or {}
    return found


TITLE = "How long a vote took"
SUBTITLE = "Time from both images shown to the answer"


def _draw(result: Json, narrow: bool) -> Figure:
    rt, width = _rt(result), style.NARROW if narrow else style.WIDE
    both = bool(_steps(result))
    panel = 2.0 if narrow else 2.4
    lines = 2 if both and narrow else 1
    sheet = page(
        result,
        TITLE,
        SUBTITLE + ("; close pairs should take longer" if both else ""),
        lines * (panel + 0.85),
        narrow=narrow,
    )
    across = width - 0.85 if narrow or not both else width * 0.56 - 0.75
    axes = sheet.axes(0.62, 0.3, across, panel)
    _histogram(axes, rt, section(result, SECTION)["median_rt_ms"], across)
    sheet.text(0.62, 0.02, "All votes", fontsize=9.5, fontweight="bold")
    if both:
        left, top = (0.62, panel + 0.85) if narrow else (width * 0.56 + 0.62, 0.0)
        side = width - left - 0.2
        sheet.text(left, top + 0.02, "By how far apart the two are", fontsize=9.5, fontweight="bold")
        _distance(sheet.axes(left, top + 0.3, side, panel), _steps(result), side)
    return sheet.figure


def _steps(result: Json) -> list[Json]:
    """Steps of distance; one alone compares nothing, nor do medians of a handful of votes."""
    steps = _rt(result)["by_distance"]
    return steps if len(steps) > 1 and min(step["n_votes"] for step in steps) >= ENOUGH else []


def _histogram(axes: Axes, rt: Json, median: float, inches: float) -> None:
    edges, counts = rt["edges_ms"], rt["counts"]
    used = [i for i, n in enumerate(counts) if n]
    first, last = max(0, used[0] - 1), min(len(counts), used[-1] + 2)
    style.open_axes(axes)
    # Room at the left for the word beside the line of fast answers.
    low, high = min(edges[first], 200), max(edges[last], 4000)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    top = max(counts)
    axes.set_ylim(0, top * 1.22)
    for i in used:
        axes.bar(
            edges[i], counts[i], width=edges[i + 1] - edges[i], align="edge", color=signs.BAR, edgecolor="white",
            linewidth=0.8, zorder=2,
        )  # fmt: skip
    axes.axvline(median, ymax=0.87, color=signs.FAVOURITE, linewidth=1.8, zorder=3)
    axes.text(median, top * 1.08, f"median {median / 1000:.1f} s", fontsize=8.5, color=signs.FAVOURITE, ha="center")
    axes.axvline(FAST, ymax=0.72, color=style.MINIMISER, linewidth=1.4, linestyle=(0, (4, 3)), zorder=3)
    # Beside the line on the side where there are fewer answers.
    axes.text(FAST * 0.96, top * 0.8, "fast\n(0.5 s)", fontsize=8.5, color=style.MINIMISER, ha="right", va="center")
    axes.set_xlabel("seconds (log axis)", fontsize=9)
    axes.set_ylabel("votes", fontsize=9)
    axes.yaxis.set_major_locator(ticks.few(2.0, 0.4))
    _seconds(axes, low, high, inches)


def _seconds(axes: Axes, low: float, high: float, inches: float) -> None:
    """Ticks at round seconds on a log axis of milliseconds."""
    values = [1000 * s for s in SECONDS if low <= 1000 * s <= high]
    places = [math.log(v / low) / math.log(high / low) * inches for v in values]
    shown = [values[i] for i in ticks.roomy(places, [f"{v / 1000:g}" for v in values], 8.5)]
    axes.set_xticks(shown, [f"{v / 1000:g}" for v in shown], fontsize=8.5)
    axes.xaxis.set_minor_locator(NullLocator())


def _distance(axes: Axes, steps: Sequence[Json], inches: float) -> None:
    """Median time of each step of distance: a dot at its middle, a bar over its width."""
    style.open_axes(axes)
    seconds = [step["median_rt_ms"] / 1000 for step in steps]
    middle = [(step["low"] + step["high"]) / 2 for step in steps]
    axes.plot(middle, seconds, color=style.MUTED, linewidth=1, zorder=1)
    for step, at, value in zip(steps, middle, seconds, strict=True):
        axes.plot([step["low"], step["high"]], [value, value], color=signs.FAVOURITE, linewidth=1.4, zorder=2)
        axes.plot(at, value, "o", markersize=6.5, color=signs.FAVOURITE, zorder=3)
    axes.set_xlim(0, max(step["high"] for step in steps) * 1.06 or 1.0)
    axes.set_ylim(0, max(seconds) * 1.25)
    axes.xaxis.set_major_locator(ticks.few(inches, 0.5))
    axes.yaxis.set_major_locator(ticks.few(2.0, 0.4))
    axes.set_xlabel("difference of scores (logit)", fontsize=9)
    axes.set_ylabel("median seconds", fontsize=9)


def _text(result: Json) -> dict[str, str]:
    rt, steps = _rt(result), _steps(result)
    median = section(result, SECTION)["median_rt_ms"] / 1000
    caption = (
        f"{basis(pooled(result), result)}, {sum(rt['counts'])} of them timed; median {median:.1f} s. Dashed: answers "
        "left of it are called fast."
    )
    if steps:
        caption += (
            " Second panel: median time by how far apart the scores of the two conditions are, in steps of equally "
            f"many votes ({min(s['n_votes'] for s in steps)} or more); those who look take longer over close pairs."
        )
    alt = f"Histogram of the time per vote; the median is {median:.1f} seconds."
    if steps:
        alt += f" From the closest to the most distant pairs: {', '.join(_said(s) for s in steps)} seconds."
    return texts(result, TITLE, caption, alt)


def _said(step: Json) -> str:
    return f"{step['median_rt_ms'] / 1000:.1f}"


def _rows(result: Json) -> Table:
    rt = _rt(result)
    bars = zip(rt["edges_ms"], rt["edges_ms"][1:], rt["counts"], strict=False)
    return columns(
        "part low high n_votes median_rt_ms",
        itertools.chain(
            (["histogram_ms", low, high, n, None] for low, high, n in bars),
            (["score_difference", s["low"], s["high"], s["n_votes"], s["median_rt_ms"]] for s in _steps(result)),
        ),
    )


CHART = Chart(
    stem=STEM,
    exists=lambda result: bool(_rt(result)) and sum(_rt(result)["counts"]) > 0,
    text=_text,
    draw=_draw,
    rows=_rows,
)
