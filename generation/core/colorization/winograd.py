"""Trained convolutions of stride 1 on a processor by Winograd's minimal filtering: 3 x 3 and 4 x 4, float32.

The answers come in blocks of m x m from tiles of 6 x 6 (m = 7 - taps: 4 for 3 x 3, 3 for 4 x 4), each block from 36
products instead of 144: see core.backbones.winograd, whose interpolation points these are. There filters are frozen;
here they change with every step, so they are transformed anew, and their gradient goes the same way: with
Y = A [(U . V)] A^T of a transformed filter U and tile V, the gradients are the transposed maps. The transform of the
gradient to Y serves both that of the filters and that of the picture. In bfloat16 the error would be too large.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core.backbones.winograd import transforms

#: Both channel counts must reach this: below, the transforms cost more than the products they save. Measured, as all.
LEAST_CHANNELS = 64
#: From so many channels on it pays however little of the last tiles is used.
MANY_CHANNELS = 128
#: With fewer tiles in the batch, going through 36 transformed filters costs more than the products they save.
LEAST_TILES = 64
#: Tiles worked on together: their transforms stay in the cache.
TILES = 128
_T = 6


def pays(x: tuple[int, ...], filters: tuple[int, ...]) -> bool:
    """Whether this is the faster way for ``x`` (N x C x h x w) and ``filters`` (O x C x k x k), padding 1."""
    out, channels, k, _ = filters
    if k not in (3, 4) or min(channels, out) < LEAST_CHANNELS:
        return False
    height, width, m = x[2] + 3 - k, x[3] + 3 - k, _T + 1 - k
    tiles = -(-height // m) * -(-width // m)
    saved = k * k * height * width >= 3 * _T * _T * tiles  # products: a third at most is left
    return x[0] * tiles >= LEAST_TILES and (saved or min(channels, out) >= MANY_CHANNELS)


def convolution(x: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
    """What ``conv2d`` with padding 1 gives; N x O x h' x w' in channels_last. Differentiable once in all three."""
    result: Tensor = _Convolution.apply(x, filters, bias)
    return result


class _Cut:
    """How a batch is cut into tiles, and a block of them as a view of a picture with its channels last."""

    def __init__(self, x: torch.Size, filters: torch.Size) -> None:
        self.n, self.channels, self.height, self.width = x
        self.out, _, self.k, _ = filters
        self.m = _T + 1 - self.k
        self.out_height, self.out_width = self.height + 3 - self.k, self.width + 3 - self.k
        self.rows, self.columns = -(-self.out_height // self.m), -(-self.out_width // self.m)
        # Several small samples at a time, or some rows of tiles of a large one.
        self._samples = min(self.n, max(1, TILES // (self.rows * self.columns)))
        self._band = self.rows if self.rows * self.columns <= TILES else max(1, TILES // self.columns)
        self.room = _T * _T * self._samples * self._band * self.columns * max(self.channels, self.out)

    def blocks(self) -> Iterator[tuple[int, int, tuple[int, int, int]]]:
        """First sample, first row of tiles, and the block's (samples, rows, columns)."""
        for sample in range(0, self.n, self._samples):
            for row in range(0, self.rows, self._band):
                size = min(self._samples, self.n - sample), min(self._band, self.rows - row), self.columns
                yield sample, row, size

    def padded(self, x: Tensor) -> Tensor:
        """N x H x W x C with the border of zeros and what the last tiles need beyond."""
        below, right = (self.m * count + self.k - 2 for count in (self.rows, self.columns))
        return F.pad(x.permute(0, 2, 3, 1), (0, 0, 1, right - self.width, 1, below - self.height)).contiguous()

    def padded_answer(self, y: Tensor) -> Tensor:
        below, right = self.m * self.rows - self.out_height, self.m * self.columns - self.out_width
        return F.pad(y.permute(0, 2, 3, 1), (0, 0, 0, right, 0, below)).contiguous()

    def tiles(self, picture: Tensor, block: tuple[int, int, tuple[int, int, int]], y: slice, x: slice) -> Tensor:
        """The rows ``y`` and columns ``x`` of every tile of a block: y, x, samples, rows, columns, channels."""
        sample, row, size = block
        by_sample, by_row, by_column, _ = picture.stride()
        return picture[sample:, self.m * row + y.start :, x.start :].as_strided(
            (y.stop - y.start, x.stop - x.start, *size, picture.shape[3]),
            (by_row, by_column, by_sample, self.m * by_row, self.m * by_column, 1),
        )


@lru_cache(maxsize=2)
def _maps(taps: int) -> tuple[Tensor, Tensor, Tensor]:
    """Both sides of a tile at once: A (m m x 36), G (36 x taps taps), B (36 x 36), float32."""
    a, g, b = (torch.kron(one, one).float() for one in transforms(taps))
    return a, g, b


def _transformed(filters: Tensor, g: Tensor) -> Tensor:
    """36 x O x C."""
    out, channels, k, _ = filters.shape
    return torch.mm(g, filters.permute(2, 3, 0, 1).reshape(k * k, -1)).view(-1, out, channels)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, x: Tensor, filters: Tensor, bias: Tensor | None) -> Tensor:
        cut = _Cut(x.shape, filters.shape)
        a, g, b = _maps(cut.k)
        transformed, padded = _transformed(filters, g), cut.padded(x)
        ctx.save_for_backward(x, transformed)
        ctx.cut = cut  # type: ignore[attr-defined]
        answer = x.new_empty(cut.n, cut.m * cut.rows, cut.m * cut.columns, cut.out)
        whole, block_of_answers = slice(0, _T), slice(0, cut.m)
        one, two = x.new_empty(cut.room), x.new_empty(cut.room)
        for block in cut.blocks():
            inward = _through(b, cut.tiles(padded, block, whole, whole), one, two)
            product = one[: inward.shape[1] * _T * _T * cut.out].view(_T * _T, -1, cut.out)
            torch.bmm(inward, transformed.transpose(1, 2), out=product)
            found = torch.mm(
                a, product.view(_T * _T, -1), out=two[: product.numel() // _T**2 * cut.m**2].view(len(a), -1)
            )
            if bias is not None:
                found.view(-1, cut.out).add_(bias)
            place = cut.tiles(answer, block, block_of_answers, block_of_answers)
            place.copy_(found.view(place.shape))
        return answer[:, : cut.out_height, : cut.out_width].permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        x, transformed = ctx.saved_tensors
        to_x, to_filters, to_bias = ctx.needs_input_grad
        cut: _Cut = ctx.cut
        a, g, b = _maps(cut.k)
        back, m = a.t().contiguous(), cut.m
        answers = cut.padded_answer(gradient)
        padded = cut.padded(x) if to_filters else None
        tall, wide = m * cut.rows + cut.k - 1, m * cut.columns + cut.k - 1
        pulled = x.new_zeros(cut.n, tall, wide, cut.channels) if to_x else None
        found = x.new_empty(_T * _T, cut.out, cut.channels) if to_filters else None
        one, two, three = (x.new_empty(cut.room) for _ in range(3))
        for block in cut.blocks():
            outward = _through(back, cut.tiles(answers, block, slice(0, m), slice(0, m)), one, two)
            count = outward.shape[1]
            if found is not None and padded is not None:
                inward = _through(b, cut.tiles(padded, block, slice(0, _T), slice(0, _T)), one, three)
                # beta 0 for the first block: what is in the memory does not count.
                found.baddbmm_(outward.transpose(1, 2), inward, beta=float(block[:2] != (0, 0)))
            if pulled is not None:
                product = one[: _T * _T * count * cut.channels].view(_T * _T, count, cut.channels)
                torch.bmm(outward, transformed, out=product)
                tiles = torch.mm(b.t(), product.view(len(b), -1), out=three[: product.numel()].view(len(b), -1))
                tiles = tiles.view(_T, _T, *block[2], cut.channels)
                # Tiles overlap by taps - 1: within each of these parts they do not.
                for y in (slice(0, m), slice(m, _T)):
                    for z in (slice(0, m), slice(m, _T)):
                        cut.tiles(pulled, block, y, z).add_(tiles[y, z])
        return (
            None if pulled is None else pulled[:, 1 : 1 + cut.height, 1 : 1 + cut.width].permute(0, 3, 1, 2),
            None if found is None else torch.mm(g.t(), found.view(len(g), -1)).view(cut.k, cut.k, cut.out, -1)
            .permute(2, 3, 0, 1).contiguous(),
            gradient.sum(dim=(0, 2, 3)) if to_bias else None,
        )  # fmt: skip


def _through(matrix: Tensor, tiles: Tensor, one: Tensor, two: Tensor) -> Tensor:
    """``tiles`` gathered in ``one`` and mapped into ``two``: 36 x tiles x channels."""
    gathered = one[: tiles.numel()].view(tiles.shape).copy_(tiles)
    into = two[: tiles.numel() // matrix.shape[1] * len(matrix)].view(len(matrix), -1)
    return torch.mm(matrix, gathered.view(matrix.shape[1], -1), out=into).view(len(matrix), -1, tiles.shape[-1])
