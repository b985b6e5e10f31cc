"""Image optimisation after Gatys et al. 2016, a whole batch of runs of one scene at a time.

The runs share the targets and differ in learning rate, weights and first image. Coarse to fine: the same number of
steps on every scale; from scale to scale the *change* is carried over, so that an image that hardly moved stays as
sharp as its photograph. With ``loss_scale`` pixels, 3HW times the weighted total is minimised: per-pixel gradients of
order one whatever the size, so that Adam's epsilon does not matter and one learning rate means the same at every size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (everybody's name for it)

from generation.core import images
from generation.core.optimizers import BatchedOptimizer
from generation.core.photo import cover
from generation.core.protocols import Tick
from generation.core.style.losses import StyleLoss, Terms
from generation.core.style.pictures import longest, scaled, to_image

COARSEST = 64  # pixels on the longest side; below that the layers see nothing

#: Builds the losses for a content and a style picture (1 x 3 x H x W) of one scale.
LossFactory = Callable[[Tensor, Tensor], StyleLoss]


@dataclass(frozen=True)
class Sample:
    """What one run has for itself. ``snapshots``: the steps after which a picture is taken."""

    learning_rate: float
    style_weight: float
    content_weight: float
    tv_weight: float
    init: str
    seed: int
    snapshots: tuple[int, ...]


@dataclass(frozen=True)
class Settings:
    """What the runs of a batch have in common. ``steps`` is the whole length, over which the rate decays; ``smallest``
    the least side in pixels, of content and style, at which the network has anything to see."""

    size: int
    steps: int
    scales: int
    optimizer: str
    decay: str
    options: Mapping[str, float]
    resize: str = "lanczos"
    clamp: str = "step"
    loss_scale: str = "pixels"
    smallest: int = 1


@dataclass(frozen=True)
class Outcome:
    """The end of one run: ``images`` by snapshot, uint8 H x W x 3; ``curve`` float64 by step; ``diverged_at``: the
    step (from 0) whose losses or pixels were not finite, or None."""

    images: Mapping[int, images.Image]
    curve: dict[str, npt.NDArray[np.float64]]
    diverged_at: int | None


def scale_sizes(size: int, scales: int) -> list[int]:
    """Longest sides from coarse to fine, halving from ``size`` and never below :data:`COARSEST`."""
    sizes = [size // 2**k for k in range(scales)]
    return [s for k, s in reversed(list(enumerate(sizes))) if k == 0 or s >= COARSEST]


def scales_of(content: images.Image, style: images.Image, settings: Settings) -> list[int]:
    """The scales of a run: those of :func:`scale_sizes` at which neither picture is too thin for the network. The
    finest is always one of them; what is wrong with it is said by the losses."""
    *coarse, finest = scale_sizes(settings.size, settings.scales)
    least = settings.smallest
    return [s for s in coarse if min(*longest(content, s), *longest(style, s)) >= least] + [finest]


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

    A sample whose losses or pixels stop being finite keeps its last finite image; the others do not notice. The runs
    end after the last snapshot that anybody wants.
    """
    sizes = scales_of(content, style, settings)
    finest = _initial(content, style, samples, settings, device)
    trace = _Trace(samples, device)
    change: Tensor | None = None
    for number, size in enumerate(sizes):
        target = scaled(content, longest(content, size), settings.resize, device)
        loss = make_loss(target, scaled(style, longest(style, size), settings.resize, device))
        start = F.interpolate(finest, target.shape[2:], mode="bilinear", antialias=True)
        x = start.clone()
        if change is not None:
            x = x + F.interpolate(change, target.shape[2:], mode="bilinear")
            x = x.clamp(0.0, 1.0) if settings.clamp == "step" else x
        steps = settings.steps * (number + 1) // len(sizes) - settings.steps * number // len(sizes)
        x = x.contiguous(memory_format=torch.channels_last)

        def picture(n: int, x: Tensor = x, start: Tensor = start) -> images.Image:
            moved = F.interpolate((x[n : n + 1] - start[n : n + 1]), finest.shape[2:], mode="bilinear")
            return to_image(x[n] if x.shape == finest.shape else finest[n] + moved[0])

        _descend(x, loss, samples, settings, steps, trace, tick, picture)
        if trace.finished:
            break
        change = x - start
    return [Outcome(trace.images[n], trace.curve(n), trace.diverged_at(n)) for n in range(len(samples))]


def _initial(
    content: images.Image, style: images.Image, samples: Sequence[Sample], settings: Settings, device: torch.device
) -> Tensor:
    """First images (N x 3 x H x W): the photograph, the middle of the style picture in its shape, or uniform noise
    from the sample's own seed."""
    shape = longest(content, settings.size)
    starts = []
    for sample in samples:
        if sample.init == "noise":
            generator = torch.Generator().manual_seed(sample.seed)
            starts.append(torch.rand(1, 3, *shape, generator=generator).to(device))
        else:
            picture = content if sample.init == "content" else cover(style, *shape)
            starts.append(scaled(picture, shape, settings.resize, device))
    return torch.cat(starts)


def _descend(
    x: Tensor,
    loss: StyleLoss,
    samples: Sequence[Sample],
    settings: Settings,
    steps: int,
    trace: _Trace,
    tick: Tick,
    picture: Callable[[int], images.Image],
) -> None:
    """Move ``x`` (N x 3 x H x W, changed in place) ``steps`` times on one scale, or until every picture is taken."""
    rates = torch.tensor([s.learning_rate for s in samples], dtype=torch.float32, device=x.device)
    optimizer = BatchedOptimizer(settings.optimizer, x, rates, settings.options, clamp=settings.clamp == "step")
    values = x[0].numel() if settings.loss_scale == "pixels" else 1
    for step in range(steps):
        if trace.finished:
            return
        x.requires_grad_(True)
        terms = loss(x)
        total = trace.weigh(terms)
        (gradient,) = torch.autograd.grad(total.sum() * values, x)
        x.requires_grad_(False)
        moved = optimizer.step(gradient, decay_factor(settings.decay, step / steps) * trace.alive)
        trace.record(terms, total, moved, max(x.shape[2:]), picture)
        tick(len(samples))


class _Trace:
    """Raw losses by step and sample, kept on the device until the end: no synchronisation inside the loop but for the
    snapshots."""

    def __init__(self, samples: Sequence[Sample], device: torch.device) -> None:
        rows = [[s.style_weight, s.content_weight, s.tv_weight] for s in samples]
        self._weights = torch.tensor(rows, dtype=torch.float64)
        self._weights32 = self._weights.to(device=device, dtype=torch.float32)
        self._terms: list[Tensor] = []
        self._layers: list[Tensor] = []
        self._scale: list[int] = []
        self._alive: list[Tensor] = []
        self._wanted = [set(s.snapshots) for s in samples]
        self._last = max(max(s.snapshots) for s in samples)
        self.images: list[dict[int, images.Image]] = [{} for _ in samples]
        self.alive = torch.ones(len(samples), device=device)

    @property
    def finished(self) -> bool:
        """True when every snapshot is taken."""
        return len(self._scale) >= self._last

    def weigh(self, terms: Terms) -> Tensor:
        """The weighted totals that are minimised: (N,)."""
        return (torch.stack([terms.style, terms.content, terms.tv], dim=1) * self._weights32).sum(1)

    def record(
        self, terms: Terms, total: Tensor, moved: Tensor, scale: int, picture: Callable[[int], images.Image]
    ) -> None:
        """Keep the raw terms of the image before this step; ``moved``: which samples' step was finite."""
        self._terms.append(torch.stack([terms.style, terms.content, terms.tv], dim=1).detach())
        self._layers.append(terms.layers.detach())
        self._scale.append(scale)
        self._alive.append(self.alive.bool())
        self.alive = self.alive * (moved & torch.isfinite(total.detach()))
        done = len(self._scale)
        for n, wanted in enumerate(self._wanted):
            if done in wanted:
                self.images[n][done] = picture(n)

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
