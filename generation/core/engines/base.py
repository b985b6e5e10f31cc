"""What every engine is: an executor that carries progress, and the sentences for one that breaks. Torch-free."""

from __future__ import annotations

import importlib
import itertools
import logging
import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import Executor, Future
from types import TracebackType
from typing import Any, Protocol

log = logging.getLogger(__name__)


class Progress(Protocol):
    """Called with what is done, what there is to do, and words about it where there are any."""

    def __call__(self, done: int, total: int, words: str = "", /) -> None: ...


class Needs(Protocol):
    """A job's spec, as far as an engine reads it: SHA-256 of the artifacts and of the networks that it needs."""

    @property
    def artifacts(self) -> frozenset[str]: ...

    @property
    def networks(self) -> frozenset[str]: ...


class EngineBroken(RuntimeError):  # noqa: N818  (reads as what it says)
    """A worker process ended without an answer; its jobs are undone and the engine takes no more."""

    def __init__(
        self,
        sentence: str = "A rendering process ended without a word (killed, or out of memory). What was stored is kept; "
        "the same command renders the rest. Fewer processes (processes:1) or smaller images need less memory.",
    ) -> None:
        super().__init__(sentence)


class EngineLost(EngineBroken):
    """The engine is out of reach, or not fit for the jobs. That says nothing about any of them."""


class JobDeadly(RuntimeError):  # noqa: N818  (reads as what it says)
    """One worker after another ended in this job."""


class Engine(Executor, ABC):
    """An executor that also carries progress from the workers to the parent. Use it in a ``with`` statement."""

    #: How many jobs it does at once; may change while it lives.
    workers: int = 1

    @abstractmethod
    def channel(self, callback: Progress) -> Progress:
        """A picklable ``progress(done, total, words)`` for a job: what the worker says there reaches ``callback`` here.

        With worker processes ``callback`` runs on a listening thread: note the numbers there, use no database.
        """

    def submit_job(
        self,
        function: str,
        spec: Needs,
        artifacts: Mapping[str, bytes],
        *rest: Any,
        progress: Progress,
        threads: int = 0,
    ) -> Future[Any]:
        """Call ``"module:function"`` in a worker with ``(spec, artifacts, *rest, progress, threads)``.

        ``artifacts``: SHA-256 -> bytes of what the spec names. ``threads`` of torch; 0: the worker's share.
        """
        return self.submit(call, function, spec, artifacts, *rest, progress, threads or share(self.workers))

    def abandon(self) -> None:
        """Give up what is under way and end."""
        self.shutdown(cancel_futures=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if kind is None:
            self.shutdown()
        else:
            self.abandon()
        return None


class Callbacks:
    """Who is to hear the progress of which job, by number.

    Words may arrive after their job's answer, so the callbacks of the latest jobs stay; in an engine that runs for ever
    not all of them can.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._of: dict[int, Progress] = {}

    def __len__(self) -> int:
        return len(self._of)

    def add(self, callback: Progress, workers: int) -> int:
        """The number under which ``callback`` will hear; those of ``4 * workers + 16`` jobs are kept."""
        number = next(self._numbers)
        self._of[number] = callback
        for old in list(self._of)[: -4 * workers - 16]:
            self._of.pop(old, None)
        return number

    def tell(self, number: int, done: int, total: int, words: str) -> None:
        """Pass on a word of progress. It is for the eyes: a fault in showing it ends nothing."""
        if (callback := self._of.get(number)) is not None:
            try:
                callback(done, total, words)
            except Exception:
                log.exception("A progress callback failed.")


def call(function: str, /, *args: Any, **kwargs: Any) -> Any:
    """Call ``"module:function"``. Submit this instead of the function itself where importing it here would be a cost:
    only the worker then imports the module (and torch with it).
    """
    module, _, name = function.partition(":")
    return getattr(importlib.import_module(module), name)(*args, **kwargs)


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(workers: int) -> int:
    """Threads of each of ``workers`` on this machine: more than there are cores slow every one down several times."""
    return max(1, cores() // max(1, workers))
