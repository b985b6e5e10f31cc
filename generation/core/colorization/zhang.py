"""The network of Zhang, Isola & Efros 2016 as a regression and with its own classifying head.

Specification: specs/colorization.md sections 1.4 and 2. 3 x 3 convolutions with a ReLU each and one batch norm at the
end of a block; three blocks halve the map, the eighth doubles it, so the answer has a quarter of the picture's side.
Channels: ``width`` times 1, 2, 4, 8, 8, 8, 8, 4.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from generation.core.colorization import bins
from generation.core.colorization.convolutions import Convolution
from generation.core.colorization.layers import ZhangLayers

#: Block -> convolutions, stride of the last one, dilation, channels in units of the width.
BLOCKS = {
    1: (2, 2, 1, 1),
    2: (2, 2, 1, 2),
    3: (3, 2, 1, 4),
    4: (3, 1, 1, 8),
    5: (3, 1, 2, 8),
    6: (3, 1, 2, 8),
    7: (3, 1, 1, 8),
}
LAST_BLOCK, LAST_CONVS, LAST_CHANNELS = 8, 2, 4

#: Between trunk and answer of the regression; the number of Zhang's colour bins, whatever the width.
HIDDEN = 313
#: The answer of the trunk is smaller than the picture by this.
REDUCTION = 4


def trunk(width: int, layers: ZhangLayers) -> nn.Sequential:
    """Blocks 1 to 8: B x 1 x H x W to B x 4 width x H/4 x W/4."""
    made: list[nn.Module] = []
    into = 1
    for block, (convs, stride, dilation, scale) in BLOCKS.items():
        if block in layers.skip:
            continue
        out = scale * width
        # Dropped are convolutions between the first, which widens, and the last, which may halve.
        left = convs - layers.drop.get(block, 0)
        for i in range(left):
            last = stride if i == left - 1 else 1
            made += [Convolution(into, out, 3, last, padding=dilation, dilation=dilation), nn.ReLU()]
            into = out
        made.append(nn.BatchNorm2d(out))
    out = LAST_CHANNELS * width
    made += [nn.ConvTranspose2d(into, out, 4, stride=2, padding=1), nn.ReLU()]
    for _ in range(LAST_CONVS - layers.drop.get(LAST_BLOCK, 0)):
        made += [Convolution(out, out, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*made)


def _enlarged(small: Tensor) -> Tensor:
    """From the resolution the network answers at to that of its input."""
    return nn.functional.interpolate(small, scale_factor=float(REDUCTION), mode="bilinear", align_corners=False)


class Zhang(nn.Module):
    """``l_unit`` (B x 1 x H x W, sides multiples of 8) to ``net_out`` (B x 2 x H x W, ab / 110, unbounded), float32."""

    def __init__(self, width: int, layers: ZhangLayers) -> None:
        super().__init__()
        self.trunk = trunk(width, layers)
        self.hidden = nn.Conv2d(LAST_CHANNELS * width, HIDDEN, 1)
        self.head = nn.Conv2d(HIDDEN, 2, 1, bias=False)

    def forward(self, l_unit: Tensor) -> Tensor:
        """See the class."""
        shares = self.hidden(self.trunk(l_unit)).softmax(dim=1)
        return _enlarged(self.head(shares).float())


class ZhangClass(nn.Module):
    """``l_unit`` (B x 1 x H x W, sides multiples of 8) to logits (B x Q x H/4 x W/4) over colour bins, float32.

    The buffers ``centres_ab_lab`` (Q x 2, Lab units) and ``class_weights`` (Q; ones until training sets them) are part
    of what was trained: with them a checkpoint says by itself which colours its classes are and what its loss was.
    """

    centres_ab_lab: Tensor
    class_weights: Tensor

    def __init__(self, width: int, layers: ZhangLayers, classes: int) -> None:
        super().__init__()
        self.trunk = trunk(width, layers)
        self.head = nn.Conv2d(LAST_CHANNELS * width, classes, 1)
        self.register_buffer("centres_ab_lab", torch.zeros(classes, 2))
        self.register_buffer("class_weights", torch.ones(classes))

    @torch.no_grad()
    def set_classes(self, centres_ab_lab: Tensor) -> None:
        """Say which colours the classes are (Q x 2); all weigh the same until training says otherwise."""
        self.centres_ab_lab.copy_(centres_ab_lab)
        self.class_weights.fill_(1.0)

    def ab_lab(self, logits: Tensor, temperature: float) -> Tensor:
        """The colours that ``logits`` mean at the size of the input: B x 2 x H x W in Lab units (``annealed_mean``)."""
        return _enlarged(bins.annealed_mean(logits, self.centres_ab_lab, temperature))

    def forward(self, l_unit: Tensor) -> Tensor:
        """See the class."""
        logits: Tensor = self.head(self.trunk(l_unit))
        return logits.float()
