"""Scenes with masks: named in the grid file, kept with the scene, measured against, and told in packs and exports."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile

from generation.core import images, render
from generation.core.grid import GridError, parse
from generation.core.grid.problems import problems
from generation.core.spec import TRAINED, JobItem, JobSpec, MetricSpec, RenderSpec, sha256_bytes
from generation.models import Artifact, Cell, Grid, Job, Render, Scene, Score, SourceImage
from generation.selectors import grid_progress
from generation.services import grid_lay
from generation.services.artifacts import photo_render
from generation.services.packs import PackError, pack_read, pack_write
from generation.services.sources import SourceInUse, source_delete, sources_upload
from generation.services.work import work
from tests.generation import masked_task
from tests.generation.laid import layout_of, scores
from tests.generation.masked_task import TOML

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _marking(tmp_path: Path) -> Iterator[None]:
    masked_task.files(tmp_path)
    with masked_task.registered():
        yield


def test_every_picture_is_measured_against_the_mask_of_its_scene(owner: User, tmp_path: Path) -> None:
    grid = grid_lay(owner=owner, layout=layout_of(tmp_path, TOML))
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "8 of 8 rendered"
    found = scores(grid)
    assert {s for s, _ in found} == {"one", "two"}, "a scene is called after its content"
    for scene in ("one", "two"):
        assert found[scene, "level 100"] == 0.0
        assert found[scene, "true marking"] == 0.0
        assert found[scene, "level 50"] == found[scene, "photograph"] == 1.0
    for scene in Scene.objects.all():
        assert scene.mask is not None
        assert scene.mask.sources.get().name == f"{scene.label}-mask"


def test_masks_change_places_and_with_them_the_scores(owner: User, tmp_path: Path) -> None:
    """A planted fault: with the masks of the other scene nothing fits."""
    turned = TOML.replace('mask = ["one-mask", "two-mask"]', 'mask = ["two-mask", "one-mask"]')
    grid = grid_lay(owner=owner, layout=layout_of(tmp_path, turned))
    work(engine="serial", grid=grid)
    assert all(value and value > 0.5 for (_, label), value in scores(grid).items() if label == "level 100")


def test_one_content_with_two_masks_is_two_scenes(owner: User, tmp_path: Path) -> None:
    rows = '{ content = "one", mask = "one-mask", label = "A" }, { content = "one", mask = "two-mask", label = "B" }'
    start, end = TOML.index("content ="), TOML.index("[parameters]")
    grid = grid_lay(owner=owner, layout=layout_of(tmp_path, TOML[:start] + f"list = [{rows}]\n" + TOML[end:]))
    work(engine="serial", grid=grid)
    found = scores(grid)
    assert found["A", "level 100"] == 0.0
    assert (found["B", "level 100"] or 0) > 0.5


def test_a_trained_network_is_never_shown_the_mask(monkeypatch: pytest.MonkeyPatch) -> None:
    (image, mask), network = masked_task.picture(0), b'{"level": 100}'
    seen: list[RenderSpec] = []

    def looking(specs, sources, engine, tick):  # type: ignore[no-untyped-def]
        seen.extend(specs)
        return masked_task.render(specs, sources, engine, tick)

    monkeypatch.setattr(masked_task, "looking", looking, raising=False)
    spec = RenderSpec(
        "marking", "marker", sha256_bytes(image), None, {"level": 100.0}, 0, training="t", mask=sha256_bytes(mask)
    )
    given = {sha256_bytes(b): b for b in (image, mask, network)}
    job = JobSpec((JobItem(spec, network=sha256_bytes(network)),), (MetricSpec("miss", "Miss"),))
    module = masked_task.__name__
    (result,) = render.run_job(job, given, {"marker": f"{module}:looking"}, f"{module}:measure")
    assert result.status == "ok"
    assert [s.value for s in result.scores] == [0.0], "the measure knows the mask"
    assert [(s.mask, s.weights[TRAINED]) for s in seen] == [("", sha256_bytes(network))]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('"two-mask"]', "]", "[scenes]: content names 2 pictures and mask 1 picture. Write the mask of each content"),
        ('mask = ["one-mask", "two-mask"]', "", "[scenes]: mask must be a list of values"),
        ('mask = ["one-mask",', 'mask = ["gone",', "[scenes]: mask = 'gone' is not among the sources"),
        ("truth = true", "thruth = true", "[controls]: unknown key 'thruth'. Known: photograph, grey, truth."),
    ],
)
def test_mistakes_in_the_file_are_said(before: str, after: str, words: str) -> None:
    text = TOML.replace(before, after)
    with pytest.raises(GridError) as refused:
        parse(text)
    assert words in str(refused.value)
    assert any(words in sentence for sentence in problems(text))


def test_a_mask_of_another_size_or_with_greys_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "one-mask.png").write_bytes(images.encode_png(np.zeros((32, 64, 3), np.uint8)))
    with pytest.raises(GridError) as refused:
        layout_of(tmp_path, TOML)
    assert str(refused.value) == (
        "[sources.one-mask] file = 'one-mask.png': as the mask of 'one' it has 64 x 32 pixels and its picture 64 x 64. "
        "Give it the mask of its own size."
    )
    (tmp_path / "one-mask.png").write_bytes((tmp_path / "one.png").read_bytes())
    with pytest.raises(GridError, match=r"'one-mask\.png' has the values .*, and a mask is black"):
        layout_of(tmp_path, TOML)


def test_a_pack_brings_the_masks_along(owner: User, tmp_path: Path) -> None:
    grid = grid_lay(owner=owner, layout=layout_of(tmp_path, TOML))
    work(engine="serial", grid=grid)
    before, digests = scores(grid), set(Scene.objects.values_list("digest", "mask"))
    folder = tmp_path / "pack"
    pack_write(grid=grid, folder=folder)
    assert (folder / "one-mask.png").read_bytes() == (tmp_path / "one-mask.png").read_bytes()
    for model in (Cell, Grid, Score, Render, Job, Scene, SourceImage, Artifact):
        model.objects.all().delete()
    read = pack_read(owner=owner, folder=folder)
    assert scores(read) == before
    assert set(Scene.objects.values_list("digest", "mask")) == digests
    assert work(engine="serial", grid=grid_lay(owner=owner, layout=layout_of(tmp_path, TOML))) == 0, (
        "every picture is there"
    )


def test_a_pack_whose_mask_is_another_is_refused(owner: User, tmp_path: Path) -> None:
    grid = grid_lay(owner=owner, layout=layout_of(tmp_path, TOML))
    work(engine="serial", grid=grid)
    folder = tmp_path / "pack"
    pack_write(grid=grid, folder=folder)
    for model in (Cell, Grid, Score, Render, Job, Scene, SourceImage, Artifact):
        model.objects.all().delete()
    (folder / "one-mask.png").write_bytes((tmp_path / "two-mask.png").read_bytes())
    with pytest.raises(PackError, match=r"one-mask\.png is not the picture the pack was made from"):
        pack_read(owner=owner, folder=folder)
    assert not Grid.objects.exists()


def test_a_mask_in_use_stays_in_the_library(owner: User, tmp_path: Path) -> None:
    grid_lay(owner=owner, layout=layout_of(tmp_path, TOML))
    with pytest.raises(SourceInUse, match="is used by the grid “Marked”"):
        source_delete(source=SourceImage.objects.get(name="one-mask"))
    sources_upload(owner=owner, files=[SimpleUploadedFile("free.png", masked_task.picture(9)[1])])
    source_delete(source=SourceImage.objects.get(name="free"))


def test_the_photograph_of_a_masked_scene_is_the_control_that_was_made(owner: User, tmp_path: Path) -> None:
    grid = grid_lay(owner=owner, layout=layout_of(tmp_path, TOML))
    work(engine="serial", grid=grid)
    control = grid.cells.select_related("render", "scene").filter(condition__method="identity")[0]
    assert photo_render(scene=control.scene, size=64) == control.render
