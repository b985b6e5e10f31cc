"""Dice and focal against numbers worked out by hand, and against MONAI where it is installed."""

import math

import pytest
import torch
from torch import Tensor

from generation.core.segmentation.losses import Form, dice_loss, focal_loss, losses


def logit(p: float) -> float:
    return math.log(p / (1 - p))


def test_dice_by_hand() -> None:
    """p = (.5, .5, .8, .2), m = (1, 0, 1, 0): 1 - (2 (.5 + .8) + 1) / (2 + 2 + 1)."""
    logits = torch.tensor([0.0, 0.0, logit(0.8), logit(0.2)]).view(1, 1, 2, 2)
    mask = torch.tensor([1.0, 0.0, 1.0, 0.0]).view(1, 1, 2, 2)
    assert float(dice_loss(logits, mask)) == pytest.approx(1 - 3.6 / 5)
    assert float(dice_loss(logits, mask, smooth=1e-6)) == pytest.approx(1 - 2.6 / 4)


def test_focal_by_hand() -> None:
    """One marked pixel at .8 and three others at .2: each .2^2 ln(1/.8), weighed .25 and .75."""
    logits = torch.tensor([logit(0.8), logit(0.2), logit(0.2), logit(0.2)]).view(1, 1, 2, 2)
    mask = torch.tensor([1.0, 0.0, 0.0, 0.0]).view(1, 1, 2, 2)
    each = 0.2**2 * math.log(1 / 0.8)
    assert float(focal_loss(logits, mask)) == pytest.approx((0.25 + 3 * 0.75) * each / 4, rel=1e-5)
    half = focal_loss(logits, mask, gamma=0.0, alpha=0.5)
    assert float(half) == pytest.approx(
        float(torch.nn.functional.binary_cross_entropy_with_logits(logits, mask)) / 2, rel=1e-6
    )


def test_the_sum_is_weighed() -> None:
    logits, mask = _some()
    found = losses(logits, mask, Form(dice=2.0, focal=0.5))
    assert float(found["loss"]) == pytest.approx(2 * float(found["dice"]) + 0.5 * float(found["focal"]))


def test_an_empty_mask() -> None:
    nothing = torch.zeros(2, 1, 8, 8)
    assert float(dice_loss(torch.full_like(nothing, -30.0), nothing)) == pytest.approx(0, abs=1e-6)
    assert float(dice_loss(torch.full_like(nothing, 30.0), nothing)) == pytest.approx(1 - 1 / 65)


@pytest.mark.parametrize("size", [30.0, 1e4])
def test_certainty_stays_finite(size: float) -> None:
    logits = torch.tensor([size, -size]).view(1, 1, 1, 2).requires_grad_()
    for mask in (torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])):
        loss = losses(logits, mask.view(1, 1, 1, 2), Form())["loss"]
        (gradient,) = torch.autograd.grad(loss, logits)
        assert torch.isfinite(loss)
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("gamma", [0.0, 0.1, 0.5, 1.0, 2.0])
def test_every_gamma_has_a_slope_where_a_pixel_is_certain(gamma: float) -> None:
    logits = torch.tensor([200.0, -200.0, 3.0]).view(1, 1, 1, 3).requires_grad_()
    mask = torch.tensor([1.0, 0.0, 0.0]).view(1, 1, 1, 3)
    (gradient,) = torch.autograd.grad(focal_loss(logits, mask, gamma), logits)
    assert torch.isfinite(gradient).all()
    assert gradient.flatten()[:2].abs().max() < 1e-6 < float(gradient.flatten()[2])


def test_a_picture_counts_the_same_in_every_batch() -> None:
    """So that a full batch may be added up of small ones."""
    logits, mask = _some()
    for name in ("dice", "focal", "loss"):
        each = [float(losses(logits[i : i + 1], mask[i : i + 1], Form())[name]) for i in range(len(logits))]
        assert float(losses(logits, mask, Form())[name]) == pytest.approx(sum(each) / len(each), rel=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5])
def test_monai_says_the_same(share: float) -> None:
    monai = pytest.importorskip("monai.losses", reason="needs monai (pip install -e '.[dev]')")
    logits, mask = _some(share)
    logits.requires_grad_()
    theirs = {
        "dice": monai.DiceLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0)(logits, mask),
        "focal": monai.FocalLoss(gamma=2.0, alpha=0.25)(logits, mask),
        "loss": monai.DiceFocalLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0, gamma=2.0, alpha=0.25)(logits, mask),
    }
    ours = losses(logits, mask, Form())
    for name, value in theirs.items():
        assert ours[name].item() == pytest.approx(value.item(), rel=1e-5), name
        (one,), (other,) = (torch.autograd.grad(v, logits, retain_graph=True) for v in (ours[name], value))
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-9), name


def _some(share: float = 0.1) -> tuple[Tensor, Tensor]:
    draw = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(5, 1, 16, 16, generator=draw)
    return logits, (torch.rand(5, 1, 16, 16, generator=draw) < share).float()
