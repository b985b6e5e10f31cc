"""The photographs of a training on its device, split into what is given and what is asked for.

They are kept as uint8 RGB: half the memory of 16-bit Lab. Flip and Lab are made for each batch on the device.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from generation.core.colorization import lab
from generation.core.images import Image
from generation.core.training.pictures import Pictures

#: Pictures at a time where no gradients are wanted.
EVALUATION_BATCH = 32


class Feed:
    """``pictures`` (uint8, N x S x S x 3) on ``device``."""

    def __init__(self, pictures: Image, device: torch.device) -> None:
        self._rgb = Pictures(pictures, device)

    def __len__(self) -> int:
        return len(self._rgb)

    def batch(self, rows: Tensor, flipped: Tensor) -> tuple[Tensor, Tensor]:
        """``l_unit`` (B x 1 x S x S) and ``ab_lab`` (B x 2 x S x S, Lab units) of the pictures ``rows`` (B, int64);
        those that are ``flipped`` (B, bool) are mirrored left to right."""
        return lab.split(self._rgb.batch(rows, flipped))

    def in_order(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All pictures as they are, :data:`EVALUATION_BATCH` at a time: what :meth:`batch` gives of them."""
        for rgb in self._rgb.in_order(EVALUATION_BATCH):
            yield lab.split(rgb)
