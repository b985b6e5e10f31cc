"""3 x 3 convolution and its ReLU on a processor by Winograd's minimal filtering: F(4 x 4, 3 x 3).

A 4 x 4 block of answers from a 6 x 6 tile takes 36 products instead of 144 (Lavin & Gray 2016, arXiv 1509.09308), and
the products of all tiles are 36 matrix products. oneDNN's convolutions of torch are direct ones on x86; from 64
channels up this is 1.05 to 2.4 times faster. The interpolation points are 0, +-sqrt(1/2), +-sqrt(2) and infinity
(Barabasz et al. 2020, arXiv 1803.10986, on how points decide the error): half the error of the usual +-1, +-2, in
float32 as small as a direct convolution's. In bfloat16 it is eight times a direct convolution's (1.3e-2 against
1.7e-3 of the answers' root mean square), so there only the gradient is taken this way and the losses stay direct.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

#: Both channel counts must reach this: below, the transforms cost more than the products they save.
LEAST_CHANNELS = 64
#: With fewer tiles in the batch, reading 36 transformed filters costs more than the products they save.
LEAST_TILES = 16
#: Tiles worked on together: their transforms stay in the second-level cache.
_TILES = 128
_M, _T = 4, 6  # answers and taken pixels along one side of a tile


def transforms(taps: int = 3) -> tuple[Tensor, Tensor, Tensor]:
    """A^T (m x 6), G (6 x taps), B^T (6 x 6), float64, of Toom-Cook interpolation: y = A^T [(G w) * (B^T x)].

    m = 7 - taps answers of a filter of ``taps`` from 6 values.
    """
    m = _T + 1 - taps
    points = torch.tensor([0.0, 0.5**0.5, -(0.5**0.5), 2.0**0.5, -(2.0**0.5)], dtype=torch.float64)
    at, g = torch.zeros(m, _T, dtype=torch.float64), torch.zeros(_T, taps, dtype=torch.float64)
    at[:, :-1] = points ** torch.arange(m)[:, None]
    g[:-1] = points[:, None] ** torch.arange(taps)
    at[-1, -1] = g[-1, -1] = 1.0  # the point at infinity
    # B^T is what makes y_k = sum_j w_j x_(k+j) hold for every w and x.
    left = torch.einsum("kt,tj->kjt", at, g).reshape(m * taps, _T)
    right = torch.zeros(m * taps, _T, dtype=torch.float64)
    for k in range(m):
        for j in range(taps):
            right[taps * k + j, k + j] = 1.0
    return at, g, torch.linalg.lstsq(left, right).solution


class _Winograd:
    """Convolution with fixed filters (O x C x 3 x 3), border of zeros 1 pixel wide; then bias and ReLU if asked."""

    def __init__(self, filters: Tensor, bias: Tensor | None = None, *, relu: bool = False) -> None:
        at, g, bt = transforms()
        dtype = filters.dtype
        transformed = torch.einsum("ai,bj,ocij->abco", g, g, filters.double())
        self._filters = transformed.flatten(0, 1).to(dtype).contiguous()
        self._into = torch.kron(bt, bt).to(dtype)  # both sides of a tile at once
        self._back = torch.kron(at, at).to(dtype)
        self._bias, self._relu = bias, relu

    def __call__(self, x: Tensor) -> Tensor:
        """N x C x h x w in channels_last -> N x O x h x w in channels_last."""
        n, channels, height, width = x.shape
        out = self._filters.shape[2]
        rows, columns = -(-height // _M), -(-width // _M)
        padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, 1 + _M * columns - width, 1, 1 + _M * rows - height))
        answer = x.new_empty(n, rows, _M, columns, _M, out)
        # Several small samples at a time, or some rows of tiles of a large one.
        samples = max(1, _TILES // (rows * columns))
        band = rows if rows * columns <= _TILES else max(1, _TILES // columns)
        room = samples * band * columns * _T * _T
        one, two = x.new_empty(room * max(channels, out)), x.new_empty(room * max(channels, out))
        steps = padded.stride()
        for i in range(0, n, samples):
            for row in range(0, rows, band):
                block = (min(samples, n - i), min(band, rows - row), columns)
                tiles = block[0] * block[1] * block[2]
                taken = padded[i:, _M * row :].as_strided(
                    (_T, _T, *block, channels),
                    (steps[1], steps[2], steps[0], _M * steps[1], _M * steps[2], 1),
                )
                gathered = one[: _T * _T * tiles * channels].view(_T, _T, *block, channels).copy_(taken)
                inward = two[: gathered.numel()].view(_T * _T, -1)
                torch.mm(self._into, gathered.view(_T * _T, -1), out=inward)
                product = one[: _T * _T * tiles * out].view(_T * _T, tiles, out)
                torch.bmm(inward.view(_T * _T, tiles, channels), self._filters, out=product)
                outward = two[: _M * _M * tiles * out].view(_M * _M, -1)
                torch.mm(self._back, product.view(_T * _T, -1), out=outward)
                found = outward.view(_M, _M, *block, out)
                if self._bias is not None:
                    found.add_(self._bias)
                if self._relu:
                    found.clamp_min_(0.0)
                answer[i : i + block[0], row : row + block[1]].copy_(found.permute(2, 3, 0, 4, 1, 5))
        whole = answer.view(n, _M * rows, _M * columns, out)[:, :height, :width]
        return whole.contiguous().permute(0, 3, 1, 2)


def _tiles(x: Tensor) -> int:
    return x.shape[0] * -(-x.shape[2] // _M) * -(-x.shape[3] // _M)


class ConvolutionReLU(nn.Module):
    """A frozen 3 x 3 convolution with its ReLU; gradients flow to the input only. The filters are fixed when made."""

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self._convolution = convolution
        self._direct = convolution.weight.dtype == torch.bfloat16

    # Made when first asked for: who needs no gradient does not pay for its filters (four times the weights each).
    @cached_property
    def _ahead(self) -> _Winograd:
        return _Winograd(self._convolution.weight, self._convolution.bias, relu=True)

    @cached_property
    def _back(self) -> _Winograd:
        return _Winograd(self._convolution.weight.flip(2, 3).transpose(0, 1))

    @staticmethod
    def fits(convolution: nn.Conv2d) -> bool:
        """Whether ``convolution`` is of the kind, and large enough to gain."""
        return (
            convolution.kernel_size == (3, 3)
            and convolution.padding == (1, 1)
            and convolution.stride == convolution.dilation == (1, 1)
            and convolution.groups == 1
            and convolution.padding_mode == "zeros"
            and convolution.weight.device.type == "cpu"
            and min(convolution.in_channels, convolution.out_channels) >= LEAST_CHANNELS
        )

    def answer(self, x: Tensor) -> Tensor:
        """The layer's answer, N x O x h x w."""
        if self._direct or _tiles(x) < LEAST_TILES:
            return F.relu_(self._convolution(x))
        return self._ahead(x)

    def pull(self, gradient: Tensor) -> Tensor:
        """The gradient to the input from the gradient to the convolution's answer."""
        if _tiles(gradient) < LEAST_TILES:
            return F.conv_transpose2d(gradient, self._convolution.weight, padding=1)
        return self._back(gradient)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = _Apply.apply(x, self)
        return result


class _Apply(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, layer: ConvolutionReLU) -> Tensor:
        answer = layer.answer(x)
        ctx.save_for_backward(answer)
        ctx.layer = layer  # type: ignore[attr-defined]
        return answer

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (answer,) = ctx.saved_tensors
        # torch's own gradient of ReLU: one pass, no mask in memory.
        return ctx.layer.pull(torch.ops.aten.threshold_backward(gradient, answer, 0.0)), None
