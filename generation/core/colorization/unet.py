"""The U-Net generator of pix2pix (Isola et al. 2017) at any depth and side: specs/colorization.md section 1.2.

Level 0 is the outermost. Each level halves the map on the way down (4 x 4, stride 2) and doubles it on the way up; a
level whose input is already 1 x 1 holds it (3 x 3, stride 1), so that "one level more" can be had at every side.
Channels: ``width`` times 1, 2, 4, 8, 8, ...
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from generation.core.colorization.convolutions import Convolution, Widening
from generation.core.colorization.layers import strided_levels

LEAK = 0.2
DROPOUT = 0.5
#: The levels from this one to the last but the innermost have dropout on the way up.
FIRST_DROPOUT = 4


class UNet(nn.Module):
    """``l_unit`` (B x 1 x side x side) to ``net_out`` (B x 2 x side x side, ab / 110 through a tanh), float32.

    Other uses take another number of planes as the ``answers``, and leave out the ``dropout``.
    """

    def __init__(self, n_down: int, width: int, side: int, answers: int = 2, dropout: float = DROPOUT) -> None:
        super().__init__()
        strided = strided_levels(n_down, side)
        channels = [width * min(2**level, 8) for level in range(n_down)]
        innermost = n_down - 1
        self.down = nn.ModuleList()
        self.down_norm = nn.ModuleList()
        self.up = nn.ModuleList()
        self.up_norm = nn.ModuleList()
        for level, out in enumerate(channels):
            into = channels[level - 1] if level else 1
            kernel, stride = (4, 2) if level < strided else (3, 1)
            self.down.append(Convolution(into, out, kernel, stride, padding=1, bias=False))
            self.down_norm.append(nn.BatchNorm2d(out) if 0 < level < innermost else nn.Identity())
            # From below comes as much as this level sent down, and beside it the skip of that size.
            below = out if level == innermost else 2 * out
            self.up.append(Widening(below, into if level else answers, kernel, stride, padding=1, bias=level == 0))
            self.up_norm.append(nn.BatchNorm2d(into) if level else nn.Identity())
        self.dropout = nn.ModuleList(
            nn.Dropout(dropout) if dropout and FIRST_DROPOUT <= level < innermost else nn.Identity()
            for level in range(n_down)
        )

    def forward(self, l_unit: Tensor) -> Tensor:
        """See the class; ``side`` must be the one the network was made for."""
        return torch.tanh(self.answer(l_unit))

    def answer(self, l_unit: Tensor) -> Tensor:
        """What :meth:`forward` gives before its tanh, float32."""
        x = l_unit
        skips = []
        for level, (conv, norm) in enumerate(zip(self.down, self.down_norm, strict=True)):
            x = norm(conv(nn.functional.leaky_relu(x, LEAK) if level else x))
            skips.append(x)
        x = skips.pop()
        for level in reversed(range(len(self.up))):
            x = self.dropout[level](self.up_norm[level](self.up[level](nn.functional.relu(x))))
            if level:
                x = torch.cat([skips.pop(), x], dim=1)
        return x.float()
