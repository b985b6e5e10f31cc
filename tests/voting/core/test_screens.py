"""Screen checks show what they say: shapes that can be counted, numbers that those read who are meant to."""

from itertools import permutations

import numpy as np
import pytest
from scipy import ndimage

from generation.core.images import decode
from studyplatform.voting.core import screens
from studyplatform.voting.core.screens import brightness_shapes, colour_plate

PAPER = 235

# Severity 1.0, linear RGB: Machado, G. M., Oliveira, M. M. and Fernandes, L. A. F. (2009). A physiologically-based
# model for simulation of color vision deficiency. IEEE TVCG 15(6), 1291-1298.
DEUTERANOPIA = np.array(
    [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
)
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = XYZ.sum(axis=1)


def chunks(png: bytes) -> list[bytes]:
    found, at = [], 8
    while at < len(png):
        found.append(png[at + 4 : at + 8])
        at += 12 + int.from_bytes(png[at : at + 4], "big")
    return found


def linear(srgb):
    levels = srgb / 255
    return np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)


def lab(rgb):
    """CIE Lab of linear sRGB; shape (..., 3) in and out."""
    x, y, z = np.moveaxis(np.cbrt(np.maximum(rgb @ XYZ.T / WHITE, 1e-9)), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def parts(png: bytes, answer: str):
    """Linear RGB of the pixels of the number's dots and of the ground's, their smoothed rims left out."""
    pixels = decode(png)
    inside = ndimage.binary_erosion((pixels != PAPER).any(axis=2), iterations=2)
    figure = screens._digits(answer)
    return linear(pixels[inside & figure]), linear(pixels[inside & ~figure])


def contrast(number, ground) -> float:
    """Distance in Lab between the mean colours of number and ground."""
    return float(np.linalg.norm(lab(number).mean(axis=0) - lab(ground).mean(axis=0)))


def check_red_green(png: bytes, answer: str) -> None:
    """Equal lightness; far apart for normal eyes, hardly at all for eyes without M cones."""
    number, ground = parts(png, answer)
    lightness = lab(number)[:, 0], lab(ground)[:, 0]
    assert abs(lightness[0].mean() - lightness[1].mean()) < 1.5
    assert all(4 < part.std() < 8 for part in lightness)  # the jitter hides what is left
    normal, deutan = contrast(number, ground), contrast(number @ DEUTERANOPIA.T, ground @ DEUTERANOPIA.T)
    assert normal > 35
    assert deutan < normal / 8


@pytest.mark.parametrize("number", [1, 2])
def test_red_green_plates_differ_in_hue_alone_and_not_without_m_cones(number):
    for seed in range(4):
        check_red_green(*colour_plate(f"someone {seed}", number))


def test_the_number_and_the_ground_of_many_plates_are_equally_light():
    means = []
    for seed in range(12):
        number, ground = parts(*colour_plate(f"many {seed}", 1))
        means.append(lab(number)[:, 0].mean() - lab(ground)[:, 0].mean())
    assert abs(np.mean(means)) < 0.5


@pytest.mark.parametrize(
    "palette",
    [
        ((np.array([1.5, 0.9, 0.2]), 66.0), (np.array([0.6, 1.2, 0.2]), 60.0)),  # the number is lighter
        ((np.array([1.0, 0.9, 2.0]), 62.0), (np.array([1.2, 1.0, 0.1]), 62.0)),  # blue against yellow
        ((np.array([1.05, 1.0, 0.3]), 62.0), (np.array([1.0, 1.01, 0.3]), 62.0)),  # hardly any hue
    ],
    ids=["lightness", "another line", "no hue"],
)
def test_a_wrong_palette_is_caught(monkeypatch, palette):
    even = tuple((screens._unit(hue), lightness) for hue, lightness in palette)
    monkeypatch.setattr(screens, "_palette", lambda number: even)
    with pytest.raises(AssertionError):
        check_red_green(*colour_plate("someone", 1))


def test_everybody_reads_the_control():
    number, ground = parts(*colour_plate("someone", 0))
    for eyes in (np.eye(3), DEUTERANOPIA):
        assert lab(ground @ eyes.T)[:, 0].mean() - lab(number @ eyes.T)[:, 0].mean() > 25


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_number_in_the_dots_is_the_answer(number):
    """Of all numbers that may be asked, the answer fits best to where the dots have the number's colour."""
    masks = {"".join(digits): screens._digits("".join(digits)) for digits in permutations("23456789", 2)}
    for seed in range(3):
        png, answer = colour_plate(f"reader {seed}", number)
        pixels = decode(png)[::2, ::2].astype(float)
        dots = ndimage.binary_erosion((pixels != PAPER).any(axis=2))
        red, green, _ = pixels[dots].T
        signal = red if number == 0 else red / (red + green)
        fits = {digits: abs(np.corrcoef(signal, mask[::2, ::2][dots])[0, 1]) for digits, mask in masks.items()}
        assert max(fits, key=fits.__getitem__) == answer
        assert fits[answer] > 0.9


@pytest.mark.parametrize("number", [0, 1, 2])
def test_all_dots_lie_inside_the_picture_apart_from_each_other_and_on_one_side(number):
    png, answer = colour_plate("dots", number)
    pixels = decode(png)
    assert pixels.shape == (480, 480, 3)
    rim = np.ones((480, 480), dtype=bool)
    rim[4:-4, 4:-4] = False
    assert (pixels[rim] == PAPER).all()
    figure = screens._digits(answer)
    dots, count = ndimage.label((pixels != PAPER).any(axis=2))
    assert 450 < count < 1000
    sides = ndimage.mean(figure, dots, np.arange(1, count + 1))
    assert set(sides) == {0.0, 1.0}
    assert 80 < (sides == 1).sum() < count / 2


def test_a_plate_that_there_is_not_is_refused_in_words():
    with pytest.raises(ValueError, match=r"no colour plate 3\. Choose 0"):
        colour_plate("someone", 3)


def test_a_good_screen_shows_all_shapes():
    counts = set()
    for seed in range(40):
        png, count = brightness_shapes(f"someone {seed}")
        pixels = decode(png)
        assert pixels.shape == (360, 640, 3)
        assert (pixels == pixels[:, :, :1]).all()
        levels = pixels[:, :, 0].astype(int) - 119
        shapes, found = ndimage.label(levels, structure=np.ones((3, 3)))
        assert found == count
        steps = ndimage.median(levels, shapes, np.arange(1, found + 1))
        assert {abs(step) for step in steps} == {6, 10, 16}
        assert min(steps) < 0 < max(steps)
        assert min(ndimage.sum(levels != 0, shapes, np.arange(1, found + 1))) > 700
        assert not np.concatenate([levels[0], levels[-1], levels[:, 0], levels[:, -1]]).any()
        counts.add(count)
    assert counts == set(range(4, 10))


def test_circles_squares_and_triangles_occur():
    """Told by how much of the circle about a shape it fills: 1, 2 / pi and 0.41."""
    fills = []
    for seed in range(10):
        levels = decode(brightness_shapes(f"kinds {seed}")[0])[:, :, 0].astype(int) - 119
        shapes, found = ndimage.label(levels, structure=np.ones((3, 3)))
        for number in range(1, found + 1):
            rows, columns = np.nonzero(shapes == number)
            reach = np.hypot(rows - rows.mean(), columns - columns.mean()).max()
            fills.append(len(rows) / (np.pi * reach**2))
    nearest = [min((1, 2 / np.pi, 0.41), key=lambda kind, fill=fill: abs(kind - fill)) for fill in fills]
    assert len(set(nearest)) == 3
    assert all(abs(fill - kind) < 0.08 for fill, kind in zip(fills, nearest, strict=True))


@pytest.mark.parametrize("draw", [brightness_shapes, lambda seed: colour_plate(seed, 1)], ids=["shapes", "plate"])
def test_the_same_seed_is_the_same_picture_and_holds_nothing_but_pixels(draw):
    png, answer = draw("someone")
    assert draw("someone") == (png, answer)
    assert draw("someone else")[0] != png
    assert set(chunks(png)) == {b"IHDR", b"IDAT", b"IEND"}


def test_answers_differ_from_person_to_person():
    answers = {colour_plate(f"person {i}", 2)[1] for i in range(12)}
    assert len(answers) > 6
    assert all(a.isdigit() and len(a) == 2 for a in answers)
