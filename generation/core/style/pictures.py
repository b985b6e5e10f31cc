"""Pictures as tensors, and the ways of scaling them that a grid may declare."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core import images


def to_tensor(image: images.Image, device: torch.device) -> Tensor:
    """uint8 H x W x 3 -> float32 1 x 3 x H x W in [0, 1], channels last."""
    tensor = torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1)[None].float() / 255.0
    return tensor.contiguous(memory_format=torch.channels_last)


def to_image(tensor: Tensor) -> images.Image:
    """float 3 x H x W in [0, 1] -> uint8 H x W x 3, rounded to the nearest of 256 values."""
    values = (tensor.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
    return np.ascontiguousarray(values.permute(1, 2, 0).cpu().numpy())


def longest(image: images.Image, size: int) -> tuple[int, int]:
    """Height and width of ``image`` scaled so that its longest side has ``size`` pixels."""
    height, width = image.shape[:2]
    scale = size / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def scaled(image: images.Image, shape: tuple[int, int], how: str, device: torch.device) -> Tensor:
    """``image`` at ``shape`` (height, width): 1 x 3 x H x W in [0, 1].

    ``lanczos``: Pillow's, with antialiasing, on 8-bit values. ``bilinear``: between the four nearest pixels at
    half-pixel centres and without antialiasing, on floats, as ``tf.image.resize`` does.
    """
    if how == "lanczos":
        return to_tensor(images.resize_to(image, *shape), device)
    tensor = to_tensor(image, device)
    if tensor.shape[2:] != shape:
        tensor = F.interpolate(tensor, shape, mode="bilinear", align_corners=False, antialias=False)
    return tensor.contiguous(memory_format=torch.channels_last)
