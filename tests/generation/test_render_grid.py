"""From a grid file to renders: planned once, done once, resumed after anything; with a task the test brings along."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.utils import timezone

from generation.core.grid import GridError
from generation.models import Grid, Job, Render, Score
from generation.selectors import grid_progress
from generation.services import artifact_bytes, grid_lay, grid_layout, job_claim, job_complete, missing_scores_lay
from generation.services.artifacts import ArtifactMissing, master_name
from generation.services.queue import grid_retry, job_fail, lease_renew
from generation.services.work import work
from tests.curves import render_curve
from tests.generation import gamma_task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("gamma_registered")]


def lay(owner: User, text: str = gamma_task.TOML) -> Grid:
    return grid_lay(owner=owner, layout=grid_layout(text=text, read=gamma_task.read))


def test_a_grid_is_rendered_with_its_losses_curves_and_provenance(owner: User) -> None:
    grid = lay(owner)
    assert work(engine="serial", grid=grid) == 2
    assert grid_progress(grid).words == "8 of 8 rendered"
    cell = grid.cells.get(scene__label="First", condition__params__gamma=2.0)
    score = cell.render.scores.get(metric__key="brightness_error")
    assert score.value is not None
    assert score.value > 0
    assert render_curve(cell.render) == {"gamma": [2.0]}
    assert cell.render.provenance["numpy"]
    assert cell.render.image is not None
    assert artifact_bytes(cell.render.image.sha256).startswith(b"\x89PNG")


def test_a_nan_and_a_missing_file_are_a_status_and_a_sentence_never_a_number(owner: User) -> None:
    grid = lay(owner)
    work(engine="serial", grid=grid)
    broken, absent = (Score.objects.filter(metric__key=key) for key in ("broken", "absent"))
    assert set(broken.values_list("value", "status")) == {(None, "nan")}
    assert set(absent.values_list("value", "reason")) == {(None, "The file of this metric is missing.")}


@pytest.mark.fault("F12")
def test_the_same_command_again_renders_nothing(owner: User) -> None:
    grid = lay(owner)
    work(engine="serial", grid=grid)
    before = list(gamma_task.calls)
    assert lay(owner) == grid
    assert work(engine="serial", grid=grid) == 0
    assert gamma_task.calls == before


def test_a_render_serves_two_grids_and_is_made_once(owner: User) -> None:
    work(engine="serial", grid=lay(owner))
    more = gamma_task.TOML.replace('slug = "gamma"', 'slug = "gamma-wide"').replace(
        "[0.5, 1.0, 2.0]", "[0.5, 1.0, 4.0]"
    )
    wide = lay(owner, more)
    work(engine="serial", grid=wide)
    assert sorted(set(gamma_task.calls)) == [0.5, 1.0, 2.0, 4.0]
    assert len(gamma_task.calls) == 2 * 4
    assert grid_progress(wide).finished


def test_another_reference_objective_measures_again_and_renders_nothing(owner: User) -> None:
    work(engine="serial", grid=lay(owner))
    text = gamma_task.TOML.replace('slug = "gamma"', 'slug = "gamma-dark"') + "[reference]\ntarget = 40\n"
    layout = grid_layout(text=text, read=gamma_task.read)
    dark = grid_lay(owner=owner, layout=layout)
    calls = len(gamma_task.calls)
    assert missing_scores_lay(grid=dark) > 0
    work(engine="serial", grid=dark)
    assert len(gamma_task.calls) == calls
    render = dark.cells.first().render  # type: ignore[union-attr]
    assert {s.metric.config["target"] for s in render.scores.filter(metric__key="brightness_error")} == {128.0, 40.0}
    assert missing_scores_lay(grid=dark) == 0


def test_a_slug_names_one_design(owner: User) -> None:
    lay(owner)
    with pytest.raises(GridError, match="belongs to a grid with another design"):
        lay(owner, gamma_task.TOML.replace("2.0]", "3.0]"))
    assert Grid.objects.count() == 1


def test_a_failed_cell_leaves_the_others_and_can_be_tried_again(owner: User) -> None:
    grid = lay(owner, gamma_task.TOML.replace("2.0]", f"{gamma_task.DIVERGE}, {gamma_task.FAIL}]"))
    work(engine="serial", grid=grid)
    progress = grid_progress(grid)
    assert (progress.done, progress.diverged, progress.failed) == (6, 2, 2)
    diverged = Render.objects.filter(status="nan").first()
    assert diverged is not None
    assert diverged.image is not None
    good = dict(Render.objects.filter(status="ok").values_list("pk", "image"))
    assert grid_retry(grid=grid) == 2
    work(engine="serial", grid=grid)
    assert grid_progress(grid).failed == 2
    assert dict(Render.objects.filter(status="ok").values_list("pk", "image")) == good


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (gamma_task.TOML.replace("two.png", "three.png"), "No such file"),
        (gamma_task.TOML.replace('file = "two.png"', 'file = "bad.png"'), "bad.png"),
        (gamma_task.TOML.replace('title = "Second"', f'sha256 = "{"0" * 64}"'), "SHA-256 differs"),
    ],
)
def test_a_picture_that_cannot_be_used_is_named_and_nothing_is_written(
    owner: User, text: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(gamma_task.FILES, "bad.png", gamma_task.FILES["two.png"][:200])
    with pytest.raises(GridError, match=words):
        lay(owner, text)
    assert not Grid.objects.exists()
    assert not Render.objects.exists()


def test_a_retry_that_succeeds_has_its_numbers(owner: User, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = lay(owner, gamma_task.TOML.replace("2.0]", f"{gamma_task.FAIL}]"))
    work(engine="serial", grid=grid)
    assert set(Score.objects.filter(render__status="failed").values_list("status", flat=True)) == {"failed"}
    monkeypatch.setattr(gamma_task, "FAIL", 0.0)
    assert grid_retry(grid=grid) == 2
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "8 of 8 rendered"
    values = Score.objects.filter(metric__key="brightness_error").values_list("value", flat=True)
    assert len(values) == 8
    assert None not in values


def test_a_slug_belongs_to_one_researcher_and_names_do_not_travel(owner: User, stranger: User) -> None:
    work(engine="serial", grid=lay(owner))
    with pytest.raises(GridError, match="another researcher"):
        lay(stranger)
    text = gamma_task.TOML.replace('slug = "gamma"', 'slug = "mine"').replace('title = "First"', 'title = "Mine"')
    theirs = lay(stranger, text)
    assert work(engine="serial", grid=theirs) == 0, "the same pictures are not made again"
    assert {c.scene.label for c in theirs.cells.all()} == {"Mine", "Second"}


def test_a_damaged_master_is_mended_by_bringing_the_picture_in_again(owner: User) -> None:
    grid = lay(owner)
    content = grid.cells.first().scene.content  # type: ignore[union-attr]
    assert content is not None
    storages["masters"].delete(master_name(content.sha256))
    lay(
        owner, gamma_task.TOML.replace('slug = "gamma"', 'slug = "again"').replace("gamma = [0.5, 1", "gamma = [0.6, 1")
    )
    assert artifact_bytes(content.sha256)


# --- the queue ----------------------------------------------------------------------------------------------------


def test_a_job_is_claimed_by_one(owner: User) -> None:
    lay(owner)
    first, second = job_claim(holder="here:1"), job_claim(holder="there:2")
    assert first is not None
    assert second is not None
    assert first.pk != second.pk
    assert job_claim(holder="there:3") is None


@pytest.mark.fault("F13")
def test_a_lease_that_ran_out_is_taken_over_and_the_late_holder_stores_nothing(owner: User) -> None:
    lay(owner)
    job = job_claim(holder="elsewhere:1")
    assert job is not None
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    again = job_claim(holder="elsewhere:2")
    assert again is not None
    assert again.pk == job.pk
    assert not lease_renew(job=job, holder="elsewhere:1", progress=0.5)
    assert not job_complete(job=job, holder="elsewhere:1", results=[])
    job.refresh_from_db()
    assert job.lease_holder == "elsewhere:2"


def test_a_job_that_keeps_failing_ends_and_says_why(owner: User) -> None:
    grid = lay(owner)
    for _ in range(3):
        job = job_claim(holder="here:1", grid=grid)
        assert job is not None
        job_fail(job=job, holder="here:1", error="Out of memory.")
    assert set(Render.objects.filter(job=job).values_list("status", "reason")) == {("failed", "Out of memory.")}
    assert job_claim(holder="here:1", grid=grid) != job


def test_a_job_whose_picture_is_gone_fails_with_a_sentence(owner: User) -> None:
    grid = lay(owner)
    content = grid.cells.first().scene.content  # type: ignore[union-attr]
    assert content is not None
    storages["masters"].delete(master_name(content.sha256))
    with pytest.raises(ArtifactMissing, match="not in the masters folder"):
        artifact_bytes(content.sha256)
    work(engine="serial", grid=grid)
    failed = Job.objects.get(status="failed")
    assert "bring it in again" in failed.error
    assert grid_progress(grid).done == 4


def test_a_damaged_master_is_noticed(owner: User) -> None:
    grid = lay(owner)
    content = grid.cells.first().scene.content  # type: ignore[union-attr]
    assert content is not None
    path = storages["masters"].path(master_name(content.sha256))
    with open(path, "r+b") as file:  # noqa: PTH123
        file.write(b"XXXX")
    with pytest.raises(ArtifactMissing, match="damaged"):
        artifact_bytes(content.sha256)
