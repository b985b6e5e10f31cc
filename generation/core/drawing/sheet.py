"""The sheet a figure is drawn on: header above, legend below, and room between, measured in inches.

Matplotlib's own layout knows fractions of a figure; ours must grow with the number of conditions and the length of
their names, so every figure says how much room it needs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from generation.core.drawing import style

LEGEND_SIZE, LEGEND_LINE = 8.5, 0.2


@dataclass(frozen=True)
class Banner:
    """A line above the title that nobody may miss."""

    text: str
    color: str


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


def sheet(
    title: str, subtitle: str, body: float, *, narrow: bool, legend: Sequence[Artist] = (), banner: Banner | None = None
) -> Sheet:
    """A sheet with room for a ``body`` of that height, between its header and the entries of its ``legend``."""
    width = style.NARROW if narrow else style.WIDE
    lines, top = _header(title, subtitle, banner, width)
    labels = [str(handle.get_label()) for handle in legend]
    abreast = _abreast(labels, width)
    foot = 0.08 + (LEGEND_LINE * math.ceil(len(labels) / abreast) + 0.06 if labels else 0.0)
    height = top + body + foot
    figure = style.new_figure(width, height)
    for y, text, font in lines:
        figure.text(0.16 / width, 1 - y / height, text, va="top", **font)
    if labels:
        figure.legend(
            handles=list(legend), loc="lower left", bbox_to_anchor=(0.1 / width, 0.03 / height), ncols=abreast,
            frameon=False, fontsize=LEGEND_SIZE, handlelength=1.8, columnspacing=1.6, borderaxespad=0.2,
        )  # fmt: skip
    return Sheet(figure, width, height, top)


def _header(
    title: str, subtitle: str, banner: Banner | None, width: float
) -> tuple[list[tuple[float, str, dict[str, Any]]], float]:
    """How far down each line stands, its text and its font; and the height of all."""
    lines: list[tuple[float, str, dict[str, Any]]] = []
    y = 0.12
    if banner:
        lines.append((y, banner.text, {"fontsize": 8.5, "fontweight": "bold", "color": banner.color}))
        y += 0.22
    for line in style.wrap(title, width - 0.4, 13.4):
        lines.append((y, line, {"fontsize": 12.5, "fontweight": "bold"}))
        y += 0.24
    y += 0.02
    for line in style.wrap(subtitle, width - 0.35, 9.5):
        lines.append((y, line, {"fontsize": 9.5, "color": style.MUTED}))
        y += 0.185
    return lines, y + 0.1


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
