"""The report and the admin of a grid that trains networks: really trained ones, and rows that wait or went wrong."""

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from generation.models import Grid, Job, Training
from generation.report import gather, stored_file
from generation.services.work import work
from tests import factories
from tests.generation import colour_grid

pytestmark = pytest.mark.django_db


@pytest.fixture
def waiting(owner: User) -> Grid:
    """Three networks, none trained."""
    return colour_grid.lay(owner)


def rows(grid: Grid, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((stored_file(grid, name) or b"").decode())))


def page_of(client: Client, grid: Grid) -> str:
    return client.get(reverse("generation:report", args=[grid.slug])).content.decode()


def assert_nothing_empty(html: str) -> None:
    assert not re.search(r"<t[dh][^>]*>\s*</t[dh]>", html.partition("training-table")[2].partition("</table>")[0])
    assert not re.search(r"\b(nan|inf|None)\b", re.sub(r"<[^>]+>", " ", html))


def test_a_trained_grid_says_what_its_networks_learnt(
    waiting: Grid, as_owner: Client, tmp_path: Path, settings: Any
) -> None:
    settings.EYEBALLOT_THREADS = 1  # two of them are slower on so small a network
    work(engine="serial", grid=waiting)
    training = Training.objects.get(spec__params__learning_rate=2e-4)
    html = page_of(as_owner, waiting)
    assert_nothing_empty(html)
    assert "3 of 3 networks trained." in html
    train, kept = (training.provenance["photographs"][part] for part in ("train", "validation"))
    assert train + kept == 40
    assert f"Trained on {train} squares of photographs, {kept} more were kept apart." in html
    assert "Generator: isola" in html
    assert "U-Net, lr 0.0002" in html
    for address in set(re.findall(r'(?:src|srcset|href)="(/grids/[^"]+training[^"]*)"', html)):
        assert as_owner.get(address).status_code == 200, address
    found = next(row for row in rows(waiting, "training.csv") if row["condition"] == "U-Net, lr 0.0002")
    assert float(found["val_ab_error"]) == training.losses["val_ab_error"]
    assert (found["epochs"], found["device"], found["dtype"]) == ("2", training.provenance["device"], "float32")
    assert (found["photographs_train"], found["photographs_validation"]) == (f"{train}", f"{kept}")
    assert found["training"] == training.digest
    assert [row["epoch"] for row in rows(waiting, "training_curves.csv")] == ["1", "2"] * 3
    table = {row["condition"]: row for row in rows(waiting, "training_table.csv")}
    assert float(table["U-Net, lr 0.0002"]["loss_G"]) == training.losses["g"]
    assert float(table["Grey picture"]["loss_G_L1"]) == pytest.approx(100 * training.losses["grey_ab_error"] / 110)
    call_command("grid_report", waiting.slug, "--out", str(tmp_path / "report"))
    folder = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"training.csv", "training_table.csv", "training_curves.svg", "training_forest_narrow.svg"} <= folder
    assert "What the training says" in (tmp_path / "report" / "index.html").read_text()


def test_a_grid_on_its_way_says_how_far_it_is(waiting: Grid, as_owner: Client) -> None:
    html = page_of(as_owner, waiting)
    assert_nothing_empty(html)
    assert "0 of 3 networks trained, 3 not trained yet." in html
    first, second, _ = Training.objects.all()
    first.status, first.epochs, first.final_reason = Training.Status.OK, 2, "all epochs"
    first.losses = {"g": 8.0, "g_gan": 2.0, "g_l1": 6.0, "ab_error": 6.6, "val_ab_error": 12.5}
    first.save()
    second.status, second.reason = Training.Status.NAN, "The losses stopped being finite in epoch 1 of 2."
    second.save()
    html = page_of(as_owner, waiting)
    assert_nothing_empty(html)
    assert "1 of 3 networks trained, 1 diverged, 1 not trained yet." in html
    assert "diverged: The losses stopped being finite in epoch 1 of 2." in html
    assert "8.000" in html


def test_what_a_network_learnt_later_is_drawn_again(waiting: Grid) -> None:
    before = stored_file(waiting, "training.csv")
    Training.objects.filter(pk=Training.objects.all()[0].pk).update(status="failed", reason="No photographs.")
    assert stored_file(waiting, "training.csv") != before
    assert gather(waiting, curves=False).trainings[0].trouble == "failed"


def test_a_grid_that_trains_nothing_has_no_such_part(owner: User, as_owner: Client) -> None:
    html = page_of(as_owner, factories.rendered_grid(owner=owner))
    assert "What the training says" not in html
    assert ">Sheets<" not in html


def test_the_admin_shows_trainings_and_their_progress(waiting: Grid, as_owner: Client, stranger: User) -> None:
    first, second, third = Training.objects.all()
    Job.objects.filter(trainings=first).update(
        status=Job.Status.RUNNING, note="epoch 1 of 2 · G 8.94 (L1 7.7 Lab)", progress=0.5
    )
    second.status, second.losses, second.final_reason = "ok", {"g": 8.0, "val_ab_error": 12.5}, "all epochs"
    second.save()
    third.status, third.reason = "nan", "The losses stopped being finite."
    third.save()
    grid = as_owner.get(reverse("admin:generation_grid_change", args=[waiting.pk])).content.decode()
    assert "1 of 3 networks trained, 1 diverged" in grid
    assert "epoch 1 of 2 · G 8.94 (L1 7.7 Lab)" in grid
    assert f"{reverse('generation:report', args=[waiting.slug])}#sheets" in grid
    listing = reverse("admin:generation_training_changelist")
    html = as_owner.get(listing).content.decode()
    for words in ("U-Net, lr 0.0002", "Zhang", "12.5", "The losses stopped being finite.", "Tiny colours"):
        assert words in html
    one = reverse("admin:generation_training_change", args=[second.pk])
    assert as_owner.get(one).status_code == 200
    assert as_owner.post(one, {"status": "planned"}).status_code == 403
    other = Client()
    other.force_login(stranger)
    assert "0 trainings" in other.get(listing).content.decode()
    assert other.get(one).status_code == 404
    assert other.get(reverse("generation:report-file", args=[waiting.slug, "training.csv"])).status_code == 404
