"""Each job inside ``submit``, in this thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import ParamSpec, TypeVar

from generation.core.engines.base import Engine, Progress

P = ParamSpec("P")
T = TypeVar("T")


class SerialEngine(Engine):
    """Runs each job inside ``submit``, in this thread."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """A future that is done when it is returned. ``KeyboardInterrupt`` is not caught."""
        future: Future[T] = Future()
        future.set_running_or_notify_cancel()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # an executor reports through its future
            future.set_exception(error)
        return future

    def channel(self, callback: Progress) -> Progress:
        """The callback itself."""
        return callback
