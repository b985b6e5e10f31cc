"""Masks: black and one other value, whatever the file; everything else is named with its mend."""

import io

import numpy as np
import pytest
from PIL import Image

from generation.core import images, masks

MARKED = np.zeros((12, 20), np.uint8)
MARKED[3:7, 5:15] = 1


def saved(pixels: np.ndarray, kind: str = "PNG", mode: str = "L", **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).convert(mode).save(stream, kind, **options)  # type: ignore[arg-type]
    return stream.getvalue()


@pytest.mark.parametrize("white", [1, 7, 255])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P"])
def test_what_is_not_black_is_marked(white: int, mode: str) -> None:
    found = masks.read(saved(MARKED * white, mode=mode))
    assert (found.dtype, found.shape) == (np.uint8, (12, 20))
    assert np.array_equal(found, MARKED)


def test_one_bit_and_lossless_webp_are_masks_too() -> None:
    stream = io.BytesIO()
    Image.fromarray(MARKED * 255).convert("1").save(stream, "PNG")
    assert np.array_equal(masks.read(stream.getvalue()), MARKED)
    assert np.array_equal(masks.read(saved(MARKED * 255, "WEBP", "RGB", lossless=True)), MARKED)


def test_black_marks_nothing_and_white_all() -> None:
    assert not masks.read(saved(MARKED * 0)).any()
    assert masks.read(saved(MARKED * 0 + 255)).all()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (saved(MARKED * 100 + 50), "'m.png' has the values 50, 150, and a mask is black (0) and one other value."),
        (saved(np.arange(240).reshape(12, 20)), "'m.png' has the values 0, 1, 2, 3 …, and a mask is black"),
        (saved(MARKED * 255, "JPEG", quality=60), "PNG, which keeps values as they are (JPEG does not)"),
        (images.encode_png(np.stack([MARKED * 255, MARKED * 0, MARKED * 0], 2)), "'m.png' has colours"),
    ],
)
def test_what_is_no_mask_is_said_with_its_mend(data: bytes, words: str) -> None:
    with pytest.raises(masks.MaskError) as refused:
        masks.read(data, "m.png")
    assert words in str(refused.value)
    assert "Save it as PNG" in str(refused.value)


def test_a_file_that_is_no_picture_is_refused_as_every_other() -> None:
    with pytest.raises(images.ImageError, match=r"m\.png"):
        masks.read(saved(MARKED)[:-30], "m.png")


@pytest.mark.parametrize(("tall", "wide"), [(6, 10), (3, 4), (5, 7), (1, 1), (12, 7), (30, 50), (12, 21)])
def test_a_scaled_mask_is_marked_where_at_least_half_is(tall: int, wide: int) -> None:
    """Against the same with every pixel cut into as many as both sizes share."""
    mask = np.random.default_rng(tall * wide).integers(0, 2, (12, 20), dtype=np.uint8)
    fine = np.repeat(np.repeat(mask.astype(int), tall, axis=0), wide, axis=1)
    share = fine.reshape(tall, 12, wide, 20).mean(axis=(1, 3))
    scaled = masks.resize_to(mask, tall, wide)
    assert scaled.dtype == np.uint8
    assert np.array_equal(scaled == 1, share >= 0.5)


def test_half_a_pixel_is_enough_and_less_is_not() -> None:
    line = np.zeros((64, 64), np.uint8)
    line[:, 20] = 1
    assert np.array_equal(np.flatnonzero(masks.resize_to(line, 32, 32).all(axis=0)), [10])
    assert not masks.resize_to(line, 16, 16).any(), "a quarter"
    line[:, 21:23] = 1
    assert np.array_equal(np.flatnonzero(masks.resize_to(line, 16, 16).all(axis=0)), [5])


def test_a_mask_has_the_size_of_its_picture() -> None:
    assert masks.unlike(MARKED, np.zeros((12, 20, 3), np.uint8)) == ""
    assert masks.unlike(MARKED, np.zeros((20, 12, 3), np.uint8)) == "it has 20 x 12 pixels and its picture 12 x 20"
