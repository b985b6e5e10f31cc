"""Networks that learn from photographs with masks: packed strictly, named in the grid file, and never shown a mask."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import call_command

from generation.core import images, photographs
from generation.core.grid import GridError, parse
from generation.core.grid.problems import problems
from generation.models import Grid, Training
from generation.selectors import grid_progress
from generation.services import artifact_bytes, grid_lay
from generation.services.drafts import draft_layout, draft_problems, grid_draft
from generation.services.work import work
from tests.generation import masked_task
from tests.generation.laid import layout_of, scores
from tests.generation.masked_task import LEARNT

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _marking(tmp_path: Path, settings: LazySettings) -> Iterator[None]:
    settings.EYEBALLOT_SCRATCH = tmp_path / "scratch"
    masked_task.files(tmp_path)
    with masked_task.registered():
        yield


def test_what_is_learnt_from_masks_finds_what_they_mark(owner: User, tmp_path: Path) -> None:
    layout = layout_of(tmp_path, LEARNT)
    assert not [note for note in layout.notes if "cannot be trained on" in note], "masks within are no photographs"
    grid = grid_lay(owner=owner, layout=layout)
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "8 of 8 rendered"
    found = scores(grid)
    assert found["one", "off 1"] == found["two", "off 1"] == found["one", "true marking"] == 0.0
    assert found["one", "off 0.1"] == found["two", "off 0.1"] == 1.0, "the planted fault"
    (pack,) = layout.data.values()
    assert pack.train + pack.validation == 14
    assert photographs.read(artifact_bytes(pack.sha256)).header["masks"] is True
    assert {t.losses["wrong"] < 0.05 for t in Training.objects.all()} == {True, False}


def test_every_photograph_without_its_mask_is_named_on_the_grid(owner: User, tmp_path: Path) -> None:
    (tmp_path / "felt" / "masks" / "03.png").unlink()
    (tmp_path / "felt" / "masks" / "05.png").write_bytes(masked_task.picture(5)[0])
    (tmp_path / "felt" / "masks" / "lost.png").write_bytes(masked_task.picture(5)[1])
    grid = grid_lay(owner=owner, layout=layout_of(tmp_path, LEARNT))
    (refused,) = [note for note in grid.notes if "cannot be trained on" in note]
    assert refused.startswith("03.png (it has no mask of its name), 05.png (its mask 05.png: the mask has the values ")
    assert "lost.png in the folder of masks belongs to no photograph." in grid.notes


def test_another_mask_is_another_training(owner: User, tmp_path: Path) -> None:
    first = layout_of(tmp_path, LEARNT)
    again = layout_of(tmp_path, LEARNT)
    assert again.data == first.data
    mask = tmp_path / "felt" / "masks" / "03.png"
    mask.write_bytes(images.encode_png(255 - images.decode(mask.read_bytes())))
    assert layout_of(tmp_path, LEARNT).data[32].sha256 != first.data[32].sha256


def test_a_scene_is_never_trained_on(tmp_path: Path) -> None:
    shutil.copy(tmp_path / "one.png", tmp_path / "felt" / "scene.png")
    shutil.copy(tmp_path / "one-mask.png", tmp_path / "felt" / "masks" / "scene.png")
    layout = layout_of(tmp_path, LEARNT)
    assert "scene.png shows a scene of this grid and was left out of the training." in layout.notes
    assert layout.data[32].train + layout.data[32].validation == 14


def test_a_folder_without_masks_is_no_training(tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "felt" / "masks")
    with pytest.raises(GridError, match=r"^\[data\] folder .*felt: There is no folder '.*masks': check its name"):
        layout_of(tmp_path, LEARNT)
    (tmp_path / "felt" / "masks").mkdir()
    with pytest.raises(GridError, match=r"None of its 14 photographs can be used .*it has no mask of its name"):
        layout_of(tmp_path, LEARNT)


def test_the_file_says_where_the_masks_lie() -> None:
    assert parse(LEARNT).folders == {"[data] folder": "felt", "[data] masks": "felt/masks"}
    without = LEARNT.replace('masks = "felt/masks"\n', "")
    with pytest.raises(GridError) as refused:
        parse(without)
    assert str(refused.value) == '[data]: masks is missing. Write masks = "...".'
    assert any(str(refused.value) in sentence for sentence in problems(without))


def test_the_command_estimates_and_takes_other_folders(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "learnt.toml"
    file.write_text(LEARNT)
    call_command("render", str(file), "--estimate", engine="serial")
    assert "2 networks to train: about 2" in capsys.readouterr().out
    assert not Training.objects.exists()
    (tmp_path / "felt").rename(tmp_path / "elsewhere")
    given = ("--photographs", str(tmp_path / "elsewhere"), "--masks", str(tmp_path / "elsewhere" / "masks"))
    call_command("render", str(file), *given, engine="serial")
    assert grid_progress(Grid.objects.get()).words == "8 of 8 rendered"


def test_a_draft_names_the_folders_that_whoever_runs_the_server_filled(
    owner: User, tmp_path: Path, settings: LazySettings
) -> None:
    settings.VAR = tmp_path / "var"
    own = tmp_path / "var" / "photographs"
    draft = grid_draft(owner=owner, text=LEARNT)
    said = draft_problems(draft)
    assert any("[data] folder = 'felt': there is no such folder" in sentence for sentence in said)
    assert any("[data] masks = 'felt/masks': there is no such folder" in sentence for sentence in said)
    own.mkdir(parents=True)
    shutil.copytree(tmp_path / "felt", own / "felt")
    assert not [sentence for sentence in draft_problems(draft) if "folder" in sentence]
    with pytest.raises(GridError, match=r"one\.png.*no such picture"):
        draft_layout(draft)


def test_the_pages_open(owner: User, tmp_path: Path, admin_client) -> None:  # type: ignore[no-untyped-def]
    grid = grid_lay(owner=owner, layout=layout_of(tmp_path, LEARNT))
    work(engine="serial", grid=grid)
    for address in ("training/", f"training/{Training.objects.all()[0].pk}/change/", f"grid/{grid.pk}/change/"):
        assert admin_client.get(f"/admin/generation/{address}").status_code == 200, address
