"""What is asked of a Dask scheduler itself, with a limit on how long its answer is waited for. Torch-free."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from typing import Any

import distributed

from generation.core.engines.base import EngineLost
from generation.core.engines.dask_worker import versions

CONNECT = 10.0  # seconds for the scheduler to answer at first
ANSWER = 10.0  # seconds for it to say who is there


def connect(address: str) -> distributed.Client:
    """The client of the scheduler at ``address`` (``host:port``), which has the same Eyeballot.

    Raises :class:`EngineLost` with a sentence, after :data:`CONNECT` seconds at most.
    """
    made: Future[distributed.Client] = Future()

    def try_it() -> None:
        try:
            client = distributed.Client(  # type: ignore[no-untyped-call]
                address, timeout=CONNECT, set_as_default=False, name="eyeballot"
            )
        except Exception as error:
            made.set_exception(error)
            return
        try:
            _check(client, address)
            made.set_result(client)
        except Exception as error:
            with contextlib.suppress(Exception):
                client.close(timeout=5)  # type: ignore[no-untyped-call]
            made.set_exception(error)

    # Dask's own limit ends where a connection is accepted, so it is not the one that counts.
    threading.Thread(target=try_it, name="eyeballot-connect", daemon=True).start()
    try:
        return made.result(CONNECT + 2)
    except (OSError, ValueError) as error:
        raise EngineLost(
            f"No Dask scheduler answered at {address} within {CONNECT:g} seconds ({type(error).__name__}). Start one "
            "(dask scheduler) and its workers, or correct the address; docs/many-machines.md tells how."
        ) from None


def _check(client: distributed.Client, address: str) -> None:
    """The scheduler unpacks every order, so it needs the same code, if no torch."""
    try:
        there = client.run_on_scheduler(versions)["eyeballot"]  # type: ignore[no-untyped-call]
    except (ImportError, AttributeError):
        raise no_eyeballot(address) from None
    if there != (here := versions()["eyeballot"]):
        raise no_eyeballot(address, f"eyeballot {there}, not {here}")


def no_eyeballot(address: str, what: str = "no Eyeballot, or another one") -> EngineLost:
    """The sentence for a scheduler that cannot read an order."""
    return EngineLost(
        f"The Dask scheduler at {address} has {what}: it cannot read the jobs. Start it in an environment with the "
        "same version; the same command goes on from here."
    )


def workers_of(client: distributed.Client) -> Mapping[str, Any]:
    """Address -> what the scheduler knows of each worker. Raises whatever Dask does; ``TimeoutError`` where the
    scheduler is silent for :data:`ANSWER` seconds."""
    # Not scheduler_info(): that waits for ever, and gives its last answer when the scheduler is gone.
    known = client.sync(client.scheduler.identity, n_workers=-1, callback_timeout=ANSWER)  # type: ignore[no-untyped-call,union-attr]
    workers: Mapping[str, Any] = known["workers"]
    return workers
