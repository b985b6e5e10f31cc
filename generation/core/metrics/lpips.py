"""LPIPS-squeeze (Zhang et al. 2018, arXiv 1801.03924, version 0.1): the lpips package's own heads on a verified trunk.

    d(a, b) = sum over 7 layers of mean over positions of  w_l . (f_l(a) / |f_l(a)| - f_l(b) / |f_l(b)|)^2

The trunk must be torchvision's training of SqueezeNet 1.1: the heads were fitted to its features. Without it there is
no LPIPS; a random or another trunk would give a number that is not one.
"""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from generation.core import images
from generation.core.backbones import Pretrained
from generation.core.catalogue import LPIPS_NETWORK, NETWORKS
from generation.core.style.pictures import to_tensor
from generation.core.weights import Weights, WeightsError, file_sha256

LAYERS = NETWORKS[LPIPS_NETWORK]

#: Smallest side, in pixels, of a picture that leaves the deepest layer a position.
SMALLEST = 17

# lpips.ScalingLayer, for input in [-1, 1].
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


class Lpips:
    """The distance, ready to use on the processor in float32."""

    def __init__(self, trunk: Weights, heads_sha256: str) -> None:
        """Raises :class:`WeightsError` when the trunk or the heads are not the ones LPIPS is defined with."""
        if trunk.training != "torchvision":
            raise WeightsError(
                f"LPIPS needs torchvision's training of {trunk.network}; {trunk.title!r} is another "
                f"({trunk.training}), which the linear heads do not fit."
            )
        trunk.require(LAYERS)
        self._trunk = Pretrained(trunk, LAYERS)
        self._heads = _heads(heads_sha256)

    @torch.no_grad()
    def __call__(self, image: images.Image, reference: images.Image) -> float:
        """Distance of two pictures of one size (uint8 H x W x 3)."""
        first, second = self._features(image), self._features(reference)
        total = 0.0
        for layer, head in zip(LAYERS, self._heads, strict=True):
            difference = (_unit(first[layer]) - _unit(second[layer])).square()
            total += float((difference * head).sum(1).mean())
        return total

    def _features(self, image: images.Image) -> dict[str, Tensor]:
        shift, scale = (torch.tensor(v).view(1, 3, 1, 1) for v in (_SHIFT, _SCALE))
        pixels = to_tensor(image, torch.device("cpu"))
        return self._trunk.raw((2.0 * pixels - 1.0 - shift) / scale)


def _unit(features: Tensor) -> Tensor:
    return features / (features.square().sum(1, keepdim=True).sqrt() + 1e-10)


@lru_cache(maxsize=2)
def _heads(sha256: str) -> tuple[Tensor, ...]:
    """The non-negative channel weights (1 x C x 1 x 1) of each layer, from inside the lpips package."""
    spec = importlib.util.find_spec("lpips")
    if spec is None or spec.origin is None:
        raise WeightsError("The package lpips, which holds the linear heads, is not installed (pip install lpips).")
    path = Path(spec.origin).parent / "weights" / "v0.1" / "squeeze.pth"
    if (found := file_sha256(path)) != sha256:
        raise WeightsError(f"{path} is not the file of LPIPS 0.1 (its SHA-256 is {found}). Install lpips again.")
    state = torch.load(path, map_location="cpu", weights_only=True)
    return tuple(state[f"lin{number}.model.1.weight"].float() for number in range(len(LAYERS)))
