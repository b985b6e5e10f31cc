"""The workers of a Dask cluster. Torch-free; needs ``distributed``.

Orders and answers go through Dask's scheduler, which gives the orders of a worker that died to another one. Bytes do
not travel with orders: a worker says what it lacks by SHA-256 and is brought that, see ``dask_worker``.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from distributed.scheduler import KilledWorker

from generation.core.engines.base import Callbacks, Engine, EngineLost, JobDeadly, Needs, Progress
from generation.core.engines.dask_scheduler import connect, no_eyeballot, workers_of
from generation.core.engines.dask_worker import Channel, Done, Lacks, Order, Refused, perform, versions
from generation.core.engines.parcels import Undelivered, deliver

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 60.0  # seconds without any worker: a node that restarts is waited for
LOOK = 1.0  # seconds between two looks at who is there
ROUNDS = 20  # of one job: each brings a worker what it lacked


@dataclass
class _Flight:
    """What was submitted and has no answer yet. ``order`` is None for a plain call, which needs nothing brought."""

    outer: Future[Any]
    function: Callable[..., Any]
    given: tuple[Any, ...]
    named: Mapping[str, Any]
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    order: Order | None = None
    rounds: int = 0
    inner: Future[Any] | None = None


class DaskEngine(Engine):
    """An engine on the cluster whose scheduler is at ``address`` (``host:port``). One job per worker process.

    ``sent`` counts the bytes of artifacts and networks that were brought to workers. Raises :class:`EngineLost`.
    """

    def __init__(self, address: str, *, patience: float = PATIENCE) -> None:
        self.sent = 0
        self._address, self._patience = address, patience
        for name in ("distributed", "distributed.client"):  # the second has a level of its own
            logging.getLogger(name).setLevel(logging.CRITICAL)  # what goes wrong is said in sentences
        self._client = connect(address)
        # Deaths of workers are Dask's affair, and what a job raises is the queue's: neither is repeated here.
        self._executor = self._client.get_executor(retries=0, pure=False)  # type: ignore[no-untyped-call]
        self._versions = versions()
        self._flights: dict[int, _Flight] = {}
        self._lock = threading.Lock()
        self._hosts: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._couriers = ThreadPoolExecutor(4, "eyeballot-courier")
        self._broken: EngineLost | None = None
        self._topic, self._callbacks = f"eyeballot-{uuid.uuid4().hex}", Callbacks()
        self._gpus, self._beside, self._seen, self._silent = False, 1, time.monotonic(), False
        self._closing = threading.Event()
        self._look()
        self._client.subscribe_topic(self._topic, self._hear)  # type: ignore[no-untyped-call]
        self._watcher = threading.Thread(target=self._watch, name="eyeballot-cluster", daemon=True)
        self._watcher.start()

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """As ``Executor.submit``; a cluster out of reach shows as :class:`EngineLost`, here or from the future."""
        return self._start(_Flight(Future(), fn, args, kwargs))

    def submit_job(
        self,
        function: str,
        spec: Needs,
        artifacts: Mapping[str, bytes],
        *rest: Any,
        progress: Progress,
        threads: int = 0,
    ) -> Future[Any]:
        """As :meth:`Engine.submit_job`, by digests; a job that ends its workers shows as :class:`JobDeadly`."""
        order = Order(function, spec, rest, progress, threads, self._beside, self._versions)
        return self._start(_Flight(Future(), perform, (), {}, artifacts, order))

    def channel(self, callback: Progress) -> Progress:
        """A small picklable object; see :meth:`Engine.channel`. A word every half second reaches ``callback``."""
        return Channel(self._topic, self._callbacks.add(callback, self.workers))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let the running jobs end; the cluster stays."""
        if cancel_futures:
            self._cancel()
        elif wait:
            with self._lock:
                waiting = [flight.outer for flight in self._flights.values()]
            wait_for(waiting)
        self._close()

    def abandon(self) -> None:
        """Wait for nothing: the workers stop at their next word of progress."""
        self._cancel()
        self._close()

    def _start(self, flight: _Flight) -> Future[Any]:
        with self._lock:
            if self._broken is not None:
                raise self._broken
            self._flights[id(flight)] = flight
        flight.outer.set_running_or_notify_cancel()
        self._send(flight)
        return flight.outer

    def _send(self, flight: _Flight, to: str = "") -> None:
        """Hand it to the scheduler, to be done by anybody or rather by the worker at ``to``."""
        where: dict[str, Any] = {"workers": [to], "allow_other_workers": True} if to else {}
        if self._gpus:
            where["resources"] = {"GPU": 1}
        given = flight.given if flight.order is None else (flight.order,)
        try:
            flight.inner = self._executor.submit(flight.function, *given, **flight.named, **where)
        except Exception:  # a client that lost its scheduler refuses in many ways
            self._break(self._lost())
            return
        flight.inner.add_done_callback(lambda inner: self._hand_over(flight, inner))

    def _hand_over(self, flight: _Flight, inner: Future[Any]) -> None:
        # Called on whichever thread of Dask's lands the answer, which must not wait for bytes; and after the end nobody
        # asks.
        with contextlib.suppress(RuntimeError):
            self._couriers.submit(self._landed, flight, inner)

    def _landed(self, flight: _Flight, inner: Future[Any]) -> None:
        try:
            if inner.cancelled():
                self._break(self._lost())
            elif error := inner.exception():
                self._fail(flight, error)
            elif isinstance(answer := inner.result(), Refused):
                self._break(EngineLost(answer.reason))
            elif isinstance(answer, Lacks) and flight.order is not None:
                self._bring(flight, answer, flight.order)
            else:
                self._settle(flight, result=answer.result if isinstance(answer, Done) else answer)
        except Exception as error:
            if self._client.status == "running":
                self._settle(flight, error=error)
            else:  # without a scheduler whatever was under way ends in an error of its own
                self._break(self._lost())

    def _fail(self, flight: _Flight, error: BaseException) -> None:
        if isinstance(error, KilledWorker):
            deaths = f"{error.allowed_failures + 1} workers ended" if error.allowed_failures else "Its worker ended"
            self._settle(
                flight,
                error=JobDeadly(
                    f"{deaths} in this job, one after another (killed, taken away, or out of memory). "
                    "Smaller images, a smaller EYEBALLOT_BATCH or workers with more memory help."
                ),
            )
        elif isinstance(error, ModuleNotFoundError) and (error.name or "").partition(".")[0] == "generation":
            self._break(EngineLost("A worker of the cluster has no Eyeballot: install the same version there."))
        elif isinstance(error, RuntimeError) and "deserialization of the task graph" in str(error):
            self._break(no_eyeballot(self._address))
        else:
            self._settle(flight, error=error)

    def _bring(self, flight: _Flight, lacks: Lacks, order: Order) -> None:
        flight.rounds += 1
        if flight.rounds > ROUNDS:
            raise RuntimeError(
                "What a worker was sent was gone again before the job began: give its cache more room "
                "(EYEBALLOT_CACHE_GB)."
            )
        # Workers of one machine share their cache: what is on its way to one is not sent to the other.
        with self._hosts[lacks.worker.rpartition(":")[0]]:
            try:
                sent, without = deliver(self._client, lacks.worker, lacks.digests, flight.artifacts)
            except Undelivered as error:
                raise RuntimeError(str(error)) from None
            except (OSError, KeyError):  # the worker is gone; another one will say what it lacks
                self._send(flight)
                return
            self.sent += sent
        flight.order = dataclasses.replace(order, without=order.without | without)
        self._send(flight, to=lacks.worker)

    def _settle(self, flight: _Flight, *, result: Any = None, error: BaseException | None = None) -> None:
        with self._lock:
            if self._flights.pop(id(flight), None) is None:
                return
        if error is not None:
            flight.outer.set_exception(error)
        else:
            flight.outer.set_result(result)

    def _break(self, error: EngineLost) -> None:
        with self._lock:
            self._broken = self._broken or error
            flights = list(self._flights.values())
        for flight in flights:
            self._settle(flight, error=self._broken)

    def _lost(self) -> EngineLost:
        return EngineLost(
            f"The Dask scheduler at {self._address} is gone. What was stored is kept; start it again, and the same "
            "command renders the rest."
        )

    def _cancel(self) -> None:
        with self._lock:
            flights = list(self._flights.values())
            self._flights.clear()
        for flight in flights:
            if flight.inner is not None:
                flight.inner.cancel()
            flight.outer.set_exception(EngineLost("The job was given up."))

    def _close(self) -> None:
        if self._closing.is_set():
            return
        self._closing.set()
        self._couriers.shutdown(wait=False, cancel_futures=True)
        with contextlib.suppress(Exception):  # a scheduler that is gone cannot be taken leave of
            self._client.close(timeout=5)  # type: ignore[no-untyped-call]
        self._watcher.join(timeout=5)

    def _hear(self, event: tuple[float, Any]) -> None:
        self._callbacks.tell(*event[1])

    def _watch(self) -> None:
        while not self._closing.wait(LOOK):
            self._look()
            if time.monotonic() - self._seen > self._patience:
                if self._silent:
                    fault, mend = f"scheduler at {self._address} does not answer", "start it again"
                else:
                    fault = f"cluster at {self._address} has had no worker for {self._patience:g} seconds"
                    mend = "start workers"
                self._break(
                    EngineLost(
                        f"The Dask {fault}. What was stored is kept; {mend}, and the same command renders the rest."
                    )
                )

    def _look(self) -> None:
        """Count the workers: those with a GPU, if any ever announced one."""
        try:
            workers = workers_of(self._client)
        except Exception:
            self._silent = True
            if self._client.status in ("closed", "closing") and not self._closing.is_set():
                self._break(self._lost())
            return
        self._silent = False
        self._gpus = self._gpus or any(worker.get("resources", {}).get("GPU") for worker in workers.values())
        mine = [w for w in workers.values() if not self._gpus or w.get("resources", {}).get("GPU")]
        hosts = [worker["host"] for worker in mine]
        self._beside = max((hosts.count(host) for host in set(hosts)), default=1)
        # At least one: a cluster that grows with its work has no worker before there is some.
        self.workers = max(1, len(mine))
        if mine:
            self._seen = time.monotonic()
