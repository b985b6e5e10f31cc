"""A grid as a folder: what is read back is what was written, verified, and nothing is rendered again."""

import json
from io import StringIO
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from generation.core.grid import GridError, parse
from generation.models import Artifact, Cell, Grid, Job, Render, Scene, Score, SourceImage
from generation.selectors import grid_progress
from generation.services import artifact_bytes, grid_lay, grid_layout
from generation.services.packs import PackError, pack_read, pack_write
from generation.services.work import work
from tests.curves import render_curve
from tests.generation import gamma_task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gamma_registered")]


@pytest.fixture
def pack(owner: User, tmp_path: Path) -> Path:
    """A rendered grid, packed without its second source, and the house emptied of it."""
    grid = grid_lay(owner=owner, layout=grid_layout(text=gamma_task.TOML, read=gamma_task.read))
    work(engine="serial", grid=grid)
    folder = tmp_path / "pack"
    pack_write(grid=grid, folder=folder, withhold=frozenset({"two"}))
    for model in (Cell, Grid, Score, Render, Job, Scene, SourceImage, Artifact):
        model.objects.all().delete()
    return folder


def test_what_is_read_is_what_was_written(owner: User, pack: Path) -> None:
    manifest = json.loads((pack / "manifest.json").read_text())
    grid = pack_read(owner=owner, folder=pack)
    assert grid_progress(grid).words == "8 of 8 rendered"
    cell = grid.cells.get(scene__label="First", condition__params__gamma=2.0)
    assert render_curve(cell.render) == {"gamma": [2.0]}
    stored = {
        s["metric"]: s["value"] for r in manifest["renders"] for s in r["scores"] if r["image"] == cell.render.image_id
    }
    assert cell.render.scores.get(metric__key="brightness_error").value in stored.values()
    assert artifact_bytes(str(cell.render.image_id)).startswith(b"\x89PNG")


def test_a_withheld_source_is_known_by_its_hash_only(owner: User, pack: Path) -> None:
    pack_read(owner=owner, folder=pack)
    assert dict(SourceImage.objects.values_list("name", "artifact__stored")) == {"one": True, "two": False}


def test_the_grid_file_finds_its_renders_again(owner: User, pack: Path) -> None:
    grid = pack_read(owner=owner, folder=pack)
    gamma_task.calls.clear()
    assert grid_lay(owner=owner, layout=grid_layout(text=gamma_task.TOML, read=gamma_task.read)) == grid
    assert work(engine="serial", grid=grid) == 0
    assert gamma_task.calls == []


def test_reading_twice_changes_nothing(owner: User, pack: Path) -> None:
    assert pack_read(owner=owner, folder=pack) == pack_read(owner=owner, folder=pack)
    assert Render.objects.count() == 8


@pytest.mark.parametrize("damage", ["flip", "lose", "manifest", "schema", "empty", "condition", "metric", "cell"])
def test_a_damaged_pack_is_refused_whole(owner: User, pack: Path, damage: str) -> None:
    image = next((pack / "images").iterdir())
    if damage == "flip":
        image.write_bytes(image.read_bytes()[:-1] + b"x")
    elif damage == "lose":
        image.unlink()
    else:
        (pack / "manifest.json").write_text(_damaged((pack / "manifest.json").read_text(), damage))
    with pytest.raises(PackError):
        pack_read(owner=owner, folder=pack)
    assert not Grid.objects.exists()
    assert not Render.objects.exists()


def test_preset_and_notes_travel_and_a_pack_without_them_is_read(owner: User, pack: Path, tmp_path: Path) -> None:
    Grid.objects.filter(pk=pack_read(owner=owner, folder=pack).pk).update(preset="meng2023", notes=["Two are twins."])
    again = tmp_path / "again"
    pack_write(grid=Grid.objects.get(), folder=again, withhold=frozenset({"two"}))
    Cell.objects.all().delete()
    Grid.objects.all().delete()
    read = Grid.objects.get(pk=pack_read(owner=owner, folder=again).pk)
    assert (read.preset, read.notes) == ("meng2023", ["Two are twins."])
    Cell.objects.all().delete()
    Grid.objects.all().delete()
    manifest = json.loads((again / "manifest.json").read_text())
    del manifest["grid"]["preset"], manifest["grid"]["notes"]
    (again / "manifest.json").write_text(json.dumps(manifest))
    read = Grid.objects.get(pk=pack_read(owner=owner, folder=again).pk)
    assert (read.preset, read.notes, grid_progress(read).words) == ("", [], "8 of 8 rendered")


@pytest.mark.parametrize("line", ['layers = "standard"', 'backbone = "auto"\nstyle_layers = ["level1"]'])
def test_a_grid_file_that_would_not_be_laid_today_is_packed_all_the_same(
    owner: User, pack: Path, tmp_path: Path, line: str
) -> None:
    grid = pack_read(owner=owner, folder=pack)
    grid.toml = gamma_task.TOML.replace("size = 64", f"size = 64\n{line}")
    grid.save()
    with pytest.raises(GridError):
        parse(grid.toml)
    again = tmp_path / "again"
    call_command("pack_grid", grid.slug, str(again), "--withhold", "two", stdout=StringIO())
    sources = json.loads((again / "manifest.json").read_text())["sources"]
    assert {s["name"]: s["file"] for s in sources} == {"one": "one.png", "two": "two.png"}
    assert (again / "one.png").read_bytes() == gamma_task.FILES["one.png"]
    assert (again / "grid.toml").read_text() == grid.toml


def _damaged(text: str, damage: str) -> str:
    manifest = json.loads(text)
    if damage == "condition":
        manifest["conditions"][0]["params"]["gamma"] = 777.0
    elif damage == "metric":
        manifest["metrics"][0]["spec"]["direction"] = "higher_better"
    elif damage == "cell":
        manifest["cells"][0][0] = "0" * 64
    else:
        return {"manifest": "{", "schema": '{"schema": 99}', "empty": '{"schema": 1}'}[damage]
    return json.dumps(manifest)
