"""What the colours of a picture are like. Pictures are uint8, H x W x 3, sRGB; all sums are float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from kornia.color import rgb_to_lab

from generation.core import images

#: Longest side, in pixels, at which ``style_contrast`` looks at a style picture.
CONTRAST_SIDE = 512


def luma(image: images.Image) -> npt.NDArray[np.float64]:
    """Rec. 601 luma of the gamma-encoded values, H x W in 0..255: 0.299 R + 0.587 G + 0.114 B."""
    red, green, blue = np.moveaxis(image.astype(np.float64), 2, 0)
    return np.asarray((299 * red + 587 * green + 114 * blue) / 1000)


def mean_luminance(image: images.Image) -> float:
    """Mean of :func:`luma` over 255, so 0 is black and 1 is white."""
    return float(luma(image).mean() / 255)


def mean_saturation(image: images.Image) -> float:
    """Mean over the pixels of the S of HSV, (max - min) / max of the three channels; black has 0 (Smith 1978)."""
    most, least = image.max(axis=2).astype(np.float64), image.min(axis=2)
    return float(np.divide(most - least, most, out=np.zeros_like(most), where=most > 0).mean())


def colourfulness(image: images.Image) -> float:
    """Hasler & Süsstrunk 2003, eq. 8: sigma_rgyb + 0.3 mu_rgyb with rg = R - G, yb = (R + G) / 2 - B in 0..255."""
    red, green, blue = np.moveaxis(image.astype(np.float64), 2, 0)
    rg, yb = red - green, (red + green) / 2 - blue
    return float(np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean()))


def style_contrast(_image: images.Image, style: images.Image) -> float:
    """Root mean square distance of the style picture's pixels to its mean colour in CIE L*a*b* (D65): ΔE*ab of 1976.

    A property of the scene, the same for all its pictures. A style picture larger than ``CONTRAST_SIDE`` is looked at
    scaled down to it; what is finer than that is texture.
    """
    small = images.resize_longest(style, CONTRAST_SIDE) if max(style.shape[:2]) > CONTRAST_SIDE else style
    lab = rgb_to_lab(torch.from_numpy(small.astype(np.float64) / 255).permute(2, 0, 1)[None])
    return float((lab - lab.mean((2, 3), keepdim=True)).square().sum(1).mean().sqrt())
