"""One training step of a colouriser on one batch: specs/colorization.md sections 1.5 and 2.

Networks compute in the asked type (bfloat16 by choice), Lab, losses and weights stay in float32. Nothing here waits
for the device, so that a step can be captured as a CUDA graph (``core.training.captured``).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import torch
from torch import Tensor, nn, optim

from generation.core.colorization import build, losses
from generation.core.colorization.patchgan import PatchGan
from generation.core.colorization.zhang import ZhangClass
from generation.core.spec import Params

#: At which the classifier's error is reported while it trains: the paper's.
TEMPERATURE = 0.38

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class Step(Protocol):
    """Networks with their optimisers. The numbers of a batch are means over its pictures, float32, named ``names``."""

    @property
    def names(self) -> tuple[str, ...]: ...
    @property
    def networks(self) -> dict[str, nn.Module]: ...
    @property
    def optimizers(self) -> dict[str, optim.Adam]: ...

    def train(self, l_unit: Tensor, ab_lab: Tensor) -> Tensor:
        """Change the networks by one batch; its numbers, taken before each change."""
        ...

    def measure(self, l_unit: Tensor, ab_lab: Tensor) -> Tensor:
        """The same numbers without a change; the caller says whether in training or evaluation mode."""
        ...


def open_step(
    generator: build.Generator, discriminator: PatchGan | None, params: Params, rate: Tensor, dtype: str
) -> Step:
    """The step of these networks, which lie where they are trained. ``rate``: the learning rate, a float32 scalar on
    their device that the caller may overwrite. Raises ``ValueError`` for a ``dtype`` that is not in :data:`DTYPES`."""
    if dtype not in DTYPES:
        raise ValueError(f"A colouriser is trained in {' or '.join(DTYPES)}, not in {dtype}.")
    if isinstance(generator, ZhangClass):
        return Classifying(generator, params, rate, DTYPES[dtype])
    if discriminator is None:
        raise ValueError(f"The model {params['model']} is trained against a discriminator.")
    return Adversarial(generator, discriminator, params, rate, DTYPES[dtype])


class Adversarial:
    """A step of the discriminator, then one of the generator, on the same batch and the same fakes."""

    names = ("g_gan", "g_l1", "g", "d", "ab_error")

    def __init__(
        self, generator: nn.Module, discriminator: nn.Module, params: Params, rate: Tensor, dtype: torch.dtype
    ) -> None:
        self._g, self._d = generator, discriminator
        self._gan, self._l1_weight = str(params["gan"]), float(params["l1_weight"])
        self._ab_scale = float(params["ab_scale"])
        self._autocast = _autocast(rate.device, dtype)
        self._adam_g, self._adam_d = (_adam(network, params, rate) for network in (generator, discriminator))
        self.networks = {"generator": generator, "discriminator": discriminator}
        self.optimizers = {"generator": self._adam_g, "discriminator": self._adam_d}

    def train(self, l_unit: Tensor, ab_lab: Tensor) -> Tensor:
        """See :class:`Step`."""
        real, fake = ab_lab / self._ab_scale, self._fake(l_unit)

        self._d.requires_grad_(True)
        self._adam_d.zero_grad(set_to_none=True)
        # Each in a pass of its own: the batch norms must not mix the real with the fake.
        d = losses.discriminator_loss(self._judge(l_unit, fake.detach()), self._judge(l_unit, real), self._gan)
        d.backward()  # type: ignore[no-untyped-call]
        self._adam_d.step()

        self._d.requires_grad_(False)
        self._adam_g.zero_grad(set_to_none=True)
        g = losses.generator_losses(self._judge(l_unit, fake), fake, real, self._l1_weight, self._gan)
        g["g"].backward()  # type: ignore[no-untyped-call]
        self._adam_g.step()
        return self._numbers(g, d, fake, real)

    @torch.no_grad()
    def measure(self, l_unit: Tensor, ab_lab: Tensor) -> Tensor:
        """See :class:`Step`."""
        real, fake = ab_lab / self._ab_scale, self._fake(l_unit)
        said = self._judge(l_unit, fake)
        d = losses.discriminator_loss(said, self._judge(l_unit, real), self._gan)
        return self._numbers(losses.generator_losses(said, fake, real, self._l1_weight, self._gan), d, fake, real)

    def _fake(self, l_unit: Tensor) -> Tensor:
        with self._autocast():
            net_out = self._g(l_unit)
        return losses.fake_ab_unit(net_out, self._ab_scale)

    def _judge(self, l_unit: Tensor, ab_unit: Tensor) -> Tensor:
        pair = torch.cat([l_unit, ab_unit], dim=1)
        with self._autocast():
            logits: Tensor = self._d(pair)
        return logits

    @torch.no_grad()
    def _numbers(self, g: dict[str, Tensor], d: Tensor, fake: Tensor, real: Tensor) -> Tensor:
        ab_error = self._ab_scale * nn.functional.l1_loss(fake, real)
        return torch.stack([g["g_gan"], g["g_l1"], g["g"], d, ab_error])


class Classifying:
    """A step of Zhang's classifier down the rebalanced cross entropy; there is no discriminator."""

    names = ("g", "ab_error")

    def __init__(self, generator: ZhangClass, params: Params, rate: Tensor, dtype: torch.dtype) -> None:
        self._g = generator
        self._autocast = _autocast(rate.device, dtype)
        self._adam = _adam(generator, params, rate)
        self.networks: dict[str, nn.Module] = {"generator": generator}
        self.optimizers = {"generator": self._adam}

    def train(self, l_unit: Tensor, ab_lab: Tensor) -> Tensor:
        """See :class:`Step`."""
        self._adam.zero_grad(set_to_none=True)
        logits, g = self._answer(l_unit, ab_lab)
        g.backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        return self._numbers(logits, g, ab_lab)

    @torch.no_grad()
    def measure(self, l_unit: Tensor, ab_lab: Tensor) -> Tensor:
        """See :class:`Step`."""
        return self._numbers(*self._answer(l_unit, ab_lab), ab_lab)

    def _answer(self, l_unit: Tensor, ab_lab: Tensor) -> tuple[Tensor, Tensor]:
        with self._autocast():
            logits: Tensor = self._g(l_unit)
        return logits, losses.class_loss(logits, ab_lab, self._g.centres_ab_lab, self._g.class_weights)

    @torch.no_grad()
    def _numbers(self, logits: Tensor, g: Tensor, ab_lab: Tensor) -> Tensor:
        return torch.stack([g, nn.functional.l1_loss(self._g.ab_lab(logits, TEMPERATURE), ab_lab)])


def _autocast(device: torch.device, dtype: torch.dtype) -> Callable[[], AbstractContextManager[None]]:
    return lambda: torch.autocast(device.type, torch.bfloat16, enabled=dtype != torch.float32)


def _adam(network: nn.Module, params: Params, rate: Tensor) -> optim.Adam:
    """Adam with the rate as a tensor, so that one capture serves all rates."""
    betas = float(params["beta1"]), float(params["beta2"])
    return optim.Adam(network.parameters(), rate, betas, fused=True, capturable=rate.device.type == "cuda")
