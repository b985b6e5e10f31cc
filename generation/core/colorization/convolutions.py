"""The convolutions of the networks: torch's, done the shorter way where oneDNN's is the longer one.

Parameters, names and answers are those of ``nn.Conv2d`` and ``nn.ConvTranspose2d`` (to rounding), and on a GPU they are
them. On a processor:

* 3 x 3 and 4 x 4 of stride 1, wide and over many pixels, in float32: Winograd's filtering (``winograd``);
* 4 x 4 of stride 2 between wide and small maps: one matrix product, since the filters outweigh the maps;
* 3 x 3 over maps of 1 x 1: a product with the middle of the filters, as all else sees the border alone.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core.colorization import winograd

#: The matrix product pays from so many pairs of channels on and up to this side of the smaller map; measured.
LEAST_CHANNEL_PAIRS = 256 * 256
LARGEST_SIDE_DOWN, LARGEST_SIDE_UP = 2, 4


class Convolution(nn.Conv2d):
    """``nn.Conv2d`` of padding 1, or of padding = dilation."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  (torch's name)
        """N x C x h x w to N x O x h' x w'."""
        x, k, stride = input, self.kernel_size[0], self.stride[0]
        if x.device.type != "cpu" or self.padding != (1, 1) or self.dilation != (1, 1):
            return super().forward(x)
        if (k, stride) == (3, 1) and x.shape[2:] == (1, 1):
            return F.conv2d(x, self.weight[:, :, 1:2, 1:2], self.bias)
        dtype = _dtype(x)
        if stride == 1 and dtype == torch.float32 and winograd.pays(tuple(x.shape), tuple(self.weight.shape)):
            return winograd.convolution(x, self.weight, self.bias)
        if (k, stride, self.bias) == (4, 2, None) and _outweighed(self.weight, x.shape[2] // 2, LARGEST_SIDE_DOWN):
            down: Tensor = _Down.apply(x.to(dtype), self.weight.to(dtype))
            return down
        return super().forward(x)


class Widening(nn.ConvTranspose2d):
    """``nn.ConvTranspose2d`` of padding 1: 4 x 4 with stride 2, or 3 x 3 with stride 1."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:  # noqa: A002  (torch's name)
        """N x C x h x w to N x O x 2h x 2w, or the same sides with stride 1."""
        x = input
        if x.device.type != "cpu":
            return super().forward(x, output_size)
        if self.stride == (1, 1) and x.shape[2:] == (1, 1):
            return F.conv_transpose2d(x, self.weight[:, :, 1:2, 1:2], self.bias)
        if (self.stride, self.bias) == ((2, 2), None) and _outweighed(self.weight, x.shape[2], LARGEST_SIDE_UP):
            dtype = _dtype(x)
            up: Tensor = _Up.apply(x.to(dtype), self.weight.to(dtype))
            return up
        return super().forward(x, output_size)


def _dtype(x: Tensor) -> torch.dtype:
    """What torch's own convolution would compute in."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else x.dtype


def _outweighed(weight: Tensor, side: int, largest: int) -> bool:
    return weight.shape[0] * weight.shape[1] >= LEAST_CHANNEL_PAIRS and side <= largest


def _gather(x: Tensor) -> Tensor:
    """N x C x 2h x 2w to (N h w) x (C 16): what each 4 x 4 filter of stride 2 sees."""
    seen = F.pad(x, (1, 1, 1, 1)).unfold(2, 4, 2).unfold(3, 4, 2)
    return seen.permute(0, 2, 3, 1, 4, 5).reshape(-1, x.shape[1] * 16)


def _scatter(seen: Tensor, n: int, height: int, width: int) -> Tensor:
    """The transpose of :func:`_gather`; ``height`` and ``width`` are h and w."""
    # A tap is 2 a + p: p says odd or even, a the first or the second neighbour.
    taps = seen.view(n, height, width, -1, 2, 2, 2, 2)
    answer = seen.new_zeros(n, taps.shape[3], height + 1, 2, width + 1, 2)
    for a in (0, 1):
        for b in (0, 1):
            part = taps[:, :, :, :, a, :, b].permute(0, 3, 1, 4, 2, 5)
            answer[:, :, a : a + height, :, b : b + width] += part
    return answer.view(n, -1, 2 * height + 2, 2 * width + 2)[:, :, 1:-1, 1:-1].contiguous()


def _rows(x: Tensor) -> Tensor:
    """N x C x h x w to (N h w) x C."""
    return x.permute(0, 2, 3, 1).reshape(-1, x.shape[1])


def _maps(rows: Tensor, n: int, height: int, width: int) -> Tensor:
    """The inverse of :func:`_rows`."""
    return rows.view(n, height, width, -1).permute(0, 3, 1, 2).contiguous()


class _Down(torch.autograd.Function):
    """4 x 4, stride 2, padding 1; ``weight`` is O x C x 4 x 4."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        seen = _gather(x)
        ctx.save_for_backward(seen, weight)
        ctx.sizes = len(x), x.shape[2] // 2, x.shape[3] // 2
        return _maps(seen @ weight.flatten(1).t(), *ctx.sizes)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        seen, weight = ctx.saved_tensors
        rows, (to_x, to_weight) = _rows(gradient), ctx.needs_input_grad
        return (
            _scatter(rows @ weight.flatten(1), *ctx.sizes) if to_x else None,
            (rows.t() @ seen).view_as(weight) if to_weight else None,
        )


class _Up(torch.autograd.Function):
    """The transpose of :class:`_Down`; ``weight`` is C x O x 4 x 4."""

    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, weight: Tensor) -> Tensor:
        rows = _rows(x)
        ctx.save_for_backward(rows, weight)
        ctx.sizes = len(x), x.shape[2], x.shape[3]  # type: ignore[attr-defined]
        return _scatter(rows @ weight.flatten(1), len(x), x.shape[2], x.shape[3])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        rows, weight = ctx.saved_tensors
        seen, (to_x, to_weight) = _gather(gradient), ctx.needs_input_grad
        return (
            _maps(seen @ weight.flatten(1).t(), *ctx.sizes) if to_x else None,
            (rows.t() @ seen).view_as(weight) if to_weight else None,
        )
