"""The losses of the conditional GAN and of the classifier as scalars: specs/colorization.md section 1.5.

Everything with colour in it is in *unit ab* = ab_lab / ab_scale. ``ab_scale`` 110 is the scale of pix2pix; 1 trains and
reports on raw Lab units. A network's ``net_out`` is ab / 110 in either case.

    g_gan  how far the discriminator is from taking the fake for real
    g_l1   l1_weight * mean |fake - ab_unit|
    g      g_gan + g_l1
    d      (loss on the fake + loss on the real) / 2
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from generation.core.colorization import bins
from generation.core.colorization.zhang import REDUCTION

NET_SCALE = 110.0  # Lab units per unit of net_out
GANS = ("vanilla", "lsgan")


def fake_ab_unit(net_out: Tensor, ab_scale: float) -> Tensor:
    """What a regressing network says, in unit ab."""
    return net_out * (NET_SCALE / ab_scale)


def gan_loss(logits: Tensor, real: bool, gan: str) -> Tensor:
    """Mean loss of logits that should say ``real``: binary cross entropy (vanilla) or (logit - 0 or 1)^2 (lsgan)."""
    said = _wide(logits)
    wanted = torch.full_like(said, float(real))
    if gan == "vanilla":
        return nn.functional.binary_cross_entropy_with_logits(said, wanted)
    if gan == "lsgan":
        return nn.functional.mse_loss(said, wanted)
    raise ValueError(f"There is no GAN loss '{gan}'. Choose one of {', '.join(GANS)}.")


def generator_losses(
    fake_logits: Tensor, fake_unit: Tensor, real_unit: Tensor, l1_weight: float, gan: str
) -> dict[str, Tensor]:
    """``g_gan``, ``g_l1`` and ``g`` of a batch: what the discriminator says of the fake, and both ab in unit ab."""
    g_gan = gan_loss(fake_logits, True, gan)
    g_l1 = l1_weight * nn.functional.l1_loss(_wide(fake_unit), _wide(real_unit))
    return {"g_gan": g_gan, "g_l1": g_l1, "g": g_gan + g_l1}


def discriminator_loss(fake_logits: Tensor, real_logits: Tensor, gan: str) -> Tensor:
    """``d`` of a batch; the fake must be detached from its generator."""
    return 0.5 * (gan_loss(fake_logits, False, gan) + gan_loss(real_logits, True, gan))


def class_loss(logits: Tensor, ab_lab: Tensor, centres_ab_lab: Tensor, class_weights: Tensor) -> Tensor:
    """The rebalanced cross entropy ``g`` of a batch, in nats per pixel of the answer.

    ``logits``: B x Q x H/4 x W/4. ``ab_lab``: B x 2 x H x W; its 4 x 4 means are the targets, softly encoded, and a
    pixel weighs what the class nearest to it weighs. Pictures without colour count as 0.
    """
    target = nn.functional.avg_pool2d(ab_lab, REDUCTION)
    nearest, shares = bins.encode(target, centres_ab_lab)
    entropy = -(shares * _wide(logits).log_softmax(dim=1).gather(1, nearest)).sum(dim=1)
    coloured = (ab_lab.abs().amax(dim=(1, 2, 3)) > bins.GREY).to(entropy.dtype)
    return (entropy * class_weights[nearest[:, 0]] * coloured[:, None, None]).mean()


def _wide(tensor: Tensor) -> Tensor:
    """bfloat16 as float32; wider numbers as they are."""
    return tensor.float() if tensor.dtype == torch.bfloat16 else tensor
