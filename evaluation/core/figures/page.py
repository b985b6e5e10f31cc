"""The page of a figure of votes: a sheet that says where nobody voted, and names folded to fit a column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes

from evaluation.core.figures import signs
from generation.core.drawing import style
from generation.core.drawing.sheet import Banner, Sheet, sheet

REHEARSAL = Banner("SIMULATED – NO PEOPLE VOTED", signs.SIMULATED)


def page(
    result: Mapping[str, Any],
    title: str,
    subtitle: str,
    body: float,
    *,
    narrow: bool,
    legend: Sequence[Artist] = (),
) -> Sheet:
    """A :func:`~generation.core.drawing.sheet.sheet`, with a banner above the title of a rehearsal."""
    banner = REHEARSAL if result["study"]["simulated"] else None
    return sheet(title, subtitle, body, narrow=narrow, legend=legend, banner=banner)


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
