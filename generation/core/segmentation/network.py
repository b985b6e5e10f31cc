"""The network that marks: the U-Net of the colouriser with one plane in and one out, and without dropout.

Dropout is left out so that a full batch is one function of the weights, which Rprop and L-BFGS rely on.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from generation.core.colorization.initialise import initialise
from generation.core.colorization.unet import UNet
from generation.core.spec import Params

#: Rec. 601, as Pillow's mode L: what the network sees of a picture in colour.
LUMA = (0.299, 0.587, 0.114)


class Segmenter(UNet):
    """``grey_unit`` (B x 1 x side x side, -1 to 1) to logits of the marking (B x 1 x side x side), float32."""

    def __init__(self, n_down: int, width: int, side: int) -> None:
        super().__init__(n_down, width, side, answers=1, dropout=0.0)

    def forward(self, grey_unit: Tensor) -> Tensor:
        """See the class."""
        return self.answer(grey_unit)


def unit(rgb: Tensor) -> Tensor:
    """What a network sees of pictures (uint8, B x 3 x H x W): their luma from -1 to 1, float32, B x 1 x H x W."""
    weights = torch.tensor(LUMA, device=rgb.device).view(1, 3, 1, 1)
    return (rgb.float() * weights).sum(dim=1, keepdim=True) / 127.5 - 1.0


def segmenter(params: Params) -> Segmenter:
    """The network of the parameters with torch's own first values."""
    return Segmenter(int(params["levels"]), int(params["width"]), int(params["train_size"]))


def drawn(params: Params, seed: int) -> Segmenter:
    """The network of the parameters with the first weights of the condition, on the CPU: the same for every optimiser.

    Torch's global random numbers are neither used nor moved.
    """
    with torch.device("meta"):
        network = segmenter(params)
    network.to_empty(device="cpu")
    initialise(network, str(params["init"]), float(params["init_gain"]), torch.Generator().manual_seed(seed))
    return network


@torch.no_grad()
def settle(network: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set the statistics that batch norms evaluate with to their mean over the pictures of ``batches``.

    The usual running mean forgets a tenth with each step, so that a run of few large steps would be looked at with the
    statistics of weights it has left long ago (Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3).
    Every picture counts the same: a short last batch weighs as little as it holds. The network is in training mode
    before and after.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
    seen = 0
    for batch in batches:
        seen += len(batch)
        for norm in norms:
            norm.momentum = len(batch) / seen
        network(batch)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
