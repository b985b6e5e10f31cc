"""Training of a colouriser: photographs and parameters in, checkpoints and losses out. No database.

A training is decided by its spec alone: first weights, order, flips and dropout are drawn from (seed, epoch).
``core.training`` runs it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from generation.core import photographs
from generation.core.backbones import pick_device
from generation.core.colorization import bins, build, checkpoint, layers
from generation.core.colorization.baselines import baselines
from generation.core.colorization.feed import Feed
from generation.core.colorization.step import open_step
from generation.core.colorization.zhang import REDUCTION, ZhangClass
from generation.core.protocols import Say
from generation.core.spec import Params
from generation.core.train_spec import TrainResult, TrainSpec
from generation.core.training import Tell, TellEvaluating, run
from generation.core.training.captured import Captured
from generation.core.training.order import Order, Plan
from generation.core.training.schedule import decay_factor, is_hopeless


def train(
    spec: TrainSpec,
    data: Mapping[str, bytes],
    save_at: Sequence[int],
    engine: Params,
    say: Say,
    scratch: Path | None,
) -> TrainResult:
    """Train the network of ``spec`` on its pack of photographs in ``data``: signature of ``core.protocols.Train``.

    ``engine``: ``dtype`` is the type the networks compute in (float32 or bfloat16). Raises ``ValueError`` with a
    sentence for what cannot be trained; for the rest see ``core.training.loop.run``.
    """
    started = time.perf_counter()
    colouriser = Colouriser(spec, data[spec.data], str(engine.get("dtype", "float32")))
    return run(colouriser, spec, save_at, engine, say, scratch, started=started)


class Colouriser:
    """Generator and discriminator with their photographs: a ``core.training.Trainee``."""

    notes: Sequence[str] = ()

    def __init__(self, spec: TrainSpec, data: bytes, dtype: str) -> None:
        params = spec.params
        build.check(params)
        pictures = photographs.read(data)
        side = int(params["train_size"])
        if pictures.train.shape[1] != side:
            raise photographs.PhotographsError(
                f"The pack holds pictures of {pictures.train.shape[1]} px, and the training is of {side} px. "
                "Pack the folder again at that side."
            )
        self._spec, self._params = spec, params
        self.epochs = int(params["epochs"])
        smallest = layers.smallest_batch(str(params["model"]), str(params["layers"]), side)
        self._plan = Plan.of(len(pictures.train), int(params["batch"]), smallest)
        self.steps = len(self._plan.sizes)
        self._device = pick_device()
        self._train = Feed(pictures.train, self._device)
        self._validation = Feed(pictures.validation, self._device)

        self._generator, self._discriminator = build.networks(params, spec.seed)
        for network in (self._generator, self._discriminator):
            if network is not None:
                network.to(self._device)
                if self._device.type == "cuda":  # of no use on a processor
                    network.to(memory_format=torch.channels_last)
        if isinstance(self._generator, ZhangClass):
            self._weigh_classes(self._generator)
        self._rate = torch.tensor(float(params["learning_rate"]), device=self._device)
        self._step = open_step(self._generator, self._discriminator, params, self._rate, dtype)
        self._captured = Captured(self._step.train, int(params["batch"]), self._device)
        self.networks, self.optimizers = self._step.networks, self._step.optimizers
        self.names = (*self._step.names, *(f"val_{name}" for name in self._step.names))
        self.baselines = baselines(self._train, self._validation)

    def epoch(self, number: int, tell: Tell) -> Tensor:
        """See ``Trainee``."""
        params = self._params
        rate = float(params["learning_rate"]) * decay_factor(str(params["decay"]), number, self.epochs)
        self._rate.fill_(rate)
        order = Order.of(
            len(self._train), self._spec.seed, number, bool(params["shuffle"]), bool(params["flip"]), self._device
        )
        sums = self._zeros()
        start = 0
        for done, size in enumerate(self._plan.sizes, start=1):
            batch = slice(start, start + size)
            l_unit, ab_lab = self._train.batch(order.rows[batch], order.flipped[batch])
            sums += self._captured(l_unit, ab_lab) * size
            start += size
            tell(done)
        return sums / start

    def evaluate(self, tell: TellEvaluating) -> Tensor:
        """See ``Trainee``: the numbers of the step over the pictures to validate on."""
        sums = self._zeros()
        for l_unit, ab_lab in self._validation.in_order():
            sums += self._step.measure(l_unit, ab_lab) * len(l_unit)
            tell()
        return sums / len(self._validation)

    def checkpoint(self, epoch: int, losses: Mapping[str, float]) -> bytes:
        """See ``Trainee``."""
        return checkpoint.write(self._generator, self._discriminator, self._params, self._spec.digest, epoch, losses)

    def hopeless(self, epoch: int, last: Mapping[str, float]) -> str:
        """See ``Trainee``."""
        error, grey = last["val_ab_error"], self.baselines["grey_val_ab_error"]
        return hopeless(float(self._params["give_up"]), epoch, self.epochs, error, grey)

    def words(self, last: Mapping[str, float]) -> str:
        """See ``Trainee``."""
        return words(last)

    def provenance(self) -> dict[str, Any]:
        """See ``Trainee``."""
        return {
            "batches_per_epoch": self.steps,
            "dropped_pictures": self._plan.dropped,
            "photographs": {"train": len(self._train), "validation": len(self._validation)},
            "cuda_graph": self._captured.used,
        }

    def _zeros(self) -> Tensor:
        return torch.zeros(len(self._step.names), dtype=torch.float64, device=self._device)

    def _weigh_classes(self, generator: ZhangClass) -> None:
        """Rare colours weigh more: counted over the pictures trained on."""
        counts: Tensor | float = 0.0
        for _, ab_lab in self._train.in_order():
            counts = counts + bins.count(nn.functional.avg_pool2d(ab_lab, REDUCTION), generator.centres_ab_lab)
        generator.class_weights.copy_(bins.class_weights(torch.as_tensor(counts)))


def hopeless(factor: float, epoch: int, epochs: int, error: float, grey: float) -> str:
    """Why a training is given up after ``epoch``, or an empty string: see ``training.schedule.is_hopeless``.

    ``error`` and ``grey``: of the network and of the grey picture on the validation pictures, mean |d ab| in Lab units.
    """
    if not is_hopeless(factor, epoch, epochs, error, grey):
        return ""
    return (
        f"After epoch {epoch} of {epochs} the validation error was {error:.2f} Lab units, more than {factor:g} times "
        f"that of the grey picture ({grey:.2f}); the training was given up."
    )


def words(last: Mapping[str, float]) -> str:
    """The losses of the last whole epoch."""
    return f"G {last['g']:.2f} (L1 {last['ab_error']:.1f} Lab)"
