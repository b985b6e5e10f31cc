"""Networks that learn styles: one for each style of the scenes, or one of a folder of styles."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from generation.core import images, photographs, weights
from generation.core.grid import GridError, parse
from generation.core.grid.problems import named, problems
from generation.core.spec import sha256_bytes
from generation.core.train_spec import TrainSpec
from generation.models import Artifact, Cell, Checkpoint, Grid, Job, Render, Scene, Score, SourceImage, Training
from generation.selectors import grid_progress, grid_trainings
from generation.services import artifact_bytes, grid_lay
from generation.services.foretelling import trainings_foretold
from generation.services.packs import pack_read, pack_write
from generation.services.queue import grid_retry
from generation.services.work import work
from tests.generation import painted_task
from tests.generation.laid import layout_of
from tests.generation.painted_task import ANY, TOML, colour, trained

pytestmark = pytest.mark.django_db
#: What random-shallow is called by its digest.
SHALLOW = weights.find("random-shallow").sha256


@pytest.fixture(autouse=True)
def _repainting(tmp_path: Path, settings: LazySettings) -> Iterator[None]:
    settings.EYEBALLOT_SCRATCH = tmp_path / "scratch"
    painted_task.files(tmp_path)
    with painted_task.registered():
        yield


def lay(owner: User, folder: Path, text: str = TOML) -> Grid:
    return grid_lay(owner=owner, layout=layout_of(folder, text))


def style(folder: Path, name: str) -> bytes:
    return (folder / "styles" / f"{name}.png").read_bytes()


def empty() -> None:
    for model in (Cell, Score, Render, Grid, Checkpoint, Training, Job, Scene, SourceImage, Artifact):
        model.objects.all().delete()


def test_each_style_has_a_network_of_its_own_which_paints_all_its_scenes(owner: User, tmp_path: Path) -> None:
    grid = lay(owner, tmp_path)
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "4 of 4 rendered"
    wanted = {sha256_bytes(style(tmp_path, name)) for name in ("waves", "fire")}
    assert [spec.style in wanted for spec in trained] == [True, True]
    assert len(trained) == 2
    assert grid_trainings(grid).total == 2
    for cell in grid.cells.select_related("scene", "render__training", "render__network"):
        training = cell.render.training
        assert training is not None
        assert training.style_id == training.spec["style"] == cell.scene.style_id
        network = json.loads(artifact_bytes(training.checkpoints.get().artifact_id))
        assert network["colour"] == colour(images.decode(artifact_bytes(str(cell.scene.style_id))))


def test_the_networks_that_a_loss_looks_through_are_part_of_the_training(owner: User, tmp_path: Path) -> None:
    layout = layout_of(tmp_path, TOML)
    assert layout.weights == {"random-shallow": SHALLOW}
    grid = grid_lay(owner=owner, layout=layout)
    for training in Training.objects.all():
        assert training.spec["weights"] == {"random-shallow": SHALLOW}
        assert training.job is not None
        assert training.job.spec["training"] == training.spec
    for render in Render.objects.filter(cells__grid=grid):
        assert render.spec["weights"] == {}, "the picture itself is made without it"


def test_without_the_network_of_its_loss_nothing_is_laid(
    owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EYEBALLOT_DOWNLOAD", "0")
    monkeypatch.setenv("EYEBALLOT_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(weights.WeightsError, match="vgg16"):
        lay(owner, tmp_path, TOML + 'backbone = ["vgg16"]\n')
    assert not Training.objects.exists()


def test_the_style_that_cannot_be_learnt_takes_only_its_own_pictures_with_it(owner: User, tmp_path: Path) -> None:
    fire = colour(images.decode(style(tmp_path, "fire")))
    painted_task.UNLEARNABLE.append((round(fire[0]), round(fire[1]), round(fire[2])))
    grid = lay(owner, tmp_path)
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "2 of 4 rendered, 2 failed"
    failed = grid.cells.filter(render__status="failed")
    assert set(failed.values_list("scene__style", flat=True)) == {sha256_bytes(style(tmp_path, "fire"))}
    assert {reason for (reason,) in failed.values_list("render__reason")} == {
        "Its network could not be trained: This style cannot be learnt."
    }
    # Mended, the same command trains this one alone.
    painted_task.UNLEARNABLE.clear()
    trained.clear()
    assert grid_retry(grid=grid) == 2
    work(engine="serial", grid=grid)
    assert [spec.style for spec in trained] == [sha256_bytes(style(tmp_path, "fire"))]
    assert grid_progress(grid).words == "4 of 4 rendered"


def test_another_grid_with_one_of_the_styles_trains_it_no_more(owner: User, tmp_path: Path) -> None:
    work(engine="serial", grid=lay(owner, tmp_path))
    trained.clear()
    other = TOML.replace('"repainted"', '"other"').replace('style = ["waves", "fire"]', 'style = ["waves"]')
    grid = lay(owner, tmp_path, other.replace("size = 64", "size = 96"))
    work(engine="serial", grid=grid)
    assert grid_progress(grid).finished
    assert not trained


def test_a_folder_of_styles_is_one_training_and_the_styles_of_the_scenes_are_left_out(
    owner: User, tmp_path: Path
) -> None:
    layout = layout_of(tmp_path, ANY)
    grid = grid_lay(owner=owner, layout=layout)
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "4 of 4 rendered"
    (spec,) = trained
    (pack,) = layout.styles.values()
    assert spec.style == pack.sha256 == Training.objects.get().style_id
    pictures = photographs.read(artifact_bytes(pack.sha256))
    assert pictures.train.shape[1:] == (32, 32, 3)
    assert (len(pictures.train), len(pictures.validation)) == (pack.train, pack.validation) == (20, 4)
    assert any("fire.png, waves.png show scenes of this grid and were left out" in note for note in grid.notes)
    assert any(note.startswith("Few style pictures: those kept apart") for note in grid.notes)
    assert not any("etching" in note for note in layout.notes), "styles may be grey"


def test_styles_of_scenes_are_trained_on_where_it_is_asked_for(owner: User, tmp_path: Path) -> None:
    layout = layout_of(tmp_path, ANY.replace('folder = "styles"', 'folder = "styles"\nwith_scenes = true'))
    (pack,) = layout.styles.values()
    assert pack.train + pack.validation == 6 * 6
    assert not any("left out" in note for note in layout.notes)
    left_out = layout_of(tmp_path, ANY)
    assert left_out.styles[32].sha256 != pack.sha256
    assert left_out.data == layout.data


def test_another_folder_of_styles_is_another_training_and_another_design(owner: User, tmp_path: Path) -> None:
    lay(owner, tmp_path, ANY)
    (tmp_path / "styles" / "d.png").write_bytes((tmp_path / "two.png").read_bytes())
    with pytest.raises(GridError, match="another design"):
        lay(owner, tmp_path, ANY)
    lay(owner, tmp_path, ANY.replace('"repainted"', '"other"'))
    assert Training.objects.count() == 2


def test_styles_that_are_too_small_are_named(owner: User, tmp_path: Path) -> None:
    (tmp_path / "styles" / "tiny.png").write_bytes(images.encode_png(np.zeros((16, 40, 3), np.uint8)))
    (tmp_path / "styles" / "broken.jpg").write_bytes(b"no picture")
    layout = layout_of(tmp_path, ANY)
    (note,) = [note for note in layout.notes if "cannot be trained on" in note]
    assert "broken.jpg (" in note
    assert "tiny.png (40 x 16 pixels, too few for pictures of 32 x 32)" in note
    assert "in the folder of style pictures" in note


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('[styles]\nfolder = "styles"\ncrops = 6\n', "", "The grid file has no [styles] table."),
        ('folder = "styles"\ncrops = 6', "crops = 6", '[styles]: folder is missing. Write folder = "...".'),
        ("crops = 6", "crops = 0", "[styles] crops = 0: write a whole number from 1 to 10000."),
        ("crops = 6", "validation = 2", "[styles] validation = 2: write the share that is kept apart"),
        ("crops = 6", "with_scenes = 1", "[styles] with_scenes = 1: write true or false."),
        ("crops = 6", 'masks = "m"', "[styles]: unknown key 'masks'."),
        ("crops = 8", 'masks = "m"', "[data] masks: Any is not trained on masks. Take the key out."),
        ("crops = 8", "with_scenes = true", "[data]: unknown key 'with_scenes'."),
        ('method = "any"', 'method = "one"', "[styles]: no condition is trained on a folder of styles."),
    ],
)
def test_mistakes_in_the_file_are_said(before: str, after: str, words: str) -> None:
    text = ANY.replace(before, after)
    assert text != ANY
    with pytest.raises(GridError) as refused:
        parse(text)
    assert words in str(refused.value)
    assert any(words in sentence for sentence in problems(text)), problems(text)


def test_what_is_trained_on_styles_says_its_folders() -> None:
    assert parse(ANY).folders == {"[data] folder": "photographs", "[styles] folder": "styles"}
    sources, folders = named(ANY)
    assert folders == parse(ANY).folders
    assert set(sources) == {"one", "two", "waves", "fire"}


def test_a_folder_of_styles_that_is_not_there_is_said(owner: User, tmp_path: Path) -> None:
    with pytest.raises(GridError, match=r"^\[styles\] folder .*gone: There is no folder"):
        layout_of(tmp_path, ANY.replace('folder = "styles"', 'folder = "gone"'))


def test_the_estimate_counts_a_network_for_each_style(owner: User, tmp_path: Path) -> None:
    assert trainings_foretold(layout=layout_of(tmp_path, TOML), engine="serial").startswith(
        "2 networks to train: about 2 min"
    )
    assert trainings_foretold(layout=layout_of(tmp_path, ANY), engine="serial").startswith("1 network to train")
    work(engine="serial", grid=lay(owner, tmp_path))
    assert trainings_foretold(layout=layout_of(tmp_path, TOML), engine="serial") == ""


def test_the_command_estimates_renders_and_takes_other_folders(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "any.toml"
    file.write_text(ANY)
    call_command("render", str(file), "--estimate", engine="serial")
    assert "1 network to train: about" in capsys.readouterr().out
    assert not Training.objects.exists()
    (tmp_path / "styles").rename(tmp_path / "elsewhere")
    file.write_text(ANY.replace('file = "styles/', 'file = "elsewhere/'))
    with pytest.raises(CommandError, match=r"\[styles\] folder .*styles: There is no folder"):
        call_command("render", str(file), engine="serial")
    call_command("render", str(file), "--styles", str(tmp_path / "elsewhere"), engine="serial")
    assert grid_progress(Grid.objects.get()).words == "4 of 4 rendered"


@pytest.mark.parametrize("text", [TOML, ANY])
def test_a_pack_brings_the_recipe_with_its_style(owner: User, tmp_path: Path, text: str) -> None:
    grid = lay(owner, tmp_path, text)
    work(engine="serial", grid=grid)
    before = {t.digest: (t.style_id, t.spec, t.losses) for t in Training.objects.all()}
    pack_write(grid=grid, folder=tmp_path / "pack")
    empty()
    read = pack_read(owner=owner, folder=tmp_path / "pack")
    assert {t.digest: (t.style_id, t.spec, t.losses) for t in Training.objects.all()} == before
    assert all(TrainSpec.from_json(t.spec).digest == t.digest for t in Training.objects.all())
    trained.clear()
    assert lay(owner, tmp_path, text) == read
    assert work(engine="serial", grid=read) == 0
    assert not trained


def test_the_pages_of_trainings_open(owner: User, tmp_path: Path, admin_client) -> None:  # type: ignore[no-untyped-def]
    grid = lay(owner, tmp_path)
    work(engine="serial", grid=grid)
    for address in ("training/", f"training/{Training.objects.all()[0].pk}/change/", f"grid/{grid.pk}/change/", "job/"):
        answer = admin_client.get(f"/admin/generation/{address}")
        assert answer.status_code == 200, address
        assert "#sheets" not in answer.content.decode(), "there is nothing grey to colour"
    listed = admin_client.get("/admin/generation/training/").content.decode()
    assert listed.count("all epochs") == 2
    assert (listed.count(">2.5<"), listed.count(">3.5<")) == (2, 2)
    report = admin_client.get(f"/grids/{grid.slug}/report/")
    assert report.status_code == 200
    words = report.content.decode()
    assert "What the training says" in words
    assert '<th class="num" scope="col">loss</th><th class="num" scope="col">loss, kept apart</th>' in words
    assert '<th class="num" scope="col">detail, kept apart</th>' in words
    assert "Loss over the epochs" in words
    assert "grey picture" not in words
    assert "Colour error" not in words
