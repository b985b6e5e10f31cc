"""Where jobs run: a ``concurrent.futures.Executor`` by name. Torch-free.

``serial``             in this process, each job inside ``submit``
``processes``          spawned worker processes: one per GPU, else one per core
``processes:N``        N of them
``dask://HOST:PORT``   the workers of a Dask cluster, on as many machines as it has (needs ``eyeballot[distributed]``)

Workers are pure (specs and bytes in, bytes and numbers out), so any executor will do; more kinds are more rows in
:func:`open_engine`. An engine is a context manager.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from generation.core.engines.base import (
    Engine,
    EngineBroken,
    EngineLost,
    JobDeadly,
    Needs,
    Progress,
    call,
    share,
)
from generation.core.engines.processes import ProcessEngine, default_workers
from generation.core.engines.serial import SerialEngine

__all__ = [
    "ENGINES",
    "Engine",
    "EngineBroken",
    "EngineLost",
    "JobDeadly",
    "Needs",
    "ProcessEngine",
    "Progress",
    "SerialEngine",
    "call",
    "open_engine",
    "share",
]

#: The names, for those who ask for one.
ENGINES = "serial, processes, processes:N (N from 1), dask://HOST:PORT"


def open_engine(name: str) -> Engine:
    """The engine called ``name`` (see the module); ``ValueError`` with the known names for any other.

    Raises ``EngineLost`` with a sentence where no Dask scheduler answers, ``ValueError`` where Dask is not installed.
    """
    kind, _, count = name.partition(":")
    if name == "serial":
        return SerialEngine()
    if kind == "processes" and (not count or (count.isdecimal() and int(count) > 0)):
        return ProcessEngine(int(count) if count else default_workers())
    if kind == "dask" and (address := _address(name)):
        try:
            from generation.core.engines.dask import DaskEngine
        except ModuleNotFoundError as error:
            raise ValueError(
                f"The engine {name} needs Dask, and {error.name} is not installed: "
                "pip install 'eyeballot[distributed]'."
            ) from None
        return DaskEngine(address)
    raise ValueError(f"There is no engine {name!r}. Known: {ENGINES}.")


def _address(name: str) -> str:
    """``host:port`` of ``dask://host:port`` (8786 where there is none); empty where it is not one."""
    try:
        parts = urlsplit(name)
        port = parts.port or 8786
    except ValueError:
        return ""
    if parts.scheme != "dask" or not parts.hostname or parts.path.strip("/") or parts.query or parts.username:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}"
