"""First weights of the networks, as the papers' code draws them: specs/colorization.md section 1.6.

========  ==========================================================================================================
normal    N(0, gain^2)
glorot    N(0, (gain * sqrt(2 / (fan_in + fan_out)))^2). With the gain of .02 that the papers' code hands on to it this
          is *not* the textbook's Glorot, which is gain 1, but fifty times smaller.
he        N(0, 2 / fan_in), whatever the gain
========  ==========================================================================================================

These are the weights of convolutions and transposed convolutions; biases are 0. Weights of batch norms are N(1, gain^2)
in every scheme (with the papers' .02 under ``he``), their biases 0. Fans are counted as torch counts them: for the
weight of a transposed convolution (in x out x k x k) ``fan_in`` is out * k * k.
"""

from __future__ import annotations

import torch
from torch import nn

SCHEMES = ("normal", "glorot", "he")
PAPER_GAIN = 0.02


@torch.no_grad()
def initialise(network: nn.Module, scheme: str, gain: float, draw: torch.Generator) -> None:
    """Draw all parameters of ``network``, on the CPU and in the order of its modules, and reset its batch norms.

    Raises ``ValueError`` for an unknown ``scheme``.
    """
    if scheme not in SCHEMES:
        raise ValueError(f"There is no initialisation '{scheme}'. Choose one of {', '.join(SCHEMES)}.")
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
            if scheme == "normal":
                nn.init.normal_(module.weight, 0.0, gain, generator=draw)
            elif scheme == "glorot":
                nn.init.xavier_normal_(module.weight, gain, generator=draw)
            else:
                nn.init.kaiming_normal_(module.weight, a=0, mode="fan_in", generator=draw)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()
            nn.init.normal_(module.weight, 1.0, PAPER_GAIN if scheme == "he" else gain, generator=draw)
            nn.init.zeros_(module.bias)
