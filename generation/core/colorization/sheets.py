"""The sheet of a condition for a paper's appendix: grey input, output and photograph of many scenes. Torch-free."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from generation.core import images
from generation.core.drawing import style
from generation.core.drawing.sheet import Sheet
from generation.core.drawing.sheet import sheet as blank

#: Dots per inch: a sheet has 1290 px across, and the proportions of A4 as long as its rows have room there.
DPI = 150
PAGE = style.WIDE * 297 / 210

HEADS = ("Grey input", "Output", "Truth")

#: As many triplets may stand beside each other, and a picture may shrink to so much of a third of one of those,
#: before a sheet grows longer than a page.
MOST_ABREAST = 3
SMALLEST = 0.75

_EDGE, _GAP, _GUTTER = 0.16, 0.05, 0.26
_HEAD, _WORDS = 0.26, 0.24


@dataclass(frozen=True)
class Row:
    """One photograph: ``grey`` (what the network was given), ``output`` and ``truth``, uint8, H x W x 3, of one shape.

    ``name`` and ``note`` (its error, say) stand below the three.
    """

    name: str
    grey: images.Image
    output: images.Image
    truth: images.Image
    note: str = ""


def sheet(rows: Sequence[Row], title: str, caption: str) -> bytes:
    """PNG of all ``rows`` under their column heads, ``title`` and ``caption`` above them; the same bytes every time.

    Rows stand in one, two or three columns, read downwards, whichever lets the pictures be large on a page of A4;
    with more of them than a page holds the sheet grows longer.
    Raises ``ValueError`` where there is no row or the three pictures of one differ in shape.
    """
    if not rows:
        raise ValueError("A sheet needs at least one photograph.")
    for row in rows:
        if not row.grey.shape == row.output.shape == row.truth.shape:
            raise ValueError(f"The three pictures of {row.name!r} are not of one size.")
    return style.styled(lambda: _png(rows, title, caption))


def _png(rows: Sequence[Row], title: str, caption: str) -> bytes:
    room = PAGE - blank(title, caption, 0.0, narrow=False).height
    layouts = [_Layout(rows, abreast, room) for abreast in range(1, MOST_ABREAST + 1)]
    largest = max(layout.cell for layout in layouts)
    # Beside each other they fill the width: a tenth of their size is not worth a tall, narrow column.
    layout = next(layout for layout in reversed(layouts) if layout.cell >= 0.9 * largest)
    if layout.cell < SMALLEST * layouts[-1].widest:
        layout = _Layout(rows, MOST_ABREAST, math.inf)
    page = blank(title, caption, layout.height, narrow=False)
    page.figure.set_dpi(DPI)
    layout.draw(page)
    return style.png(page.figure, title, caption, DPI)


class _Layout:
    """Where everything stands, in inches, with ``abreast`` triplets beside each other and ``room`` for all heights.

    ``cell``: the longest side a picture may have; ``widest``: what it would be without ``room``. Columns are as wide
    as the widest picture: upright ones stand close to each other.
    """

    def __init__(self, rows: Sequence[Row], abreast: int, room: float) -> None:
        self._block = (style.WIDE - 2 * _EDGE - (abreast - 1) * _GUTTER) / abreast
        each = math.ceil(len(rows) / abreast)
        self._blocks = [rows[start : start + each] for start in range(0, len(rows), each)]
        tall: float = max(sum(row.truth.shape[0] / max(row.truth.shape[:2]) for row in block) for block in self._blocks)
        self._share: float = max(row.truth.shape[1] / max(row.truth.shape[:2]) for row in rows)
        self.widest = (self._block - 2 * _GAP) / 3 / self._share
        self.cell: float = min(self.widest, (room - _HEAD - each * _WORDS) / tall)
        self.height = _HEAD + each * _WORDS + tall * self.cell

    def draw(self, page: Sheet) -> None:
        """Put everything on ``page``, whose dots per inch are :data:`DPI`."""
        size = 9.0 if style.text_width(HEADS, 9.0, "bold") < self._column - 0.1 else 7.5
        for number, block in enumerate(self._blocks):
            left = _EDGE + number * (self._block + _GUTTER) + 1.5 * (self.widest - self.cell) * self._share
            for column, head in enumerate(HEADS):
                page.text(left + self._offset(column), 0.03, head, fontsize=size, fontweight="bold", color=style.INK)
            down = _HEAD
            for row in block:
                self._draw_row(page, row, left, down)
                down += self._size(row)[0] + _WORDS

    def _draw_row(self, page: Sheet, row: Row, left: float, down: float) -> None:
        tall, wide = self._size(row)
        for column, picture in enumerate((row.grey, row.output, row.truth)):
            _place(page, picture, left + self._offset(column), down, tall, wide)
        words = style.one_line(" · ".join(filter(None, (row.name, row.note))), 3 * self._column - 0.05, 7.5, "normal")
        page.text(left, down + tall + 0.03, words, fontsize=7.5, color=style.MUTED)

    def _offset(self, column: int) -> float:
        return column * (self._column + _GAP)

    @property
    def _column(self) -> float:
        return self.cell * self._share

    def _size(self, row: Row) -> tuple[float, float]:
        """Height and width of its pictures, the longer of the two as long as it may be."""
        height, width = row.truth.shape[:2]
        scale = self.cell / max(height, width)
        return height * scale, width * scale


def _place(page: Sheet, picture: images.Image, left: float, down: float, tall: float, wide: float) -> None:
    """Scaled once, by Pillow, to whole pixels of the sheet: matplotlib then only copies them."""
    height, width = max(1, round(tall * DPI)), max(1, round(wide * DPI))
    bottom = round((page.height - page.top - down) * DPI) - height
    pixels = np.asarray(images.resize_to(picture, height, width))
    page.figure.figimage(pixels, round(left * DPI), bottom, origin="upper")
