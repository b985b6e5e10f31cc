"""The sheets of the appendix: pictures where they belong, for any number of photographs."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pillow

from generation.core.colorization import sheets
from generation.core.colorization.sheets import Row, sheet

CAPTION = "G 8.94 = G_GAN 1.93 + G_L1 7.01; error 7.71 Lab units; seed 0."


def _row(name: str, height: int = 60, width: int = 80) -> Row:
    """Three flat pictures whose colours are on no text or page."""
    colours = ((0, 0, 255), (255, 0, 0), (0, 255, 0))
    grey, output, truth = (np.full((height, width, 3), colour, np.uint8) for colour in colours)
    return Row(name, grey, output, truth, "error 7.3")


def _pixels(png: bytes) -> np.ndarray:
    return np.asarray(Pillow.open(io.BytesIO(png)).convert("RGB"))


def _places(pixels: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    return (pixels == colour).all(2)


@pytest.mark.parametrize(
    ("rows", "height", "width"), [(1, 60, 80), (3, 80, 60), (9, 60, 80), (20, 50, 50), (60, 60, 80)]
)
def test_every_photograph_is_there_three_times_in_three_columns_of_equal_size(
    rows: int, height: int, width: int
) -> None:
    pixels = _pixels(sheet([_row(f"photograph {n}", height, width) for n in range(rows)], "A.1 Default", CAPTION))
    assert pixels.shape[1] == round(sheets.style.WIDE * sheets.DPI)
    blue, red, green = (_places(pixels, colour) for colour in ((0, 0, 255), (255, 0, 0), (0, 255, 0)))
    assert blue.sum() == red.sum() == green.sum()
    each, rest = divmod(int(red.sum()), rows)
    assert rest == 0
    assert each > 60 * 60  # to be seen in print
    assert np.array_equal(blue.any(1), red.any(1))  # at the same heights
    assert np.array_equal(red.any(1), green.any(1))
    first = np.flatnonzero(red.any(1))[0]
    assert blue[first].argmax() < red[first].argmax() < green[first].argmax()  # grey, output, truth
    if rows <= 20:
        assert pixels.shape[0] <= sheets.PAGE * sheets.DPI + 1


def test_the_pictures_are_copied_pixel_by_pixel() -> None:
    draw = np.random.default_rng(0)
    # As large as its place on a sheet of one, so nothing is scaled.
    layout = sheets._Layout([_row("one", 100, 100)], 1, 20.0)
    side = round(layout.cell * sheets.DPI)
    grey, output, truth = (draw.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(3))
    pixels = _pixels(sheet([Row("one", grey, output, truth)], "A.1", CAPTION))
    found = [
        (y, x)
        for y, x in np.argwhere((pixels[: -side + 1, : -side + 1] == output[0, 0]).all(2))
        if np.array_equal(pixels[y : y + side, x : x + side], output)
    ]
    assert len(found) == 1


def test_mixed_shapes_and_long_words_stand_apart() -> None:
    shapes = [(60, 80), (80, 60), (20, 80), (64, 64), (80, 20)]
    rows = [_row("a name much longer than three pictures are wide " * 4, *shape) for shape in shapes]
    pixels = _pixels(sheet(rows, "A title that is far too long for one line of a page " * 3, CAPTION * 5))
    # What is not white lies within the page.
    assert (pixels[:, :10] == 255).all()
    assert (pixels[:, -10:] == 255).all()


def test_the_same_rows_give_the_same_bytes() -> None:
    assert sheet([_row("one")], "A.1", CAPTION) == sheet([_row("one")], "A.1", CAPTION)


def test_no_row_and_pictures_of_two_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="needs at least one photograph"):
        sheet([], "A.1", CAPTION)
    row = _row("cat")
    with pytest.raises(ValueError, match="The three pictures of 'cat' are not of one size"):
        sheet([Row("cat", row.grey, row.output, row.truth[:-1])], "A.1", CAPTION)


def test_sheets_need_no_torch() -> None:
    code = "import sys, generation.core.colorization.sheets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, cwd=Path(__file__).parents[4]).returncode == 0
