"""One look for all figures: the Okabe-Ito palette (safe for colour-blind readers), always doubled by a shape.

Figures are built in inches by hand, because they must hold any number of conditions with labels of any length and
never let two texts touch. The same figure gives the same bytes.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable, Sequence
from functools import lru_cache
from threading import Lock
from typing import Any, TypeVar

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

INK, MUTED, FAINT = "#1b1f24", "#57606a", "#d0d7de"
MINIMISER, ALERT, GREY = "#d55e00", "#8a1c2c", "#8c959f"

#: Width in inches: a text column of the desktop page, and a phone.
WIDE, NARROW = 8.6, 4.3

#: Colours and markers of scenes that are told apart (Okabe-Ito, safe for colour-blind readers); more are one grey.
LOOKS = tuple(zip(
    ("#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8f4f86", "#5b6e00"), "os^Dv<PX", strict=True
))  # fmt: skip
DASHES: tuple[Any, ...] = ((0, ()), (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)))

RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # a label may hold dollars
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "hatch.linewidth": 1.4,
    "svg.hashsalt": "eyeballot",
    "svg.fonttype": "path",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}

#: What XML 1.0 (2.2) allows in no document, as a label may hold it.
CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_DRAWING = Lock()  # matplotlib's settings belong to the process, not to the thread
T = TypeVar("T")


def styled(draw: Callable[[], T]) -> T:
    """Run ``draw`` under the figures' settings, whatever the process has set; one at a time."""
    with _DRAWING, mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        return draw()


def new_figure(width: float, height: float) -> Figure:
    """A white figure of ``width`` x ``height`` inches with an Agg canvas, so that texts can be measured."""
    figure = Figure(figsize=(width, height))
    FigureCanvasAgg(figure)
    return figure


def text_width(texts: Sequence[str], size: float, weight: str = "normal") -> float:
    """Width in inches of the widest of ``texts``."""
    return max(_width(text, size, weight) for text in texts)


@lru_cache(maxsize=2048)
def _width(text: str, size: float, weight: str) -> float:
    figure = new_figure(1, 1)
    renderer: Any = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    box = figure.text(0, 0, text, fontsize=size, fontweight=weight).get_window_extent(renderer)
    return float(box.width / figure.dpi)


def wrap(text: str, width: float, size: float) -> list[str]:
    """Break ``text`` into lines no wider than ``width`` inches at font ``size``."""
    per_character = text_width([text], size) / max(1, len(text))
    return textwrap.wrap(text, max(8, int(width / per_character * 0.97)), break_on_hyphens=False) or [""]


def fold(text: str, width: float, size: float) -> list[str]:
    """:func:`wrap` with as few lines, of about the same length: no lonely word at the end."""
    lines = wrap(text, width, size)
    for share in (0.5, 0.6, 0.7, 0.8, 0.9) if len(lines) > 1 else ():
        tried = wrap(text, width * share, size)
        # A narrower line may not cut a word.
        if len(tried) == len(lines) and " ".join(tried) == " ".join(lines):
            return tried
    return lines


def two_lines(text: str, width: float, size: float) -> list[str]:
    """A bold ``text`` on two lines of ``width`` inches at most, cut with an ellipsis where it is longer."""
    lines = fold(text, width, size + 1)
    return [one_line(line, width, size) for line in [*lines[:1], " ".join(lines[1:])] if line]


def one_line(text: str, width: float, size: float, weight: str = "bold") -> str:
    """``text``, cut to ``width`` inches with an ellipsis where it is longer."""
    if text_width([text], size, weight) <= width:
        return text
    cut = next((n for n in range(len(text) - 1, 0, -1) if text_width([f"{text[:n]}…"], size, weight) <= width), 1)
    return f"{text[:cut].rstrip()}…"


def plain_axes(axes: Axes) -> None:
    """No box: only what carries a reading stays."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)


def open_axes(axes: Axes) -> None:
    """Axes without the two sides that carry no reading."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=3, labelsize=8.5)


def minimum_ring(label: str) -> Line2D:
    """Legend entry of the metric's minimiser."""
    ring = Line2D([], [], marker="o", markersize=11, markerfacecolor="white", linewidth=0, label=label)
    ring.set_markeredgecolor(MINIMISER)
    ring.set_markeredgewidth(2)
    return ring


def svg(figure: Figure, title: str, description: str) -> bytes:
    """The figure as SVG, the same bytes every time."""
    out = io.BytesIO()
    metadata = {"Title": title, "Description": description, "Date": None, "Creator": None}
    figure.savefig(out, format="svg", metadata=metadata)
    return CONTROLS.sub("", out.getvalue().decode()).encode()


def png(figure: Figure, title: str, description: str, dpi: int = 200) -> bytes:
    """The figure as PNG for a manuscript, the same bytes every time."""
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=dpi, metadata={"Title": title, "Description": description, "Software": None})
    return out.getvalue()
