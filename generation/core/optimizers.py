"""Optimisers by name, batched: one learning rate per image, ``torch.optim`` does the steps.

An elementwise optimiser proposes a move for every pixel on its own, and its learning rate only scales that move. So
one instance at rate 1 over the whole batch, with the move of image n scaled by the rate of image n, equals a separate
optimiser per image. The instance is given a parameter that is zero before each step: none of these optimisers looks
at the value (there is no weight decay), and the move comes out without the rounding of a difference to the image.
Rprop (the rate is only its first step) and L-BFGS (dot products over an image) keep a state of their own per image.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, optim

from generation.core.optimizer_table import OPTIMIZERS

Options = Mapping[str, float]


class KerasAdam(optim.Adam):
    """Adam as Keras has it, with "epsilon hat": the form just before section 2.1 of Kingma and Ba 2015.

    x <- x - lr sqrt(1 - beta2^t) / (1 - beta1^t) m / (sqrt(v) + epsilon_hat), which is Algorithm 1 with
    epsilon = epsilon_hat / sqrt(1 - beta2^t) in step t.
    """

    def __init__(self, params: list[Tensor], lr: float, betas: tuple[float, float], eps: float) -> None:
        super().__init__(params, lr=lr, betas=betas, eps=eps)
        self._epsilon_hat, self._steps = eps, 0

    def step(self, closure: Any = None) -> Any:
        """One step, as :meth:`torch.optim.Adam.step`."""
        self._steps += 1
        for group in self.param_groups:
            group["eps"] = self._epsilon_hat / math.sqrt(1.0 - group["betas"][1] ** self._steps)
        return super().step(closure)


def _adam(options: Options) -> dict[str, Any]:
    return {"betas": (options["beta1"], options["beta2"]), "eps": options["epsilon"]}


#: Elementwise optimisers at rate 1, by name.
FACTORIES: Mapping[str, Callable[[list[Tensor], Options], optim.Optimizer]] = {
    "sgd": lambda p, o: optim.SGD(p, lr=1.0),
    "momentum": lambda p, o: optim.SGD(p, lr=1.0, momentum=o["momentum"]),
    "nesterov": lambda p, o: optim.SGD(p, lr=1.0, momentum=o["momentum"], nesterov=True),
    "adagrad": lambda p, o: optim.Adagrad(p, lr=1.0, eps=o["epsilon"]),
    "adadelta": lambda p, o: optim.Adadelta(p, lr=1.0, rho=o["rho"], eps=o["epsilon"]),
    "rmsprop": lambda p, o: optim.RMSprop(p, lr=1.0, alpha=o["alpha"], eps=o["epsilon"], momentum=o["momentum"]),
    "adam": lambda p, o: optim.Adam(p, lr=1.0, **_adam(o)),
    "amsgrad": lambda p, o: optim.Adam(p, lr=1.0, amsgrad=True, **_adam(o)),
    "nadam": lambda p, o: optim.NAdam(p, lr=1.0, momentum_decay=o["momentum_decay"], **_adam(o)),
    "adamax": lambda p, o: optim.Adamax(p, lr=1.0, **_adam(o)),
    "radam": lambda p, o: optim.RAdam(p, lr=1.0, **_adam(o)),
    "keras_adam": lambda p, o: KerasAdam(p, lr=1.0, **_adam(o)),
}


class BatchedOptimizer:
    """Moves a batch of images (N x 3 x H x W), each with its own learning rate."""

    def __init__(self, name: str, images: Tensor, rates: Tensor, options: Options, clamp: bool = True) -> None:
        """``images`` is changed in place by :meth:`step`; ``rates``: (N,), on the device of the images.

        ``options``: as of ``optimizer_table.read_options``; what is missing takes its default.
        ``clamp``: keep the pixels in [0, 1] after each step.
        """
        self._images = images = images.detach()
        self._clamp = clamp
        complete = {**OPTIMIZERS[name].options, **options}
        self._method: _Elementwise | _Rprop | _LBFGS
        if name == "rprop":
            self._method = _Rprop(images, rates, complete)
        elif name == "lbfgs":
            self._method = _LBFGS(images, rates, int(complete["history"]))
        else:
            self._method = _Elementwise(FACTORIES[name], images, rates, complete)

    @torch.no_grad()
    def step(self, gradient: Tensor, factor: float | Tensor) -> Tensor:
        """One step: ``x <- clamp(x + rate_n factor_n move_n)``, ``move`` being the optimiser's at rate 1.

        ``gradient``: N x 3 x H x W; may be overwritten. ``factor`` scales the rates: a number, or one per image (N,)
        where 0 leaves an image as it is. An image whose new pixels would not be finite keeps the old ones.
        Returns which are finite: (N,) bool.
        """
        moved = self._method.moved(gradient, factor)
        finite = torch.isfinite(moved).all(dim=(1, 2, 3))
        if self._clamp:
            moved = moved.clamp(0.0, 1.0)
        self._images.copy_(torch.where(_per_image(finite), moved, self._images))
        return finite


def _per_image(values: Tensor) -> Tensor:
    """(N,) -> N x 1 x 1 x 1."""
    return values.view(-1, 1, 1, 1)


class _Elementwise:
    """One optimiser for the batch; nothing here waits for the device."""

    def __init__(
        self,
        factory: Callable[[list[Tensor], Options], optim.Optimizer],
        images: Tensor,
        rates: Tensor,
        options: Options,
    ) -> None:
        self._images, self._rates = images, rates
        self._move = torch.zeros_like(images)
        self._optimizer = factory([self._move], options)

    def moved(self, gradient: Tensor, factor: float | Tensor) -> Tensor:
        self._move.zero_()
        self._move.grad = gradient
        self._optimizer.step()
        return torch.addcmul(self._images, self._move, _per_image(self._rates * factor))


class _Rprop:
    """One optimiser with a parameter group per image, whose rate is the image's first step."""

    def __init__(self, images: Tensor, rates: Tensor, options: Options) -> None:
        self._images = images
        self._moves = torch.zeros_like(images)
        self._leaves = list(self._moves.unbind())
        self._optimizer = optim.Rprop(
            [{"params": [leaf], "lr": rate} for leaf, rate in zip(self._leaves, rates.tolist(), strict=True)],
            etas=(options["eta_minus"], options["eta_plus"]),
            step_sizes=(options["step_min"], options["step_max"]),
        )

    def moved(self, gradient: Tensor, factor: float | Tensor) -> Tensor:
        self._moves.zero_()
        for leaf, own in zip(self._leaves, gradient.unbind(), strict=True):
            leaf.grad = own
        self._optimizer.step()
        # The sign of NaN is 0 to torch: without this a diverged image would look finite and stand still.
        moves = torch.where(gradient.isnan(), gradient, self._moves)
        scale = _per_image(factor) if isinstance(factor, Tensor) else factor
        return self._images + moves * scale


class _LBFGS:
    """One ``torch.optim.LBFGS`` per image, one iteration and one gradient per step, no line search.

    Each keeps 2 x ``history`` copies of its image. The clamp is unknown to it, as in the scripts of the field.
    """

    def __init__(self, images: Tensor, rates: Tensor, history: int) -> None:
        self._images, self._rates = images, rates
        # Contiguous, because torch flattens parameters and gradients by a view.
        self._leaves = [image.clone(memory_format=torch.contiguous_format) for image in images]
        self._optimizers = [
            optim.LBFGS([leaf], max_iter=1, tolerance_grad=0.0, tolerance_change=0.0, history_size=history)
            for leaf in self._leaves
        ]

    def moved(self, gradient: Tensor, factor: float | Tensor) -> Tensor:
        rates = (self._rates * factor).tolist()
        for n, (leaf, optimizer, rate) in enumerate(zip(self._leaves, self._optimizers, rates, strict=True)):
            leaf.copy_(self._images[n])
            if rate:  # a step of length 0 would leave a useless pair in the history
                leaf.grad = gradient[n].contiguous()
                optimizer.param_groups[0]["lr"] = rate
                optimizer.step(lambda: 0.0)  # type: ignore[no-untyped-call]
        return torch.stack(self._leaves)
