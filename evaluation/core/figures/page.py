"""The sheet a figure is drawn on: header above, legend below, and room between, measured in inches.

Matplotlib's own layout knows fractions of a figure; ours must grow with the number of conditions and the length of
their names, so every figure says how much room it needs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evaluation.core.figures import style

LEGEND_SIZE = 8.5
LEGEND_LINE = 0.2


@dataclass(frozen=True)
class Page:
    """A figure with its header and legend written; ``top``: height of the header."""

    figure: Figure
    width: float
    height: float
    top: float

    def axes(self, left: float, down: float, width: float, height: float) -> Axes:
        """Axes of ``width`` x ``height`` whose upper left corner lies ``left`` of the edge, ``down`` of the header."""
        bottom = self.height - self.top - down - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))

    def text(self, left: float, down: float, text: str, **font: Any) -> None:
        """A text at ``left``, ``down`` (its upper left corner unless ``ha`` and ``va`` say otherwise)."""
        place = {"va": "top", "ha": "left"} | font
        self.figure.text(left / self.width, 1 - (self.top + down) / self.height, text, **place)


def page(
    result: Mapping[str, Any],
    title: str,
    subtitle: str,
    body: float,
    *,
    narrow: bool,
    legend: Sequence[Artist] = (),
) -> Page:
    """A page with room for a ``body`` of that height, between its header and the entries of its ``legend``."""
    width = style.NARROW if narrow else style.WIDE
    simulated = result["study"]["simulated"]
    top = style.header_height(width, title, subtitle, simulated=simulated)
    labels = [str(handle.get_label()) for handle in legend]
    abreast = _abreast(labels, width)
    foot = 0.08 + (LEGEND_LINE * math.ceil(len(labels) / abreast) + 0.06 if labels else 0.0)
    height = top + body + foot
    figure = style.new_figure(width, height)
    style.header(figure, title, subtitle, simulated=simulated)
    if labels:
        figure.legend(
            handles=list(legend), loc="lower left", bbox_to_anchor=(0.1 / width, 0.03 / height), ncols=abreast,
            frameon=False, fontsize=LEGEND_SIZE, handlelength=1.8, columnspacing=1.6, borderaxespad=0.2,
        )  # fmt: skip
    return Page(figure, width, height, top)


def _abreast(labels: Sequence[str], width: float) -> int:
    """How many entries of a legend fit beside each other: columns are as wide as their widest entry."""
    each = [style.text_width([label], LEGEND_SIZE) + 0.52 for label in labels]
    for n in range(len(labels), 1, -1):
        # As matplotlib does: column by column, the first ones one longer where they do not divide.
        short, longer = divmod(len(labels), n)
        starts = [i * short + min(i, longer) for i in range(n + 1)]
        if sum(max(each[a:b]) for a, b in pairwise(starts)) < width - 0.2:
            return n
    return 1


@dataclass(frozen=True)
class Names:
    """Names of rows, folded to fit a column. ``width``: of that column; ``line``: height a row needs, in inches."""

    folded: Mapping[str, str]
    width: float
    line: float
    size: float

    def write(self, axes: Axes, names: Sequence[str]) -> None:
        """Write ``names`` left of the axes, at 0, 1, 2 ... from the top."""
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)), [self.folded[n] for n in names], fontsize=self.size, linespacing=1.05)
        axes.tick_params(axis="y", length=0, pad=6)


def names(texts: Sequence[str], width: float, *, size: float = 9.5, share: float = 0.36, line: float = 0.36) -> Names:
    """Fold ``texts`` into at most ``share`` of ``width`` inches; ``line``: least height of a row."""
    # A line is measured by its mean letter, so the longest name asks for a little more than it is wide.
    room = min(share * width, 1.15 * style.text_width(texts, size) + 0.05)
    folded = {text: style.fold(text, room, size + 0.5) for text in texts}
    widest = style.text_width([part for parts in folded.values() for part in parts], size)
    tallest = max(map(len, folded.values()))
    return Names(
        {k: "\n".join(v) for k, v in folded.items()},
        widest + 0.3,
        max(line, min(0.12, line / 3) + 0.165 * tallest * size / 9.5),
        size,
    )
