"""What a training looks at, on its device.

Kept as uint8: a quarter of the memory of float32 and exact. Flips are made for each batch on the device, and so is
whatever colours or floats the trainee wants of it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class Pictures:
    """Photographs (uint8, N x S x S x 3) or masks (uint8, N x S x S) on ``device``."""

    def __init__(self, pictures: npt.NDArray[np.uint8], device: torch.device) -> None:
        on_device = torch.tensor(pictures, device=device)
        self._planes = (on_device.permute(0, 3, 1, 2) if on_device.ndim == 4 else on_device[:, None]).contiguous()

    def __len__(self) -> int:
        return len(self._planes)

    def batch(self, rows: Tensor, flipped: Tensor) -> Tensor:
        """The pictures ``rows`` (B, int64) as uint8, B x 3 x S x S (masks B x 1 x S x S); those that are ``flipped``
        (B, bool) are mirrored left to right."""
        planes = self._planes[rows]
        return torch.where(flipped[:, None, None, None], planes.flip(3), planes)

    def in_order(self, size: int) -> Iterator[Tensor]:
        """All pictures as they are, ``size`` at a time: what :meth:`batch` gives of them."""
        yield from torch.split(self._planes, size)
