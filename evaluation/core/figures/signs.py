"""The signs that only figures of votes have: their colours, and the star of the favourite.

What all figures share is :mod:`generation.core.drawing.style`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.lines import Line2D

from generation.core.drawing.style import INK

BAR = "#a9bccd"
FAVOURITE = "#0072b2"
SIMULATED = "#8f2a6b"


def favourite_words(groups: Sequence[Mapping[str, Any]], *, simulated: bool) -> str:
    """What the star means in ``groups``: preferred only where in each of them nobody else could be the favourite."""
    if all(g.get("favourite_sure") for g in groups):
        return f"most preferred by {'simulated voters' if simulated else 'people'}"
    return "highest score"


def favourite_star(label: str) -> Line2D:
    """Legend entry of the condition with the highest score."""
    return Line2D([], [], marker="*", markersize=11, color=FAVOURITE, markeredgecolor=INK, linewidth=0, label=label)
