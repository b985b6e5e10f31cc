"""The sheet a figure is drawn on: header above, legend below, and room between, measured in inches."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from generation.core.report import style

LEGEND_SIZE, LEGEND_LINE = 8.5, 0.2


@dataclass(frozen=True)
class Sheet:
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


def sheet(title: str, subtitle: str, body: float, *, narrow: bool, legend: Sequence[Artist] = ()) -> Sheet:
    """A sheet with room for a ``body`` of that height, between its header and the entries of its ``legend``."""
    width = style.NARROW if narrow else style.WIDE
    lines = [(line, 12.5, "bold", style.INK, 0.24) for line in style.wrap(title, width - 0.4, 13.4)]
    lines += [(line, 9.5, "normal", style.MUTED, 0.185) for line in style.wrap(subtitle, width - 0.35, 9.5)]
    top = 0.24 + sum(line[-1] for line in lines)
    labels = [str(handle.get_label()) for handle in legend]
    abreast = _abreast(labels, width)
    foot = 0.08 + (LEGEND_LINE * math.ceil(len(labels) / abreast) + 0.06 if labels else 0.0)
    height = top + body + foot
    figure = style.new_figure(width, height)
    y = 0.12
    for text, size, weight, color, step in lines:
        figure.text(0.16 / width, 1 - y / height, text, va="top", fontsize=size, fontweight=weight, color=color)
        y += step
    if labels:
        figure.legend(
            handles=list(legend), loc="lower left", bbox_to_anchor=(0.1 / width, 0.03 / height), ncols=abreast,
            frameon=False, fontsize=LEGEND_SIZE, handlelength=1.8, columnspacing=1.6, borderaxespad=0.2,
        )  # fmt: skip
    return Sheet(figure, width, height, top)


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
