"""The losses of a segmentation: Dice, focal, and their sum, of logits (B x 1 x H x W) and masks (same, 0 or 1).

Dice is 1 - (2 sum(p m) + smooth) / (sum(p) + sum(m) + smooth) of each picture (Sudre et al. 2017), averaged. Focal is
alpha_t (1 - p_t)^gamma CE of each pixel (Lin et al. 2017, RetinaNet), averaged. Both are added, as in AnatomyNet (Zhu
et al. 2019). Everything is in float32.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from generation.core.spec import Params

SMOOTH, GAMMA, ALPHA = 1.0, 2.0, 0.25


@dataclass(frozen=True)
class Form:
    """What the loss is: the weights of both parts, Dice's ``smooth``, and focal's ``gamma`` and ``alpha``."""

    dice: float = 1.0
    focal: float = 1.0
    smooth: float = SMOOTH
    gamma: float = GAMMA
    alpha: float = ALPHA

    @classmethod
    def of(cls, params: Params) -> Form:
        """The form that the parameters of a segmenter ask for."""
        return cls(
            float(params["dice_weight"]),
            float(params["focal_weight"]),
            float(params["dice_smooth"]),
            float(params["focal_gamma"]),
            float(params["focal_alpha"]),
        )


def dice_loss(logits: Tensor, mask: Tensor, smooth: float = SMOOTH) -> Tensor:
    """Mean Dice loss of the pictures; 0 to 1. An empty mask marked nowhere is a loss of about 0."""
    said, true = torch.sigmoid(logits.float()).flatten(1), mask.float().flatten(1)
    both = (said * true).sum(dim=1)
    return (1 - (2 * both + smooth) / (said.sum(dim=1) + true.sum(dim=1) + smooth)).mean()


def focal_loss(logits: Tensor, mask: Tensor, gamma: float = GAMMA, alpha: float = ALPHA) -> Tensor:
    """Mean focal loss of the pixels, in nats. ``alpha`` weighs the marked pixels, 1 - ``alpha`` the others."""
    logits, true = logits.float(), mask.float()
    entropy = nn.functional.binary_cross_entropy_with_logits(logits, true, reduction="none")
    # 1 - p_t is the sigmoid of the logit with the wrong sign: exact where p_t rounds to 1.
    # Never quite 0, where a power below 1 would have no slope.
    wrong = torch.sigmoid(logits * (1 - 2 * true)).clamp_min(torch.finfo(torch.float32).tiny)
    weight = alpha * true + (1 - alpha) * (1 - true)
    return (weight * wrong**gamma * entropy).mean()


def losses(logits: Tensor, mask: Tensor, form: Form) -> dict[str, Tensor]:
    """``dice``, ``focal`` and ``loss``, their weighted sum."""
    dice = dice_loss(logits, mask, form.smooth)
    focal = focal_loss(logits, mask, form.gamma, form.alpha)
    return {"dice": dice, "focal": focal, "loss": form.dice * dice + form.focal * focal}
