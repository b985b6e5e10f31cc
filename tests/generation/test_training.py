"""Networks that are trained before they make pictures: once each, whatever becomes of the others."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.core.files.storage import storages

from generation.core import photographs
from generation.core.durations import in_words
from generation.core.grid import GridError
from generation.core.spec import JobItem, JobSpec, RenderSpec
from generation.core.train import run_training
from generation.core.train_spec import TrainJobSpec, TrainSpec
from generation.models import Cell, Checkpoint, Grid, Job, Render, Score, Training
from generation.selectors import grid_progress, grid_trainings
from generation.services import grid_lay
from generation.services.artifacts import master_name
from generation.services.foretelling import trainings_foretold
from generation.services.jobs import based
from generation.services.measuring import scores_lay
from generation.services.packs import pack_read, pack_write
from generation.services.planning import metric_spec
from generation.services.queue import MAX_ATTEMPTS, grid_retry, job_claim, job_fail
from generation.services.training import training_complete
from generation.services.work import training_of, work
from tests.generation import trained_task
from tests.generation.laid import layout_of
from tests.generation.trained_task import TOML

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _painting(tmp_path: Path, settings: LazySettings) -> Iterator[None]:
    settings.EYEBALLOT_SCRATCH = tmp_path / "scratch"
    trained_task.files(tmp_path)
    with trained_task.registered():
        yield


def lay(owner: User, folder: Path, text: str = TOML) -> Grid:
    return grid_lay(owner=owner, layout=layout_of(folder, text))


def _once(claim: Callable[..., Job | None]) -> Callable[..., Job | None]:
    """Claims one job, then finds nothing: a worker that would come again has been answered."""
    claims: list[bool] = []

    def first(**given: object) -> Job | None:
        claims.append(True)
        return claim(**given) if len(claims) == 1 else None

    return first


def red(render: Render) -> float:
    from generation.core import images
    from generation.services import artifact_bytes

    assert render.image is not None
    return float(images.decode(artifact_bytes(render.image.sha256))[..., 0].mean())


def test_each_network_is_trained_once_and_makes_the_pictures_of_its_conditions(owner: User, tmp_path: Path) -> None:
    grid = lay(owner, tmp_path, TOML + "gain = [1.0, 2.0]\n[replicates]\nseeds = [0, 1]\n")
    work(engine="serial", grid=grid)
    assert sorted(trained_task.trained) == [(1.0, 0), (1.0, 1), (20.0, 0), (20.0, 1)]
    assert grid_progress(grid).words == "8 of 8 rendered"
    cell = grid.cells.get(condition__params__tint=20.0, condition__params__gain=2.0, replicate=1)
    assert cell.render.network == cell.render.training.checkpoints.get().artifact
    assert (cell.render.steps, cell.render.final_step_reason) == (4, "all epochs")
    plain = grid.cells.get(condition__params__tint=1.0, condition__params__gain=1.0, replicate=1)
    assert red(cell.render) > red(plain.render)
    assert set(Score.objects.values_list("value", flat=True)) == {4.0}
    assert not list((tmp_path / "scratch").iterdir()), "what is stored needs no state"


def test_what_is_trained_is_not_trained_again_by_another_grid(owner: User, tmp_path: Path) -> None:
    work(engine="serial", grid=lay(owner, tmp_path))
    before = list(trained_task.trained)
    other = TOML.replace('"painted"', '"other"').replace("tint = [1.0, 20.0]", "tint = [20.0]\ngain = [1.0, 3.0]")
    grid = lay(owner, tmp_path, other)
    work(engine="serial", grid=grid)
    assert trained_task.trained == before
    assert grid_progress(grid).finished


def test_a_training_that_fails_takes_only_its_own_pictures_with_it_and_is_tried_again(
    owner: User, tmp_path: Path
) -> None:
    grid = lay(owner, tmp_path, TOML.replace("20.0", "9.0"))
    work(engine="serial", grid=grid)
    assert grid_progress(grid).words == "1 of 2 rendered, 1 failed"
    assert grid_trainings(grid).failed == 1
    failed = grid.cells.get(condition__params__tint=9.0).render
    assert failed.reason == "Its network could not be trained: The tint 9 cannot be trained."
    assert grid_retry(grid=grid) == 1
    work(engine="serial", grid=grid)
    assert trained_task.trained.count((9.0, 0)) == 2
    assert grid_progress(grid).words == "1 of 2 rendered, 1 failed"


def test_a_training_that_diverges_gives_its_last_finite_network_and_says_so(owner: User, tmp_path: Path) -> None:
    grid = lay(owner, tmp_path, TOML.replace("20.0", "8.0") + "at_epoch = [0, 1]\n")
    work(engine="serial", grid=grid)
    last = grid.cells.get(condition__params__tint=8.0, condition__params__at_epoch=0).render
    assert (last.status, last.reason, last.steps) == ("nan", "It ran away in epoch 3.", 2)
    on_the_way = grid.cells.get(condition__params__tint=8.0, condition__params__at_epoch=1).render
    assert (on_the_way.status, on_the_way.steps) == ("ok", 1)


def test_checkpoints_along_the_training_are_conditions(owner: User, tmp_path: Path) -> None:
    grid = lay(owner, tmp_path, TOML.replace("tint = [1.0, 20.0]", "tint = [20.0]\nat_epoch = [1, 3, 0]"))
    work(engine="serial", grid=grid)
    assert trained_task.trained == [(20.0, 0)]
    assert sorted(Checkpoint.objects.values_list("epoch", flat=True)) == [1, 3, 4]
    cells = grid.cells.order_by("position").select_related("render")
    assert [cell.render.steps for cell in cells] == [1, 3, 4]
    assert red(cells[0].render) < red(cells[1].render) < red(cells[2].render)
    # Another grid asks for an epoch that was not kept: trained once more, and the rest is still there.
    more = TOML.replace('"painted"', '"more"').replace("tint = [1.0, 20.0]", "tint = [20.0]\nat_epoch = [2]")
    work(engine="serial", grid=lay(owner, tmp_path, more))
    assert trained_task.trained == [(20.0, 0)] * 2
    assert sorted(Checkpoint.objects.values_list("epoch", flat=True)) == [1, 2, 3, 4]


def test_pictures_wait_for_their_network_and_fail_with_its_reason_when_it_is_given_up(
    owner: User, tmp_path: Path
) -> None:
    grid = lay(owner, tmp_path, TOML.replace("[1.0, 20.0]", "[1.0]"))
    training = Job.objects.get(kind=Job.Kind.TRAIN)
    for _ in range(MAX_ATTEMPTS):
        job = job_claim(holder="me:1", grid=grid)
        assert job == training, "nothing else is ready"
        job_fail(job=job, holder="me:1", error="The machine went away.")
    work(engine="serial", grid=grid)
    render = grid.cells.get().render
    assert (render.status, render.reason) == ("failed", "Its network could not be trained: The machine went away.")


def test_stored_pictures_are_measured_with_the_network_that_made_them(owner: User, tmp_path: Path) -> None:
    grid = lay(owner, tmp_path)
    work(engine="serial", grid=grid)
    Score.objects.all().delete()
    metrics = [metric_spec(row.metric) for row in grid.metrics.all()]
    assert scores_lay(grid=grid, metrics=metrics) == 1
    work(engine="serial", grid=grid)
    assert list(Score.objects.values_list("value", flat=True)) == [4.0, 4.0]


def test_the_worker_says_how_far_a_training_is(owner: User, tmp_path: Path, settings: LazySettings) -> None:
    settings.EYEBALLOT_LEASE_SECONDS = 0  # so that every word is written down
    work(engine="serial", grid=lay(owner, tmp_path))
    assert set(Job.objects.filter(kind=Job.Kind.TRAIN).values_list("note", flat=True)) == {"epoch 4 of 4"}


def test_photographs_are_packed_once(owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    grid = lay(owner, tmp_path)
    monkeypatch.setattr(photographs, "pack", lambda *a, **k: pytest.fail("packed twice"))
    assert lay(owner, tmp_path) == grid


def test_other_photographs_are_another_design(owner: User, tmp_path: Path) -> None:
    lay(owner, tmp_path)
    trained_task.files(tmp_path, photographs=5)
    with pytest.raises(GridError, match="another design"):
        lay(owner, tmp_path)


def test_what_is_skipped_or_a_scene_is_named(owner: User, tmp_path: Path) -> None:
    (tmp_path / "photographs" / "broken.jpg").write_bytes(b"no picture")
    (tmp_path / "photographs" / "same.png").write_bytes((tmp_path / "scene.png").read_bytes())
    notes = " ".join(lay(owner, tmp_path).notes)
    assert "broken.jpg" in notes
    assert "same.png shows a scene of this grid and was left out of the training" in notes


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("[data]\nfolder", "[other]\nfolder"), "unknown key 'other'"),
        (('[data]\nfolder = "photographs"\ncrops = 8', ""), r"no \[data\] table"),
        (('"photographs"', '"nowhere"'), "nowhere"),
        (("crops = 8", "crops = 0"), r"\[data\] crops = 0: write a whole number from 1"),
        (("crops = 8", "validation = 2"), r"\[data\] validation = 2: write the share"),
        (("crops = 8", "crops = 1"), "crops = "),
    ],
)
def test_mistakes_in_the_data_table_are_named(
    owner: User, tmp_path: Path, change: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(GridError, match=sentence):
        lay(owner, tmp_path, TOML.replace(*change))
    assert not Training.objects.exists()


def test_a_method_without_training_takes_no_photographs() -> None:
    from generation.core.grid import parse
    from tests.generation import gamma_task

    with gamma_task.registered(), pytest.raises(GridError, match="trains nothing"):
        parse(gamma_task.TOML + '\n[data]\nfolder = "x"\n')


def test_families_have_defaults_of_their_own() -> None:
    from generation.core.grid import parse

    blocks = TOML[: TOML.index("[[conditions]]")] + (
        '[[conditions]]\ndesign = "one_at_a_time"\ndefault = { model = "a", label = "First" }\ntint = [2.0]\n'
        '[[conditions]]\ndesign = "one_at_a_time"\ndefault = { model = "b" }\ntint = [2.0, 3.0]\n'
    )
    conditions = parse(blocks).conditions
    assert [c.label for c in conditions] == ["First", "First, tint 2", "model b", "model b, tint 2", "model b, tint 3"]
    assert [c.factor for c in conditions] == ["", "tint", "", "tint", "tint"]
    assert [c.is_default for c in conditions] == [True, False, False, False, False]
    with pytest.raises(GridError, match="default is a table"):
        parse(blocks.replace('default = { model = "b" }', 'default = "b"'))


def test_how_long_it_takes_is_said_before(owner: User, tmp_path: Path) -> None:
    layout = layout_of(tmp_path, TOML)
    said = trainings_foretold(layout=layout, engine="serial")
    assert said == "2 networks to train: about 2 min on this machine."
    away = trainings_foretold(layout=layout, engine="dask://127.0.0.1:1")
    assert away.startswith("2 networks to train: about "), "measured here: nobody waits for a cluster to be told"
    grid = grid_lay(owner=owner, layout=layout)
    work(engine="serial", grid=grid)
    assert trainings_foretold(layout=layout, engine="serial") == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(5, "5 s"), (89, "89 s"), (600, "10 min"), (9000, "2.5 h"), (864000, "10 days")]
)
def test_times_are_read_at_a_glance(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_a_damaged_pack_and_a_faulty_trainer_are_sentences() -> None:
    job = TrainJobSpec(TrainSpec("painting", "painter", {"tint": 1.0, "epochs": 2, "model": "a"}, 0, "0" * 64))
    assert "not given to the job, or is damaged" in run_training(job, {}, "x:y", None).reason
    empty = TrainSpec("painting", "painter", {}, 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    result = run_training(TrainJobSpec(empty), {empty.data: b""}, f"{trained_task.__name__}:train", None)
    assert result.status == "failed"
    assert "Training failed unexpectedly: KeyError: 'tint'" in result.reason


def test_epochs_asked_for_before_it_begins_are_kept_by_the_one_training(owner: User, tmp_path: Path) -> None:
    first = lay(owner, tmp_path, TOML.replace("[1.0, 20.0]", "[20.0]"))
    more = TOML.replace('"painted"', '"more"').replace("tint = [1.0, 20.0]", "tint = [20.0]\nat_epoch = [1, 2]")
    second = lay(owner, tmp_path, more)
    work(engine="serial")
    assert trained_task.trained == [(20.0, 0)]
    assert grid_progress(first).finished
    assert grid_progress(second).words == "2 of 2 rendered"


def test_a_pack_has_the_trainings_without_their_networks(owner: User, tmp_path: Path) -> None:
    grid = lay(owner, tmp_path)
    work(engine="serial", grid=grid)
    folder = tmp_path / "pack"
    pack_write(grid=grid, folder=folder)
    before = {t.digest: (t.status, t.epochs, t.losses, t.curve_id) for t in Training.objects.all()}
    Cell.objects.all().delete()
    Score.objects.all().delete()
    Render.objects.all().delete()
    Grid.objects.all().delete()
    Checkpoint.objects.all().delete()
    Training.objects.all().delete()
    Job.objects.all().delete()
    read = pack_read(owner=owner, folder=folder)
    assert {t.digest: (t.status, t.epochs, t.losses, t.curve_id) for t in Training.objects.all()} == before
    assert all(cell.render.training for cell in read.cells.select_related("render__training"))
    trained_task.trained.clear()
    assert lay(owner, tmp_path) == read
    work(engine="serial", grid=read)
    assert not trained_task.trained, "every picture is there"
    # Another look at one of the networks needs it: it is trained again.
    other = TOML.replace('"painted"', '"other"').replace("tint = [1.0, 20.0]", "tint = [20.0]\ngain = [3.0]")
    again = lay(owner, tmp_path, other)
    work(engine="serial", grid=again)
    assert trained_task.trained == [(20.0, 0)]
    assert grid_progress(again).finished


def test_pictures_are_judged_by_the_network_that_made_them_whatever_was_trained_since(
    owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = lay(owner, tmp_path, TOML.replace("[1.0, 20.0]", "[20.0]"))
    work(engine="serial", grid=grid)
    training = Training.objects.get()
    before = (training.losses, training.checkpoints.get().artifact_id)
    # On another machine it would come out a little otherwise.
    monkeypatch.setattr(trained_task, "EXTRA", 1)
    more = TOML.replace('"painted"', '"more"').replace("tint = [1.0, 20.0]", "tint = [20.0]\nat_epoch = [2]")
    work(engine="serial", grid=lay(owner, tmp_path, more))
    training.refresh_from_db()
    assert (training.losses, training.checkpoints.get(epoch=4).artifact_id) == before
    assert "differed at epoch 4" in training.provenance["trained_again"]
    item = JobItem(RenderSpec.from_json(grid.cells.get().render.spec), image=grid.cells.get().render.image_id)
    assert based(JobSpec((item,), ())).items[0].network == before[1]


def test_epochs_asked_for_while_it_is_trained_are_kept_too(owner: User, tmp_path: Path) -> None:
    grid = lay(owner, tmp_path, TOML.replace("[1.0, 20.0]", "[20.0]"))
    job = job_claim(holder="me:1", grid=grid)
    assert job is not None
    more = TOML.replace('"painted"', '"more"').replace("tint = [1.0, 20.0]", "tint = [20.0]\nat_epoch = [2]")
    second = lay(owner, tmp_path, more)
    spec, given, trainer, scratch = training_of(job)
    assert training_complete(job=job, holder="me:1", result=run_training(spec, given, trainer, scratch))
    work(engine="serial")
    assert grid_progress(grid).finished
    assert grid_progress(second).words == "1 of 1 rendered"
    assert Job.objects.filter(kind=Job.Kind.TRAIN).count() == 1, "a training has one job"


def test_a_lost_network_is_trained_again_on_retry(owner: User, tmp_path: Path) -> None:
    grid = lay(owner, tmp_path, TOML.replace("[1.0, 20.0]", "[20.0]"))
    work(engine="serial", grid=grid)
    name = master_name(Checkpoint.objects.get().artifact_id)
    storages["masters"].delete(name)
    other = TOML.replace('"painted"', '"other"').replace("tint = [1.0, 20.0]", "tint = [20.0]\ngain = [3.0]")
    assert "1 network to train" in trainings_foretold(layout=layout_of(tmp_path, other), engine="serial")
    again = lay(owner, tmp_path, other)
    work(engine="serial", grid=again)
    assert grid_progress(again).words == "1 of 1 rendered"
    assert storages["masters"].exists(name)


def test_pictures_of_a_training_that_was_given_up_say_so(owner: User, tmp_path: Path) -> None:
    grid = lay(owner, tmp_path, TOML.replace("20.0", "7.0") + "at_epoch = [1, 4]\n")
    work(engine="serial", grid=grid)
    end = grid.cells.get(condition__params__tint=7.0, condition__params__at_epoch=4).render
    assert (end.status, end.reason) == ("failed", "Given up after epoch 2.")
    assert grid.cells.get(condition__params__tint=7.0, condition__params__at_epoch=1).render.status == "ok"


def test_a_training_that_diverges_at_once_is_the_reason_its_pictures_give(owner: User, tmp_path: Path) -> None:
    grid = lay(owner, tmp_path, TOML.replace("20.0", "6.0"))
    work(engine="serial", grid=grid)
    render = grid.cells.get(condition__params__tint=6.0).render
    assert (render.status, render.reason) == ("failed", "Its network could not be trained: It ran away in epoch 1.")


def test_a_worker_that_lost_its_lease_stops(owner: User, tmp_path: Path, settings: LazySettings) -> None:
    settings.EYEBALLOT_LEASE_SECONDS = 0
    grid = lay(owner, tmp_path, TOML.replace("[1.0, 20.0]", "[20.0]"))

    def taken_over(_flying: object) -> None:
        Job.objects.filter(kind=Job.Kind.TRAIN, status=Job.Status.RUNNING).update(lease_holder="other:1")

    trained_task.before_saying.append(lambda: taken_over(None))
    job_before = Job.objects.get(kind=Job.Kind.TRAIN)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("generation.services.work._others_at_work", lambda grid: False)
        patch.setattr("generation.services.work.job_claim", _once(job_claim))
        work(engine="serial", grid=grid)
    job_before.refresh_from_db()
    assert job_before.lease_holder == "other:1", "the other one still has it"
    assert not Checkpoint.objects.exists()


def test_what_cannot_be_stored_is_a_sentence_and_tried_again(
    owner: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid = lay(owner, tmp_path, TOML.replace("[1.0, 20.0]", "[20.0]"))

    def full(**_kept: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("generation.services.training.artifact_store", full)
    work(engine="serial", grid=grid)
    render = grid.cells.get().render
    assert "could not be stored (No space left on device)" in render.reason
