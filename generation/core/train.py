"""Run one training job: a spec and what it is trained on in, networks and numbers out. No database.

What a training keeps on the way (so that one that was killed goes on) lies in a folder of this machine; without it a
training starts over and comes out the same.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from generation.core import weights
from generation.core.protocols import Say, Train
from generation.core.runtime import environment, load, torch_settings, unexpected
from generation.core.spec import Params, sha256_bytes
from generation.core.train_spec import TrainJobSpec, TrainResult, TrainSpec


class Foretell(Protocol):
    """How long trainings take here, in seconds each. Given the parameters of each and the pictures it is trained on in
    an epoch (one that is only looked at counts a third). Tried out with a step of every kind of network."""

    def __call__(self, trainings: Sequence[tuple[Params, float]], engine: Params, /) -> list[float]: ...


def run_training(
    job: TrainJobSpec,
    artifacts: Mapping[str, bytes],
    trainer: str,
    scratch: Path | None,
    say: Say | None = None,
    threads: int | None = None,
) -> TrainResult:
    """Train the network of ``job``. ``artifacts``: SHA-256 -> bytes of the pack of photographs, and of the style where
    the job names one. ``trainer``: ``"module:function"``. ``threads``: of torch for this call. What goes wrong is a
    ``failed`` result with a sentence.
    """
    started = time.perf_counter()
    if reason := _obstacle(job.training, artifacts):
        return TrainResult("failed", reason=reason)
    data = {sha: artifacts[sha] for sha in job.artifacts}
    deterministic = bool(job.engine.get("deterministic", False))
    with torch_settings(1 if deterministic else threads, deterministic):
        try:
            train = cast(Train, load(trainer))
            result = train(job.training, data, job.save_at, job.engine, say or _silent, scratch)
        except ValueError as error:  # a sentence
            result = TrainResult("failed", reason=str(error))
        except Exception:  # a fault of the trainer must not take the grid down
            result = TrainResult("failed", reason=unexpected("Training"))
        provenance = {**environment(), "dtype": str(job.engine.get("dtype", "float32")), **result.provenance}
    # A trainer that goes on where another start ended adds up its own time.
    seconds = result.seconds or time.perf_counter() - started
    return dataclasses.replace(result, provenance=provenance, seconds=seconds)


def foretell(seconds: str, trainings: Sequence[tuple[Params, float]], engine: Params, threads: int) -> list[float]:
    """Seconds of each of ``trainings`` on this machine, see :class:`Foretell`."""
    with torch_settings(threads, False):
        return list(cast(Foretell, load(seconds))(trainings, engine))


def _obstacle(spec: TrainSpec, artifacts: Mapping[str, bytes]) -> str:
    """Why ``spec`` cannot be trained here, or an empty string."""
    for sha, what in ((spec.data, "pack of photographs"), (spec.style, "style")):
        if sha and sha256_bytes(artifacts.get(sha, b"")) != sha:
            return f"The {what} was not given to the job, or is damaged."
    try:
        for network, sha in spec.weights.items():
            weights.find(network, sha)
    except weights.WeightsError as error:
        return str(error)
    return ""


def _silent(done: int, total: int, words: str) -> None:
    """Nobody listens."""
