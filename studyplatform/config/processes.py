"""The processes of `make demo` and `make serve`: a web server and a rendering worker that end with their parent."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import URLError
from urllib.request import urlopen

PREFERRED_PORT = 8000


def free_port(preferred: int = PREFERRED_PORT) -> int:
    """The preferred port of the loopback interface, or another one when it is taken."""
    for port in (preferred, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return int(probe.getsockname()[1])
    raise OSError("No port of 127.0.0.1 is free.")


@contextmanager
def child(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python command beside this process; it gets SIGTERM, and after five seconds SIGKILL, when the block ends.

    It runs in a session of its own, so that Ctrl-C reaches the parent alone and the parent ends its children in order.
    """
    process = subprocess.Popen([sys.executable, *command], start_new_session=True)  # noqa: S603 (our own commands)
    try:
        yield process
    finally:
        _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    for number, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)


@contextmanager
def web_server(port: int) -> Iterator[str]:
    """gunicorn on 127.0.0.1; yields the address once it answers. Raises ``RuntimeError`` when it does not come up."""
    address = f"http://127.0.0.1:{port}"
    options = ("--threads", "8", "--worker-class", "gthread", "--bind", f"127.0.0.1:{port}", "--log-level", "warning")
    with child("-m", "gunicorn", "studyplatform.config.wsgi", *options) as process:
        _wait_until_up(address, process)
        yield address


def _wait_until_up(address: str, process: subprocess.Popen[bytes], patience: float = 30) -> None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(
                f"The web server ended at once (exit status {process.returncode}); its words stand above."
            )
        with contextlib.suppress(URLError, OSError), urlopen(f"{address}/", timeout=5):  # noqa: S310 (loopback)
            return
        time.sleep(0.1)
    raise RuntimeError(f"The web server did not answer at {address} within {patience:g} seconds.")


@contextmanager
def rendering_worker() -> Iterator[None]:
    """A worker that renders whatever is in the queue."""
    with child("manage.py", "render", "--worker"):
        yield
