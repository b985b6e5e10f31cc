"""One style for every marking: what is marked is seen, by everybody, and can be read off the stored picture again."""

import numpy as np
import pytest

from generation.core import images
from generation.core.segmentation.marking import COLOUR, contour_width, eroded, overlay, read_mask, shown, truth
from generation.core.segmentation.samples import Sample
from generation.core.spec import RenderSpec, sha256_bytes

#: Machado, Oliveira and Fernandes 2009, severity 1, on linear sRGB.
BLIND = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def disc(side: int = 64, radius: float = 14.0) -> np.ndarray:
    y, x = np.mgrid[0:side, 0:side]
    return np.hypot(x - side / 2, y - side / 2) < radius


def test_the_marking_by_hand() -> None:
    picture = np.full((64, 64, 3), 100, dtype=np.uint8)
    image = overlay(picture, disc())
    assert tuple(image[0, 0]) == (100, 100, 100)
    assert tuple(image[32, 32]) == (145, 98, 60), "40 % of the colour, 60 % of the picture, rounded"
    assert tuple(image[32, 32 - 13]) == COLOUR
    assert contour_width(picture) == 1
    assert contour_width(np.zeros((480, 320, 3), dtype=np.uint8)) == 3


@pytest.mark.parametrize("grey", [0, 60, 98, 130, 255])
def test_a_marking_can_be_read_off_again(grey: int) -> None:
    picture = np.full((64, 64, 3), grey, dtype=np.uint8)
    marked = disc()
    assert np.array_equal(shown(overlay(picture, marked), picture), marked)
    assert not shown(picture, picture).any()


def test_it_can_be_read_off_a_stored_picture_in_colour(content: images.Image) -> None:
    marked = np.random.default_rng(0).random(content.shape[:2]) < 0.3
    stored = images.decode(images.encode_png(overlay(content, marked)))
    wrong = shown(stored, content) != marked
    assert wrong.mean() < 0.002
    assert np.all(np.abs(content[wrong].astype(int) - COLOUR) <= 10), "only what is of the very colour cannot be told"


def test_a_contour_is_within_its_marking_and_the_frame_is_none() -> None:
    marked = np.zeros((20, 20), dtype=bool)
    marked[:, 8:14] = True
    assert np.array_equal(np.flatnonzero(eroded(marked, 1)[0]), [9, 10, 11, 12]), "no contour along the frame"
    assert np.array_equal(np.flatnonzero(eroded(marked, 2)[10]), [10, 11])
    assert not eroded(marked, 3).any()


@pytest.mark.parametrize("kind", [None, *BLIND])
def test_everybody_tells_a_marking_from_grey(kind: str | None) -> None:
    """The contour and the fill are further from every grey than 12 in L*a*b*, where 2 are just noticed."""
    from skimage.color import rgb2lab

    greys = np.repeat(np.arange(256, dtype=float)[:, None], 3, axis=1)
    fills = np.floor(0.6 * greys + 0.4 * np.array(COLOUR) + 0.5)
    seen = [_seen(colours, kind) for colours in (greys, fills, np.array([COLOUR], dtype=float))]
    grey, fill, contour = (rgb2lab(colours[None] / 255)[0] for colours in seen)
    assert np.linalg.norm(grey - contour, axis=1).min() > 25
    for level in fill:
        assert np.linalg.norm(grey - level, axis=1).min() > 12


def _seen(colours: np.ndarray, kind: str | None) -> np.ndarray:
    if kind is None:
        return colours
    unit = colours / 255
    linear = np.where(unit <= 0.04045, unit / 12.92, ((unit + 0.055) / 1.055) ** 2.4)
    linear = (linear @ np.array(BLIND[kind]).T).clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def test_the_true_marking(scene: Sample) -> None:
    sources = {sha256_bytes(data): data for data in (scene.picture_png(), scene.mask_png())}
    content, mask = sources
    spec = RenderSpec("defects", "true_marking", content, None, {"size": 96}, 0, mask=mask)
    ticks: list[int] = []
    (picture,) = truth([spec], sources, {}, ticks.append)
    assert picture.status == "ok"
    assert ticks == [1]
    plain = images.resize_longest(images.decode(sources[content]), 96)
    assert picture.image is not None
    assert np.array_equal(shown(picture.image, plain), read_mask(sources[mask], "mask", 96, 96))


def test_without_a_mask_there_is_no_true_marking(scene: Sample) -> None:
    data = scene.picture_png()
    spec = RenderSpec("defects", "true_marking", sha256_bytes(data), None, {"size": 96}, 0)
    (picture,) = truth([spec], {sha256_bytes(data): data}, {}, lambda _: None)
    assert (picture.status, picture.image) == ("failed", None)
    assert "no mask" in picture.reason
