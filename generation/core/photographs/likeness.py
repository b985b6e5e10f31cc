"""Which photographs show the same: copies of one picture, whatever their size, format, brightness or direction.

A cut of a photograph is no copy of it: it is not found.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from generation.core import images
from generation.core.spec import digest, sha256_bytes

_EDGE, _COARSE = 16, 4
#: Two photographs show the same where their thumbnails (16 x 16), one of them mirrored or not, differ by less than this
#: root mean square, in grey levels...
NEAR_LEVELS = 4.0
#: ... or, after the mean of each channel is taken away, by less than this share of the flatter one's contrast. Copies
#: of a third of the size as JPEG of quality 60 stay within 0.13, copies 25 levels brighter within 0.14; of 460
#: photographs no two are within 0.5.
NEAR_SHARE = 0.2

_Levels = npt.NDArray[np.float32]


def thumbnail(image: images.Image) -> images.Image:
    """What photographs are compared by: 16 x 16 x 3."""
    return images.resize_to(image, _EDGE, _EDGE)


def same(one: images.Image, other: images.Image) -> bool:
    """Whether two thumbnails show the same."""
    return any(_near(one, turned) for turned in (other, other[:, ::-1]))


class Seen:
    """Thumbnails by name, asked for one that shows the same. 10 000 are compared with each other in some 6 s."""

    def __init__(self, most: int) -> None:
        self._names: list[str] = []
        self._thumbnails = np.empty((most, _EDGE, _EDGE, 3), np.uint8)
        self._contrasts = np.empty(most, np.float32)
        self._coarse = np.empty((most, _COARSE * _COARSE * 3), np.float32)

    def look(self, image: images.Image) -> images.Image:
        """What of a photograph it is asked about."""
        return thumbnail(image)

    def add(self, name: str, small: images.Image) -> None:
        place = len(self._names)
        self._names.append(name)
        self._thumbnails[place] = small
        self._contrasts[place] = _rms(_centred(small))
        self._coarse[place] = _coarse(small)

    def like(self, small: images.Image) -> str | None:
        """The first name whose thumbnail shows the same as this one."""
        count = len(self._names)
        coarse = self._coarse[:count]
        asked = np.stack([_coarse(small), _coarse(small[:, ::-1])], axis=1)
        squares = np.square(coarse).sum(axis=1)[:, None] + np.square(asked).sum(axis=0) - 2 * coarse @ asked
        least = np.sqrt(squares.min(axis=1).clip(0) / len(asked))
        # Means of 4 x 4 pixels never differ by more than the pixels do: what is apart there is apart. One level more
        # than needed is let through, for rounding.
        reach = np.maximum(NEAR_LEVELS, NEAR_SHARE * np.minimum(self._contrasts[:count], _rms(_centred(small)))) + 1
        for place in np.flatnonzero(least < reach):
            if same(self._thumbnails[place], small):
                return self._names[place]
        return None


class SeenExactly:
    """Photographs by name, asked for one of the very same pixels, mirrored or not."""

    def __init__(self) -> None:
        self._by_pixels: dict[str, str] = {}

    def look(self, image: images.Image) -> images.Image:
        """All of it."""
        return image

    def add(self, name: str, image: images.Image) -> None:
        """Remember a photograph."""
        self._by_pixels.setdefault(_pixels(image), name)

    def like(self, image: images.Image) -> str | None:
        """The name of the first that is the same; None where none is."""
        return self._by_pixels.get(_pixels(image)) or self._by_pixels.get(_pixels(image[:, ::-1]))


def _pixels(image: images.Image) -> str:
    return digest([image.shape, sha256_bytes(np.ascontiguousarray(image).tobytes())])


def _near(one: images.Image, other: images.Image) -> bool:
    if _rms(one.astype(np.float32) - other) < NEAR_LEVELS:
        return True
    one_levels, other_levels = _centred(one), _centred(other)
    return _rms(one_levels - other_levels) < NEAR_SHARE * min(_rms(one_levels), _rms(other_levels))


def _centred(small: images.Image) -> _Levels:
    levels: _Levels = small.astype(np.float32)
    levels -= levels.mean(axis=(0, 1))
    return levels


def _coarse(small: images.Image) -> _Levels:
    step = _EDGE // _COARSE
    blocks = _centred(small).reshape(_COARSE, step, _COARSE, step, 3)
    means: _Levels = blocks.mean(axis=(1, 3))
    return means.reshape(-1)


def _rms(levels: _Levels) -> float:
    return float(np.sqrt(np.mean(np.square(levels))))
