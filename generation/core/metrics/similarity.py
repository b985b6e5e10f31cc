"""How alike two pictures are: LPIPS and SSIM to the sources of a scene, and of a picture to itself made smaller.

Pictures are uint8, H x W x 3, sRGB. The source is brought to the size of the picture that is measured, never the other
way: what people saw is not touched.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from PIL import Image as Pillow
from PIL import ImageOps
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from generation.core import images
from generation.core.metrics import Unavailable
from generation.core.metrics.colour import luma
from generation.core.metrics.lpips import SMALLEST, Lpips
from generation.core.weights import Weights

#: Side of SSIM's Gaussian window (sigma 1.5) in pixels.
WINDOW = 11


def lpips_content(image: images.Image, photograph: images.Image, *, trunk: Weights, heads_sha256: str) -> float:
    """LPIPS to the photograph, which is scaled (Lanczos) to the picture's size."""
    return _lpips(image, images.resize_to(photograph, *image.shape[:2]), trunk, heads_sha256)


def lpips_style(image: images.Image, style: images.Image, *, trunk: Weights, heads_sha256: str) -> float:
    """LPIPS to the style picture, which is scaled (Lanczos) to cover the picture and cut to its size in the middle."""
    return _lpips(image, cover(style, *image.shape[:2]), trunk, heads_sha256)


def lpips_reduced(image: images.Image, *, factor: int, trunk: Weights, heads_sha256: str) -> float:
    """LPIPS of the picture to itself reduced and brought back: how much of its look needs its resolution."""
    return _lpips(image, reduced(image, factor), trunk, heads_sha256)


def ssim_content(image: images.Image, photograph: images.Image) -> float:
    """:func:`ssim` to the photograph, which is scaled (Lanczos) to the picture's size."""
    return ssim(image, images.resize_to(photograph, *image.shape[:2]))


def ssim_reduced(image: images.Image, *, factor: int) -> float:
    """:func:`ssim` of the picture to itself reduced and brought back."""
    return ssim(image, reduced(image, factor))


def ssim(image: images.Image, other: images.Image) -> float:
    """Structural similarity of two pictures of one size, on their luma as its authors take it (Wang et al. 2004):
    Gaussian window of 11 x 11 with sigma 1.5, K = (0.01, 0.03), averaged where the window lies within the picture.
    In float32, which leaves an error of some 1e-5."""
    one, two = (torch.from_numpy(luma(picture) / 255)[None, None].float() for picture in (image, other))
    return similarity_of(one, two, data_range=1.0)


def similarity_of(one: Tensor, other: Tensor, *, data_range: float) -> float:
    """Mean of the SSIM of two 1 x C x H x W tensors over their channels, where the window lies within the picture."""
    if min(one.shape[2:]) < WINDOW:
        raise Unavailable(f"The picture is smaller than the window of SSIM, {WINDOW} x {WINDOW} pixels.")
    # torchmetrics averages over mirrored borders as well; the authors of SSIM do not.
    _, everywhere = structural_similarity_index_measure(one, other, data_range=data_range, return_full_image=True)
    edge = WINDOW // 2
    return float(everywhere[..., edge:-edge, edge:-edge].double().mean())


def reduced(image: images.Image, factor: int) -> images.Image:
    """The picture averaged down by ``factor`` (Pillow's box filter, each side rounded) and brought back (bicubic)."""
    height, width = image.shape[:2]
    small = Pillow.fromarray(image).resize(
        (max(1, round(width / factor)), max(1, round(height / factor))), Pillow.Resampling.BOX
    )
    return np.asarray(small.resize((width, height), Pillow.Resampling.BICUBIC))


def cover(image: images.Image, height: int, width: int) -> images.Image:
    """The picture scaled (Lanczos) to cover ``height`` x ``width`` and cut to that in the middle."""
    return np.asarray(ImageOps.fit(Pillow.fromarray(image), (width, height), Pillow.Resampling.LANCZOS))


def _lpips(image: images.Image, other: images.Image, trunk: Weights, heads_sha256: str) -> float:
    if min(image.shape[:2]) < SMALLEST:
        raise Unavailable(f"The picture is smaller than LPIPS can look at, {SMALLEST} x {SMALLEST} pixels.")
    return _lpips_of(trunk, heads_sha256)(image, other)


@lru_cache(maxsize=1)
def _lpips_of(trunk: Weights, heads_sha256: str) -> Lpips:
    return Lpips(trunk, heads_sha256)
