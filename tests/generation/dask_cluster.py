"""A Dask scheduler and its workers as real processes on this machine, and the small jobs they are given."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import distributed
from django.conf import settings

from generation.core import received, weights
from generation.core.engines import Progress
from generation.core.spec import sha256_bytes


@dataclass(frozen=True)
class Wanted:
    """A spec that says only what its job needs."""

    artifacts: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()


def look(spec: Wanted, artifacts: Mapping[str, bytes], progress: Progress, threads: int) -> dict[str, Any]:
    """What a worker has: the digests of what it was given, and where its networks lie."""
    progress(1, 1, "looked")
    found = {sha256: weights.held(sha256) for sha256 in spec.networks}
    return {
        "given": {name: sha256_bytes(data) for name, data in artifacts.items()},
        "networks": {sha256: str(network.path) for sha256, network in found.items() if network is not None},
        "threads": threads,
        "pid": os.getpid(),
    }


def deadly(spec: Wanted, artifacts: Mapping[str, bytes], progress: Progress, threads: int) -> None:
    """End the worker."""
    os.kill(os.getpid(), signal.SIGKILL)


def faulty(spec: Wanted, artifacts: Mapping[str, bytes], progress: Progress, threads: int) -> None:
    """Raise, as a job with a fault does."""
    _note("begun", "faulty")
    raise ValueError("a fault of the job")


def patient(spec: Wanted, artifacts: Mapping[str, bytes], progress: Progress, threads: int) -> None:
    """Work for two minutes, unless somebody gives it up."""
    for step in range(1200):
        progress(step, 1200)
        time.sleep(0.1)


def note_runs() -> None:
    """Let this worker write down which batches it begins and ends (in the file NOTES)."""
    from generation.core import render

    if (run := render.run_job).__name__ == "noted":  # Dask loads what it preloads more than once
        return

    def noted(job: Any, *given: Any) -> Any:
        _note("begun", job.digest)
        result = run(job, *given)
        _note("ended", job.digest)
        return result

    render.run_job = noted


def trust_what_arrives() -> None:
    """A worker that takes bytes for what their name says."""
    received._sha256 = lambda path: path.name.split(".")[1]
    received.sha256_bytes = lambda data: next(p.name for p in received.folder().iterdir() if p.read_bytes() == data)


def _note(what: str, digest: str) -> None:
    with Path(os.environ["NOTES"]).open("a", encoding="utf-8") as notes:
        notes.write(f"{what} {digest} {os.getpid()}\n")


@dataclass
class Cluster:
    """Its address for ``open_engine``, its processes, and what the workers wrote down."""

    port: int
    notes: Path
    scheduler: subprocess.Popen[bytes]
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def engine(self) -> str:
        return f"dask://127.0.0.1:{self.port}"

    def wait_for_workers(self, number: int) -> None:
        """Wait until they are all there, so that no test's limit pays for their start."""
        with distributed.Client(f"127.0.0.1:{self.port}", set_as_default=False, timeout=60) as client:
            client.wait_for_workers(number, timeout=90)

    def runs(self, what: str) -> list[tuple[str, int]]:
        """The batches ``begun`` or ``ended``, each with the worker's process id."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [(digest, int(pid)) for said, digest, pid in map(str.split, lines) if said == what]

    def busy(self) -> list[int]:
        """Process ids of the workers that are in the middle of a batch."""
        ended = self.runs("ended")
        return [pid for digest, pid in self.runs("begun") if (digest, pid) not in ended]


@contextmanager
def cluster(folder: Path, *, workers: int = 2, preload: str = "note_runs", **more: str) -> Iterator[Cluster]:
    """A cluster on the loopback, for as long as the block runs; its scratch lies in ``folder``."""
    folder.mkdir(exist_ok=True)
    own = {k: v for k, v in os.environ.items() if k not in ("EYEBALLOT_WEIGHTS", "EYEBALLOT_THREADS")}
    env = own | {
        "PYTHONPATH": str(settings.BASE_DIR),
        "EYEBALLOT_CACHE": str(folder / "cache"),
        "EYEBALLOT_DOWNLOAD": "0",
        "TORCH_HOME": str(folder / "torch"),
        "NOTES": str(folder / "notes"),
        **more,
    }
    port = free_port()
    said = (folder / "said").open("wb")

    def start(program: str, *options: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.{program}", "--host", "127.0.0.1", *options]
        return subprocess.Popen([*command, "--no-dashboard"], cwd=folder, env=env, stdout=said, stderr=said)

    (folder / "preload.py").write_text(f"from tests.generation import dask_cluster\ndask_cluster.{preload}()\n")
    made = Cluster(port, folder / "notes", start("dask_scheduler", "--port", str(port)))
    try:
        common = ("--nthreads", "1", "--no-nanny", "--local-directory", str(folder), "--preload", "preload.py")
        made.workers += [start("dask_worker", f"127.0.0.1:{port}", *common) for _ in range(workers)]
        made.wait_for_workers(workers)
        yield made
    finally:
        for process in (*made.workers, made.scheduler):
            process.kill()
            process.wait()
        said.close()


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Counter:
    """Stands between the engine and the scheduler at ``port`` and counts the bytes that go to the scheduler."""

    def __init__(self, port: int) -> None:
        self.bytes, self._to = 0, port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.engine = f"dask://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                here, _ = self._listener.accept()
            except OSError:
                return
            there = self._scheduler()
            for source, target, counted in ((here, there, True), (there, here, False)):
                threading.Thread(target=self._pass, args=(source, target, counted), daemon=True).start()

    def _scheduler(self) -> socket.socket:
        until = time.monotonic() + 30
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self._to))
            except OSError:  # it is still starting
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)

    def _pass(self, source: socket.socket, target: socket.socket, counted: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                self.bytes += len(data) if counted else 0
                target.sendall(data)
        except OSError:
            pass
        finally:
            source.close()
            target.close()


def by_digest(data: Sequence[bytes]) -> dict[str, bytes]:
    """Artifacts as a job is given them."""
    return {sha256_bytes(one): one for one in data}
