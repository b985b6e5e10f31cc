"""A row of bars as SVG, for pages that show a picture through ``<img>``."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, FOOT = 480, 120, 20
# Read on the admin's light and on its dark ground.
INK, FILL = "#767676", "#4a8fa8"
#: A few bars are no walls.
WIDEST = 40
#: More bars than this are thinner than a line.
MOST = 240


def bars(counts: Sequence[int], first: str, last: str) -> str:
    """Bars of ``counts`` (none negative, :data:`MOST` at most), with a word below the first and the last of them."""
    n, top = len(counts), max([1, *counts])
    step = min(WIDTH / max(n, 1), WIDEST)
    room = HEIGHT - FOOT
    drawn = [
        f'<rect x="{i * step + step * 0.08:.1f}" y="{room - room * count / top:.1f}" '
        f'width="{step * 0.84:.1f}" height="{room * count / top:.1f}" fill="{FILL}"/>'
        for i, count in enumerate(counts)
        if count
    ]
    words = (
        f'<text x="0" y="{HEIGHT - 5}">{escape(first)}</text>'
        f'<text x="{WIDTH}" y="{HEIGHT - 5}" text-anchor="end">{escape(last)}</text>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}">'
        f'<path d="M0 {room}H{WIDTH}" stroke="{INK}"/>{"".join(drawn)}'
        f'<g fill="{INK}" font-family="system-ui, sans-serif" font-size="13">{words}</g></svg>'
    )


def histogram(values: Sequence[int], most: int = 24) -> tuple[list[int], int, int]:
    """How many of ``values`` fall into equally wide bins of whole numbers: counts, smallest and largest value."""
    low, high = min(values), max(values)
    width = -(-(high - low + 1) // most)
    counts = [0] * ((high - low) // width + 1)
    for value in values:
        counts[(value - low) // width] += 1
    return counts, low, high
