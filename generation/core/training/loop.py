"""The loop over epochs: a trainee in, checkpoints and losses out. No database."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from generation.core.protocols import Say
from generation.core.spec import Params
from generation.core.train_spec import TrainResult, TrainSpec
from generation.core.training import state
from generation.core.training.order import seed_of
from generation.core.training.schedule import words
from generation.core.training.trainee import Trainee

#: The state is written after an epoch, but not more often than this (seconds).
KEEP_EVERY = 60.0
#: Within an epoch progress is said this often (seconds).
SAY_EVERY = 2.0


def run(
    trainee: Trainee,
    spec: TrainSpec,
    save_at: Sequence[int],
    engine: Params,
    say: Say,
    scratch: Path | None,
    *,
    started: float | None = None,
) -> TrainResult:
    """Train ``trainee`` to its end; ``spec`` to ``scratch`` as in ``core.protocols.Train``.

    ``save_at``: the epochs whose checkpoint is wanted; that of the last one reached is always given. ``scratch``: where
    the state of an unfinished training is kept; ``protocols.forget`` removes it when the result is stored. None keeps
    nothing. ``started``: ``time.perf_counter()`` before the trainee was made, where that counts as work on it.

    Losses that stop being finite give the status ``nan``, the checkpoints so far and that of the last finite epoch.
    """
    started = time.perf_counter() if started is None else started
    # The caller's random numbers are left as they were.
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        return _Run(trainee, spec, save_at, engine, scratch).go(say, started)


class _Run:
    """One training and where it is."""

    def __init__(
        self, trainee: Trainee, spec: TrainSpec, save_at: Sequence[int], engine: Params, scratch: Path | None
    ) -> None:
        self._trainee, self._spec, self._engine, self._scratch = trainee, spec, engine, scratch
        self._epochs = trainee.epochs
        self._wanted = frozenset(epoch for epoch in save_at if 0 < epoch <= self._epochs)
        self._notes: list[str] = []
        self._state = self._found()
        self._finite = _weights(trainee.networks)
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
            self._finite = _weights(self._trainee.networks)
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
        trainee, where = self._trainee, f"epoch {epoch} of {self._epochs}"

        def trained(steps: int) -> None:
            if due():
                self._say(say, epoch - 1, f"{where}, batch {steps} of {trainee.steps}", steps)

        def evaluated() -> None:
            if due():
                self._say(say, epoch, f"{where}, at the pictures kept apart")

        torch.manual_seed(seed_of(self._spec.seed, epoch))  # of the dropout
        _set_mode(trainee.networks, training=True)
        due = _seldom()
        shown = trainee.epoch(epoch, trained)
        _set_mode(trainee.networks, training=False)
        due = _seldom()
        with torch.no_grad():
            kept_apart = trainee.evaluate(evaluated)
        means = torch.cat([shown, kept_apart, _all_finite(trainee.networks)]).tolist()  # waits for the device
        if not all(map(math.isfinite, means)) or not means[-1]:
            return None
        return dict(zip(trainee.names, means[:-1], strict=True))

    def _hopeless(self) -> str:
        """Why the training is given up now, or an empty string."""
        return self._trainee.hopeless(self._state.epoch, self._last()) if self._state.epoch else ""

    def _diverged(self, epoch: int) -> str:
        """Go back to the last finite epoch; the sentence says what is left."""
        what = f"The losses or weights stopped being finite in epoch {epoch} of {self._epochs}"
        for name, values in self._finite.items():
            self._trainee.networks[name].load_state_dict(values)
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
        return {**self._last(), **self._trainee.baselines}

    def _provenance(self) -> dict[str, Any]:
        notes = [*self._trainee.notes, *self._notes]
        return {
            **self._trainee.provenance(),
            "resumed_from": list(self._state.resumed_from),
            **({"notes": notes} if notes else {}),
        }

    def _checkpoint(self) -> bytes:
        return self._trainee.checkpoint(self._state.epoch, self._losses())

    def _found(self) -> state.State:
        """The state that an earlier start kept, taken up; else one before the first epoch."""
        if self._scratch is None:
            return state.State()
        found, note = state.find(self._scratch, self._spec.digest, self._engine, self._wanted)
        if note:
            self._notes.append(note)
        if found is None:
            return state.State()
        for name, network in self._trainee.networks.items():
            network.load_state_dict(found.networks[name])
        for name, optimizer in self._trainee.optimizers.items():
            # A rate may be a tensor that the trainee writes to and a captured step reads from: it stays that one.
            rates = [group["lr"] for group in optimizer.param_groups]
            optimizer.load_state_dict(found.optimizers[name])
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate
        found.resumed_from.append(found.epoch)
        return found

    def _keep(self) -> None:
        if self._scratch is None:
            return
        self._state.networks = {name: network.state_dict() for name, network in self._trainee.networks.items()}
        self._state.optimizers = {name: one.state_dict() for name, one in self._trainee.optimizers.items()}
        try:
            state.keep(self._scratch, self._spec.digest, self._engine, self._state)
        except OSError as error:
            note = f"The state could not be kept ({error.strerror}); had it been killed, it would have started over."
            if note not in self._notes:
                self._notes.append(note)

    def _say(self, say: Say, epochs: int, where: str, steps: int = 0) -> None:
        last, per_epoch = self._last(), self._trainee.steps
        losses = self._trainee.words(last) if last else ""
        said = words(where, losses, self._times, self._epochs - self._state.epoch)
        say(epochs * per_epoch + steps, self._epochs * per_epoch, said)


def _seldom() -> Callable[[], bool]:
    """Whether it is time to say something again: asked often, yes once in :data:`SAY_EVERY`."""
    said = time.perf_counter()

    def due() -> bool:
        nonlocal said
        if time.perf_counter() - said < SAY_EVERY:
            return False
        said = time.perf_counter()
        return True

    return due


def _set_mode(networks: Mapping[str, nn.Module], training: bool) -> None:
    """Whether batch norm and dropout work on the batch or stand still."""
    for network in networks.values():
        network.train(training)


def _weights(networks: Mapping[str, nn.Module]) -> dict[str, dict[str, Tensor]]:
    """A copy of all weights and statistics by network, on their device."""
    return {name: {k: value.clone() for k, value in one.state_dict().items()} for name, one in networks.items()}


def _all_finite(networks: Mapping[str, nn.Module]) -> Tensor:
    """1 where every weight and every statistic is finite, else 0 (float64, one value on their device): losses can look
    well over a ruined network."""
    values = [value for network in networks.values() for value in network.state_dict().values()]
    return torch.stack([value.isfinite().all() for value in values]).all().double()[None]
