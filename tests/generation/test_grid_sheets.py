"""The sheets of a grid that trains networks: the command, the page, the zip, and who may see them."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from generation import sheets
from generation.core import grid as gridfile
from generation.core import images
from generation.models import Artifact, Grid, Render, Scene, Training
from generation.services import artifact_store
from tests import factories
from tests.generation import colour_grid

pytestmark = pytest.mark.django_db

SEEDED = colour_grid.TOML + "[replicates]\nseeds = [3, 5]\n"
LOSSES = {"g": 8.0, "g_gan": 2.0, "g_l1": 6.0, "ab_error": 6.6, "val_ab_error": 12.5}


@pytest.fixture
def grid(owner: User) -> Grid:
    """Three conditions, two seeds, two scenes: rendered as if, a picture per condition and seed."""
    laid = colour_grid.lay(owner, SEEDED)
    made = Render.objects.filter(training__isnull=False).select_related("scene").order_by("pk")
    for number, render in enumerate(made, 1):
        photograph = images.resize_longest(images.decode((colour_grid.FOLDER / source(render.scene)).read_bytes()), 96)
        output = np.clip(photograph.astype(int) + 5 * number, 0, 255).astype(np.uint8)
        render.image = artifact_store(data=images.encode_png(output), kind=Artifact.Kind.IMAGE)
        render.status, render.steps = Render.Status.OK, 2
        render.save()
    Training.objects.update(status="ok", epochs=2, losses=LOSSES, final_reason="all epochs")
    return laid


def source(scene: Scene) -> str:
    return f"scenes/{scene.label.lower()}.jpg"


def write(grid: Grid, folder: Path, *options: str) -> dict[str, bytes]:
    call_command("sheets", grid.slug, "--out", str(folder), *options)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_a_sheet_per_condition_in_the_order_of_the_grid(grid: Grid, tmp_path: Path) -> None:
    files = write(grid, tmp_path / "sheets")
    assert list(files) == ["01_u_net.png", "02_u_net_lr_0.0002.png", "03_zhang.png"]
    assert len({len(data) for data in files.values()}) > 1
    assert images.decode(files["01_u_net.png"]).shape[1] == 1290
    assert write(grid, tmp_path / "again") == files


def test_a_sheet_says_its_condition_its_losses_and_its_seed(grid: Grid) -> None:
    first, _, third = sheets.plans(grid)
    assert (first.title, third.title) == ("U-Net", "Zhang")
    assert first.caption == (
        "G 8 = G_GAN 2 + G_L1 6 · colour error 6.6 in training, 12.5 kept apart (Lab units) · epoch 2 · seed 3"
    )
    assert [row.name for row in first.rows] == ["Cat", "Coffee"]
    assert sheets.plans(grid, seed=5)[0].rows[0].output != first.rows[0].output
    assert sheets.plans(grid, seed=5)[0].caption.endswith("seed 5")
    assert sheets.plans(grid, scenes=1)[0].caption.endswith("the first 1 of 2 scenes")


def test_the_truth_is_the_photograph_and_the_grey_has_its_luminance() -> None:
    picture = np.array([[[0, 0, 0], [255, 255, 255], [119, 119, 119], [255, 0, 0], [0, 0, 255]]], dtype=np.uint8)
    grey = sheets.luminance(picture)
    # L* of pure red is 53.24 and of pure blue 32.30; greys of 127 and 76 have the same (CIE 1976, D65).
    assert grey[0, :, 0].tolist() == [0, 255, 119, 127, 76]
    assert (grey == grey[:, :, :1]).all()


def test_what_is_not_there_is_said(grid: Grid, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Render.objects.filter(training__spec__params__model="zhang").update(status="planned", image=None)
    Training.objects.filter(spec__params__model="zhang").update(status="planned", losses={}, epochs=0)
    some = Render.objects.filter(training__spec__params__model="isola").order_by("pk")[0]
    Render.objects.filter(pk=some.pk).update(status="planned", image=None)
    assert list(write(grid, tmp_path / "some")) == ["01_u_net.png", "02_u_net_lr_0.0002.png"]
    assert "Zhang: no sheet, for it has no picture (the network is not trained yet" in capsys.readouterr().err
    assert "1 of 2 pictures are not made yet" in sheets.plans(grid)[0].caption
    with pytest.raises(CommandError, match=r"has no seed 9\. It has 3, 5\."):
        write(grid, tmp_path / "nine", "--seed", "9")
    with pytest.raises(CommandError, match=r"There is no grid 'nothing'. Known: tiny-colours."):
        call_command("sheets", "nothing", "--out", str(tmp_path))
    with pytest.raises(CommandError, match="at least one scene"):
        write(grid, tmp_path / "none", "--scenes", "0")


def test_a_grid_that_trains_nothing_says_so(owner: User, as_owner: Client, tmp_path: Path) -> None:
    other = factories.rendered_grid(owner=owner)
    with pytest.raises(CommandError, match="Nothing is trained in “Tiny”"):
        write(other, tmp_path)
    assert as_owner.get(reverse("generation:sheets-zip", args=[other.slug])).status_code == 404


def test_the_page_has_previews_that_open_their_sheets_and_a_zip(grid: Grid, as_owner: Client, tmp_path: Path) -> None:
    html = as_owner.get(reverse("generation:report", args=[grid.slug])).content.decode().partition('id="sheets"')[2]
    previews = re.findall(r'<a href="([^"]+\.png)"><img src="([^"]+\.webp)"[^>]+width="320" height="452"', html)
    assert len(previews) == 3
    sheet, small = (as_owner.get(address) for address in previews[0])
    assert sheet["Content-Type"] == "image/png"
    assert small["Content-Type"] == "image/webp"
    assert images.decode(small.content).shape == (452, 320, 3)
    answer = as_owner.get(reverse("generation:sheets-zip", args=[grid.slug]))
    assert answer["Content-Disposition"] == 'attachment; filename="tiny-colours-sheets.zip"'
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:  # type: ignore[attr-defined]
        files = {name.rpartition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert files == write(grid, tmp_path / "sheets")
    assert files["01_u_net.png"] == sheet.content


def test_a_sheet_is_kept_until_its_rows_change(grid: Grid) -> None:
    plan = sheets.plans(grid)[0]
    before = sheets.drawn(grid, plan)
    folder = f"grid-sheets/{grid.slug}/{plan.name}"
    kept = storages["default"].listdir(folder)[0]
    Training.objects.update(losses={**LOSSES, "g": 9.0})
    after = sheets.drawn(grid, sheets.plans(grid)[0])
    assert after != before
    assert len(storages["default"].listdir(folder)[0]) == 1
    assert storages["default"].listdir(folder)[0] != kept


def test_sheets_are_for_the_owner(grid: Grid, as_owner: Client, stranger: User) -> None:
    sheet = reverse("generation:sheet", args=[grid.slug, "01_u_net", "png"])
    all_of_them = reverse("generation:sheets-zip", args=[grid.slug])
    assert as_owner.get(sheet).status_code == 200
    assert as_owner.get(reverse("generation:sheet", args=[grid.slug, "09_nothing", "png"])).status_code == 404
    other, nobody = Client(), Client()
    other.force_login(stranger)
    for address in (sheet, all_of_them):
        assert other.get(address).status_code == 404
        assert nobody.get(address).status_code == 302


def test_generators_with_equally_many_conditions_take_turns(owner: User) -> None:
    """As in the appendix of Lee, Liu and Trukhin: Zhang and Isola for each of A.1 to A.9."""
    both = colour_grid.lay(owner, colour_grid.TOML.replace('label = "Zhang" }', 'label = "Zhang" }\nbatch = [8]'))
    assert [plan.title for plan in sheets.plans(both)] == ["U-Net", "Zhang", "U-Net, lr 0.0002", "Zhang, batch 8"]


def test_the_order_of_a_grid_is_that_of_the_papers_appendix() -> None:
    """A.1 to A.9 of Lee, Liu and Trukhin, for each of their two generators."""
    block = """
[[conditions]]
design = "one_at_a_time"
default = {{ model = "{model}", label = "{label}" }}
learning_rate = [2e-4, 1e-3]
batch = [32, 8]
init = ["glorot", "he"]
layers = {layers}
"""
    head = colour_grid.TOML.partition("[[conditions]]")[0].replace("learning_rate = 1e-3\n", "")
    zhang = block.format(model="zhang", label="Zhang", layers='["full", "removal348"]')
    isola = block.format(model="isola", label="U-Net", layers='["9", "7"]')
    labels = [c.label for c in gridfile.parse(head.replace("= 32", "= 256") + zhang + isola).conditions]
    changed = [
        "lr 0.0002", "lr 0.001", "batch 32", "batch 8", "init glorot", "init he", "layers full", "layers removal348",
    ]  # fmt: skip
    assert labels[:9] == ["Zhang", *(f"Zhang, {words}" for words in changed)]
    assert labels[9:] == ["U-Net", *(f"U-Net, {words}" for words in changed[:6]), "U-Net, layers 9", "U-Net, layers 7"]
