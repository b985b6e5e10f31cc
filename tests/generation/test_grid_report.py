"""The report of a grid from its rows: the folder, the page, who may see it, and renders that went wrong."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from generation.models import Artifact, Grid, Render
from generation.report import gather, stored_file
from generation.services import artifact_store, grid_lay, grid_layout
from generation.services.artifacts import master_name
from generation.services.work import work
from tests import factories
from tests.generation import gamma_task

pytestmark = pytest.mark.django_db


@pytest.fixture
def grid(owner: User) -> Grid:
    """Two scenes, three learning rates: scored, with curves."""
    made = factories.rendered_grid(owner=owner)
    for render in Render.objects.all():
        curve(render, np.geomspace(2.0, 0.5, 6))
    return made


@pytest.fixture
def gamma(owner: User) -> Iterator[Grid]:
    """Gammas of which one diverges and one fails."""
    with gamma_task.registered():
        text = gamma_task.TOML.replace("[0.5, 1.0, 2.0]", f"[0.5, 1.0, 2.0, {gamma_task.DIVERGE}, {gamma_task.FAIL}]")
        laid = grid_lay(owner=owner, layout=grid_layout(text=text, read=gamma_task.read))
        work(engine="serial", grid=laid)
        yield laid


def curve(render: Render, values: Any) -> None:
    """Store a loss curve of a render: style and content by step, and their total."""
    stream = io.BytesIO()
    terms = {"style": values, "content": values / 10, "total": 1.02 * values, "weights": np.array([1.0, 0.2])}
    np.savez(stream, **terms)
    render.curve = artifact_store(data=stream.getvalue(), kind=Artifact.Kind.CURVE)
    render.save()


def write(grid: Grid, folder: Path, *options: str) -> dict[str, bytes]:
    """Every file that the command writes, by its path in the folder."""
    call_command("grid_report", grid.slug, "--out", str(folder), *options)
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_folder_stands_alone(grid: Grid, tmp_path: Path) -> None:
    files = write(grid, tmp_path / "report", "--full")
    html = files["index.html"].decode()
    addresses = set(re.findall(r'(?:src|href|srcset)="([^"#]+)"', html)) - {"data:,"}
    assert addresses <= set(files)
    assert {"renders.csv", "losses.csv", "minima.csv", "report.css", "site.css"} <= addresses
    assert {"steps_style.svg", "steps_total_narrow.svg", "against_1_lr.png"} <= addresses
    assert sum(name.startswith("full/") for name in files) == 6
    assert not re.search(r'style="|<script|<style', html)
    assert "2 scenes × 3 conditions: 6 pictures." in html
    assert "Style loss is lowest at lr 1" in html
    assert "The minimum lies at the edge of the grid: lr 1 is its largest value." in html
    without = write(grid, tmp_path / "small")
    assert not any(name.startswith("full/") for name in without)
    assert "<a href=" not in without["index.html"].decode().partition('id="sheet"')[2].partition('id="figures"')[0]


def test_the_same_rows_give_the_same_bytes(grid: Grid, tmp_path: Path) -> None:
    assert write(grid, tmp_path / "one") == write(grid, tmp_path / "two")


def test_every_render_is_a_line_with_its_hashes(grid: Grid) -> None:
    rows = list(csv.DictReader(io.StringIO((stored_file(grid, "renders.csv") or b"").decode())))
    assert len(rows) == 6
    cell = grid.cells.get(scene__label="Cat", condition__params__lr=0.1)
    row = next(r for r in rows if r["scene"] == "Cat" and r["lr"] == "0.1")
    assert (row["image_sha256"], row["curve_sha256"]) == (cell.render.image_id, cell.render.curve_id)
    assert float(row["style_loss"]) == cell.render.scores.get(metric__key="style_loss").value
    assert row["status"] == "ok"


def test_diverged_failed_and_unmeasured_are_words(gamma: Grid, tmp_path: Path) -> None:
    files = write(gamma, tmp_path / "report")
    html = files["index.html"].decode()
    assert "Diverged" in html
    assert "Failed: The gamma 9 always fails here." in html
    assert "8 of 12 pictures rendered, 2 diverged, 2 failed (2 of them for comparison only)." in html
    for name in ("renders.csv", "losses.csv", "minima.csv"):
        cells = [cell for row in csv.reader(io.StringIO(files[name].decode())) for cell in row]
        assert all(cells)
        assert not {"nan", "inf", "None"} & set(cells)
    assert "gamma 8 diverged in every scene and is in no mean over scenes." in html


def test_the_page_is_for_the_owner(grid: Grid, as_owner: Client, stranger: User) -> None:
    page = reverse("generation:report", args=["tiny"])
    figure = reverse("generation:report-file", args=["tiny", "renders.csv"])
    assert as_owner.get(page).status_code == 200
    assert as_owner.get(figure)["Content-Type"] == "text/csv; charset=utf-8"
    other, nobody = Client(), Client()
    other.force_login(stranger)
    for address in (page, figure):
        assert other.get(address).status_code == 404
        assert nobody.get(address).status_code == 302
    superuser = Client()
    superuser.force_login(factories.user("root", superuser=True))
    assert superuser.get(page).status_code == 200


def test_the_page_keeps_the_sites_policy_and_every_address_answers(grid: Grid, as_owner: Client) -> None:
    html = as_owner.get(reverse("generation:report", args=["tiny"])).content.decode()
    assert not re.search(r'style="|<script|<style|onclick', html)
    addresses = set(re.findall(r'(?:src|srcset|href)="(/grids/[^"]+)"', html))
    assert len([a for a in addresses if a.endswith(".svg")]) >= 8
    for address in addresses:
        assert as_owner.get(address).status_code == 200, address
    images = re.findall(r"<img[^>]+>", html.partition("<main")[2])
    assert images
    for image in images:
        assert re.search(r' width="\d+" height="\d+"', image), image
        assert 'alt="' in image
        assert 'alt=""' not in image
    missing = reverse("generation:report-file", args=["tiny", "secret.csv"])
    assert as_owner.get(missing).status_code == 404


def test_a_changed_row_is_drawn_again_and_the_old_files_go(grid: Grid) -> None:
    before = stored_file(grid, "renders.csv")
    assert stored_file(grid, "renders.csv") == before
    score = grid.cells.all()[0].render.scores.get(metric__key="style_loss")
    score.value = 0.125
    score.save()
    after = stored_file(grid, "renders.csv")
    assert after != before
    assert b"0.125" in (after or b"")
    assert len(storages["default"].listdir("grid-reports/tiny")[0]) == 1


def test_both_pages_lead_to_the_report(grid: Grid, as_owner: Client) -> None:
    address = reverse("generation:report", args=["tiny"])
    assert address in as_owner.get(reverse("generation:grid", args=["tiny"])).content.decode()
    admin = Client()
    admin.force_login(factories.user("root", superuser=True))
    assert address in admin.get(reverse("admin:generation_grid_changelist")).content.decode()


def test_an_unknown_grid_and_a_picture_that_is_away_are_sentences(
    grid: Grid, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandError, match=r"There is no grid 'nothing'. Known: tiny."):
        call_command("grid_report", "nothing")
    sha = grid.cells.all()[0].render.image_id or ""
    storages["masters"].delete(master_name(sha))
    files = write(grid, tmp_path / "report")
    assert f"The file of artifact {sha[:12]}… is not in the masters folder" in capsys.readouterr().err
    assert "No picture." in files["index.html"].decode()


def test_an_empty_grid_has_a_page(as_owner: Client, owner: User) -> None:
    Grid.objects.create(owner=owner, slug="empty", title="Empty", task="nothing", digest="0" * 64, frozen=True)
    html = as_owner.get(reverse("generation:report", args=["empty"])).content.decode()
    assert "The grid has no pictures." in html


def test_preset_and_notes_of_the_grid_are_said(grid: Grid) -> None:
    grid.preset, grid.notes = "meng2023-conv3", ["A departure."]
    grid.save()
    report = gather(grid)
    assert (report.preset, report.notes) == ("meng2023-conv3", ("A departure.",))
