"""Square pictures of one photograph, of its mask at the same places, and the reasons not to take any."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import numpy as np

from generation.core import images
from generation.core.photographs.options import PackOptions

#: Scales pixels to a height and a width.
Resize = Callable[[images.Image, int, int], images.Image]
#: A photograph is grey where, at 64 x 64, no two channels differ by more levels than this. Of 154 in colour the palest
#: reaches 34; the same in grey reach 2 as WebP of quality 30.
GREY_LEVELS = 8


def unfit(image: images.Image, options: PackOptions, by_place: bool) -> str:
    """Why no pictures are taken from a photograph; empty where they are."""
    side = options.side
    height, width = image.shape[:2]
    if min(height, width) < side:
        return f"{width} x {height} pixels, too few for pictures of {side} x {side}"
    if by_place and (third := width - _border(width)) < side:
        return f"its right third is {third} pixels wide, too narrow for pictures of {side} x {side}"
    return "grey: it would teach grey" if not options.grey and is_grey(image) else ""


def is_grey(image: images.Image) -> bool:
    """Whether a photograph shows no colours, however its file stores it."""
    return int(np.ptp(images.resize_to(image, 64, 64), axis=2).max()) <= GREY_LEVELS


def cut(
    image: images.Image, sha256: str, options: PackOptions, by_place: bool, resize: Resize = images.resize_to
) -> tuple[list[images.Image], list[images.Image]]:
    """The pictures of a photograph: (all, none); by place (of the left two thirds, of the right third).

    Its mask (H x W) is cut at the same places under the ``sha256`` of the photograph, with ``masks.resize_to``.
    """
    seed = f"{options.seed} {sha256}"
    if options.crops == 1:
        return [_centre(image, options.side, resize)], []
    if not by_place:
        return list(_crops(image, options.crops, options.side, seed, resize)), []
    held = n_right(options)
    left, right = np.split(image, [_border(image.shape[1])], axis=1)
    return (
        list(_crops(left, options.crops - held, options.side, f"{seed} left", resize)),
        list(_crops(right, held, options.side, f"{seed} right", resize)),
    )


def n_right(options: PackOptions) -> int:
    """By place: how many crops of a photograph come from its right third; at least one, not all."""
    return min(options.crops - 1, max(1, round(options.crops * options.validation)))


def _border(width: int) -> int:
    """Where the left two thirds end."""
    return width * 2 // 3


def _centre(image: images.Image, side: int, resize: Resize) -> images.Image:
    """The shorter side scaled to ``side``, then the middle of the longer."""
    height, width = image.shape[:2]
    scale = side / min(height, width)
    scaled = resize(image, round(height * scale), round(width * scale))
    top, left = (scaled.shape[0] - side) // 2, (scaled.shape[1] - side) // 2
    return np.ascontiguousarray(scaled[top : top + side, left : left + side])


def _crops(image: images.Image, count: int, side: int, seed: str, resize: Resize) -> Iterator[images.Image]:
    """``count`` squares of ``image``, each scaled down to ``side``; edge and place are uniform.

    The edge runs from a third of the shorter side (``side`` where that is less, so nothing is enlarged) to all of it.
    """
    # Of Python's and numpy's generators only Random.random is promised to give the same numbers in every version.
    draw = random.Random(seed).random
    height, width = image.shape[:2]
    longest = min(height, width)
    shortest = max(side, -(-longest // 3))
    for _ in range(count):
        edge = shortest + int(draw() * (longest - shortest + 1))
        top, left = int(draw() * (height - edge + 1)), int(draw() * (width - edge + 1))
        yield resize(np.array(image[top : top + edge, left : left + edge]), side, side)
