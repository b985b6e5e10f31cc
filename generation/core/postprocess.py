"""What is done to a finished render: reduced and brought back, then denoised. A condition axis that renders nothing.

Pillow, scipy and scikit-image; torch-free. Everything here is deterministic: the same picture and the same parameters
give the same bytes.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image as Pillow

from generation.core.images import MIN_SIDE, Image
from generation.core.spec import RenderSpec, Scalar

#: Parameter -> the value that leaves a render as it is.
NEUTRAL: Mapping[str, Scalar] = {"downscale": 1.0, "downscale_filter": "bicubic", "denoise": "none"}

MAX_FACTOR = 16

_RESAMPLING = {
    "box": Pillow.Resampling.BOX,
    "bilinear": Pillow.Resampling.BILINEAR,
    "bicubic": Pillow.Resampling.BICUBIC,
    "lanczos": Pillow.Resampling.LANCZOS,
}
#: Names of the filters that reduce a picture; Pillow widens each by the factor, so none of them aliases.
FILTERS = tuple(_RESAMPLING)

#: Side of the median's window in pixels.
MEDIAN_SIDE = 3

#: Bilateral filter (Tomasi and Manduchi 1998): widths of its two Gaussians, in colour (0 to 1) and in pixels.
BILATERAL_COLOUR, BILATERAL_SPACE = 0.1, 2.0

#: Non-local means (Buades, Coll and Morel 2005): side of a patch, how far others are looked for, and the cut-off
#: as a multiple of the noise; 0.8 is the value of scikit-image's own example for the fast mode.
NLM_PATCH, NLM_DISTANCE, NLM_CUTOFF = 5, 6, 0.8

_Values = npt.NDArray[np.float64]


def unprocessed(spec: RenderSpec) -> RenderSpec:
    """The render before its post-processing; the very same where it has none."""
    neutral = {name: value for name, value in NEUTRAL.items() if name in spec.params}
    return dataclasses.replace(spec, params={**spec.params, **neutral})


def apply(image: Image, params: Mapping[str, Scalar]) -> Image:
    """``image`` (uint8, H x W x 3) after the ``downscale``, ``downscale_filter`` and ``denoise`` of ``params``.

    Reduced by the factor ``downscale`` (1 to 16, whole or not) with the named filter and brought back to H x W with
    bicubic: both pictures of a pair are shown at one size, as in Meng's Figure 6, so that what people see is lost
    detail and not a small picture. Then denoised. Neutral parameters give the very same array. Raises ``ValueError``
    for an unknown name, a factor out of range, and a picture that is too small for the factor.
    """
    factor, name, denoise = float(params["downscale"]), str(params["downscale_filter"]), str(params["denoise"])
    if name not in _RESAMPLING:
        raise ValueError(f"downscale_filter = {name!r}: choose one of {', '.join(FILTERS)}.")
    if denoise not in _DENOISERS:
        raise ValueError(f"denoise = {denoise!r}: choose one of {', '.join(DENOISERS)}.")
    return _DENOISERS[denoise](reduced(image, factor, name))


def reduced(image: Image, factor: float, name: str = "bicubic") -> Image:
    """``image`` reduced by ``factor`` with the filter ``name`` and brought back to its size with bicubic."""
    if not 1 <= factor <= MAX_FACTOR:
        raise ValueError(f"downscale = {factor:g}: write a factor from 1 to {MAX_FACTOR}.")
    if factor == 1:
        return image
    height, width = image.shape[:2]
    small = round(width / factor), round(height / factor)
    if min(small) < MIN_SIDE:
        raise ValueError(
            f"downscale = {factor:g} leaves {small[0]} x {small[1]} pixels of a picture of {width} x {height}; at "
            f"least {MIN_SIDE} on each side must be left. Use a smaller factor or render at a larger size."
        )
    picture = Pillow.fromarray(image).resize(small, _RESAMPLING[name])
    return np.asarray(picture.resize((width, height), Pillow.Resampling.BICUBIC))


def noise_sigma(image: Image) -> float:
    """Standard deviation of the noise in ``image`` (uint8, H x W x 3), 0 to 1, the mean of the three channels.

    Immerkær 1996, *Fast noise variance estimation*: sqrt(pi / 2) / 6 times the mean absolute answer to the difference
    of two Laplacians, which is blind to flat and evenly sloping parts. Fine texture counts as noise.
    """
    x = image / 255.0
    rows = x[:-2] - 2 * x[1:-1] + x[2:]
    answer = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(math.sqrt(math.pi / 2) / 6 * np.abs(answer).mean())


# scipy and scikit-image are imported where they work: the web process only reads the names above.


def _median(image: Image) -> Image:
    from scipy import ndimage

    return np.asarray(ndimage.median_filter(image, size=(MEDIAN_SIDE, MEDIAN_SIDE, 1), mode="nearest"))


def _bilateral(image: Image) -> Image:
    from skimage import restoration

    return _bytes(
        restoration.denoise_bilateral(
            image / 255.0, sigma_color=BILATERAL_COLOUR, sigma_spatial=BILATERAL_SPACE, mode="edge", channel_axis=-1
        )
    )


def _nlm(image: Image) -> Image:
    from skimage import restoration

    sigma = noise_sigma(image)
    if sigma == 0:  # nothing to take away, and a cut-off of zero divides by zero
        return image
    return _bytes(
        restoration.denoise_nl_means(
            image / 255.0, patch_size=NLM_PATCH, patch_distance=NLM_DISTANCE, h=NLM_CUTOFF * sigma, sigma=sigma,
            fast_mode=True, channel_axis=-1,
        )
    )  # fmt: skip


def _bytes(values: _Values) -> Image:
    return np.asarray(np.rint(values * 255).clip(0, 255), dtype=np.uint8)


_DENOISERS: Mapping[str, Callable[[Image], Image]] = {
    "none": lambda image: image,
    "median": _median,
    "bilateral": _bilateral,
    "nlm": _nlm,
}
#: Names of the denoisers.
DENOISERS = tuple(_DENOISERS)
