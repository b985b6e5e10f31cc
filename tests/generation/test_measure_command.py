"""The command that adds numbers to pictures that exist: through a real grid, resumed, and kept by `render`."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from generation.core import catalogue, images
from generation.core.catalogue import PictureMetric
from generation.core.metrics import Unavailable
from generation.models import Cell, Grid, GridMetric, Job, Score
from generation.services import artifact_bytes
from generation.services.queue import holder_name, job_claim
from generation.services.work import work
from tests import factories
from tests.generation.style_grid import SHALLOW, grid_toml, pictures

pytestmark = pytest.mark.django_db(transaction=True)

GRID = grid_toml(
    "two",
    '[[conditions]]\ndesign = "product"\nlearning_rate = [0.01, 0.1]\n',
    parameters=f"{SHALLOW}steps = 2",
)

KEY = "mean_red"


def mean_red(image: images.Image) -> float:
    """A metric of this test: the mean of the red channel, if it is not told to be silent."""
    if silent:
        raise Unavailable("Red is not to be had today.")
    calls.append(float(image[..., 0].mean()))
    return calls[-1]


silent: list[bool] = []
calls: list[float] = []


@pytest.fixture
def red() -> Iterator[None]:
    silent.clear()
    calls.clear()
    catalogue.register(PictureMetric(KEY, "Mean red", f"{__name__}:mean_red", unit="grey levels"))
    yield
    catalogue.unregister(KEY)


@pytest.fixture
def folder(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the grid file, rendered."""
    monkeypatch.setenv("EYEBALLOT_DOWNLOAD", "0")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("EYEBALLOT_WEIGHTS", raising=False)
    settings.EYEBALLOT_THREADS = 1
    pictures(tmp_path)
    (tmp_path / "grid.toml").write_text(GRID)
    _render(tmp_path)
    return tmp_path


def _render(folder: Path) -> None:
    factories.user()
    call_command("render", str(folder / "grid.toml"), engine="serial", stdout=StringIO())


def _measure(*words: str) -> None:
    call_command("measure", *words, engine="serial", stdout=StringIO())


def _scores(key: str = KEY) -> dict[int, Score]:
    return {score.render_id: score for score in Score.objects.filter(metric__key=key)}


@pytest.mark.usefixtures("red")
def test_a_new_metric_is_taken_on_the_pictures_that_exist(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    grid = Grid.objects.get(slug="two")
    before = set(grid.metrics.values_list("metric__key", flat=True))
    rendered = set(Job.objects.values_list("pk", flat=True))
    _measure("two", KEY)
    assert "Mean red: 4 of 4 measured." in capfd.readouterr().out
    for cell in Cell.objects.filter(grid=grid).select_related("render"):
        pixels = images.decode(artifact_bytes(cell.render.image_id or ""))
        assert _scores()[cell.render_id].value == pytest.approx(float(np.mean(pixels[..., 0])))
    assert set(grid.metrics.values_list("metric__key", flat=True)) == before | {KEY}
    assert not grid.metrics.get(metric__key=KEY).is_primary
    assert set(Job.objects.values_list("pk", flat=True)) > rendered

    jobs = Job.objects.count()
    _measure("two", KEY, KEY)
    assert (len(calls), Job.objects.count()) == (4, jobs), "a number that is there was taken again"

    _render(folder)  # the grid is still that of its file, and keeps what was added
    assert Grid.objects.count() == 1
    assert set(grid.metrics.values_list("metric__key", flat=True)) == before | {KEY}
    assert len(calls) == 4


@pytest.mark.usefixtures("red", "folder")
def test_a_killed_measurement_goes_on_with_what_is_missing(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.EYEBALLOT_BATCH = 2

    def killed(*, grid: Grid, **_: Any) -> int:
        job = job_claim(holder=holder_name(), grid=grid)
        assert job is not None
        Job.objects.filter(pk=job.pk).update(lease_holder="elsewhere:1", lease_until=None)
        return 0

    monkeypatch.setattr("generation.management.commands.measure.work", killed)
    with pytest.raises(CommandError, match="The same command tries again"):
        _measure("two", KEY)
    assert not _scores()
    monkeypatch.setattr("generation.management.commands.measure.work", work)
    jobs = Job.objects.count()
    _measure("two", KEY)
    assert (len(_scores()), len(calls), Job.objects.count()) == (4, 4, jobs)


@pytest.mark.usefixtures("red", "folder")
def test_a_reason_is_told_and_tried_again(capfd: pytest.CaptureFixture[str]) -> None:
    silent.append(True)
    _measure("two", KEY)
    said = " ".join(capfd.readouterr().out.split())
    assert "Mean red: 0 of 4 measured, 4 without a number: Red is not to be had today." in said
    assert {score.status for score in _scores().values()} == {"unavailable"}
    silent.clear()
    _measure("two", KEY)
    assert {score.status for score in _scores().values()} == {"ok"}
    assert GridMetric.objects.filter(metric__key=KEY).count() == 1


@pytest.mark.usefixtures("red", "folder")
def test_the_metrics_of_the_catalogue_and_of_the_task_are_taken_in_one_go() -> None:
    _measure("two", KEY, "sharpness")
    assert {s.status for s in (_scores() | _scores("sharpness")).values()} == {"ok"}
    assert len(calls) == 4


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("two", "beauty"), "There is no metric 'beauty' in the catalogue. It has lpips_content"),
        (("three", "sharpness"), "There is no grid 'three'. There are: two."),
        (("two", "lpips_style"), "No weights file for squeezenet1_1"),
        (("two",), "Name a grid and its new metrics"),
        ((), "Name a grid and its new metrics"),
    ],
)
def test_a_mistake_is_a_sentence_and_changes_nothing(folder: Path, words: tuple[str, ...], sentence: str) -> None:
    jobs, metrics = Job.objects.count(), GridMetric.objects.count()
    with pytest.raises(CommandError, match=sentence):
        _measure(*words)
    assert (Job.objects.count(), GridMetric.objects.count()) == (jobs, metrics)


def test_images_that_are_not_rendered_yet_are_rendered_first(folder: Path) -> None:
    grid = Grid.objects.get(slug="two")
    first = grid.cells.first()
    assert first is not None
    type(first.render).objects.filter(pk=first.render_id).update(status="planned", image=None)
    with pytest.raises(CommandError, match="1 images of the grid 'two' are not rendered yet"):
        _measure("two", "sharpness")


def test_the_catalogue_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    call_command("measure", list=True)
    printed = capfd.readouterr().out
    for entry in catalogue.entries():
        assert entry.key in printed
    (line,) = (line for line in printed.splitlines() if " ssim_content " in line)
    assert [cell.strip() for cell in line.strip("│").split("│")][2:] == [
        "independent",
        "higher",
        "all",
        "the content picture",
    ]
