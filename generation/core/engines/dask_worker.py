"""What runs in a Dask worker: a job whose artifacts and networks lie here under their SHA-256. Torch-free until then.

A worker says what it lacks instead of asking for it: the submitting side brings it and sends the order again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from distributed import get_worker

from generation.core import received, weights
from generation.core.engines.base import Needs, call, share

#: Seconds between two words of progress: every one passes the scheduler.
SAY = 0.5

# Torch's settings are those of the process, so a worker with several Dask threads still does one job at a time.
_one = threading.Lock()


class Abandoned(BaseException):
    """Nobody waits for this job any more. No ``Exception``: renderers must not make a result of it."""


@dataclass
class Channel:
    """Progress as Dask events: ``topic`` of the submitting engine, ``number`` of its callback."""

    topic: str
    number: int
    _said: float = field(default=0.0, compare=False)

    def __call__(self, done: int, total: int, words: str = "", /) -> None:
        worker = get_worker()
        task = worker.state.tasks.get(worker.get_current_task())
        if task is None or task.state == "cancelled":
            raise Abandoned
        if done < total and time.monotonic() - self._said < SAY:
            return
        self._said = time.monotonic()
        worker.log_event(self.topic, [self.number, done, total, words])


@dataclass(frozen=True)
class Order:
    """A job as it travels: no bytes of any artifact. ``beside``: workers on one machine, at most.

    ``without``: digests of networks that the submitting side has not either; the job says so itself.
    """

    function: str
    spec: Needs
    rest: tuple[Any, ...]
    progress: Any
    threads: int
    beside: int
    versions: Mapping[str, str]
    without: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Done:
    """The job's own answer."""

    result: Any


@dataclass(frozen=True)
class Lacks:
    """The job waits for what this worker lacks: SHA-256 of artifacts and networks."""

    worker: str
    digests: frozenset[str]


@dataclass(frozen=True)
class Refused:
    """This worker is not fit for the job; a sentence."""

    reason: str


def versions() -> dict[str, str]:
    """What must be the same on every machine, for its pictures to be: the versions that count."""
    return {name: _version(name) for name in ("eyeballot", "torch", "torchvision")}


def _version(package: str) -> str:
    try:
        # Not the build (+cpu, +cu126): that is the device's affair, and Debian's torch has none.
        return version(package).partition("+")[0]
    except PackageNotFoundError:
        return "none"


def perform(order: Order) -> Done | Lacks | Refused:
    """Do the job, or say what is missing for it."""
    address = get_worker().address
    here = versions()
    if other := [f"{name} {here[name]} (not {asked})" for name, asked in order.versions.items() if here[name] != asked]:
        return Refused(
            f"The worker at {address} has {', '.join(other)}: pictures of one grid would differ by the machine. "
            "Install the same versions there; the same command goes on from here."
        )
    with _one:
        artifacts = {sha256: data for sha256 in order.spec.artifacts if (data := received.read(sha256)) is not None}
        lacking = {sha256 for sha256 in order.spec.networks - order.without if weights.held(sha256) is None}
        lacking |= order.spec.artifacts - set(artifacts) - order.without
        if lacking:
            return Lacks(address, frozenset(lacking))
        # A folder of the submitting machine is none of this one.
        rest = [received.folder() / "training" if isinstance(given, Path) else given for given in order.rest]
        threads = order.threads or share(order.beside)
        return Done(call(order.function, order.spec, artifacts, *rest, order.progress, threads))


def lacking(artifacts: Sequence[str], networks: Sequence[str]) -> list[str]:
    """Those digests whose bytes are not here, or, of a network, what is to be known of it."""
    absent = [sha256 for sha256 in artifacts if received.find(sha256) is None]
    return absent + [sha256 for sha256 in networks if weights.held(sha256) is None]
