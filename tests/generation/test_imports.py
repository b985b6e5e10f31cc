"""Images made elsewhere: direction and comparability are asked, never guessed; all or nothing."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from generation.models import Grid, Metric, Render
from generation.selectors import grid_progress
from tests.generation.gamma_task import picture

pytestmark = pytest.mark.django_db
TABLE = (
    "file,scene,condition,content,steps,lpips\n"
    "a.png,Harbour,fast,photo.png,10,0.31\n"
    "b.png,Harbour,slow,photo.png,100,0.12\n"
    "c.png,Forest,fast,,10,\n"
    "d.png,Forest,slow,,100,inf\n"
)
DECLARED = ["--param", "steps", "--metric", "lpips:lower_better:all"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five pictures and the table."""
    for seed, name in enumerate(("a.png", "b.png", "c.png", "d.png", "photo.png")):
        (tmp_path / name).write_bytes(picture(seed))
    (tmp_path / "scores.csv").write_text(TABLE)
    return tmp_path


def imported(folder: Path, *declared: str) -> None:
    call_command("import_renders", str(folder), "scores.csv", "--title", "Made elsewhere", *declared, verbosity=0)


def test_a_folder_becomes_a_grid_like_any_other(owner: User, folder: Path) -> None:
    imported(folder, *DECLARED)
    grid = Grid.objects.get(slug="made-elsewhere")
    assert grid_progress(grid).words == "4 of 4 rendered"
    assert list(grid.conditions.values_list("label", flat=True)) == ["fast", "slow"]
    cell = grid.cells.get(scene__label="Harbour", condition__params__condition="slow")
    assert cell.render.scores.get().value == pytest.approx(0.12)
    assert cell.condition.params["steps"] == 100.0
    assert cell.scene.content is not None
    metric = Metric.objects.get()
    assert (metric.direction, metric.comparable_within) == ("lower_better", "all")


def test_an_empty_cell_and_an_infinity_are_reasons(owner: User, folder: Path) -> None:
    imported(folder, *DECLARED)
    forest = Render.objects.filter(scene__label="Forest").order_by("pk")
    assert [r.scores.get().status for r in forest] == ["unavailable", "nan"]
    assert all(r.scores.get().reason for r in forest)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ([], "'steps' is not declared"),
        (["--param", "steps"], "'lpips' is not declared"),
        (["--param", "steps", "--metric", "lpips"], "NAME:DIRECTION:SCOPE"),
        (["--param", "steps", "--metric", "lpips:down:all"], "lower_better or higher_better"),
        (["--param", "steps", "--metric", "lpips:lower_better:planet"], "comparable"),
        (["--param", "steps", "--param", "lpips"], "No column is a metric"),
    ],
)
def test_what_is_not_declared_is_asked_for(owner: User, folder: Path, declared: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        imported(folder, *declared)
    assert not Grid.objects.exists()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("file,scene", "picture,scene", "no column 'file'"),
        ("b.png,Harbour,slow", "b.png,Harbour,fast", "Lines 2 and 3 are the same"),
        ("0.12", "good", "Line 3: lpips = 'good' is not a number"),
        ("b.png", "nowhere.png", "Line 3: nowhere.png"),
        ("b.png", "../../etc/passwd", "outside"),
        ("b.png", "scores.csv", "Line 3: "),
        ("b.png,Harbour,slow,photo.png,100", "b.png,Harbour,slow,photo.png", "number of cells"),
        ("c.png,Forest,fast,,10", "c.png,Forest,fast,,11", "other parameters than before"),
        ("a.png,Harbour", "a.png,", "scene is empty"),
        ("slow,photo.png", "slow,a.png", "another content than before"),
        ("content", "seed", "whole number"),
        ("Harbour,fast", "Harbour" * 30 + ",fast", "more than 120 characters"),
        ("b.png", "b\0.png", "Line 3"),
        ("0.12", "9" * 20_000, "Line 3: lpips has more than"),
    ],
)
def test_a_mistake_in_the_table_is_named_and_nothing_is_stored(
    owner: User, folder: Path, old: str, new: str, words: str
) -> None:
    (folder / "scores.csv").write_text(TABLE.replace(old, new))
    with pytest.raises(CommandError, match=words):
        imported(folder, *DECLARED)
    assert not Grid.objects.exists()
    assert not Render.objects.exists()


def test_old_line_ends_and_look_alike_columns_are_fine(owner: User, folder: Path) -> None:
    (folder / "scores.csv").write_bytes(
        TABLE.replace("lpips", "l p").replace("steps", "l-p").replace("\n", "\r").encode()
    )
    imported(folder, "--metric", "l p:lower_better:all", "--metric", "l-p:lower_better:all")
    assert Metric.objects.count() == 2


def test_equal_pictures_of_two_scenes_are_two_renders(owner: User, folder: Path) -> None:
    (folder / "scores.csv").write_text("file,scene,condition,x\na.png,One,fast,1\na.png,Two,fast,3\n")
    imported(folder, "--metric", "x:lower_better:all")
    assert sorted(Render.objects.values_list("scene__label", "scores__value")) == [("One", 1.0), ("Two", 3.0)]


def test_an_imported_grid_can_be_packed(owner: User, folder: Path, tmp_path: Path) -> None:
    imported(folder, *DECLARED)
    call_command("pack_grid", "made-elsewhere", str(tmp_path / "pack"))
    assert (tmp_path / "pack" / "manifest.json").exists()


def test_the_admin_refuses_two_pictures_of_one_name(as_owner: Client, folder: Path) -> None:
    pictures = [SimpleUploadedFile("a.png", (folder / n).read_bytes()) for n in ("a.png", "b.png")]
    files = {"table": SimpleUploadedFile("scores.csv", TABLE.encode()), "title": "Twice", "pictures": pictures}
    page = as_owner.post(reverse("admin:generation_grid_import"), files).content.decode()
    assert "a.png twice" in page


def test_the_admin_asks_what_each_column_means(as_owner: Client, folder: Path) -> None:
    files = {"table": SimpleUploadedFile("scores.csv", TABLE.encode()), "title": "Made elsewhere"}
    files["pictures"] = [  # type: ignore[assignment]
        SimpleUploadedFile(n, (folder / n).read_bytes()) for n in ("a.png", "b.png", "c.png", "d.png", "photo.png")
    ]
    page = as_owner.post(reverse("admin:generation_grid_import"), files, follow=True)
    assert "“lpips” is" in page.content.decode()
    columns = {"kind_0": "parameter", "kind_1": "metric", "primary": "lpips"}
    refused = as_owner.post(page.request["PATH_INFO"], columns)
    assert "say whether lower_better or higher_better" in refused.content.decode()
    assert not Grid.objects.exists()
    columns |= {"direction_1": "lower_better", "scope_1": "all"}
    done = as_owner.post(page.request["PATH_INFO"], columns)
    grid = Grid.objects.get()
    assert done["Location"] == reverse("admin:generation_grid_change", args=[grid.pk])
    assert grid_progress(grid).done == 4
