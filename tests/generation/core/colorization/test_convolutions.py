"""The shorter ways give what torch's own layers give, forwards and backwards."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from generation.core.colorization import convolutions, winograd
from generation.core.colorization.convolutions import Convolution, Widening


def near(found: Tensor, true: Tensor, tolerance: float) -> None:
    assert found.shape == true.shape
    assert found.dtype == torch.float32
    error = (found.double() - true).pow(2).mean().sqrt() / true.pow(2).mean().sqrt()
    assert error < tolerance


def agree(layer: nn.Module, stock: nn.Module, x: Tensor, tolerance: float) -> None:
    """``layer`` in float32 against ``stock`` in float64 with its weights: answer and all gradients."""
    stock.load_state_dict(layer.state_dict())
    stock.double()
    taken, truly = x.clone().requires_grad_(), x.double().requires_grad_()
    answer, true = layer(taken), stock(truly)
    near(answer.float(), true, tolerance)
    pull = torch.randn(true.shape, generator=torch.Generator().manual_seed(1))
    answer.backward(pull)
    true.backward(pull.double())
    assert taken.grad is not None
    assert truly.grad is not None
    near(taken.grad, truly.grad, tolerance)
    for own, other in zip(layer.parameters(), stock.parameters(), strict=True):
        assert own.grad is not None
        assert other.grad is not None
        near(own.grad, other.grad, tolerance)


def random(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], list[int]]:
    """Count the calls of a function, to see that the way under test is the one that was taken."""

    def count(owner: Any, name: str) -> list[int]:
        calls, real = [0], getattr(owner, name)

        def counting(*args: Any) -> Any:
            calls[0] += 1
            return real(*args)

        monkeypatch.setattr(owner, name, counting)
        return calls

    return count


@pytest.mark.parametrize("tiles", [5, 128])
@pytest.mark.parametrize(("kernel", "height", "width"), [(3, 12, 12), (3, 9, 14), (4, 16, 16), (4, 11, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_winograd(
    kernel: int, height: int, width: int, bias: bool, tiles: int, monkeypatch: pytest.MonkeyPatch, counted: Any
) -> None:
    """Whole tiles and cut ones, several samples at a time and some rows of one."""
    for name, value in (("MANY_CHANNELS", 1), ("LEAST_TILES", 1), ("TILES", tiles)):
        monkeypatch.setattr(winograd, name, value)
    calls = counted(winograd, "convolution")
    given = 64, 66, kernel, 1, 1
    agree(Convolution(*given, bias=bias), nn.Conv2d(*given, bias=bias), random(3, 64, height, width), 5e-6)
    assert calls == [1]


def test_winograd_is_for_wide_layers_over_many_pixels() -> None:
    assert winograd.pays((16, 256, 32, 32), (256, 256, 3, 3))
    assert winograd.pays((16, 256, 16, 16), (512, 256, 4, 4))
    assert not winograd.pays((16, 256, 32, 32), (256, 256, 5, 5))
    assert not winograd.pays((16, 32, 32, 32), (64, 32, 3, 3))
    assert not winograd.pays((2, 256, 8, 8), (256, 256, 3, 3))
    # 7 x 7 answers use 49 of 81 in their tiles.
    assert winograd.pays((16, 256, 8, 8), (512, 256, 4, 4))
    assert not winograd.pays((16, 64, 8, 8), (128, 64, 4, 4))


def test_only_what_is_asked_for_is_worked_out() -> None:
    """The generator's step goes through the discriminator, not into its weights."""
    layer = Convolution(64, 128, 3, padding=1)
    for asked in (layer.weight, x := random(8, 64, 16, 16)):
        layer.requires_grad_(asked is layer.weight)
        x.requires_grad_(asked is x)
        (grad,) = torch.autograd.grad(layer(x).sum(), asked)
        near(grad, torch.autograd.grad(nn.functional.conv2d(x, layer.weight, padding=1).sum(), asked)[0].double(), 1e-5)


@pytest.mark.parametrize(("height", "width"), [(2, 2), (4, 4), (4, 6)])
def test_small_maps(height: int, width: int, monkeypatch: pytest.MonkeyPatch, counted: Any) -> None:
    monkeypatch.setattr(convolutions, "LEAST_CHANNEL_PAIRS", 1)
    gathered = counted(convolutions, "_gather")
    down, up = (5, 7, 4, 2, 1), (7, 5, 4, 2, 1)
    agree(Convolution(*down, bias=False), nn.Conv2d(*down, bias=False), random(3, 5, height, width), 1e-6)
    agree(Widening(*up, bias=False), nn.ConvTranspose2d(*up, bias=False), random(3, 7, height // 2, width // 2), 1e-6)
    assert gathered == [2]


@pytest.mark.parametrize("bias", [True, False])
def test_maps_of_one_pixel_see_the_middle_of_the_filters(bias: bool) -> None:
    given, x = (6, 4, 3, 1, 1), random(5, 6, 1, 1)
    agree(Convolution(*given, bias=bias), nn.Conv2d(*given, bias=bias), x, 1e-6)
    agree(Widening(*given, bias=bias), nn.ConvTranspose2d(*given, bias=bias), x, 1e-6)


@pytest.mark.parametrize("side", [1, 2, 12])
def test_autocast_computes_in_bfloat16(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolutions, "LEAST_CHANNEL_PAIRS", 1)
    up, down = Widening(8, 6, 4, 2, 1, bias=False), Convolution(6, 8, 4, 2, 1, bias=False)
    x = random(2, 8, side, side).requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        answer = down(up(x))
    assert answer.dtype == torch.bfloat16
    answer.float().square().sum().backward()
    truly = x.detach().double().requires_grad_()
    up.double(), down.double()
    nn.functional.conv2d(
        nn.functional.conv_transpose2d(truly, up.weight, stride=2, padding=1), down.weight, stride=2, padding=1
    ).square().sum().backward()
    assert x.grad is not None
    assert truly.grad is not None
    near(x.grad, truly.grad, 0.03)
