"""Spawned worker processes on this machine. Torch-free.

No process is left behind: not after an exception, not after Ctrl-C, not when this process is killed. For that every
worker watches a pipe whose other end lives here alone.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Lock
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from generation.core.engines.base import Callbacks, Engine, EngineBroken, Progress, cores

P = ParamSpec("P")
T = TypeVar("T")


class ProcessEngine(Engine):
    """Spawned workers. A worker that dies breaks the engine with :class:`EngineBroken`, a sentence for people."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        context = multiprocessing.get_context("spawn")
        self._watched, self._lifeline = context.Pipe(duplex=False)
        self._inbox, outbox = context.Pipe(duplex=False)
        self._wake_listener, self._stop_listener = context.Pipe(duplex=False)
        self._outbox = outbox
        self._callbacks = Callbacks()
        gpus = context.Value("i", 0) if _gpu_count() else None
        self._pool = ProcessPoolExecutor(
            workers, context, _start_worker, (self._watched, outbox, context.Lock(), gpus, _gpu_count())
        )
        self._listener = threading.Thread(target=self._listen, name="eyeballot-progress", daemon=True)
        self._listener.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As ``Executor.submit``; a broken pool shows as :class:`EngineBroken`, here or from the future."""
        try:
            inner = self._pool.submit(fn, *args, **kwargs)
        except BrokenProcessPool as error:
            raise EngineBroken from error
        outer: Future[T] = Future()
        inner.add_done_callback(lambda done: _pass_on(done, outer))
        return outer

    def channel(self, callback: Progress) -> Progress:
        """A small picklable object; see :meth:`Engine.channel`."""
        return _Channel(self._callbacks.add(callback, self.workers))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the running jobs end, then every process."""
        self._pool.shutdown(wait=wait, cancel_futures=cancel_futures)
        self._close()

    def abandon(self) -> None:
        """End every process now; what they were doing is lost."""
        self._lifeline.close()  # the workers see the end of the pipe and exit
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._close()

    def _close(self) -> None:
        if not self._stop_listener.closed:
            self._stop_listener.close()
            self._listener.join(timeout=5)
        for end in (self._lifeline, self._watched, self._inbox, self._outbox, self._wake_listener):
            end.close()

    def _listen(self) -> None:
        while True:
            ready = wait([self._inbox, self._wake_listener])
            if self._inbox in ready:
                try:
                    self._callbacks.tell(*self._inbox.recv())
                except (EOFError, OSError):
                    return
            elif ready:
                return


@dataclass(frozen=True)
class _Channel:
    """Names a callback of the parent; called in a worker."""

    number: int

    def __call__(self, done: int, total: int, words: str = "", /) -> None:
        _WORKER["lock"].acquire()
        try:
            _WORKER["outbox"].send((self.number, done, total, words))
        finally:
            _WORKER["lock"].release()


#: What a worker process was given at its start.
_WORKER: dict[str, Any] = {}


def _start_worker(watched: Connection, outbox: Connection, lock: Lock, counter: Any, gpus: int) -> None:
    # Ctrl-C goes to the whole group; the parent decides, through the lifeline.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _WORKER.update(outbox=outbox, lock=lock)
    if counter is not None:
        with counter.get_lock():
            os.environ["CUDA_VISIBLE_DEVICES"] = str(counter.value % gpus)
            counter.value += 1
    threading.Thread(target=_exit_with_parent, args=(watched,), name="eyeballot-lifeline", daemon=True).start()


def _exit_with_parent(watched: Connection) -> None:
    try:
        watched.recv()
    except (EOFError, OSError):
        # The parent is gone or has given up. No clean-up: a worker holds nothing but memory.
        os._exit(1)


def _pass_on(inner: Future[T], outer: Future[T]) -> None:
    if not outer.set_running_or_notify_cancel():
        return
    if inner.cancelled():
        outer.set_exception(EngineBroken())
    elif error := inner.exception():
        outer.set_exception(EngineBroken() if isinstance(error, BrokenProcessPool) else error)
    else:
        outer.set_result(inner.result())


def default_workers() -> int:
    """One worker per GPU, else one per core."""
    return _gpu_count() or cores()


def _gpu_count() -> int:
    # Without torch: the driver lists its cards here on Linux; elsewhere name the number (processes:N).
    listed = Path("/proc/driver/nvidia/gpus")
    return len(list(listed.iterdir())) if listed.is_dir() else 0
