"""Engines run jobs elsewhere, carry progress, and leave nobody behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from generation.core import engines

Progress = Callable[[int, int], None]


def double(number: int) -> int:
    return 2 * number


def fail() -> None:
    raise ValueError("a sentence from the worker")


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def pid() -> int:
    return os.getpid()


def count(steps: int, progress: Progress) -> int:
    for done in range(1, steps + 1):
        progress(done, steps)
    return os.getpid()


def write_pid_and_sleep(path: str) -> None:
    Path(path).write_text(str(os.getpid()))
    time.sleep(60)


def _gone(process: int, within: float = 10.0) -> bool:
    end = time.monotonic() + within
    while time.monotonic() < end:
        try:
            os.kill(process, 0)
            # A dead child that nobody has waited for still answers.
            if Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def _wait_for(path: Path) -> int:
    end = time.monotonic() + 30
    while time.monotonic() < end:
        if path.is_file() and (text := path.read_text()):
            return int(text)
        time.sleep(0.05)
    raise AssertionError("the worker did not start")


@pytest.mark.parametrize("name", ["dask", "processes:0", "processes:x", "processes:-1", "serial:2", ""])
def test_an_unknown_engine_names_the_known(name: str) -> None:
    with pytest.raises(ValueError, match="Known: serial, processes"):
        engines.open_engine(name)


@pytest.mark.parametrize("name", ["serial", "processes:1"])
def test_results_faults_and_progress_come_back(name: str) -> None:
    seen: list[tuple[int, int]] = []
    with engines.open_engine(name) as engine:
        assert engine.submit(double, 21).result(60) == 42
        with pytest.raises(ValueError, match="a sentence from the worker"):
            engine.submit(fail).result(60)
        progress = engine.channel(lambda done, total, words="": seen.append((done, total)))
        where = engine.submit(count, 50, progress).result(60)
        end = time.monotonic() + 5
        while len(seen) < 50 and time.monotonic() < end:
            time.sleep(0.01)
    assert seen == [(n, 50) for n in range(1, 51)]
    assert (where == os.getpid()) == (name == "serial")
    assert name == "serial" or _gone(where)


def test_a_killed_worker_is_a_sentence_and_leaves_no_other() -> None:
    with engines.open_engine("processes:1") as engine:
        with pytest.raises(engines.EngineBroken, match="killed, or out of memory"):
            engine.submit(die).result(60)
        with pytest.raises(engines.EngineBroken):
            engine.submit(double, 1).result(60)


def test_an_exception_in_the_parent_ends_the_workers_at_once(tmp_path: Path) -> None:
    started = time.monotonic()

    def work() -> None:
        with engines.open_engine("processes:1") as engine:
            engine.submit(write_pid_and_sleep, str(tmp_path / "pid"))
            _wait_for(tmp_path / "pid")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        work()
    assert _gone(int((tmp_path / "pid").read_text()))
    assert time.monotonic() - started < 40, "nobody waited for the sleeper"


PARENT = """
import sys
from generation.core import engines
from tests.generation.core.test_engines import write_pid_and_sleep
if __name__ == "__main__":
    with engines.open_engine("processes:1") as engine:
        engine.submit(write_pid_and_sleep, sys.argv[1]).result()
"""


@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_workers_go_when_the_parent_goes(tmp_path: Path, with_signal: signal.Signals) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    root = Path(__file__).resolve().parents[3]
    parent = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "pid")],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    )
    try:
        worker = _wait_for(tmp_path / "pid")
        parent.send_signal(with_signal)
        assert parent.wait(15) != 0
        assert _gone(worker), "a worker outlived its parent"
    finally:
        parent.kill()
        parent.wait()


def test_a_worker_that_runs_for_ever_does_not_remember_every_job() -> None:
    with engines.open_engine("processes:1") as engine:
        for _ in range(100):
            engine.channel(lambda done, total, words="": None)
        assert len(engine._callbacks) <= 20  # type: ignore[attr-defined]
