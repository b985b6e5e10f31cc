"""The networks: a residual autoencoder that repaints a photograph, and one that says how from a style picture.

The autoencoder is that of Johnson, Alahi and Fei-Fei 2016 as PyTorch's examples have it: reflection padding, instance
normalisation, nearest neighbours and a convolution in place of transposed ones. ``width`` are the channels at full
resolution (32 there), ``blocks`` the residual blocks (5 there).

Made for any style (Ghiasi et al. 2017), every normalisation behind the contraction takes its scale and shift from
outside, that of the last layer too. The contraction has an instance normalisation of its own (Magenta: batch
normalisation).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core.images import ImageError

#: Sides are brought to a multiple of this on their way through the network.
GRAIN = 4
#: A picture has at least this many pixels on each side: the first layer mirrors four at each border.
LEAST_SIDE = 8

#: Scale and shift (each N x C) of one normalisation.
Statistics = tuple[Tensor, Tensor]


def mirrored(x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """Pictures with so many pixels more at each border, mirrored there; the outermost ones are not repeated."""
    if x.is_cuda and torch.are_deterministic_algorithms_enabled():
        return mirrored_in_pieces(x, left, right, top, bottom)
    return F.pad(x, (left, right, top, bottom), mode="reflect")


def mirrored_in_pieces(x: Tensor, left: int, right: int, top: int, bottom: int) -> Tensor:
    """What :func:`mirrored` gives, put together from turned borders: torch's own way has no deterministic gradient on
    a GPU and raises there."""
    for dim, before, after in ((3, left, right), (2, top, bottom)):
        last = x.shape[dim] - 1
        first = x.narrow(dim, 1, before).flip(dim)
        x = torch.cat([first, x, x.narrow(dim, last - after, after).flip(dim)], dim)
    return x


class Layer(nn.Module):
    """Enlarge, pad by mirroring, convolve, normalise. ``norm``: own (learned), given (from outside) or none."""

    def __init__(self, given: int, made: int, taps: int, *, stride: int = 1, grow: int = 1, norm: str = "own") -> None:
        super().__init__()
        self.grow, self.edge, self.norm = grow, taps // 2, norm
        self.convolution = nn.Conv2d(given, made, taps, stride)
        self.normalisation = nn.Identity() if norm == "none" else nn.InstanceNorm2d(made, affine=norm == "own")

    def forward(self, x: Tensor, statistics: Iterator[Statistics]) -> Tensor:
        """Takes the next of ``statistics`` where its normalisation is given."""
        if self.grow > 1:
            x = F.interpolate(x, scale_factor=float(self.grow), mode="nearest")
        x = self.convolution(mirrored(x, *(self.edge,) * 4))
        x = self.normalisation(x)
        if self.norm == "given":
            scale, shift = next(statistics)
            x = x * scale[:, :, None, None] + shift[:, :, None, None]
        return x


class Residual(nn.Module):
    """Two layers and what went into them."""

    def __init__(self, channels: int, norm: str) -> None:
        super().__init__()
        self.first, self.second = (Layer(channels, channels, 3, norm=norm) for _ in range(2))

    def forward(self, x: Tensor, statistics: Iterator[Statistics]) -> Tensor:
        added: Tensor = self.second(F.relu(self.first(x, statistics)), statistics)
        return x + added


class Transformer(nn.Module):
    """Repaints photographs: N x 3 x H x W in [0, 1] to the same.

    ``output``: ``linear`` (the last layer is in units of 1/255 and may leave [0, 1]) or ``sigmoid``. ``conditional``:
    made for any style; ``depths`` are then the channels of the normalisations that are given, in their order.
    """

    def __init__(self, width: int, blocks: int, output: str, conditional: bool) -> None:
        super().__init__()
        one, two, four = width, 2 * width, 4 * width
        norm = "given" if conditional else "own"
        self.output = output
        self.contract = nn.ModuleList([Layer(3, one, 9), Layer(one, two, 3, stride=2), Layer(two, four, 3, stride=2)])
        self.residual = nn.ModuleList([Residual(four, norm) for _ in range(blocks)])
        self.expand = nn.ModuleList([Layer(four, two, 3, grow=2, norm=norm), Layer(two, one, 3, grow=2, norm=norm)])
        self.paint = Layer(one, 3, 9, norm="given" if conditional else "none")
        self.depths = [four] * (2 * blocks) + [two, one, 3] if conditional else []

    def forward(self, images: Tensor, statistics: Sequence[Statistics] = ()) -> Tensor:
        """``statistics``: one for each of ``depths``. Raises ``ImageError`` for sides below :data:`LEAST_SIDE`."""
        height, width = images.shape[2:]
        if min(height, width) < LEAST_SIDE:
            raise ImageError(
                f"The picture is {width} x {height} pixels at this size, and the network needs at least {LEAST_SIDE} "
                "on each side. Take a larger size, or a picture that is less long and thin."
            )
        given = iter(statistics)
        # Below and to the right, mirrored and cut off again: what is halved twice comes back as large as it was.
        x = mirrored(images, 0, -width % GRAIN, 0, -height % GRAIN)
        for layer in self.contract:
            x = F.relu(layer(x, given))
        for block in self.residual:
            x = block(x, given)
        for layer in self.expand:
            x = F.relu(layer(x, given))
        x = self.paint(x, given)[:, :, :height, :width]
        return torch.sigmoid(x) if self.output == "sigmoid" else x / 255.0


class Predictor(nn.Module):
    """Says of a style picture how photographs are normalised to get its style.

    A small network of our own, where Ghiasi et al. 2017 have Inception-v3 up to Mixed_6e: four convolutions, each
    halving the picture. What is kept of it are the mean and the deviation of every channel of every level; a linear map
    brings them to the ``bottleneck``, and one more to a scale and a shift for each of ``depths``.
    """

    def __init__(self, width: int, bottleneck: int, depths: Sequence[int]) -> None:
        super().__init__()
        channels = [3, width, 2 * width, 4 * width, 4 * width]
        self.depths = list(depths)
        self.levels = nn.ModuleList(nn.Conv2d(given, made, 3, stride=2) for given, made in pairwise(channels))
        self.bottleneck = nn.Linear(2 * sum(channels[1:]), bottleneck)
        self.heads = nn.Linear(bottleneck, 2 * sum(self.depths))

    def embed(self, pictures: Tensor) -> Tensor:
        """Style pictures (N x 3 x S x S in [0, 1]) as points of the space of styles (N x bottleneck)."""
        x, kept = 2.0 * pictures - 1.0, []
        for level in self.levels:
            x = F.relu(level(mirrored(x, 1, 1, 1, 1)))
            # A root of nothing has no slope: a flat channel deviates by a thousandth.
            spread, mean = torch.var_mean(x, dim=(2, 3), correction=0)
            kept += [mean, (spread + 1e-6).sqrt()]
        found: Tensor = self.bottleneck(torch.cat(kept, dim=1))
        return found

    def statistics(self, points: Tensor) -> list[Statistics]:
        """Scale and shift for each of ``depths`` (each N x C), as departures from a scale of 1 and a shift of 0."""
        pieces = self.heads(points).split([2 * depth for depth in self.depths], dim=1)
        return [(1.0 + scale, shift) for scale, shift in (piece.chunk(2, dim=1) for piece in pieces)]

    def forward(self, pictures: Tensor) -> list[Statistics]:
        """What :meth:`statistics` gives of :meth:`embed`."""
        return self.statistics(self.embed(pictures))
