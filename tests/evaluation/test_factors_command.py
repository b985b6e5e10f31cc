"""manage.py factors: a grid's hyper-parameters against the noise of its seeds, from the rows, without votes."""

import csv
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from evaluation.core.weights.factors import LossFactors
from evaluation.factors import grid_factors
from evaluation.services import EvaluationError
from generation.core.spec import digest
from generation.models import Artifact, Cell, Condition, Grid, GridCondition, GridMetric, Metric, Render, Scene, Score
from tests import factories

COMMON = {"learning_rate": 5e-4, "batch": 16, "init": "normal"}
#: Per model: what nine runs lose with the first seed; the others spread by less than a tenth.
LOSSES = {
    "isola": (9.0, 8.2, 9.2, 9.1, 7.1, 7.3, 17.7, 8.6, 8.7),
    "zhang": (4.5, 4.4, 4.6, 8.8, 4.7, 5.7, 4.2, 4.1, 6.8),
}
LAYERS = {"isola": ("8", "9", "7"), "zhang": ("skip567", "full", "removal348")}


def settings(model: str) -> list[dict[str, object]]:
    """A default and eight single changes, as the seed's tables have them."""
    default = {**COMMON, "model": model, "layers": LAYERS[model][0]}
    changes = {"learning_rate": (2e-4, 1e-3), "batch": (8, 32), "init": ("glorot", "he"), "layers": LAYERS[model][1:]}
    return [default, *({**default, name: value} for name, values in changes.items() for value in values)]


def colour_grid(owner: User, *, seeds: int = 3, scenes: int = 2) -> Grid:
    """The 18 settings x scenes x seeds, scored; ``train_g`` is one number per run, ``ab_error`` one per picture."""
    grid = Grid.objects.create(
        owner=owner, slug="colour", title="Colour", task="colour-test", digest=digest("colour"), frozen=True
    )
    metrics = [metric(grid, "train_g", "objective"), metric(grid, "ab_error", "reference_objective")]
    image = Artifact.objects.create(sha256=digest("picture"), kind=Artifact.Kind.IMAGE)
    places = [
        Scene.objects.create(digest=digest(f"scene {i}"), task="colour-test", label=f"scene {i}") for i in range(scenes)
    ]
    rows = [(model, params) for model in LOSSES for params in settings(model)]
    for number, (model, params) in enumerate(rows):
        condition = Condition.objects.create(digest=digest(params), method="colorizer", params=params)
        GridCondition.objects.create(
            grid=grid, condition=condition, position=number, label=f"setting {number}", is_default=number == 0
        )
        for seed in range(seeds):
            loss = LOSSES[model][number % 9] * (1 + 0.03 * (seed - (seeds - 1) / 2) * (-1) ** number)
            for i, place in enumerate(places):
                key = digest([number, seed, i])
                render = Render.objects.create(
                    digest=key, scene=place, condition=condition, seed=seed, spec={}, status="ok", image=image
                )
                Score.objects.create(render=render, metric=metrics[0], value=loss)
                Score.objects.create(render=render, metric=metrics[1], value=loss + i)
                Cell.objects.create(
                    grid=grid, scene=place, condition=condition, replicate=seed, render=render,
                    position=grid.cells.count(),
                )  # fmt: skip
    return grid


def metric(grid: Grid, key: str, role: str) -> Metric:
    made = Metric.objects.create(
        digest=digest(key), key=key, label=f"The {key}", direction="lower_better", role=role, comparable_within="all"
    )
    GridMetric.objects.create(grid=grid, metric=made, position=grid.metrics.count(), is_primary=key == "ab_error")
    return made


def test_it_prints_tables_and_sentences_and_writes_the_files(
    owner: User, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    colour_grid(owner)
    call_command("factors", "colour", out=tmp_path / "f")
    said = capsys.readouterr().out
    # The number of the training is told without asking, each model against its own default.
    assert "The train_g (train_g)" in said
    assert "ab_error" not in said
    assert "model isola, default “setting 0”: 9" in said
    assert "model zhang, default “setting 9”: 4.5" in said
    assert "In model isola, init comes first: its 3 levels span 10.4 (116 % of the default's 9)" in said
    assert "In model zhang, batch comes first" in said
    assert "Seed noise alone (SD 0.27, between 3 seeds of the default)" in said
    assert "learning rate cannot be told from seed noise" in said
    assert "Over the 2 families together, init comes first" in said
    names = {p.name for p in (tmp_path / "f").iterdir()}
    stem = "factors_train_g"
    assert names == {"factors.csv", f"{stem}.svg", f"{stem}_narrow.svg", f"{stem}.png", f"{stem}.csv"}
    rows = list(csv.DictReader((tmp_path / "f" / "factors.csv").read_text(encoding="utf-8").splitlines()))
    (init,) = [r for r in rows if (r["family"], r["factor"], r["level"]) == ("model isola", "init", "")]
    assert float(init["change"]) == pytest.approx(10.4)
    assert (init["rank"], init["noise_source"], init["status"]) == ("1", "default", "ok")
    (he,) = [r for r in rows if (r["family"], r["factor"], r["level"]) == ("model zhang", "init", "he")]
    assert he["seeds"] == "3"
    assert float(he["change"]) == pytest.approx(-0.3)
    assert next(r["factor"] for r in rows if r["family"] == "all families") == "init"
    assert b"Which setting matters for: The train_g" in (tmp_path / "f" / f"{stem}.svg").read_bytes()


def test_the_same_grid_writes_the_same_bytes(owner: User, tmp_path: Path) -> None:
    colour_grid(owner, scenes=1)
    for name in ("a", "b"):
        call_command("factors", "colour", out=tmp_path / name)
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()


def test_a_metric_of_pictures_is_a_mean_over_scenes(owner: User) -> None:
    grid = colour_grid(owner)
    (told,) = grid_factors(grid, ["ab_error"])
    assert not told.scenes_left_out
    assert isinstance(told.found, LossFactors)
    family = told.found.families[0]
    assert family.middle == pytest.approx(9.5)
    # Seeds are the units, not pictures: both scenes of a seed came from one network.
    assert family.noise is not None
    assert (family.noise.seeds, family.noise.df) == (3, 2)
    assert family.noise.sd == pytest.approx(0.27)


def test_one_seed_a_diverged_run_and_a_picture_that_lacks_the_metric(owner: User) -> None:
    grid = colour_grid(owner, seeds=1)
    he = GridCondition.objects.get(grid=grid, position=6).condition
    Render.objects.filter(condition=he).update(status="nan")
    Score.objects.filter(metric__key="ab_error", render=Render.objects.filter(scene__label="scene 1")[0]).delete()
    (told,) = grid_factors(grid, ["ab_error"])
    assert told.scenes_left_out == ("scene 1",)
    said = " ".join(told.sentences)
    assert "Without a value, and left out: setting 6." in said
    assert "One seed per cell: this order cannot be told from seed noise." in said
    assert "Scenes left out because a render lacks it there: scene 1." in said


def test_what_cannot_be_read_is_a_sentence(owner: User, tmp_path: Path) -> None:
    grid = colour_grid(owner, seeds=1, scenes=1)
    with pytest.raises(CommandError, match=r"no grid “color”\. Grids: colour"):
        call_command("factors", "color")
    with pytest.raises(CommandError, match=r"no metric “loss”\. Its metrics: train_g, ab_error"):
        call_command("factors", "colour", metric=["loss"])
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("factors", "colour", out=tmp_path / "file")
    GridMetric.objects.all().delete()
    with pytest.raises(EvaluationError, match="no metric of any kind"):
        grid_factors(grid)


def test_a_grid_of_one_factor_has_a_reason(owner: User, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    grid = factories.rendered_grid(owner=owner)
    call_command("factors", grid.slug, out=tmp_path)
    assert "Fewer than two hyper-parameters vary over the grid" in capsys.readouterr().out
    (row,) = csv.DictReader((tmp_path / "factors.csv").read_text(encoding="utf-8").splitlines())
    assert (row["metric"], row["status"], row["reason_code"]) == ("total_loss", "not_computable", "NC_ONE_FACTOR")
