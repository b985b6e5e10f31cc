"""From parameters to networks, to their first weights, and to the file that keeps them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from generation.core.feedforward.networks import Predictor, Transformer
from generation.core.spec import Params
from generation.core.training.checkpoint import Form, Said, read, write

#: Kinds of checkpoint by method.
FORMS: Mapping[str, Form] = {
    "feedforward": Form("eyeballot style network 1", "a style network"),
    "arbitrary": Form("eyeballot arbitrary style network 1", "a style network for any style"),
}


class Styler(nn.Module):
    """The networks of a condition as one: ``predictor`` is None where the network was made for one style."""

    def __init__(self, transformer: Transformer, predictor: Predictor | None) -> None:
        super().__init__()
        self.transformer, self.predictor = transformer, predictor

    def forward(self, photographs: Tensor, styles: Tensor | None = None) -> Tensor:
        """``photographs`` (N x 3 x H x W in [0, 1]) repainted; ``styles`` (N x 3 x S x S) where any style will do.

        Raises ``ValueError`` where a network for any style is given none.
        """
        if self.predictor is None:
            made: Tensor = self.transformer(photographs)
        elif styles is None:
            raise ValueError("This network paints in any style and was given none: give it a style picture as well.")
        else:
            made = self.transformer(photographs, self.predictor(styles))
        return made


def styler(params: Params) -> Styler:
    """The networks of the parameters with torch's own first values: :func:`first` gives those of a seed."""
    conditional = "bottleneck" in params
    transformer = Transformer(int(params["width"]), int(params["blocks"]), str(params["output"]), conditional)
    if not conditional:
        return Styler(transformer, None)
    predictor = Predictor(int(params["predictor_width"]), int(params["bottleneck"]), transformer.depths)
    return Styler(transformer, predictor)


def first(params: Params, seed: int) -> Styler:
    """The networks with the first weights of the seed, on the CPU: the same on every device.

    As torch has them: weights and biases of a convolution or a linear map evenly between -1 and 1 over the root of the
    number of values that go into each; normalisations start at scale 1 and shift 0. Torch's global random numbers are
    neither used nor moved.
    """
    draw = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        made = styler(params)
    made.to_empty(device="cpu")
    with torch.no_grad():
        for module in made.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                bound = 1.0 / math.sqrt(module.weight[0].numel())
                module.weight.uniform_(-bound, bound, generator=draw)
                if module.bias is not None:
                    module.bias.uniform_(-bound, bound, generator=draw)
            elif isinstance(module, nn.InstanceNorm2d) and module.affine:
                module.weight.fill_(1.0)
                module.bias.zero_()
    return made


def checkpoint(method: str, networks: Styler, said: Said) -> bytes:
    """The file of the networks; see ``training.checkpoint.write``."""
    return write(FORMS[method], {"": networks}, said)


def restored(method: str, data: bytes) -> tuple[Styler, Said]:
    """The networks of a file, in evaluation mode on the CPU. Raises ``training.checkpoint.CheckpointError``."""
    networks, said = read(FORMS[method], data, lambda params: {"": styler(params)})
    return cast(Styler, networks[""]), said
