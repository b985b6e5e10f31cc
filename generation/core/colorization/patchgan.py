"""The PatchGAN discriminator of pix2pix: each of its answers looks at 70 x 70 px. specs/colorization.md section 1.3."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from generation.core.colorization.convolutions import Convolution

LEAK = 0.2
#: stride of each 4 x 4 convolution
STRIDES = (2, 2, 2, 1, 1)


class PatchGan(nn.Module):
    """concat[l_unit, ab_unit] (B x 3 x H x W) to logits (B x 1 x h x w, 30 x 30 for 256 px), float32.

    ``width``: channels of the first layer; the others have 2, 4 and 8 times as many.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        channels = [3, width, 2 * width, 4 * width, 8 * width, 1]
        last = len(STRIDES) - 1
        layers: list[nn.Module] = []
        for i, stride in enumerate(STRIDES):
            outer = i in (0, last)  # without batch norm, hence with a bias
            layers.append(Convolution(channels[i], channels[i + 1], 4, stride, padding=1, bias=outer))
            if not outer:
                layers.append(nn.BatchNorm2d(channels[i + 1]))
            if i < last:
                layers.append(nn.LeakyReLU(LEAK))
        self.layers = nn.Sequential(*layers)

    def forward(self, pair: Tensor) -> Tensor:
        """See the class."""
        # The strided 4 x 4 convolutions are a tenth faster on a processor with the channels last.
        logits: Tensor = self.layers(pair.contiguous(memory_format=torch.channels_last))
        return logits.float()
