"""Optimisers by name, batched: one unmodified ``torch.optim`` instance, one learning rate per sample.

An elementwise optimiser at lr = 1 proposes a step for every pixel on its own, so scaling the step of sample n by its
learning rate equals a separate optimiser per sample (specs/style_transfer.md section 2: to 1.5e-6 for all listed here).
Rprop (the rate is only its first step) and L-BFGS (global dot products) are not of this kind and are not listed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, optim

Factory = Callable[[list[Tensor]], optim.Optimizer]

#: name -> factory at lr = 1; everything else as in torch's defaults.
FACTORIES: Mapping[str, Factory] = {
    "adam": partial(optim.Adam, lr=1.0),
    "amsgrad": partial(optim.Adam, lr=1.0, amsgrad=True),
    "nadam": partial(optim.NAdam, lr=1.0),
    "adamax": partial(optim.Adamax, lr=1.0),
    "radam": partial(optim.RAdam, lr=1.0),
    "rmsprop": partial(optim.RMSprop, lr=1.0),
    "adagrad": partial(optim.Adagrad, lr=1.0),
    "adadelta": partial(optim.Adadelta, lr=1.0),
    "sgd": partial(optim.SGD, lr=1.0),
    "nesterov": partial(optim.SGD, lr=1.0, momentum=0.9, nesterov=True),
}


class BatchedOptimizer:
    """Moves a batch of images (N x 3 x H x W in [0, 1]), each sample with its own learning rate."""

    def __init__(self, name: str, images: Tensor) -> None:
        """``images`` is changed in place by :meth:`step`."""
        self.images = images
        self._optimizer = FACTORIES[name]([images])

    @torch.no_grad()
    def step(self, gradient: Tensor, rates: Tensor) -> Tensor:
        """One step: ``x <- clamp(x + rate_n (x' - x), 0, 1)``, x' being torch's proposal at lr = 1.

        ``rates``: (N,). A sample whose new pixels are not finite keeps the old ones.
        Returns which are finite: (N,) bool.
        """
        before = self.images.clone()
        self.images.grad = gradient
        self._optimizer.step()
        moved = before + rates.view(-1, 1, 1, 1) * (self.images - before)
        finite = torch.isfinite(moved).flatten(1).all(1)
        self.images.copy_(torch.where(finite.view(-1, 1, 1, 1), moved.clamp(0.0, 1.0), before))
        return finite
