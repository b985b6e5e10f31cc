"""Coloured tables: cells whose colour is doubled by the number that stands in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb
from matplotlib.patches import Rectangle
from matplotlib.transforms import ScaledTranslation

from evaluation.core.figures import signs
from generation.core.drawing import style

#: Blue for what is preferred or predicted to be, orange for what is not; white where it is even.
PREFERENCE = LinearSegmentedColormap.from_list(
    "preference", [style.MINIMISER, "#f6d9c6", "white", "#cfe3f0", "#0072b2"]
)
#: Another pair of colours, for what is no preference: how far two orders are apart.
APART = LinearSegmentedColormap.from_list("apart", ["#8f4f86", "#ecd9e8", "white", "#cfe9e1", "#00805e"])
NOTHING = "#eceff2"
#: Points below which a number is not legible in print.
LEAST_SIZE = 8.0


@dataclass(frozen=True)
class Cell:
    """One field of a table. ``share``: place on the colour scale from 0 to 1, None for a hatched field without value;
    ``note``: small second line; ``faint``: too little data for a colour; ``outlined``: framed in ink."""

    row: int
    column: int
    share: float | None
    text: str = ""
    note: str = ""
    faint: bool = False
    outlined: bool = False
    mark: str = ""


def draw_cells(
    axes: Axes, cells: Sequence[Cell], rows: int, columns: int, scale: LinearSegmentedColormap, *, size: float
) -> None:
    """Draw ``cells`` on ``axes`` with the first row on top; ``size``: of their numbers, 0 for colours alone."""
    axes.set_xlim(-0.5, columns - 0.5)
    axes.set_ylim(rows - 0.5, -0.5)
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    faces = [_face(cell, scale) for cell in cells]
    # The white rules between the fields would bleach a table of a hundred rows.
    rule = 1.2 if axes.bbox.width / axes.figure.dpi / columns > 0.15 else 0.0
    for known, hatch in ((True, None), (False, "////")):
        kept = [(c, face) for c, face in zip(cells, faces, strict=True) if (c.share is not None) == known]
        squares = [Rectangle((c.column - 0.5, c.row - 0.5), 1, 1) for c, _ in kept]
        # One collection: a table of each of fifty scenes has more fields than patches can be drawn in good time.
        axes.add_collection(
            PatchCollection(squares, facecolors=[f for _, f in kept], edgecolors="white", linewidths=rule, hatch=hatch)
        )
    for cell, face in zip(cells, faces, strict=True):
        if size and cell.text:
            _write(axes, cell, _ink_on(face), size)
        if cell.outlined:
            box = (cell.column - 0.46, cell.row - 0.46)
            axes.add_patch(Rectangle(box, 0.92, 0.92, fill=False, edgecolor=style.INK, linewidth=1.5, zorder=4))


def number_size(width: float, widest: float = 0.34) -> float:
    """Size of the numbers in fields ``width`` inches wide: 0 where a number ``widest`` inches wide at 10 pt would not
    be legible in them."""
    size = min(10.0, 10.0 * (width - 0.06) / widest)
    return size if size >= LEAST_SIZE else 0.0


def _face(cell: Cell, scale: LinearSegmentedColormap) -> str:
    if cell.faint or cell.share is None:
        return NOTHING
    return to_hex(scale(min(1.0, max(0.0, cell.share))))


def _write(axes: Axes, cell: Cell, ink: str, size: float) -> None:
    up = 0.14 if cell.note else 0.0
    axes.text(cell.column, cell.row - up, cell.text, ha="center", va="center", fontsize=size, color=ink, zorder=5)
    if cell.note:
        down = cell.row + 0.24
        axes.text(cell.column, down, cell.note, ha="center", va="center", fontsize=LEAST_SIZE, color=ink, zorder=5)
    if cell.mark:
        kind = {"favourite": "*", "minimiser": "o"}[cell.mark]
        face = signs.FAVOURITE if kind == "*" else "white"
        edge = style.INK if kind == "*" else style.MINIMISER
        # In the upper left corner, at the same distance from the edges whatever the size of the field.
        at = axes.transData + ScaledTranslation(7 / 72, -7 / 72, axes.figure.dpi_scale_trans)
        axes.plot(
            cell.column - 0.5, cell.row - 0.5, kind, markersize=9 if kind == "*" else 7, color=face, transform=at,
            markeredgecolor=edge, markeredgewidth=0.8 if kind == "*" else 1.8, zorder=6,
        )  # fmt: skip


def _ink_on(face: str) -> str:
    """Dark letters on light fields, white ones on dark fields (WCAG relative luminance)."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(face)]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return style.INK if luminance > 0.26 else "white"
