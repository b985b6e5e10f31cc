"""Between uint8 sRGB and CIE L*a*b* (D65, 2 degrees) on tensors: kornia's formulas, in float32 whatever autocast says.

bfloat16 would err by up to 2.9 Lab units (specs/colorization.md section 4). Networks see ``l_unit`` = L / 50 - 1.
"""

from __future__ import annotations

import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from torch import Tensor

#: Colours that round to a legal uint8 are in gamut: half a step of 255.
_SLACK = 0.5 / 255


def split(rgb: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 B x 3 x H x W to ``l_unit`` (B x 1 x H x W, in [-1, 1]) and ``ab_lab`` (B x 2 x H x W, Lab units)."""
    with torch.autocast(rgb.device.type, enabled=False):
        lab = rgb_to_lab(rgb.float() / 255.0)
        return lab[:, :1] / 50.0 - 1.0, lab[:, 1:]


def join(l_unit: Tensor, ab_lab: Tensor) -> Tensor:
    """The inverse of :func:`split`: uint8 B x 3 x H x W. What sRGB cannot show is clipped, channel by channel."""
    return (_rgb(l_unit, ab_lab).clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)


def out_of_gamut(l_unit: Tensor, ab_lab: Tensor) -> Tensor:
    """bool, B x H x W: pixels whose colour sRGB cannot show, so that :func:`join` clips it by more than rounding."""
    rgb = _rgb(l_unit, ab_lab)
    return ((rgb < -_SLACK) | (rgb > 1.0 + _SLACK)).any(dim=1)


def _rgb(l_unit: Tensor, ab_lab: Tensor) -> Tensor:
    """Unclipped sRGB, 1 is white."""
    with torch.autocast(l_unit.device.type, enabled=False):
        lab = torch.cat([(l_unit.float() + 1.0) * 50.0, ab_lab.float()], dim=1)
        rgb: Tensor = lab_to_rgb(lab, clip=False)
        return rgb
