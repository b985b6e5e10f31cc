"""The colour error, or the loss, over the epochs: panels for each family, in training and on what was kept apart."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from generation.core.drawing import style, ticks
from generation.core.drawing.sheet import Sheet, sheet
from generation.core.report.data import Report, Training
from generation.core.report.training.networks import (
    APART,
    ERROR,
    KEPT_APART,
    Network,
    baseline,
    colours,
    families,
    label,
    minimised,
    ranked,
    several_seeds,
)

#: Panels of a family of colourisers: key of the curve, its head, and what a grey picture scores there.
COLOURS = (
    (ERROR, "in training", "grey_ab_error"),
    (KEPT_APART, "on photographs kept apart", "grey_val_ab_error"),
)
#: Height of a line of a key, and the room beside its words (inches).
_LINE, _MARK = 0.19, 0.5


@dataclass(frozen=True)
class _Key:
    """The names of a family's lines in ``columns`` of them."""

    members: Sequence[Network]
    columns: int

    @property
    def height(self) -> float:
        return _LINE * math.ceil(len(self.members) / self.columns)


def panels(report: Report) -> tuple[tuple[str, str, str], ...]:
    """Panels of a family: the error of colours beside that of a grey picture; else the loss that is minimised."""
    if colours(report):
        return COLOURS
    loss = minimised(report)
    return (loss, "in training", ""), (APART + loss, "on what was kept apart", "")


def drawable(report: Report) -> list[tuple[str, list[Network]]]:
    """The families with a curve in them."""
    return [
        (head, members)
        for head, members in families(report)
        if any(_curve(t, panels(report)) for n in members for t in n.trainings)
    ]


def draw(report: Report, *, narrow: bool) -> Figure:
    """Draw all families one below the other, on one scale; each with the names of its lines."""
    width = style.NARROW if narrow else style.WIDE
    each = (width - 0.7) / 2
    panel = 1.45 if narrow else 1.9
    shown = drawable(report)
    keys = [_Key(members, _columns(report, members, width)) for _, members in shown]
    heights = [
        (0.26 if head else 0.0) + 0.24 + panel + 0.6 + k.height for (head, _), k in zip(shown, keys, strict=True)
    ]
    page = sheet(*titles(report), sum(heights), narrow=narrow, legend=_legend(report))
    top, values = 0.0, _values(report)
    for (head, members), key, height in zip(shown, keys, heights, strict=True):
        if head:
            page.text(0.16, top + 0.03, head, fontsize=10, fontweight="bold")
        y = top + (0.26 if head else 0.0) + 0.24
        for n, (name, words, grey) in enumerate(panels(report)):
            left = 0.56 + n * each
            axes = page.axes(left, y, each - 0.16, panel)
            _lines(axes, members, name, grey)
            ticks.value_axis(axes, "y", values, panel)
            axes.xaxis.set_major_locator(ticks.few(each, 0.6))
            style.open_axes(axes)
            axes.set_xlabel("epoch", fontsize=8.5, labelpad=1)
            if n:
                axes.set_yticklabels([])
            page.text(left, y - 0.06, words, fontsize=9, color=style.MUTED, va="bottom")
        _names(page, report, key, y + panel + 0.44, width)
        top += height
    return page.figure


def titles(report: Report) -> tuple[str, str]:
    """Title and subtitle."""
    seeds = "Thin: a seed, thick: the mean of a condition" if several_seeds(report) else "One line per condition"
    if not colours(report):
        return "Loss over the epochs", f"{seeds}; one log axis for all panels"
    return "Colour error over the epochs", f"{seeds}; mean |Δa|, |Δb| in Lab units, one log axis for all panels"


def caption(report: Report) -> str:
    """What is drawn, and how a line on the wrong side of grey is to be read."""
    there = [t for t in report.trainings if _curve(t, panels(report))]
    of = len(report.trainings)
    words = ["There is one training." if of == len(there) == 1 else f"{len(there)} of {of} trainings have a curve."]
    if colours(report):
        words.append("Above the dashed line a network colours worse than a picture without any colour would be.")
    stopped = sum(bool(t.trouble) for t in there)
    words += [f"{stopped} ended early; a cross marks the last finite epoch."] if stopped else []
    return " ".join(words)


def alt(report: Report) -> str:
    """What a reader who does not see the figure should know."""
    words = []
    for head, members in drawable(report):
        ends = ranked(members, panels(report)[1][0])
        if ends:
            name = f"{head}: " if head else ""
            words.append(f"{name}{label(report, ends[0][1])} ends lowest {panels(report)[1][1]}, {ends[0][0]:.3g}")
    what = "colour error" if colours(report) else "loss"
    return f"Lines of the {what} over the epochs, two panels per family. {'; '.join(words) or 'None ended'}."


def look(number: int) -> tuple[str, Any]:
    """Colour and dashes of the line of a family's ``number``-th condition: the first is black, the default."""
    if not number:
        return style.INK, style.DASHES[0]
    return style.LOOKS[(number - 1) % len(style.LOOKS)][0], style.DASHES[number % len(style.DASHES)]


def _curve(training: Training, shown: Sequence[tuple[str, str, str]]) -> bool:
    return any(len(training.curve.get(key, ())) for key, *_ in shown)


def _values(report: Report) -> list[float]:
    """All that is on the common axis, grey included."""
    found: list[float] = []
    for _, members in drawable(report):
        for network in members:
            found += [v for *_, grey in panels(report) if (v := baseline(network, grey)) is not None]
            for training in network.trainings:
                for key, *_ in panels(report):
                    found += [float(v) for v in training.curve.get(key, ()) if math.isfinite(v)]
    return found


def _lines(axes: Axes, members: Sequence[Network], key: str, grey: str) -> None:
    longest = 1
    for number, network in enumerate(members):
        colour, dashes = look(number)
        there = [(t, t.curve[key]) for t in network.trainings if len(t.curve.get(key, ()))]
        for training, values in there:
            longest = max(longest, len(values))
            epochs = np.arange(1, len(values) + 1)
            alone = "o" if len(values) == 1 else ""
            thin = len(there) > 1
            axes.plot(epochs, values, color=colour, linestyle=style.DASHES[0] if thin else dashes, marker=alone,
                      linewidth=0.6 if thin else 1.5, alpha=0.5 if thin else 1.0, markersize=4, zorder=2 if thin else 4,
                      gid=f"condition {number}")  # fmt: skip
            if training.trouble:
                axes.plot(epochs[-1], values[-1], "X", markersize=7, color=style.ALERT, markeredgecolor="white",
                          zorder=5, gid="ended early")  # fmt: skip
        if len(there) > 1:
            shared = min(len(values) for _, values in there)
            mean = np.mean([values[:shared] for _, values in there], axis=0)
            axes.plot(np.arange(1, shared + 1), mean, color=colour, linestyle=dashes, linewidth=1.8, zorder=4,
                      gid=f"mean {number}")  # fmt: skip
    for level in {v for n in members if (v := baseline(n, grey)) is not None}:
        axes.axhline(level, color=style.GREY, linestyle=(0, (4, 2)), linewidth=1.3, zorder=3, gid="grey")
    pad = max(0.5, 0.03 * (longest - 1)) if longest == 1 else 0.03 * (longest - 1)
    axes.set_xlim(1 - pad, longest + pad)


def _columns(report: Report, members: Sequence[Network], width: float) -> int:
    widest = style.text_width([label(report, n) for n in members], 8.5) + _MARK + 0.1
    return max(1, min(len(members), int((width - 0.3) / widest)))


def _names(page: Sheet, report: Report, key: _Key, down: float, width: float) -> None:
    """Which line is which, below the panels of the family, read downwards."""
    area = page.axes(0.2, down, width - 0.3, key.height)
    area.set_axis_off()
    area.set_xlim(0, width - 0.3)
    area.set_ylim(key.height, 0)
    rows = math.ceil(len(key.members) / key.columns)
    step = (width - 0.3) / key.columns
    for number, network in enumerate(key.members):
        column, row = divmod(number, rows)
        x, y = column * step, (row + 0.5) * _LINE
        colour, dashes = look(number)
        area.plot([x, x + 0.34], [y, y], color=colour, linestyle=dashes, linewidth=1.8)
        words = style.one_line(label(report, network), step - _MARK, 8.5, "normal")
        area.text(x + 0.42, y, words, fontsize=8.5, va="center")


def _legend(report: Report) -> list[Artist]:
    handles: list[Artist] = []
    if colours(report):
        handles.append(Line2D([], [], color=style.GREY, linestyle=(0, (4, 2)), linewidth=1.3, label="a grey picture"))
    if any(t.trouble and _curve(t, panels(report)) for t in report.trainings):
        handles.append(Line2D([], [], marker="X", markersize=7, color=style.ALERT, linewidth=0, label="ended early"))
    return handles
