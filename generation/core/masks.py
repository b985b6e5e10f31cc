"""Masks: pictures of two values that say, pixel by pixel, where something is."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from generation.core import images

Mask = npt.NDArray[np.uint8]

#: How masks are scaled; a change is a new name, under which folders are packed again.
SCALING = "area"


class MaskError(ValueError):
    """A picture that cannot stand as a mask; the text says why and the mend."""


def read(data: bytes, name: str = "") -> Mask:
    """The mask of an encoded picture: uint8, H x W, 1 where it marks something and 0 where it is black.

    One that is black all over marks nothing, one that is nowhere black marks all. Raises ``images.ImageError`` as
    ``images.decode`` does and :class:`MaskError` for a picture that is not black and one other value.
    """
    label = repr(name) if name else "The mask"
    pixels = images.decode(data, name)
    if np.any(pixels != pixels[:, :, :1]):
        raise MaskError(f"{label} has colours, and a mask is black and one other value. {_MEND}")
    values = np.flatnonzero(np.bincount(pixels[:, :, 0].ravel(), minlength=256))
    if len(values) > 2 or (len(values) == 2 and values[0] != 0):
        named = ", ".join(map(str, values[:4])) + (" …" if len(values) > 4 else "")
        raise MaskError(f"{label} has the values {named}, and a mask is black (0) and one other value. {_MEND}")
    found: Mask = (pixels[:, :, 0] != 0).astype(np.uint8)
    return found


_MEND = "Save it as PNG, which keeps values as they are (JPEG does not): black where nothing is marked, else white."


def resize_to(mask: Mask, height: int, width: int) -> Mask:
    """The mask at exactly ``height`` x ``width``: 1 where at least half of what falls there is marked."""
    if mask.shape == (height, width):
        return mask
    covered = _covered(_covered(mask.astype(np.int64), height).T, width).T
    scaled: Mask = (2 * covered >= mask.size).astype(np.uint8)
    return scaled


def _covered(rows: npt.NDArray[np.int64], parts: int) -> npt.NDArray[np.int64]:
    """What falls into each of ``parts`` equal parts of the height, in units of 1/``parts`` of a row: exact."""
    above = np.pad(np.cumsum(rows, axis=0, dtype=np.int64), ((1, 0), (0, 0)))
    edges = np.arange(parts + 1, dtype=np.int64) * len(rows)
    begun = np.pad(rows, ((0, 1), (0, 0)))[edges // parts]
    up_to = parts * above[edges // parts] + (edges % parts)[:, None] * begun
    return up_to[1:] - up_to[:-1]


def unlike(mask: Mask, image: images.Image) -> str:
    """How ``mask`` is not of the size of the picture it belongs to; empty where it is."""
    (height, width), (down, right) = mask.shape, image.shape[:2]
    if (height, width) == (down, right):
        return ""
    return f"it has {width} x {height} pixels and its picture {right} x {down}"
