"""A house in a folder in which ``manage.py render`` runs as real processes that may be killed, stopped and watched."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings

from tests.generation.gamma_task import picture
from tests.generation.style_grid import SHALLOW, grid_toml
from tests.live_processes import alive_in_group

CONTENTS = ("one", "two", "three", "four")
#: One job for each content, of two renders.
GRID = grid_toml(
    "killed",
    '[[conditions]]\ndesign = "product"\nlearning_rate = [0.01, 0.1]\n',
    parameters=f"{SHALLOW}steps = 40",
    contents=CONTENTS,
)


def environment(folder: Path, **more: str) -> dict[str, str]:
    """Of a house in ``folder/var`` that downloads nothing and renders in one process of one thread."""
    own = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "EYEBALLOT_WEIGHTS")}
    return {
        **own,
        "EYEBALLOT_DEBUG": "1",
        "EYEBALLOT_VAR": str(folder / "var"),
        "EYEBALLOT_DOWNLOAD": "0",
        "TORCH_HOME": str(folder / "torch"),
        "EYEBALLOT_ENGINE": "processes:1",
        "EYEBALLOT_THREADS": "1",  # two renders at once on two cores
        **more,
    }


def migrate(folder: Path) -> Path:
    """The ``var`` of an empty house with its database, made in ``folder``; houses are copies of it."""
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=settings.BASE_DIR, env=environment(folder), check=True)
    return folder / "var"


def furnish(folder: Path, empty: Path) -> Path:
    """A house in ``folder`` with the grid file of four jobs, its pictures, and a diary of its jobs."""
    shutil.copytree(empty, folder / "var")
    for seed, name in enumerate((*CONTENTS, "style")):
        (folder / f"{name}.png").write_bytes(picture(seed))
    (folder / "grid.toml").write_text(GRID)
    with closing(sqlite3.connect(folder / "var" / "eyeballot.sqlite3")) as connection:
        connection.executescript(_DIARY)
    return folder


#: The database itself notes who took a job and who finished it: nothing that runs can forget to.
_DIARY = """
CREATE TABLE diary (job INTEGER, what TEXT, holder TEXT);
CREATE TRIGGER taken AFTER UPDATE ON generation_job
  WHEN NEW.status = 'running' AND NEW.lease_holder <> OLD.lease_holder
  BEGIN INSERT INTO diary VALUES (NEW.id, 'taken', NEW.lease_holder); END;
CREATE TRIGGER done AFTER UPDATE ON generation_job WHEN NEW.status = 'done'
  BEGIN INSERT INTO diary VALUES (NEW.id, 'done', OLD.lease_holder); END;
"""


def start(folder: Path, *options: str, **more: str) -> subprocess.Popen[str]:
    """``manage.py render`` of the house's grid, in a process group of its own."""
    command = [sys.executable, "manage.py", "render", str(folder / "grid.toml"), *options]
    return subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env=environment(folder, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for its end; what it said."""
    out, _ = process.communicate(timeout=300)
    return out


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL to the process and all that it started; returns when none is left."""
    os.killpg(process.pid, signal.SIGKILL)
    finish(process)
    wait_for(lambda: not alive_in_group(process.pid), None)


def rows(folder: Path, query: str, *values: str) -> list[Any]:
    """The answer of the house's database."""
    with closing(sqlite3.connect(folder / "var" / "eyeballot.sqlite3", timeout=30)) as connection:
        return connection.execute(query, values).fetchall()


def states(folder: Path) -> list[str]:
    """The states of all jobs, in alphabetical order."""
    return sorted(status for (status,) in rows(folder, "SELECT status FROM generation_job"))


def diary(folder: Path, what: str) -> list[int]:
    """The jobs that were ``taken`` or ``done``, once for each time."""
    return [job for (job,) in rows(folder, "SELECT job FROM diary WHERE what = ? ORDER BY rowid", what)]


def wait_for(condition: Callable[[], Any], process: subprocess.Popen[str] | None) -> None:
    """Wait until ``condition`` holds, while ``process`` runs."""
    until = time.monotonic() + 240
    while not condition():
        assert process is None or process.poll() is None, "the process ended before it could be stopped"
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)


def masters(folder: Path) -> dict[str, str]:
    """Name -> SHA-256 of each file of the masters that has its own name."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (folder / "var" / "masters").rglob("*")
        if path.is_file() and not path.name.startswith(".part-")
    }


def finished(folder: Path) -> dict[str, Any]:
    """All that a render leaves: files, renders, scores and jobs, by their digests; no times, no names of processes."""
    renders = rows(
        folder,
        "SELECT digest, status, reason, image_id, curve_id, steps, final_step_reason, provenance "
        "FROM generation_render ORDER BY digest",
    )
    scores = "SELECT r.digest, m.digest, s.value, s.status, s.reason, s.run FROM generation_score s "
    scores += "JOIN generation_render r ON r.id = s.render_id JOIN generation_metric m ON m.id = s.metric_id"
    return {
        "files": masters(folder),
        "renders": [(*row[:-1], json.loads(row[-1])) for row in renders],
        "scores": sorted(rows(folder, scores), key=repr),
        "jobs": rows(folder, "SELECT digest, status FROM generation_job ORDER BY digest"),
    }


class Watcher:
    """Looks into the masters folder all the time; ``partial``: files with a name of their own and other content."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "var" / "masters"
        self.looks = 0
        self.partial: set[str] = set()

    def look(self) -> None:
        """Hash every file that has not a temporary name."""
        for path in list(self._folder.glob("*/*")):
            if not path.name.startswith(".part-"):
                if hashlib.sha256(path.read_bytes()).hexdigest() != path.name:
                    self.partial.add(path.name)
                self.looks += 1

    @contextmanager
    def watching(self) -> Any:
        """Look for as long as the block runs, from a thread of its own."""
        over = threading.Event()

        def run() -> None:
            while not over.is_set():
                self.look()
                time.sleep(0.002)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield self
        finally:
            over.set()
            thread.join()
            self.look()
