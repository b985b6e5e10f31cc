"""Pictures made elsewhere, brought in the admin: a folder or a table, all or nothing, and measured afterwards."""

import io
import zipfile
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from generation.models import Grid, Job, Render, Score
from generation.services.work import work
from tests import factories
from tests.generation.conftest import page
from tests.generation.gamma_task import picture

pytestmark = pytest.mark.django_db


def archive(**pictures: bytes) -> SimpleUploadedFile:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as out:
        for name, data in pictures.items():
            out.writestr(f"own/{name.replace('__', '/')}.png", data)
    return SimpleUploadedFile("own.zip", made.getvalue())


FOLDER = {f"{s}__{c}": picture(10 * i + j) for i, s in enumerate("ab") for j, c in enumerate(("fast", "slow"))}
PHOTOGRAPHS = {f"{s}__photograph": picture(100 + i) for i, s in enumerate("ab")}


@pytest.mark.parametrize("zipped", [True, False])
def test_a_folder_without_a_table_is_measured_here(as_owner: Client, zipped: bool) -> None:
    named = {**FOLDER, **PHOTOGRAPHS}
    loose = [SimpleUploadedFile(f"{name}.png", data) for name, data in named.items()]
    files = [archive(**named)] if zipped else loose
    sent = {"title": "My own folder", "pictures": files}
    answer = as_owner.post(reverse("admin:generation_grid_import"), sent, follow=True)
    grid = Grid.objects.get(slug="my-own-folder")
    assert answer.redirect_chain[-1][0] == page("measure", grid)
    assert sorted(grid.conditions.values_list("label", flat=True)) == ["fast", "slow"]
    assert sorted(grid.cells.values_list("scene__label", "condition__params__condition")) == [
        ("a", "fast"), ("a", "slow"), ("b", "fast"), ("b", "slow"),
    ]  # fmt: skip
    assert not grid.cells.filter(scene__content=None).exists()
    assert "have no numbers yet" in as_owner.get(page("change", grid)).content.decode()
    assert as_owner.get(reverse("generation:report", args=[grid.slug])).status_code == 200
    untold = as_owner.post(page("measure", grid), {"metrics": ["ssim_content"]})
    assert "This field is required" in untold.content.decode()
    other = as_owner.post(page("measure", grid), {"metrics": ["sharpness"], "primary": "ssim_content"})
    assert "Tick this metric above too" in other.content.decode()
    assert not Job.objects.exists()
    chosen = {"metrics": ["ssim_content", "sharpness"], "primary": "ssim_content"}
    html = as_owner.post(page("measure", grid), chosen, follow=True).content.decode()
    assert "queued to measure" in html
    work(engine="serial")
    scores = Score.objects.filter(render__cells__grid=grid)
    assert sorted(scores.values_list("metric__key", "status")) == 4 * [("sharpness", "ok")] + 4 * [
        ("ssim_content", "ok")
    ]
    assert not scores.filter(metric__key="ssim_content", value__gt=0.999).exists()  # never to itself
    assert grid.metrics.get(is_primary=True).metric.key == "ssim_content"
    assert "primary" not in as_owner.get(page("measure", grid)).context["form"].fields  # chosen once


def test_without_photographs_likeness_is_not_offered(as_owner: Client) -> None:
    as_owner.post(reverse("admin:generation_grid_import"), {"title": "No photo", "pictures": [archive(**FOLDER)]})
    grid = Grid.objects.get()
    html = as_owner.get(page("measure", grid)).content.decode()
    assert "None of these can be put to the test" in html
    assert 'value="ssim_content"' not in html
    assert 'value="sharpness"' in html


def test_a_picture_is_never_its_own_photograph(as_owner: Client) -> None:
    named = {**FOLDER, "a__photograph": PHOTOGRAPHS["a__photograph"]}  # the scene b has none
    as_owner.post(reverse("admin:generation_grid_import"), {"title": "Half", "pictures": [archive(**named)]})
    grid = Grid.objects.get()
    as_owner.post(page("measure", grid), {"metrics": ["ssim_content"], "primary": "ssim_content"})
    work(engine="serial")
    scores = Score.objects.filter(render__cells__grid=grid).order_by("render__scene__label")
    assert [(s.render.scene.label, s.status) for s in scores] == [
        ("a", "ok"), ("a", "ok"), ("b", "unavailable"), ("b", "unavailable"),
    ]  # fmt: skip
    assert "has no content picture" in scores[2].reason


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ([("cat.png", picture())], "does not say its scene"),
        ([("a__fast.png", picture())], "nothing to compare"),
        ([("a__fast.png", picture()), ("a__slow.png", b"no")], "is not a PNG"),
        ([("a__x.png", picture(1)), ("a__y.png", picture(2)), ("b__photograph.png", picture(3))], "no other picture"),
        (
            [("a__x.png", picture(1)), ("a__x.jpg", picture(2)), ("a__y.png", picture(3))],
            "the same scene and condition",
        ),
        ([("a__x.png", picture(1)), ("words.txt", b"hello")], "not called a picture"),
    ],
)
def test_a_folder_that_is_no_grid_is_refused_whole(
    as_owner: Client, files: list[tuple[str, bytes]], words: str
) -> None:
    sent = {"title": "Bad", "pictures": [SimpleUploadedFile(name, data) for name, data in files]}
    html = as_owner.post(reverse("admin:generation_grid_import"), sent).content.decode()
    assert words in html
    assert "Nothing was stored" in html
    assert not Grid.objects.exists()
    assert not Render.objects.exists()


def test_the_questions_about_a_metric_are_asked_of_metrics_only(as_owner: Client, stranger: User) -> None:
    table = b"file,scene,condition,steps,lpips\na.png,S,fast,10,0.3\nb.png,S,slow,20,0.1\n"
    sent: dict[str, Any] = {"title": "With a table", "table": SimpleUploadedFile("scores.csv", table)}
    sent["pictures"] = [SimpleUploadedFile(f"{n}.png", picture(i)) for i, n in enumerate("ab")]
    asked = as_owner.post(reverse("admin:generation_grid_import"), sent, follow=True)
    address = asked.request["PATH_INFO"]
    assert "which is better" not in asked.content.decode()
    kinds = {"kind_0": "parameter", "kind_1": "metric"}
    html = as_owner.post(address, kinds).content.decode()
    assert "“lpips”: which is better?" in html
    assert "“steps”: which is better?" not in html
    assert "Please mend" not in html  # it was not asked before
    assert '<option value="metric" selected>' in html
    empty = kinds | {"direction_1": "", "scope_1": "", "primary": ""}
    assert "This field is required" in as_owner.post(address, empty).content.decode()
    assert factories.signed_in(stranger).get(address).status_code == 404
    full = kinds | {"direction_1": "lower_better", "scope_1": "all", "primary": "lpips"}
    assert as_owner.post(address, full).status_code == 302
    grid = Grid.objects.get()
    assert grid.metrics.get().is_primary
    assert grid.conditions.first().condition.params["steps"] == 10.0  # type: ignore[union-attr]
    assert as_owner.get(address).status_code == 404


def test_a_table_of_parameters_alone_is_fine(as_owner: Client) -> None:
    table = b"file,scene,condition,steps\na.png,S,fast,10\nb.png,S,slow,20\n"
    sent: dict[str, Any] = {"title": "Only parameters", "table": SimpleUploadedFile("scores.csv", table)}
    sent["pictures"] = [SimpleUploadedFile(f"{n}.png", picture(i)) for i, n in enumerate("ab")]
    asked = as_owner.post(reverse("admin:generation_grid_import"), sent, follow=True)
    done = as_owner.post(asked.request["PATH_INFO"], {"kind_0": "parameter"}, follow=True)
    assert "2 pictures imported" in done.content.decode()
    assert not Grid.objects.get().metrics.exists()
