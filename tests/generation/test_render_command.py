"""The command as a researcher types it: the plan, the sentences, and a real process that is killed and goes on."""

import os
import signal
from pathlib import Path

import pytest

from tests.generation.render_house import diary, finish, furnish, migrate, rows, start, states, wait_for
from tests.generation.style_grid import SHALLOW, grid_toml, pictures
from tests.live_processes import alive_in_group

pytestmark = pytest.mark.once

GRID = grid_toml(
    "two-by-two",
    '[[conditions]]\ndesign = "product"\nlearning_rate = [0.01, 0.1]\n',
    parameters=f"{SHALLOW}steps = 100",
)


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty house with its database."""
    return migrate(tmp_path_factory.mktemp("house"))


@pytest.fixture
def house(tmp_path: Path, migrated: Path) -> Path:
    """A house of its own for a test, with a grid file and its pictures."""
    furnish(tmp_path, migrated)
    (tmp_path / "grid.toml").write_text(GRID)
    return tmp_path


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
        ('file = "two.png"', 'file = "nowhere.png"', "nowhere.png"),
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
@pytest.mark.fault("F12")
@pytest.mark.fault("F13")
def test_a_killed_render_goes_on_and_does_nothing_twice(house: Path) -> None:
    first = start(house)
    wait_for(lambda: states(house) == ["done", "running"], first)
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
@pytest.mark.fault("F13")
def test_two_at_once_share_the_work_and_both_wait_for_the_end(house: Path) -> None:
    together = [start(house), start(house)]
    for process in together:
        out = finish(process)
        assert process.returncode == 0, out
        assert "4 of 4 rendered" in out
    assert states(house) == ["done", "done"]
    assert len(diary(house, "taken")) == len(diary(house, "done")) == 2, "none did what the other had taken"


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
    wait_for(lambda: rows(house, "SELECT 1 FROM generation_job WHERE status = 'running'"), process)
    os.kill(process.pid, signal.SIGINT)
    out = finish(process)
    assert process.returncode == 130
    assert "goes on from here" in out
    assert "Traceback" not in out
    assert rows(house, "SELECT count(*) FROM generation_job WHERE status = 'running'") == [(0,)]
    wait_for(lambda: not alive_in_group(process.pid), None)
