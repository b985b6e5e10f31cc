"""Pictures of a fleece with exactly known defects, and their masks: what ``manage.py draw_defects`` writes."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from generation.core.images import MIN_SIDE
from generation.core.segmentation import defects
from generation.core.segmentation.canvas import between
from generation.core.segmentation.fleece import fleece, photographed

#: A defect's size is found in so many tries, to within this share of what is asked for.
_TRIES, _NEAR = 12, 0.08
#: Of a scale beyond these shares of the side nothing is left of the texture, or of the defect.
_SCALES = (0.02, 1.2)


class SamplesError(ValueError):
    """Samples that cannot be drawn; the text names the option and the mend."""


@dataclass(frozen=True)
class SampleOptions:
    """What is drawn. ``kinds``: of which defects; ``count`` and ``share``: how many a picture has, and how much of its
    pixels they are together, drawn from these ranges; ``contrast``: how strongly they show, 1 at most; ``clean``: the
    share of pictures without any defect, with an empty mask. ``side`` in pixels."""

    side: int = 128
    seed: int = 0
    kinds: tuple[str, ...] = defects.KINDS
    count: tuple[int, int] = (1, 2)
    share: tuple[float, float] = (0.004, 0.02)
    contrast: tuple[float, float] = (0.5, 0.9)
    clean: float = 0.0

    def __post_init__(self) -> None:
        if self.side < 4 * MIN_SIDE or self.side > 4096:
            raise SamplesError(f"side = {self.side}: draw pictures of {4 * MIN_SIDE} to 4096 pixels on a side.")
        if unknown := [kind for kind in self.kinds if kind not in defects.KINDS]:
            raise SamplesError(f"There is no defect {unknown[0]!r}. Draw any of {', '.join(defects.KINDS)}.")
        if not self.kinds:
            raise SamplesError(f"No kind of defect is asked for. Draw any of {', '.join(defects.KINDS)}.")
        if not 1 <= self.count[0] <= self.count[1] <= 20:
            raise SamplesError(f"count = {_range(self.count)}: draw 1 to 20 defects, the lower number first.")
        if not 0.0005 <= self.share[0] <= self.share[1] <= 0.2:
            raise SamplesError(
                f"share = {_range(self.share)}: defects cover 0.0005 to 0.2 of a picture, the lower number first."
            )
        if not 0 < self.contrast[0] <= self.contrast[1] <= 1:
            raise SamplesError(f"contrast = {_range(self.contrast)}: write numbers above 0 up to 1, the lower first.")
        if not 0 <= self.clean < 1:
            raise SamplesError(f"clean = {self.clean:g}: write the share of pictures without defects, below 1.")


@dataclass(frozen=True)
class Sample:
    """A picture (uint8, side x side) with its mask (bool, side x side) and what was drawn."""

    grey: npt.NDArray[np.uint8]
    mask: npt.NDArray[np.bool_]
    kinds: tuple[str, ...]
    contrast: float

    @property
    def share(self) -> float:
        """The share of its pixels that are defect."""
        return float(np.count_nonzero(self.mask)) / self.mask.size

    def picture_png(self) -> bytes:
        """The picture as a grey PNG."""
        return _png(self.grey)

    def mask_png(self) -> bytes:
        """The mask as a grey PNG: 255 on the defect, 0 beside it."""
        return _png(self.mask.astype(np.uint8) * 255)


def sample(options: SampleOptions, number: int) -> Sample:
    """Picture ``number`` of a set: drawn from (seed, number) alone, so that a longer set begins like a shorter one."""
    draw = random.Random(f"eyeballot defects {options.seed} {number}").random
    stuff = fleece(draw, options.side)
    wrong = draw() >= options.clean
    wanted = between(draw, *options.share)
    contrast = between(draw, *options.contrast)
    low, high = options.count
    count = min(high, low + int(draw() * (high - low + 1)))
    plans = [
        defects.plan(options.kinds[min(len(options.kinds) - 1, int(draw() * len(options.kinds)))], draw)
        for _ in range(count)
    ]
    grey, mask = stuff.grey, np.zeros((options.side, options.side), dtype=bool)
    if wrong:
        grey, mask = _sized(grey, plans, wanted, contrast)
    seen = photographed(grey, stuff.light, draw)
    return Sample(
        np.floor(seen * 255 + 0.5).astype(np.uint8), mask, tuple(p.kind for p in plans) if wrong else (), contrast
    )


def listing(options: SampleOptions, first: int, samples: Sequence[Sample]) -> dict[str, Any]:
    """What is written beside the pictures: the options, and what each picture shows; ``first`` is its number."""
    return {
        "drawn by": "manage.py draw_defects",
        "options": asdict(options),
        "pictures": [
            {
                "number": number,
                "defects": list(one.kinds),
                "contrast": round(one.contrast, 4),
                "share": round(one.share, 6),
            }
            for number, one in enumerate(samples, first)
        ],
    }


def _sized(
    grey: npt.NDArray[np.float64], plans: Sequence[defects.Plan], wanted: float, contrast: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """``grey`` with the planned defects at the scale that makes them cover about ``wanted`` of it."""
    scale = 0.15
    best: tuple[float, npt.NDArray[np.float64], npt.NDArray[np.bool_]] | None = None
    for _ in range(_TRIES):
        changed, mask = grey, np.zeros(grey.shape, dtype=bool)
        for planned in plans:
            changed, own = defects.draw_defect(changed, planned, scale, contrast)
            mask |= own
        share = float(np.count_nonzero(mask)) / mask.size
        off = abs(share - wanted) / wanted
        if best is None or off < best[0]:
            best = off, changed, mask
        if off < _NEAR:
            break
        # An area grows with the square of the scale, a line with the scale: between both it converges for either.
        root = float(np.sqrt(min(16.0, max(1 / 16, wanted / max(share, 1e-6)))))
        # A product, where a power would leave the last bit to the machine's library.
        scale *= float(np.sqrt(root * root * root)) if share else 2.0
        scale = min(_SCALES[1], max(_SCALES[0], scale))
    if best is None:
        raise AssertionError("At least one try is made.")
    return best[1], best[2]


def _png(values: npt.NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Pillow.fromarray(np.ascontiguousarray(values)).save(stream, "PNG", compress_level=9)
    return stream.getvalue()


def _range(pair: tuple[float, float]) -> str:
    return f"{pair[0]:g} to {pair[1]:g}"
