"""Optimisers by name, batched: one learning rate per image, ``torch.optim`` does the steps.

An elementwise optimiser proposes a move for every pixel on its own, and its learning rate only scales that move. So
one instance at rate 1 over the whole batch, with the move of image n scaled by the rate of image n, equals a separate
optimiser per image. The instance is given a parameter that is zero before each step: none of these optimisers looks
at the value (there is no weight decay), and the move comes out without the rounding of a difference to the image.
Rprop (the rate is only its first step) and L-BFGS (dot products over an image) keep a state of their own per image.

The weights of a network are moved by one plain instance at its own rate: :func:`for_weights`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
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
        self._epsilon_hat = eps

    def step(self, closure: Any = None) -> Any:
        """One step, as :meth:`torch.optim.Adam.step`."""
        # Counted by the state of the parameters, which is kept where this is not: a training that is taken up again.
        steps = 1 + max((int(state["step"]) for state in self.state.values() if "step" in state), default=0)
        for group in self.param_groups:
            group["eps"] = self._epsilon_hat / math.sqrt(1.0 - group["betas"][1] ** steps)
        return super().step(closure)


def _adam(options: Options) -> dict[str, Any]:
    return {"betas": (options["beta1"], options["beta2"]), "eps": options["epsilon"]}


#: Elementwise optimisers by name: of parameters, rate and options.
FACTORIES: Mapping[str, Callable[[list[Tensor], float, Options], optim.Optimizer]] = {
    "sgd": lambda p, lr, o: optim.SGD(p, lr=lr),
    "momentum": lambda p, lr, o: optim.SGD(p, lr=lr, momentum=o["momentum"]),
    "nesterov": lambda p, lr, o: optim.SGD(p, lr=lr, momentum=o["momentum"], nesterov=True),
    "adagrad": lambda p, lr, o: optim.Adagrad(p, lr=lr, eps=o["epsilon"]),
    "adadelta": lambda p, lr, o: optim.Adadelta(p, lr=lr, rho=o["rho"], eps=o["epsilon"]),
    "rmsprop": lambda p, lr, o: optim.RMSprop(p, lr=lr, alpha=o["alpha"], eps=o["epsilon"], momentum=o["momentum"]),
    "adam": lambda p, lr, o: optim.Adam(p, lr=lr, **_adam(o)),
    "amsgrad": lambda p, lr, o: optim.Adam(p, lr=lr, amsgrad=True, **_adam(o)),
    "nadam": lambda p, lr, o: optim.NAdam(p, lr=lr, momentum_decay=o["momentum_decay"], **_adam(o)),
    "adamax": lambda p, lr, o: optim.Adamax(p, lr=lr, **_adam(o)),
    "radam": lambda p, lr, o: optim.RAdam(p, lr=lr, **_adam(o)),
    "keras_adam": lambda p, lr, o: KerasAdam(p, lr=lr, **_adam(o)),
}


def for_weights(name: str, parameters: Iterable[Tensor], rate: float, options: Options) -> optim.Optimizer:
    """The optimiser ``name`` of the weights of a network.

    ``options``: as of ``optimizer_table.read_options``; what is missing takes its default. L-BFGS evaluates its closure
    once per step, as every other does its gradient, and wants contiguous weights.
    """
    complete, leaves = {**OPTIMIZERS[name].options, **options}, list(parameters)
    if name == "rprop":
        return optim.Rprop(leaves, lr=rate, **_rprop(complete))
    if name == "lbfgs":
        return optim.LBFGS(leaves, lr=rate, **_lbfgs(complete))
    return FACTORIES[name](leaves, rate, complete)


def _rprop(options: Options) -> dict[str, Any]:
    return {
        "etas": (options["eta_minus"], options["eta_plus"]),
        "step_sizes": (options["step_min"], options["step_max"]),
    }


def _lbfgs(options: Options) -> dict[str, Any]:
    """One iteration and one gradient per step, no line search."""
    return {
        "max_iter": 1,
        "tolerance_grad": 0.0,
        "tolerance_change": 0.0,
        "history_size": int(options["history"]),
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
            self._method = _LBFGS(images, rates, complete)
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
        factory: Callable[[list[Tensor], float, Options], optim.Optimizer],
        images: Tensor,
        rates: Tensor,
        options: Options,
    ) -> None:
        self._images, self._rates = images, rates
        self._move = torch.zeros_like(images)
        self._optimizer = factory([self._move], 1.0, options)

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
            **_rprop(options),
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

    def __init__(self, images: Tensor, rates: Tensor, options: Options) -> None:
        self._images, self._rates = images, rates
        # Contiguous, because torch flattens parameters and gradients by a view.
        self._leaves = [image.clone(memory_format=torch.contiguous_format) for image in images]
        self._optimizers = [optim.LBFGS([leaf], **_lbfgs(options)) for leaf in self._leaves]

    def moved(self, gradient: Tensor, factor: float | Tensor) -> Tensor:
        rates = (self._rates * factor).tolist()
        for n, (leaf, optimizer, rate) in enumerate(zip(self._leaves, self._optimizers, rates, strict=True)):
            leaf.copy_(self._images[n])
            if rate:  # a step of length 0 would leave a useless pair in the history
                leaf.grad = gradient[n].contiguous()
                optimizer.param_groups[0]["lr"] = rate
                optimizer.step(lambda: 0.0)  # type: ignore[no-untyped-call]
        return torch.stack(self._leaves)
