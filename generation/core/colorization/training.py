"""Training of a colouriser: photographs and parameters in, checkpoints and losses out. No database.

A training is decided by its spec alone: first weights, order, flips and dropout are drawn from (seed, epoch). It can be
killed at any time; with a ``scratch`` folder it goes on after the last epoch kept there, and on one thread of one
machine ends with the same bytes as if it had never stopped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from generation.core import photographs
from generation.core.backbones import pick_device
from generation.core.colorization import bins, build, checkpoint, layers, state
from generation.core.colorization.baselines import baselines
from generation.core.colorization.captured import Captured
from generation.core.colorization.feed import Feed, Order, Plan, seed_of
from generation.core.colorization.schedule import decay_factor, hopeless, words
from generation.core.colorization.step import all_finite, open_step, set_mode, weights
from generation.core.colorization.zhang import REDUCTION, ZhangClass
from generation.core.protocols import Say
from generation.core.spec import Params
from generation.core.train_spec import TrainResult, TrainSpec

#: The state is written after an epoch, but not more often than this (seconds).
KEEP_EVERY = 60.0
#: Within an epoch progress is said this often (seconds).
SAY_EVERY = 2.0


def train(
    spec: TrainSpec,
    data: Mapping[str, bytes],
    save_at: Sequence[int],
    engine: Params,
    say: Say,
    scratch: Path | None,
) -> TrainResult:
    """Train the network of ``spec`` on its pack of photographs in ``data``: signature of ``core.protocols.Train``.

    ``save_at``: the epochs whose checkpoint is wanted; that of the last one reached is always given. ``engine``:
    ``dtype`` is the type the networks compute in (float32 or bfloat16). ``scratch``: where the state of an unfinished
    training is kept; ``protocols.forget`` removes it when the result is stored. None keeps nothing.

    Losses that stop being finite give the status ``nan``, the checkpoints so far and that of the last finite epoch.
    Raises ``ValueError`` with a sentence for what cannot be trained.
    """
    started = time.perf_counter()
    run = _Run(spec, data[spec.data], save_at, engine, scratch)
    # The caller's random numbers are left as they were.
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        return run.go(say, started)


class _Run:
    """One training and where it is."""

    def __init__(
        self, spec: TrainSpec, data: bytes, save_at: Sequence[int], engine: Params, scratch: Path | None
    ) -> None:
        params = spec.params
        build.check(params)
        pictures = photographs.read(data)
        side = int(params["train_size"])
        if pictures.train.shape[1] != side:
            raise photographs.PhotographsError(
                f"The pack holds pictures of {pictures.train.shape[1]} px, and the training is of {side} px. "
                "Pack the folder again at that side."
            )
        self._spec, self._params, self._engine, self._scratch = spec, params, engine, scratch
        self._epochs = int(params["epochs"])
        self._wanted = frozenset(epoch for epoch in save_at if 0 < epoch <= self._epochs)
        smallest = layers.smallest_batch(str(params["model"]), str(params["layers"]), side)
        self._plan = Plan.of(len(pictures.train), int(params["batch"]), smallest)
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
        self._step = open_step(
            self._generator, self._discriminator, params, self._rate, str(engine.get("dtype", "float32"))
        )
        self._captured = Captured(self._step.train, int(params["batch"]), self._device)
        self._baselines = baselines(self._train, self._validation)
        self._notes: list[str] = []
        self._state = self._found()
        self._finite = weights(self._step)
        self._times: list[float] = []

    def go(self, say: Say, started: float) -> TrainResult:
        """Train to the end."""
        before, kept_at = self._state.seconds, time.perf_counter()

        def seconds() -> float:
            return before + time.perf_counter() - started

        while self._state.epoch < self._epochs and not self._hopeless():
            epoch = self._state.epoch + 1
            begun = time.perf_counter()
            numbers = self._epoch(epoch, say)
            if numbers is None:
                return self._result("nan", "diverged", self._diverged(epoch), seconds())
            for name, value in numbers.items():
                self._state.curve.setdefault(name, []).append(value)
            self._state.epoch = epoch
            self._finite = weights(self._step)
            if epoch in self._wanted:
                self._state.checkpoints[epoch] = self._checkpoint()
            self._times.append(time.perf_counter() - begun)
            self._state.seconds = seconds()
            if time.perf_counter() - kept_at >= KEEP_EVERY:
                self._keep()
                kept_at = time.perf_counter()
            self._say(say, epoch, f"epoch {epoch} of {self._epochs}")
        given_up = self._hopeless()
        return self._result("ok", "given up" if given_up else "all epochs", given_up, seconds())

    def _epoch(self, epoch: int, say: Say) -> dict[str, float] | None:
        """Train one epoch and evaluate it: its numbers by name, or None where something is not finite."""
        torch.manual_seed(seed_of(self._spec.seed, epoch))  # of the dropout
        params = self._params
        rate = float(params["learning_rate"]) * decay_factor(str(params["decay"]), epoch, self._epochs)
        self._rate.fill_(rate)
        order = Order.of(
            len(self._train), self._spec.seed, epoch, bool(params["shuffle"]), bool(params["flip"]), self._device
        )
        set_mode(self._step, training=True)
        sums = torch.zeros(len(self._step.names), dtype=torch.float64, device=self._device)
        start, said = 0, time.perf_counter()
        for done, size in enumerate(self._plan.sizes):
            batch = slice(start, start + size)
            l_unit, ab_lab = self._train.batch(order.rows[batch], order.flipped[batch])
            sums += self._captured(l_unit, ab_lab) * size
            start += size
            if time.perf_counter() - said >= SAY_EVERY:
                where = f"epoch {epoch} of {self._epochs}, batch {done + 1} of {len(self._plan.sizes)}"
                self._say(say, epoch - 1, where, done + 1)
                said = time.perf_counter()
        where = f"epoch {epoch} of {self._epochs}, at the pictures kept apart"
        evaluated = self._evaluate(lambda: self._say(say, epoch, where))
        means = torch.cat([sums / start, evaluated, all_finite(self._step)]).tolist()  # waits for the device
        if not all(map(math.isfinite, means)) or not means[-1]:
            return None
        names = (*self._step.names, *(f"val_{name}" for name in self._step.names))
        return dict(zip(names, means, strict=False))

    def _evaluate(self, tell: Callable[[], None]) -> Tensor:
        """The numbers of the step over the pictures to validate on, in evaluation mode; float64, on the device."""
        set_mode(self._step, training=False)
        sums = torch.zeros(len(self._step.names), dtype=torch.float64, device=self._device)
        told = time.perf_counter()
        for l_unit, ab_lab in self._validation.in_order():
            sums += self._step.measure(l_unit, ab_lab) * len(l_unit)
            if time.perf_counter() - told >= SAY_EVERY:
                tell()
                told = time.perf_counter()
        return sums / len(self._validation)

    def _hopeless(self) -> str:
        """Why the training is given up now, or an empty string."""
        if not self._state.epoch:
            return ""
        error, grey = self._last()["val_ab_error"], self._baselines["grey_val_ab_error"]
        return hopeless(float(self._params["give_up"]), self._state.epoch, self._epochs, error, grey)

    def _diverged(self, epoch: int) -> str:
        """Go back to the last finite epoch; the sentence says what is left."""
        what = f"The losses or weights stopped being finite in epoch {epoch} of {self._epochs}"
        for name, values in self._finite.items():
            self._step.networks[name].load_state_dict(values)
        if not self._state.epoch:
            return f"{what}, the first one, so there is no network to keep. Take a lower learning rate."
        return f"{what}; the network after epoch {self._state.epoch} is the last one. Take a lower learning rate."

    def _result(self, status: str, final_reason: str, reason: str, seconds: float) -> TrainResult:
        reached = self._state.epoch
        if reached and reached not in self._state.checkpoints:
            self._state.checkpoints[reached] = self._checkpoint()
        return TrainResult(
            status,
            checkpoints=dict(sorted(self._state.checkpoints.items())),
            curve={name: np.array(values, dtype=np.float64) for name, values in self._state.curve.items()},
            epochs=reached,
            final_reason=final_reason,
            losses=self._losses(),
            seconds=seconds,
            provenance=self._provenance(),
            reason=reason,
        )

    def _last(self) -> dict[str, float]:
        """The numbers of the last whole epoch."""
        return {name: values[-1] for name, values in self._state.curve.items()}

    def _losses(self) -> dict[str, float]:
        return self._last() | self._baselines

    def _provenance(self) -> dict[str, Any]:
        return {
            "batches_per_epoch": len(self._plan.sizes),
            "dropped_pictures": self._plan.dropped,
            "photographs": {"train": len(self._train), "validation": len(self._validation)},
            "cuda_graph": self._captured.used,
            "resumed_from": list(self._state.resumed_from),
            **({"notes": list(self._notes)} if self._notes else {}),
        }

    def _checkpoint(self) -> bytes:
        return checkpoint.write(
            self._generator,
            self._discriminator,
            self._params,
            self._spec.digest,
            self._state.epoch,
            self._losses(),
        )

    def _found(self) -> state.State:
        """The state that an earlier start kept, taken up; else one before the first epoch."""
        if self._scratch is None:
            return state.State()
        found, note = state.find(self._scratch, self._spec.digest, self._engine, self._wanted)
        if note:
            self._notes.append(note)
        if found is None:
            return state.State()
        for name, network in self._step.networks.items():
            network.load_state_dict(found.networks[name])
            optimizer = self._step.optimizers[name]
            optimizer.load_state_dict(found.optimizers[name])
            for group in optimizer.param_groups:
                group["lr"] = self._rate
        found.resumed_from.append(found.epoch)
        return found

    def _keep(self) -> None:
        if self._scratch is None:
            return
        self._state.networks = {name: network.state_dict() for name, network in self._step.networks.items()}
        self._state.optimizers = {name: one.state_dict() for name, one in self._step.optimizers.items()}
        try:
            state.keep(self._scratch, self._spec.digest, self._engine, self._state)
        except OSError as error:
            note = f"The state could not be kept ({error.strerror}); had it been killed, it would have started over."
            if note not in self._notes:
                self._notes.append(note)

    def _say(self, say: Say, epochs: int, where: str, steps: int = 0) -> None:
        per_epoch = len(self._plan.sizes)
        said = words(where, self._last(), self._times, self._epochs - self._state.epoch)
        say(epochs * per_epoch + steps, self._epochs * per_epoch, said)

    def _weigh_classes(self, generator: ZhangClass) -> None:
        """Rare colours weigh more: counted over the pictures trained on."""
        counts: Tensor | float = 0.0
        for _, ab_lab in self._train.in_order():
            counts = counts + bins.count(nn.functional.avg_pool2d(ab_lab, REDUCTION), generator.centres_ab_lab)
        generator.class_weights.copy_(bins.class_weights(torch.as_tensor(counts)))
