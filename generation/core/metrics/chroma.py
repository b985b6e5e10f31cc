"""How near the colours of a picture come to those of its photograph: colour error, PSNR, SSIM and AuC on a*b*.

Pictures are uint8, H x W x 3, sRGB; both are taken as CIE L*a*b* (D65, 2 degrees) in float64, where a and b are in Lab
units and a grey pixel has a = b = 0. The photograph is brought to the size of the picture (Lanczos), never the other
way: what people saw is not touched. No colorization paper that we know of defines PSNR or SSIM on a*b*; theirs are on
RGB, which mostly says that the luminance was copied. What ours take for the range of a and b stands in their config.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from kornia.color import rgb_to_lab

from generation.core import images
from generation.core.metrics import Unavailable
from generation.core.metrics.similarity import similarity_of

#: Below this mean chroma (Lab units) a photograph counts as grey: it is what rounding and JPEG leave behind.
GREY_CHROMA = 0.5

#: The largest distance on the a*b* plane at which AuC asks what share of the pixels lies nearer (Zhang et al. 2016).
AUC_REACH = 150.0

Lab = npt.NDArray[np.float64]


def ab_error(image: images.Image, photograph: images.Image) -> float:
    """Mean |difference| of a and b over both channels and all pixels, in Lab units.

    100 / 110 of it is the L1 term that papers print which train on ab / 110 with lambda = 100.
    """
    return float(np.abs(_ab_difference(image, photograph)).mean())


def psnr_rgb(image: images.Image, photograph: images.Image) -> float:
    """Peak signal-to-noise ratio in dB over all values of R, G and B: 20 log10(255 / RMSE)."""
    truth = images.resize_to(photograph, *image.shape[:2])
    return _psnr(image.astype(np.float64) - truth, 255.0)


def psnr_ab(image: images.Image, photograph: images.Image, *, data_range: float) -> float:
    """Peak signal-to-noise ratio in dB over all values of a and b: 20 log10(data_range / RMSE), in Lab units.

    ``data_range`` is that of a and b in Lab units; 220 is the interval [-1, 1] of ab / 110, on which networks predict.
    """
    return _psnr(_ab_difference(image, photograph), data_range)


def ssim_ab(image: images.Image, photograph: images.Image, *, data_range: float) -> float:
    """Mean of the structural similarities of a and of b (Wang et al. 2004), with its authors' window and constants as
    in ``similarity.ssim``, averaged where the window lies within the picture.

    ``data_range`` as in :func:`psnr_ab`. a and b keep their signs: the mean of a window is its distance from grey, so
    that a colour and its opposite are unlike (below 0). Shifted to 0..220 all colours would be nearly alike.
    In float32, which leaves an error of some 1e-5.
    """
    one, two = (torch.from_numpy(lab[1:].astype(np.float32))[None] for lab in _labs(image, photograph))
    return similarity_of(one, two, data_range=data_range)


def delta_e(image: images.Image, photograph: images.Image) -> float:
    """Mean over the pixels of the Euclidean distance in L*a*b*, the colour difference of CIE 1976."""
    one, two = _labs(image, photograph)
    return float(np.sqrt(((one - two) ** 2).sum(0)).mean())


def chroma_ratio(image: images.Image, photograph: images.Image) -> float:
    """Mean chroma (a^2 + b^2)^(1/2) of the picture over that of the photograph: 0 is grey, 1 as colourful as it was.

    Raises ``Unavailable`` for a grey photograph.
    """
    one, two = (float(np.hypot(lab[1], lab[2]).mean()) for lab in _labs(image, photograph))
    if two < GREY_CHROMA:
        raise Unavailable(
            f"The photograph is grey (its mean chroma of {two:.2g} Lab units is below {GREY_CHROMA:g}): "
            "there is no colour to take a share of."
        )
    return one / two


def auc(image: images.Image, photograph: images.Image) -> float:
    """Raw accuracy of Zhang et al. 2016 (arXiv 1603.08511, section 3.1), as a share of 1.

    The area under the share of pixels whose distance e on the a*b* plane is below t, for t from 0 to 150, over 150:
    the mean over the pixels of 1 - min(e, 150) / 150, without the steps of a sum over whole t.
    """
    e = np.hypot(*_ab_difference(image, photograph))
    return float(1.0 - np.minimum(e, AUC_REACH).mean() / AUC_REACH)


def _psnr(difference: npt.NDArray[np.float64], peak: float) -> float:
    mean_square = float((difference**2).mean())
    if mean_square == 0.0:
        raise Unavailable("The picture is the photograph, value for value: the PSNR of no error at all is infinite.")
    return float(20.0 * np.log10(peak) - 10.0 * np.log10(mean_square))


def _ab_difference(image: images.Image, photograph: images.Image) -> Lab:
    """2 x H x W."""
    one, two = _labs(image, photograph)
    return one[1:] - two[1:]


def _labs(image: images.Image, photograph: images.Image) -> tuple[Lab, Lab]:
    """L*a*b* of the picture and of the photograph at its size, 3 x H x W each."""
    truth = images.resize_to(photograph, *image.shape[:2])
    return tuple(_lab(picture.tobytes(), *picture.shape[:2]) for picture in (image, truth))  # type: ignore[return-value]


@lru_cache(maxsize=4)
def _lab(pixels: bytes, height: int, width: int) -> Lab:
    # Six numbers of one picture want the same two conversions, and all pictures of a scene one of them.
    rgb = np.frombuffer(pixels, np.uint8).reshape(height, width, 3).transpose(2, 0, 1)
    lab: Lab = rgb_to_lab(torch.from_numpy(rgb / 255.0)).numpy()
    lab.flags.writeable = False
    return lab
