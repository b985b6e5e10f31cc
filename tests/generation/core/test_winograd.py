"""The quick convolution against torch's own, with its gradient, at sizes that do not divide by its tiles."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core.backbones.winograd import LEAST_CHANNELS, ConvolutionReLU

SIZES = [(1, 7, 5), (3, 16, 16), (2, 64, 33), (5, 4, 4), (1, 1, 1), (2, 2, 131)]


def _convolution(dtype: torch.dtype) -> nn.Conv2d:
    torch.manual_seed(5)
    made = nn.Conv2d(64, 96, 3, padding=1).requires_grad_(False)
    return made.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def _distance(found: Tensor, true: Tensor) -> float:
    with torch.no_grad():
        return float(((found - true).double().square().mean() / true.double().square().mean()).sqrt())


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("dtype", "answer", "gradient"),
    [(torch.float64, 1e-13, 1e-13), (torch.float32, 3e-6, 3e-6), (torch.bfloat16, 1e-12, 0.02)],
)
def test_answer_and_gradient_are_those_of_the_convolution_and_its_relu(
    size: tuple[int, int, int], dtype: torch.dtype, answer: float, gradient: float
) -> None:
    """In bfloat16 the answer is the direct convolution itself and only the gradient is rounded more."""
    n, height, width = size
    convolution = _convolution(dtype)
    x = torch.randn(n, 64, height, width).to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
    found, true = ConvolutionReLU(convolution)(x), F.relu(convolution(x))
    weights = torch.randn_like(true)
    (pulled,), (expected,) = (torch.autograd.grad(y, x, weights) for y in (found, true))
    assert _distance(found, true) <= answer
    assert _distance(pulled, expected) <= gradient
    assert found.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "other",
    [
        nn.Conv2d(LEAST_CHANNELS - 1, 64, 3, padding=1),
        nn.Conv2d(64, 64, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(64, 64, 3, padding=1, stride=2),
        nn.Conv2d(64, 64, 3, padding=1, groups=2),
        nn.Conv2d(64, 64, 3, padding=2, dilation=2),
        nn.Conv2d(64, 64, 1),
    ],
)
def test_only_what_it_can_do_is_given_to_it(other: nn.Conv2d) -> None:
    assert ConvolutionReLU.fits(_convolution(torch.float32))
    assert not ConvolutionReLU.fits(other)
