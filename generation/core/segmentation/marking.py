"""How a marking is shown on a picture: one style for every arm of a study, whatever made the marking. Torch-free.

The marked pixels are filled with 40 % of one colour, and those at their edge are drawn in it: the marking ends where
its contour does, so that what people see is the marking itself and can be read off the stored picture again.

The colour is the vermilion of Okabe and Ito ("Color Universal Design", 2002), which people with any kind of colour
blindness tell from grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from generation.core import images, masks
from generation.core.protocols import Picture, Tick
from generation.core.spec import Params, RenderSpec

Marked = npt.NDArray[np.bool_]

COLOUR = (213, 94, 0)
FILL = 0.4
#: The contour is one pixel wide for each so many pixels of the longer side; at least one.
CONTOUR = 160
#: Marked pixels differ from the plain picture by more than this many levels in some channel, whoever scaled it: two
#: fifths of the way to a vermilion that no grey comes near. Pixels within ten levels of it cannot be told.
TOLD_APART = 3


def overlay(picture: images.Image, marked: Marked) -> images.Image:
    """``picture`` (uint8, H x W x 3) with ``marked`` (bool, H x W) shown on it."""
    colour = np.array(COLOUR, dtype=np.float64)
    filled = np.floor((1 - FILL) * picture + FILL * colour + 0.5)
    image = np.where(marked[..., None], filled, picture).astype(np.uint8)
    image[marked & ~eroded(marked, contour_width(picture))] = COLOUR
    return image


def contour_width(picture: images.Image) -> int:
    """How wide the contour is on a picture of that size, in pixels."""
    height, width = picture.shape[:2]
    return max(1, round(max(int(height), int(width)) / CONTOUR))


def shown(image: images.Image, plain: images.Image) -> Marked:
    """What is marked in ``image`` (uint8, H x W x 3), given the picture without a marking at the same size."""
    apart = np.abs(image.astype(np.int16) - plain.astype(np.int16)).max(axis=2)
    return np.asarray(apart > TOLD_APART)


def eroded(marked: Marked, times: int) -> Marked:
    """``marked`` without the pixels that have an unmarked one among their eight neighbours, so many times. What lies
    beyond the picture counts as marked: its frame is no edge of a marking."""
    for _ in range(times):
        wide = np.pad(marked, 1, mode="edge")
        rows = wide[:-2] & wide[1:-1] & wide[2:]
        marked = rows[:, :-2] & rows[:, 1:-1] & rows[:, 2:]
    return marked


def read_mask(data: bytes, name: str, height: int, width: int) -> Marked:
    """The marking of an encoded mask picture, brought to ``height`` x ``width``. Raises as ``masks.read`` does."""
    return masks.resize_to(masks.read(data, name), height, width).astype(bool)


def truth(specs: Sequence[RenderSpec], sources: Mapping[str, bytes], _engine: Params, tick: Tick) -> list[Picture]:
    """The picture at the asked size with its true marking: signature of ``core.protocols.Renderer``."""
    pictures = []
    for spec in specs:
        pictures.append(_true(spec, sources))
        tick(1)
    return pictures


def _true(spec: RenderSpec, sources: Mapping[str, bytes]) -> Picture:
    if not spec.mask or spec.mask not in sources:
        return Picture("failed", None, reason="The scene has no mask, so that its true marking is not known.")
    try:
        picture = images.resize_longest(
            images.decode(sources[spec.content], spec.content[:12]), int(spec.params["size"])
        )
        image = overlay(picture, read_mask(sources[spec.mask], "the mask", *picture.shape[:2]))
    except (images.ImageError, masks.MaskError) as error:
        return Picture("failed", None, reason=str(error))
    return Picture("ok", image, final_step_reason="nothing to optimise")
