"""A platform of its own for a walk: an empty database, a web server, a rendering worker."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 180.0


@dataclass(frozen=True)
class House:
    """Where it answers, and who may sign in."""

    address: str
    user: str
    password: str


@contextmanager
def house(var: Path) -> Iterator[House]:
    """``make serve`` with everything under ``var``, for as long as the block runs.

    Raises ``RuntimeError`` if it does not come up.
    """
    environment = os.environ | {"EYEBALLOT_VAR": str(var), "EYEBALLOT_DEBUG": "1", "COLUMNS": "200"}
    environment.pop("DATABASE_URL", None)
    var.mkdir(parents=True, exist_ok=True)
    log = var / "serve.log"
    with log.open("wb") as out:
        command = [sys.executable, "manage.py", "demo", "--serve-only", "--port", "0"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=out, stderr=out)  # noqa: S603
    try:
        yield _wait(process, log)
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: "subprocess.Popen[bytes]", log: Path) -> House:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        said = log.read_text(errors="replace")
        address = re.search(r"admin\s+(http://127\.0\.0\.1:\d+)/", said)
        login = re.search(r"sign in as (\S+), password (\S+)", said)
        if address and login:
            return House(address[1], login[1], login[2])
        time.sleep(0.2)
    raise RuntimeError(f"The platform did not come up:\n{log.read_text(errors='replace')[-2000:]}")
