"""The command as a researcher types it: the plan, the sentences, and a real process that is killed and goes on."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.generation.style_grid import SHALLOW, grid_toml, pictures
from tests.live_processes import alive_in_group

GRID = grid_toml(
    "two-by-two",
    '[[conditions]]\ndesign = "product"\nlearning_rate = [0.01, 0.1]\n',
    parameters=f"{SHALLOW}steps = 100",
)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty house with its database."""
    folder = tmp_path_factory.mktemp("house")
    command = [sys.executable, "manage.py", "migrate", "-v0"]
    subprocess.run(command, cwd=settings.BASE_DIR, env=_environment(folder), check=True)
    return folder / "var"


@pytest.fixture
def house(tmp_path: Path, migrated: Path) -> Path:
    """A house of its own for a test, with a grid file and its pictures."""
    shutil.copytree(migrated, tmp_path / "var")
    pictures(tmp_path)
    (tmp_path / "grid.toml").write_text(GRID)
    return tmp_path


def _environment(folder: Path, **more: str) -> dict[str, str]:
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


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "manage.py", "render", str(folder / "grid.toml"), *options]
    return subprocess.Popen(
        command,
        cwd=settings.BASE_DIR,
        env=_environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str]) -> str:
    out, _ = process.communicate(timeout=300)
    return out


def rows(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "var" / "eyeballot.sqlite3")) as connection:
        return connection.execute(query).fetchall()


def test_the_plan_prints_every_condition_and_renders_nothing(house: Path) -> None:
    process = start(house, "--plan")
    out = finish(process)
    assert process.returncode == 0
    assert "lr 0.01" in out
    assert "lr 0.1" in out
    assert "2 scenes × 2 conditions: at most 4 images" in out
    assert rows(house, "SELECT count(*) FROM generation_grid") == [(0,)]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("learning_rate = [0.01, 0.1]", "learning_rte = [0.01, 0.1]", "learning_rte is not a parameter"),
        ('backbone = "random-shallow"', 'backbone = "vgg19"', "vgg19"),
        ('file = "two.png"', 'file = "grid.toml"', "grid.toml"),
        ('file = "two.png"', 'file = "three.png"', "three.png"),
    ],
)
def test_a_mistake_ends_in_a_sentence_and_no_traceback(house: Path, old: str, new: str, words: str) -> None:
    (house / "grid.toml").write_text(GRID.replace(old, new))
    process = start(house)
    out = finish(process)
    assert process.returncode == 1
    assert words in out
    assert "Traceback" not in out
    assert rows(house, "SELECT count(*) FROM generation_render") == [(0,)]


@pytest.mark.slow
def test_a_killed_render_goes_on_and_does_nothing_twice(house: Path) -> None:
    first = start(house)
    _wait_for(lambda: _states(house) == ["done", "running"], first)
    os.kill(first.pid, signal.SIGKILL)
    finish(first)
    done = rows(house, "SELECT id, finished_at FROM generation_job WHERE status = 'done'")
    assert len(done) == 1
    assert rows(house, "SELECT count(*) FROM generation_job WHERE status = 'running'") == [(1,)]

    second = start(house)
    out = finish(second)
    assert second.returncode == 0, out
    assert "4 of 4 rendered" in out
    after = dict(rows(house, "SELECT id, finished_at FROM generation_job WHERE status = 'done'"))
    assert len(after) == 2
    assert after[done[0][0]] == done[0][1], "the finished job was done again"
    assert rows(house, "SELECT count(*) FROM generation_render WHERE status = 'ok'") == [(4,)]
    files = [p.name for p in (house / "var" / "masters").rglob("*") if p.is_file()]
    assert not [name for name in files if name.startswith(".part")]

    third = start(house)
    assert "4 of 4 rendered" in finish(third)
    assert dict(rows(house, "SELECT id, finished_at FROM generation_job WHERE status = 'done'")) == after


@pytest.mark.slow
def test_two_at_once_share_the_work_and_both_wait_for_the_end(house: Path) -> None:
    together = [start(house), start(house)]
    for process in together:
        out = finish(process)
        assert process.returncode == 0, out
        assert "4 of 4 rendered" in out
    assert _states(house) == ["done", "done"]


def test_a_house_without_tables_says_what_to_do(tmp_path: Path) -> None:
    pictures(tmp_path)
    (tmp_path / "grid.toml").write_text(GRID)
    process = start(tmp_path)
    out = finish(process)
    assert process.returncode == 1
    assert "manage.py migrate" in out
    assert "Traceback" not in out


@pytest.mark.slow
def test_ctrl_c_gives_the_job_back_and_leaves_no_process(house: Path) -> None:
    process = start(house)
    _wait_for(lambda: rows(house, "SELECT 1 FROM generation_job WHERE status = 'running'"), process)
    os.kill(process.pid, signal.SIGINT)
    out = finish(process)
    assert process.returncode == 130
    assert "goes on from here" in out
    assert "Traceback" not in out
    assert rows(house, "SELECT count(*) FROM generation_job WHERE status = 'running'") == [(0,)]
    _wait_for(lambda: not alive_in_group(process.pid), None)


def _states(folder: Path) -> list[str]:
    return sorted(status for (status,) in rows(folder, "SELECT status FROM generation_job"))


def _wait_for(condition: Any, process: subprocess.Popen[str] | None) -> None:
    until = time.monotonic() + 240
    while not condition():
        assert process is None or process.poll() is None, "the process ended before it could be stopped"
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
