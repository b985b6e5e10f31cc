"""Pictures for the checks of a participant's screen: faint shapes to count, and colour plates to read.

Numpy and Pillow only. A seed string decides everything, so the server can draw a picture again and know its answer;
nothing but pixels is in the bytes.

References
----------
Viénot, F., Brettel, H. and Mollon, J. D. (1999). Digital video colourmaps for checking the legibility of displays by
dichromats. Color Research & Application 24(4), 243-252.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow
from PIL import ImageDraw, ImageFont

from generation.core.images import Image, encode_png

GROUND = 119
# Levels of 255 from the ground: on a screen that is set too dark, too bright or too flat the small ones vanish.
DISTANCES = (6, 10, 16)
FIELD = (640, 360)
PLATE = 480
#: Plates of one check: the control, then two that tell red from green.
PLATES = 3
# Shapes and dots are drawn so many times larger and scaled down, for smooth edges.
SMOOTH = 4
# Half of the paper between two dots, in pixels, and all of it between a dot and the outline of the number.
GAP = 1.5

Colour = npt.NDArray[np.float64]

# Linear sRGB to the responses of the L, M and S cones (Viénot, Brettel and Mollon 1999, equation 4).
_LMS = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
# What only the M cones answer to, as linear RGB: who lacks them sees no change of hue along it. Red has 1.
_RED_GREEN = np.linalg.solve(_LMS, [0.0, -1.0, 0.0])
_RED_GREEN /= _RED_GREEN[0]
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])

# CIE lightness of the dots of one part of a plate, about the part's mean.
_JITTER = (-8.0, -4.0, 0.0, 4.0, 8.0)


def brightness_shapes(seed: str) -> tuple[bytes, int]:
    """A mid-grey field of 640 x 360 with faint circles, squares and triangles, and how many a good screen shows.

    Four to nine shapes that do not touch, each 6, 10 or 16 of 255 levels brighter or darker than the ground; both
    directions and all three distances occur.
    """
    rng = random.Random(f"brightness {seed}")
    count = rng.randint(4, 9)
    # The first four hold both directions and all distances.
    steps = [rng.choice((-1, 1)) * distance for distance in rng.sample(DISTANCES, len(DISTANCES))]
    steps += [-steps[0], *(rng.choice((-1, 1)) * rng.choice(DISTANCES) for _ in range(count - 4))]
    rng.shuffle(steps)
    columns, rows = 5, 3
    width, height = FIELD[0] / columns, FIELD[1] / rows
    field = np.full((FIELD[1], FIELD[0]), float(GROUND))
    for cell, step in zip(rng.sample(range(columns * rows), count), steps, strict=True):
        # One shape to a cell and its rim inside, so no two can touch.
        radius = rng.uniform(26, 42)
        x = (cell % columns) * width + rng.uniform(radius + 4, width - radius - 4)
        y = (cell // columns) * height + rng.uniform(radius + 4, height - radius - 4)
        field += step * _shape(rng.choice((0, 3, 4)), x, y, radius, rng.uniform(0, 360))
    grey = np.rint(field).astype(np.uint8)
    return encode_png(np.repeat(grey[:, :, None], 3, axis=2)), count


def _shape(corners: int, x: float, y: float, radius: float, turn: float) -> npt.NDArray[np.float64]:
    """Coverage (0 to 1) of a circle (no corners) or a regular polygon about ``x``, ``y`` on the field."""
    mask = Pillow.new("L", (FIELD[0] * SMOOTH, FIELD[1] * SMOOTH))
    draw = ImageDraw.Draw(mask)
    circle = (x * SMOOTH, y * SMOOTH, radius * SMOOTH)
    if corners:
        draw.regular_polygon(circle, corners, rotation=turn, fill=255)
    else:
        draw.circle(circle[:2], circle[2], fill=255)
    return np.asarray(mask.resize(FIELD, Pillow.Resampling.BOX), dtype=np.float64) / 255


@dataclass(frozen=True)
class Dot:
    """A dot of a plate: its centre and radius in pixels, and whether it belongs to the number."""

    x: float
    y: float
    radius: float
    figure: bool


def colour_plate(seed: str, number: int) -> tuple[bytes, str]:
    """A disc of dots in which a two-digit number is to be read, 480 x 480, and the number.

    A screening aid on an unknown screen and no diagnosis: it tells whose answers on colours to look at twice, nothing
    about a person's eyes.

    number : 0 is the control, whose number differs in lightness: everybody reads it who sees the picture. 1 and 2 are
        red-green plates after Ishihara's: number and ground have the same mean lightness, every dot is lighter or
        darker by chance, and their hues differ along the line on which people without M cones cannot tell hues apart.

    Raises ``ValueError`` for another ``number``.
    """
    answer = plate_number(seed, number)
    rng = random.Random(f"dots {seed} {number}")
    dots = _dots(_digits(answer), rng)
    picture = Pillow.new("RGB", (PLATE * SMOOTH, PLATE * SMOOTH), (235, 235, 235))
    draw = ImageDraw.Draw(picture)
    for part in (True, False):
        own = [dot for dot in dots if dot.figure == part]
        for dot, colour in zip(own, _colours(number, part, len(own), rng), strict=True):
            draw.circle((dot.x * SMOOTH, dot.y * SMOOTH), dot.radius * SMOOTH, fill=colour)
    pixels: Image = np.asarray(picture.resize((PLATE, PLATE), Pillow.Resampling.BOX))
    return encode_png(pixels), answer


def plate_number(seed: str, number: int) -> str:
    """The two digits on that plate, without drawing it (a drawing takes a third of a second)."""
    if number not in range(PLATES):
        raise ValueError(f"There is no colour plate {number}. Choose 0 (the control), 1 or 2.")
    # Without 0 and 1, which a scatter of dots makes hard to tell from other figures.
    return "".join(random.Random(f"colours {seed} {number}").sample("23456789", 2))


def _digits(answer: str) -> npt.NDArray[np.bool_]:
    """Where on the plate the number is: PLATE x PLATE."""
    mask = Pillow.new("1", (PLATE, PLATE))
    font = ImageFont.load_default(size=300)
    ImageDraw.Draw(mask).text(
        (PLATE / 2, PLATE / 2), answer, font=font, fill=1, anchor="mm", stroke_width=9, stroke_fill=1
    )
    return np.asarray(mask, dtype=np.bool_)


def _dots(figure: npt.NDArray[np.bool_], rng: random.Random) -> list[Dot]:
    """Dots that do not overlap, the large ones first, each wholly on the number or wholly beside it."""
    disc = PLATE / 2 - 6
    free = np.ones(figure.shape, dtype=np.bool_)
    rows, columns = np.mgrid[: figure.shape[0], : figure.shape[1]] + 0.5
    dots: list[Dot] = []
    for radius, tries in ((9.0, 900), (7.5, 1500), (6.0, 3000), (4.5, 5000), (3.3, 7000)):
        for _ in range(tries):
            size = radius * rng.uniform(0.9, 1.1)
            reach, angle = (disc - size) * math.sqrt(rng.random()), rng.uniform(0, 2 * math.pi)
            x, y = PLATE / 2 + reach * math.cos(angle), PLATE / 2 + reach * math.sin(angle)
            box = np.s_[int(y - size - 2) : int(y + size + 3), int(x - size - 2) : int(x + size + 3)]
            inside = (columns[box] - x) ** 2 + (rows[box] - y) ** 2 <= (size + GAP) ** 2
            part = figure[box][inside]
            if free[box][inside].all() and (part.all() or not part.any()):
                free[box] &= ~inside
                dots.append(Dot(x, y, size, bool(part[0])))
    return dots


def _colours(number: int, figure: bool, count: int, rng: random.Random) -> list[tuple[int, int, int]]:
    """sRGB colours (0 to 255) of ``count`` dots: one hue, and lightness that is dealt in full rounds of the jitter."""
    hue, lightness = _palette(number)[0 if figure else 1]
    jitter = [step for _ in range(-(-count // len(_JITTER))) for step in rng.sample(_JITTER, len(_JITTER))]
    return [_srgb(hue * _luminance(lightness + step)) for step in jitter[:count]]


def _palette(number: int) -> tuple[tuple[Colour, float], tuple[Colour, float]]:
    """Number and ground of a plate: linear RGB of luminance 1, and the mean CIE lightness."""
    if number == 0:
        blue = _unit(np.array([0.20, 0.28, 0.42]))
        return (blue, 42.0), (blue, 74.0)
    # Red on green near yellow, then green on red nearer to grey.
    middle, swing = (np.array([0.30, 0.25, 0.05]), 0.5) if number == 1 else (np.array([0.25, 0.25, 0.15]), -0.5)
    figure, ground = (_unit(_unit(middle) + side * _RED_GREEN) for side in (swing, -swing))
    return (figure, 62.0), (ground, 62.0)


def _unit(colour: Colour) -> Colour:
    """Scale linear RGB to luminance 1, which changes the brightness of a colour and not its hue."""
    scaled: Colour = colour / (_LUMINANCE @ colour)
    return scaled


def _luminance(lightness: float) -> float:
    """Relative luminance of a CIE lightness above 8."""
    return float(((lightness + 16) / 116) ** 3)


def _srgb(linear: Colour) -> tuple[int, int, int]:
    """Linear RGB (0 to 1) as sRGB levels."""
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0.0031308) ** (1 / 2.4) - 0.055)
    red, green, blue = (round(255 * float(level)) for level in np.clip(curved, 0, 1))
    return red, green, blue
