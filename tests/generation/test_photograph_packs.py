"""The packs of photographs in the house: found again, packed again when damaged, and what is said of them."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from rich.console import Console

from generation.core import images, photographs
from generation.core.spec import sha256_bytes
from generation.management.commands import render
from generation.models import Artifact
from generation.services import artifact_bytes, grid_lay
from generation.services.artifacts import master_name
from generation.services.data import listing_name
from tests.generation import trained_task
from tests.generation.laid import layout_of
from tests.generation.trained_task import TOML

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _painting(tmp_path: Path) -> Iterator[None]:
    trained_task.files(tmp_path)
    with trained_task.registered():
        yield


def pack_of(folder: Path) -> str:
    [pack] = layout_of(folder, TOML).data.values()
    return pack.sha256


def test_a_renamed_file_and_one_that_is_not_used_make_no_other_grid(owner: User, tmp_path: Path) -> None:
    grid = grid_lay(owner=owner, layout=layout_of(tmp_path, TOML))
    (tmp_path / "photographs" / "0.png").rename(tmp_path / "photographs" / "holiday.png")
    (tmp_path / "photographs" / "Thumbs.db").write_bytes(b"")
    (tmp_path / "photographs" / "broken.jpg").write_bytes(b"no picture")
    found = layout_of(tmp_path, TOML)
    assert any("broken.jpg" in note for note in found.notes)
    assert grid_lay(owner=owner, layout=found) == grid


def test_where_its_pictures_are_from_is_found_from_the_artifact(tmp_path: Path) -> None:
    (tmp_path / "photographs" / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "photographs" / "same.png").write_bytes((tmp_path / "scene.png").read_bytes())
    sha256 = pack_of(tmp_path)
    with storages["default"].open(listing_name(sha256)) as file:
        listing = json.loads(file.read())
    assert {file["name"]: file["sha256"] for file in listing["files"]} == {
        f"{n}.png": sha256_bytes((tmp_path / "photographs" / f"{n}.png").read_bytes()) for n in range(3)
    }
    assert {tuple(file["crops"]) for file in listing["files"]} == {(6, 2)}
    assert [name for name, _ in listing["skipped"]] == ["broken.jpg"]
    assert listing["left_out"] == ["same.png"]
    data = artifact_bytes(sha256)
    assert photographs.read(data).header.items() <= listing.items()
    assert b".png" not in data[:2000], "no names"


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_pack_is_packed_again(tmp_path: Path, damage: str) -> None:
    sha256 = pack_of(tmp_path)
    place, before = master_name(sha256), artifact_bytes(sha256)
    storages["masters"].delete(place)
    if damage == "cut":
        storages["masters"].save(place, ContentFile(before[:-5]))
    assert Artifact.objects.get(pk=sha256).stored
    assert pack_of(tmp_path) == sha256
    assert artifact_bytes(sha256) == before


def test_what_an_earlier_version_wrote_down_is_packed_again(tmp_path: Path) -> None:
    sha256 = pack_of(tmp_path)
    storage = storages["default"]
    [name] = [name for name in storage.listdir("data")[1] if not name.endswith(".files.json")]
    storage.save(f"data/{name}", ContentFile(json.dumps({"sha256": sha256, "header": {}}).encode()))
    assert pack_of(tmp_path) == sha256


def test_few_photographs_are_said_to_be_divided_by_place(tmp_path: Path) -> None:
    words = "those kept apart are the right thirds of the photographs trained on"
    assert any(words in note for note in layout_of(tmp_path, TOML).notes)
    assert any(words in note for note in layout_of(tmp_path, TOML).notes), "also when it was packed before"
    trained_task.files(tmp_path, photographs=10)
    assert not any(words in note for note in layout_of(tmp_path, TOML).notes)


def test_a_grey_scene_is_named(tmp_path: Path) -> None:
    assert not any("grey" in note for note in layout_of(tmp_path, TOML).notes)
    scene = images.decode((tmp_path / "scene.png").read_bytes())
    (tmp_path / "scene.png").write_bytes(images.encode_png(np.repeat(scene[..., :1], 3, axis=2)))
    [note] = [note for note in layout_of(tmp_path, TOML).notes if "grey" in note]
    assert note.startswith("The scene 'photo' is a grey photograph: ")
    assert "the reference error favours the greyest network" in note


def test_packing_says_how_far_it_is_and_a_known_pack_is_not_read(tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    layout_of(tmp_path, TOML, tick=lambda done, total: steps.append((done, total)))
    assert steps[0] == (1, 6)
    assert steps[-1] == (6, 6)
    steps.clear()
    layout_of(tmp_path, TOML, tick=lambda done, total: steps.append((done, total)))
    assert steps == []


@pytest.mark.parametrize(("silent", "shown"), [(60.0, False), (-1.0, True)])
def test_a_bar_appears_when_reading_takes_a_while(silent: float, shown: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(render, "SILENT", silent)
    written = io.StringIO()
    with render.reading_bar(Console(file=written, force_terminal=True, width=80)) as tick:
        for done in range(1, 5):
            tick(done, 4)
    assert ("reading photographs" in written.getvalue()) == shown
    assert bool(written.getvalue()) == shown
