"""Image optimisation after Gatys et al. 2016, a whole batch of conditions of one scene at a time.

The conditions share the targets and differ in learning rate, weights and first image. Coarse to fine: the same number
of steps on every scale; from scale to scale the *change* is carried over, so that an image that hardly moved stays as
sharp as its photograph. What is minimised is 3HW times the weighted total: per-pixel gradients of order one whatever
the size, so that Adam's epsilon does not matter and one learning rate means the same at every size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core import images
from generation.core.optimizers import BatchedOptimizer
from generation.core.protocols import Tick
from generation.core.style.losses import StyleLoss, Terms

COARSEST = 64  # pixels on the longest side; below that the layers see nothing

#: Builds the losses for a content and a style picture (1 x 3 x H x W) of one scale.
LossFactory = Callable[[Tensor, Tensor], StyleLoss]


@dataclass(frozen=True)
class Sample:
    """What one condition has for itself."""

    learning_rate: float
    style_weight: float
    content_weight: float
    tv_weight: float
    init: str
    seed: int


@dataclass(frozen=True)
class Settings:
    """What the conditions of a batch have in common."""

    size: int
    steps: int
    scales: int
    optimizer: str
    decay: str


@dataclass(frozen=True)
class Outcome:
    """The end of one trajectory: ``image`` uint8 H x W x 3; ``curve`` float64 by step; ``diverged_at`` step or None."""

    image: images.Image
    curve: dict[str, npt.NDArray[np.float64]]
    diverged_at: int | None


def to_tensor(image: images.Image, device: torch.device) -> Tensor:
    """uint8 H x W x 3 -> float32 1 x 3 x H x W in [0, 1], channels last."""
    tensor = torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1)[None].float() / 255.0
    return tensor.contiguous(memory_format=torch.channels_last)


def to_image(tensor: Tensor) -> images.Image:
    """float 3 x H x W in [0, 1] -> uint8 H x W x 3, rounded to the nearest of 256 values."""
    values = (tensor.clamp(0.0, 1.0) * 255.0).round().to(torch.uint8)
    return np.ascontiguousarray(values.permute(1, 2, 0).cpu().numpy())


def scale_sizes(size: int, scales: int) -> list[int]:
    """Longest sides from coarse to fine, halving from ``size`` and never below :data:`COARSEST`."""
    sizes = [size // 2**k for k in range(scales)]
    return [s for k, s in reversed(list(enumerate(sizes))) if k == 0 or s >= COARSEST]


def decay_factor(kind: str, progress: float) -> float:
    """Factor of the learning rate when ``progress`` (0 to 1) of a scale's steps is done."""
    if kind == "linear":
        return 1.0 - progress
    if kind == "cosine":
        return 0.5 * (1.0 + math.cos(math.pi * progress))
    return 1.0


def transfer(
    content: images.Image,
    style: images.Image,
    samples: Sequence[Sample],
    settings: Settings,
    make_loss: LossFactory,
    device: torch.device,
    tick: Tick,
) -> list[Outcome]:
    """Optimise one image per sample. ``content`` and ``style`` are decoded photographs of any size.

    A sample whose losses or pixels stop being finite keeps its last finite image; the others do not notice.
    """
    sizes = scale_sizes(settings.size, settings.scales)
    finest = _initial(to_tensor(images.resize_longest(content, settings.size), device), samples)
    trace = _Trace(samples, settings.steps, device)
    change: Tensor | None = None
    for number, size in enumerate(sizes):
        target = to_tensor(images.resize_longest(content, size), device)
        loss = make_loss(target, to_tensor(images.resize_longest(style, size), device))
        start = F.interpolate(finest, target.shape[2:], mode="bilinear", antialias=True)
        x = start.clone()
        if change is not None:
            x = (x + F.interpolate(change, target.shape[2:], mode="bilinear")).clamp(0.0, 1.0)
        steps = settings.steps * (number + 1) // len(sizes) - settings.steps * number // len(sizes)
        x = x.contiguous(memory_format=torch.channels_last)
        _descend(x, loss, samples, settings, steps, trace, tick)
        change = x - start
    return [Outcome(to_image(x[n]), trace.curve(n), trace.diverged_at(n)) for n in range(len(samples))]


def _initial(content: Tensor, samples: Sequence[Sample]) -> Tensor:
    """First images (N x 3 x H x W): the photograph, or uniform noise from the sample's own seed."""
    starts = []
    for sample in samples:
        if sample.init == "content":
            starts.append(content)
        else:
            generator = torch.Generator().manual_seed(sample.seed)
            starts.append(torch.rand(content.shape, generator=generator).to(content.device))
    return torch.cat(starts)


def _descend(
    x: Tensor, loss: StyleLoss, samples: Sequence[Sample], settings: Settings, steps: int, trace: _Trace, tick: Tick
) -> None:
    """Move ``x`` (N x 3 x H x W, changed in place) ``steps`` times on one scale."""
    rates = torch.tensor([s.learning_rate for s in samples], dtype=torch.float32, device=x.device)
    optimizer = BatchedOptimizer(settings.optimizer, x)
    values = x[0].numel()
    for step in range(steps):
        x.requires_grad_(True)
        terms = loss(x)
        total = trace.weigh(terms)
        (gradient,) = torch.autograd.grad(total.sum() * values, x)
        x.requires_grad_(False)
        factor = decay_factor(settings.decay, step / steps)
        moved = optimizer.step(gradient, rates * factor * trace.alive)
        trace.record(terms, total, moved, max(x.shape[2:]))
        tick(len(samples))


class _Trace:
    """Raw losses by step and sample, kept on the device until the end: no synchronisation inside the loop."""

    def __init__(self, samples: Sequence[Sample], steps: int, device: torch.device) -> None:
        rows = [[s.style_weight, s.content_weight, s.tv_weight] for s in samples]
        self._weights = torch.tensor(rows, dtype=torch.float64)
        self._weights32 = self._weights.to(device=device, dtype=torch.float32)
        self._terms: list[Tensor] = []
        self._layers: list[Tensor] = []
        self._scale: list[int] = []
        self._alive: list[Tensor] = []
        self._steps = steps
        self.alive = torch.ones(len(samples), device=device)

    def weigh(self, terms: Terms) -> Tensor:
        """The weighted totals that are minimised: (N,)."""
        return (torch.stack([terms.style, terms.content, terms.tv], dim=1) * self._weights32).sum(1)

    def record(self, terms: Terms, total: Tensor, moved: Tensor, scale: int) -> None:
        """Keep the raw terms of the image before this step; ``moved``: which samples' step was finite."""
        self._terms.append(torch.stack([terms.style, terms.content, terms.tv], dim=1).detach())
        self._layers.append(terms.layers.detach())
        self._scale.append(scale)
        self._alive.append(self.alive.bool())
        self.alive = self.alive * (moved & torch.isfinite(total.detach()))

    def diverged_at(self, sample: int) -> int | None:
        """The step whose losses or pixels were not finite, or None."""
        alive = [bool(a[sample]) for a in self._alive] + [bool(self.alive[sample])]
        return None if all(alive) else alive.index(False) - 1

    def curve(self, sample: int) -> dict[str, npt.NDArray[np.float64]]:
        """float64 by step: raw ``style``, ``content``, ``tv``; weighted ``total``; ``style_layers`` (steps x layers);
        ``scale`` (longest side in pixels); ``weights`` (3,). After a divergence the values are NaN."""
        terms = torch.stack([t[sample] for t in self._terms]).double().cpu()
        layers = torch.stack([t[sample] for t in self._layers]).double().cpu()
        dead = ~torch.stack([a[sample] for a in self._alive]).cpu()
        terms[dead], layers[dead] = math.nan, math.nan
        weights = self._weights[sample]
        return {
            "style": terms[:, 0].numpy(),
            "content": terms[:, 1].numpy(),
            "tv": terms[:, 2].numpy(),
            "total": (terms * weights).sum(1).numpy(),
            "style_layers": layers.numpy(),
            "scale": np.array(self._scale, dtype=np.float64),
            "weights": weights.numpy(),
        }
