"""The final colour error of every condition: a dot per seed and their mean, beside what doing nothing would score."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from generation.core.drawing import style, ticks
from generation.core.drawing.sheet import sheet
from generation.core.report.data import Report, Training
from generation.core.report.training.networks import (
    ERROR,
    KEPT_APART,
    Network,
    baseline,
    estimate,
    families,
    label,
    networks,
    ranked,
    several_seeds,
)

#: Panels: key of the loss, its head, and the baselines that are known there.
PANELS = (
    (ERROR, "in training", ("grey_ab_error",)),
    (
        KEPT_APART,
        "on photographs kept apart",
        ("grey_val_ab_error", "median_val_ab_error", "own_median_val_ab_error"),
    ),
)
#: Baselines: its key without the part it is taken on -> name and dashes.
LINES = {
    "grey": ("a grey picture", (0, (4, 2))),
    "median": ("median colour of the training", (0, (1.2, 1.2))),
    "own_median": ("own median colour (oracle)", (0, (6, 1.5, 1.5, 1.5))),
}
_ROW = 0.24


def drawable(report: Report) -> bool:
    """Whether a training has ended with an error."""
    return any(ERROR in t.losses or KEPT_APART in t.losses for t in report.trainings)


def draw(report: Report, *, narrow: bool) -> Figure:
    """Draw two panels beside each other, or below each other on a phone; a row per condition in grid order."""
    width = style.NARROW if narrow else style.WIDE
    rows = _rows(report)
    body = _ROW * len(rows) + 0.1
    names = [label(report, r) if isinstance(r, Network) else r for r in rows]
    column = min(style.text_width(names, 8.5, "bold") + 0.15, (0.42 if narrow else 0.34) * width)
    across = width - column - 0.4 if narrow else (width - column - 0.5) / 2
    block = 0.28 + body + 0.55
    page = sheet(*titles(report), block * (2 if narrow else 1), narrow=narrow, legend=_legend(report))
    values = _values(report)
    for n, (key, words, lines) in enumerate(PANELS):
        left = column + 0.2 + (0 if narrow else n * (across + 0.14))
        down = 0.28 + (n * block if narrow else 0)
        axes = page.axes(left, down, across, body)
        page.text(left, down - 0.07, words, fontsize=9.5, fontweight="bold", va="bottom")
        _dots(axes, rows, key, math.log(min(values) * max(values)) / 2)
        for line in lines:
            _, dashes = LINES[_kind(line)]
            for level in {v for m in networks(report) if (v := baseline(m, line)) is not None}:
                axes.axvline(level, color=style.GREY, linestyle=dashes, linewidth=1.3, zorder=1, gid=_kind(line))
        ticks.value_axis(axes, "x", values, across)
        style.open_axes(axes)
        axes.grid(axis="y", color=style.FAINT, linewidth=0.7)
        axes.set_axisbelow(True)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks([i for i, r in enumerate(rows) if isinstance(r, Network)], [])
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("mean |Δa|, |Δb| (Lab units)", fontsize=8.5, labelpad=2)
        if narrow or not n:
            for i, (row, name) in enumerate(zip(rows, names, strict=True)):
                weight = "normal" if isinstance(row, Network) else "bold"
                at = down + (i + 0.5) * body / len(rows)
                page.text(0.16, at, style.one_line(name, column - 0.05, 8.5, weight), fontsize=8.5, fontweight=weight,
                          va="center")  # fmt: skip
    return page.figure


def titles(report: Report) -> tuple[str, str]:
    """Title and subtitle."""
    seeds = "A dot per seed, the diamond is their mean" if several_seeds(report) else "A dot per condition, one seed"
    return "Final colour error by condition", f"{seeds}; log axis; left of the dashed line is better than grey"


def caption(report: Report) -> str:
    """What has no dot, and why."""
    words = ["Of the last epoch."]
    without = [t for t in report.trainings if t.trouble]
    planned = sum(t.status == "planned" for t in report.trainings)
    words += [f"{len(without)} without a dot: diverged, failed or given up."] if without else []
    words += [f"{planned} not trained yet."] if planned else []
    return " ".join(words)


def alt(report: Report) -> str:
    """What a reader who does not see the figure should know."""
    words = []
    for key, where, _ in PANELS:
        found = ranked(networks(report), key)
        if found:
            (low, first), (high, last) = found[0], found[-1]
            words.append(f"{where} from {low:.3g} ({label(report, first)}) to {high:.3g} ({label(report, last)})")
    return f"Dots of the final colour error, a row per condition: {'; '.join(words) or 'none has ended'}."


def _rows(report: Report) -> list[Network | str]:
    """The networks in grid order, under the names of their families."""
    rows: list[Network | str] = []
    for head, members in families(report):
        rows += [head, *members] if head else [*members]
    return rows


def _values(report: Report) -> list[float]:
    found = [t.losses[key] for t in report.trainings if t.finished for key, *_ in PANELS if key in t.losses]
    lines = [line for *_, names in PANELS for line in names]
    return found + [v for n in networks(report) for line in lines if (v := baseline(n, line)) is not None]


def _dots(axes: Axes, rows: Sequence[Network | str], key: str, middle: float) -> None:
    """The dots of a panel. ``middle``: logarithm of the value half-way along its axis."""
    for place, row in enumerate(rows):
        if isinstance(row, str):
            continue
        values = [t.losses[key] for t in row.finished if key in t.losses]
        axes.plot(values, [place] * len(values), "o", markersize=5, color=style.LOOKS[0][0], zorder=3, gid="seed")
        mean = estimate(row, key).value
        if isinstance(mean, float) and len(values) > 1:
            axes.plot(mean, place, "D", markersize=6, color=style.INK, markerfacecolor="none", zorder=4, gid="mean")
        if words := _absent(row.trainings):
            # On the side where its own dots are not.
            right = bool(values) and math.log(fmean(values)) < middle
            box = {"facecolor": "white", "edgecolor": "none", "pad": 1.0}
            axes.text(0.985 if right else 0.015, place, words, fontsize=7.5, color=style.ALERT, va="center", zorder=5,
                      ha="right" if right else "left", bbox=box, transform=axes.get_yaxis_transform(),
                      gid="absent")  # fmt: skip


def _absent(trainings: Sequence[Training]) -> str:
    """'diverged'; beside other seeds 'seed 2 diverged', '2 seeds not trained yet'."""
    ends: dict[str, list[int]] = {}
    for training in trainings:
        if not training.finished:
            ends.setdefault(training.trouble or "not trained yet", []).append(training.seed)
    if len(trainings) == 1:
        return "".join(ends)
    return ", ".join(f"{f'seed {s[0]}' if len(s) == 1 else f'{len(s)} seeds'} {end}" for end, s in ends.items())


def _kind(key: str) -> str:
    return key.removesuffix("_ab_error").removesuffix("_val")


def _legend(report: Report) -> list[Artist]:
    blue = style.LOOKS[0][0]
    handles: list[Artist] = [Line2D([], [], marker="o", markersize=5, color=blue, linewidth=0, label="a seed")]
    if several_seeds(report):
        handles.append(
            Line2D([], [], marker="D", markersize=6, color=style.INK, markerfacecolor="none", linewidth=0, label="mean")
        )
    for name, dashes in LINES.values():
        handles.append(Line2D([], [], color=style.GREY, linestyle=dashes, linewidth=1.3, label=name))
    return handles
