"""Lab against scikit-image, exact round trips, and what lies out of gamut."""

import warnings

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb, rgb2lab

from generation.core.colorization import lab


def random_pictures(count: int = 4, side: int = 128) -> torch.Tensor:
    draw = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=draw)


def grey_ramp() -> torch.Tensor:
    return torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(1, 3, 16, 16)


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("rgb", [random_pictures(), grey_ramp()], ids=["random", "grey"])
def test_the_numbers_are_scikit_images(rgb: torch.Tensor, autocast: bool) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        l_unit, ab_lab = lab.split(rgb)
    oracle = rgb2lab(rgb.permute(0, 2, 3, 1).numpy().astype(np.float64) / 255)
    assert l_unit.dtype == ab_lab.dtype == torch.float32
    assert np.abs((l_unit[:, 0].numpy() + 1) * 50 - oracle[..., 0]).max() < 1e-3
    assert np.abs(ab_lab.permute(0, 2, 3, 1).numpy() - oracle[..., 1:]).max() < 1e-3


@pytest.mark.parametrize("autocast", [False, True])
@pytest.mark.parametrize("rgb", [random_pictures(), grey_ramp()], ids=["random", "grey"])
def test_the_way_there_and_back_is_exact(rgb: torch.Tensor, autocast: bool) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
        l_unit, ab_lab = lab.split(rgb)
        assert torch.equal(lab.join(l_unit, ab_lab), rgb)
        assert not lab.out_of_gamut(l_unit, ab_lab).any()


def test_known_colours() -> None:
    rgb = torch.tensor([[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]], dtype=torch.uint8)[..., None, None]
    l_unit, ab_lab = lab.split(rgb)
    assert l_unit.flatten().tolist() == pytest.approx([1, -1, 53.24 / 50 - 1, 32.30 / 50 - 1], abs=1e-4)
    assert ab_lab[2].flatten().tolist() == pytest.approx([80.09, 67.20], abs=0.02)
    assert ab_lab[3].flatten().tolist() == pytest.approx([79.19, -107.86], abs=0.02)


def test_what_srgb_cannot_show_is_clipped_as_scikit_image_does_and_counted() -> None:
    draw = torch.Generator().manual_seed(1)
    l_unit = torch.rand(1, 1, 64, 64, generator=draw) * 2 - 1
    ab_lab = (torch.rand(1, 2, 64, 64, generator=draw) - 0.5) * 220
    shown, outside = lab.join(l_unit, ab_lab), lab.out_of_gamut(l_unit, ab_lab)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # negative Z
        oracle = lab2rgb(torch.cat([(l_unit + 1) * 50, ab_lab], 1)[0].permute(1, 2, 0).double().numpy())
    assert np.array_equal(np.round(oracle * 255).astype(np.uint8), shown[0].permute(1, 2, 0).numpy())
    assert outside.shape == (1, 64, 64)
    # Where the clipped picture, converted again, is another colour, it was out of gamut; and only there.
    _, again = lab.split(shown)
    moved = (again - ab_lab).abs().amax(dim=1)
    assert bool((moved[~outside] < 3).all())  # rounding to uint8 in the dark
    assert bool((moved[outside] > 3).float().mean() > 0.95)
    assert 0.7 < float(outside.float().mean()) < 0.9


def test_gradients_are_finite_where_the_curves_have_their_corners() -> None:
    rgb = torch.tensor([0.0, 0.04045, 0.5, 1.0]).view(1, 1, 1, 4).expand(1, 3, 1, 4).clone() * 255
    rgb.requires_grad_()
    _, ab_lab = lab.split(rgb)
    torch.autograd.backward(ab_lab.sum())
    assert rgb.grad is not None
    assert torch.isfinite(rgb.grad).all()
