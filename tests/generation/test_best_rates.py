"""From a finished search to the best learning rates: the choice, the file, the sentences, and a real tiny search."""

import math
import tomllib
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from generation.core import grid as gridfile
from generation.core.search import Found, Run, SearchError, grid_text, search
from generation.models import Grid, Render, Score
from generation.services import grid_lay, grid_layout
from tests import factories
from tests.generation.style_grid import SHALLOW, grid_toml, pictures


def runs(optimizer: str, losses: dict[float, list[float | None]], **more: str | float) -> list[Run]:
    """One run per rate and scene; None diverged."""
    return [
        Run({"optimizer": optimizer, "learning_rate": rate, "steps": 4, **more}, f"scene {n}", loss, loss is None)
        for rate, values in losses.items()
        for n, loss in enumerate(values)
    ]


def best(found: Found) -> float:
    assert found.best is not None
    return found.best.rate


def test_the_lowest_geometric_mean_over_the_scenes_wins() -> None:
    # Scene 1 is a thousand times larger: a plain mean would choose 0.1 for its sake alone.
    (found,) = search(runs("adam", {0.001: [8, 8000], 0.01: [1, 4000], 0.1: [6, 3900]}))
    assert best(found) == 0.01
    assert found.best is not None
    assert found.best.value == pytest.approx(math.sqrt(4000 / 3900))
    assert found.warning == ""


def test_a_search_multiplied_in_one_scene_chooses_the_same() -> None:
    losses: dict[float, list[float | None]] = {0.001: [8, 3], 0.01: [5, 4], 0.1: [6, 3.4]}
    scaled: dict[float, list[float | None]] = {rate: [a, b and b * 1e9] for rate, (a, b) in losses.items()}
    one, other = search(runs("adam", losses))[0], search(runs("adam", scaled))[0]
    assert best(one) == best(other)
    assert [t.value for t in one.tried] == pytest.approx([t.value for t in other.tried])


def test_equals_go_to_the_smaller_rate() -> None:
    (found,) = search(runs("adam", {0.1: [2, 2], 0.01: [2, 2], 0.001: [3, 3]}))
    assert best(found) == 0.01
    assert [t.rate for t in found.tried] == [0.001, 0.01, 0.1], "the table goes from small to large"


def test_a_rate_that_diverged_anywhere_loses() -> None:
    (found,) = search(runs("sgd", {0.1: [5, 5], 1.0: [4, 4], 10.0: [1, None]}))
    assert best(found) == 1.0
    assert [t.diverged for t in found.tried] == [0, 0, 1]
    assert found.tried[-1].value is None
    assert found.warning == "", "a larger rate was tried and diverged: 1 is no edge"


@pytest.mark.parametrize(("rate", "word"), [(0.001, "smallest"), (0.1, "largest")])
def test_a_best_rate_at_the_edge_is_said(rate: float, word: str) -> None:
    (found,) = search(runs("adam", {r: [1 if r == rate else 2] for r in (0.001, 0.01, 0.1)}))
    assert f"is the {word} that was tried" in found.warning


def test_where_everything_diverged_there_is_no_best() -> None:
    adam, sgd = search([*runs("adam", {0.1: [1]}), *runs("sgd", {0.1: [None]})])
    assert best(adam) == 0.1
    assert sgd.best is None
    assert "diverged" in sgd.warning


def test_optimisers_are_compared_with_one_measure() -> None:
    adam, sgd = search([*runs("adam", {0.1: [2], 1.0: [4]}), *runs("sgd", {0.1: [3], 1.0: [6]})])
    assert [t.value for t in (*adam.tried, *sgd.tried)] == pytest.approx([1, 2, 1.5, 3])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ([], "no search"),
        ([Run({"learning_rate": 0.1}, "a", 1.0)], "no search"),
        (runs("adam", {0.1: [1]}) + runs("sgd", {0.1: [1], 1.0: [1]}), r"Adam 1, SGD 2"),
        (runs("adam", {0.1: [1]}) + runs("adam", {1.0: [1]}, size=96), "size varies over the grid"),
        (runs("adam", {0.1: [1]}) + runs("adam", {1.0: [1]}, optimizer_options="beta1=0.5"), "two sets of options"),
        (runs("adam", {0.1: [0]}), "above zero"),
        (runs("magic", {0.1: [1]}), "no optimiser 'magic'"),
    ],
)
def test_what_is_no_search_is_a_sentence(wrong: list[Run], words: str) -> None:
    with pytest.raises(SearchError, match=words):
        search(wrong)


def test_the_default_that_won_stands_once() -> None:
    found = search(
        runs("adam", {0.0001: [2], 0.001: [1], 0.01: [3]}, optimizer_options="beta1=0.9,beta2=0.999,epsilon=1e-08")
    )
    file = {"grid": {"slug": "s", "title": "T"}, "sources": {}, "scenes": {}}
    written = tomllib.loads(grid_text(file, {"steps": 4}, {}, found, slug="t", digest="d"))
    rows = written["conditions"][0]["rows"]
    assert [row["label"] for row in rows] == ["Adam, default and searched 0.001"]


def test_what_the_search_file_says_is_written_again() -> None:
    file = {
        "grid": {"slug": "s", "title": 'A "quoted" title', "task": "style_transfer", "preset": "geng2021"},
        "sources": {"my cat": {"file": "a\\b.png", "credit": "Stéfan, \U0001f408"}},
        "scenes": {"list": [{"content": "my cat", "style": "my cat"}]},
        "data": {"folder": "photographs", "crops": 8},
        "styles": {"folder": "paintings"},
        "replicates": {"seeds": [0, 1]},
        "controls": {"photograph": True},
    }
    params = {"steps": 4, "tv_weight": 1e-05, "learning_rate": 0.1, "optimizer": "adam", "backbone": "vgg19"}
    text = grid_text(
        file, params, {**params, "tv_weight": 0.5}, search(runs("adam", {0.1: [1]})), slug="t", digest="0f"
    )
    written = tomllib.loads(text)
    for table in ("sources", "scenes", "data", "styles", "replicates", "controls"):
        assert written[table] == file[table]
    assert written["grid"] == {**file["grid"], "slug": "t", "title": 'A "quoted" title: default and best'}
    assert written["parameters"] == {"steps": 4, "tv_weight": 1e-05, "backbone": "vgg19"}
    assert written["reference"] == {"tv_weight": 0.5}
    assert "grid s, digest\n# 0f." in text


# --- the command ---------------------------------------------------------------------------------------------------

SEARCH = grid_toml(
    "a-search",
    parameters=f"{SHALLOW}steps = 4",
    rest="""
[[conditions]]
design = "product"
optimizer = ["adam"]
learning_rate = [0.001, 0.0316, 0.1]

[[conditions]]
design = "product"
optimizer = ["lbfgs"]
learning_rate = [0.1, 1, 3.16]

[reference]
content_weight = 0.5

[controls]
photograph = true
""",
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A grid file and its pictures; no weights can be had."""
    monkeypatch.setenv("EYEBALLOT_DOWNLOAD", "0")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.delenv("EYEBALLOT_WEIGHTS", raising=False)
    pictures(tmp_path)
    (tmp_path / "search.toml").write_text(SEARCH)
    return tmp_path


def laid(folder: Path) -> Grid:
    """The search of ``folder`` with its renders planned."""
    layout = grid_layout(text=SEARCH, read=lambda name: (folder / name).read_bytes())
    return grid_lay(owner=factories.user(), layout=layout)


def finish(grid: Grid) -> None:
    """Every render done and scored, without a network: the middle rate of each optimiser is the best."""
    metric = grid.metrics.get(is_primary=True).metric
    image = factories.source("stand-in").artifact
    for cell in grid.cells.select_related("render", "condition"):
        cell.render.image, cell.render.status = image, Render.Status.OK
        cell.render.save()
        rate = cell.condition.params.get("learning_rate", 1)
        Score.objects.create(render=cell.render, metric=metric, value=2 if rate in (0.0316, 1) else 5)


def best_rates(slug: str, out: Path) -> tuple[str, str]:
    stdout, stderr = StringIO(), StringIO()
    call_command("best_rates", slug, out=out, stdout=stdout, stderr=stderr, no_color=True)
    return stdout.getvalue(), stderr.getvalue()


@pytest.mark.django_db
def test_the_new_grid_has_defaults_and_winners_and_renders_only_the_defaults(folder: Path) -> None:
    grid = laid(folder)
    finish(grid)
    out, warnings = best_rates("a-search", folder / "a-result.toml")
    assert "Adam: best 0.0316 of 3 rates" in out
    assert warnings == ""
    text = (folder / "a-result.toml").read_text()
    new = gridfile.parse(text)
    assert [c.label for c in new.conditions] == [
        "Adam, default 0.001",
        "Adam, searched 0.0316",
        "L-BFGS, default and searched 1",
        "photograph",
    ]
    assert f"digest\n# {grid.digest}." in text
    assert new.slug == "a-result"
    old = gridfile.parse(SEARCH)
    assert new.task.objective(new.reference) == old.task.objective(old.reference)
    before = set(Render.objects.values_list("digest", flat=True))
    grid_lay(owner=factories.user(), layout=grid_layout(text=text, read=lambda name: (folder / name).read_bytes()))
    assert set(Render.objects.values_list("digest", flat=True)) == before, "0.001 was among the rates of the search"


@pytest.mark.django_db
def test_diverged_runs_and_edges_are_told(folder: Path) -> None:
    grid = laid(folder)
    finish(grid)
    for cell in grid.cells.filter(condition__params__learning_rate=0.0316):
        Render.objects.filter(pk=cell.render_id).update(status=Render.Status.NAN)
    Score.objects.filter(
        render__condition__params__learning_rate=0.1, render__condition__params__optimizer="adam"
    ).update(value=4)
    _, warnings = best_rates("a-search", folder / "a-result.toml")
    text = (folder / "a-result.toml").read_text()
    assert "Adam: the best learning rate, 0.1, is the largest that was tried" in warnings
    assert "# WARNING: Adam: the best learning rate, 0.1, is the largest" in text
    line = next(line for line in text.splitlines() if line.startswith("# Adam") and "0.0316" in line)
    assert line.endswith("-  2 of 2")


@pytest.mark.django_db
def test_mistakes_are_sentences(folder: Path) -> None:
    grid = laid(folder)
    cases: list[tuple[str, Path, str]] = [
        ("nothing", folder / "x.toml", "There is no grid 'nothing'. Known: a-search."),
        ("a-search", folder / "Big.toml", "lower-case letters"),
        ("a-search", folder / "search.toml", "there is a file already"),
        ("a-search", folder / "no" / "x.toml", "there is no folder"),
        ("a-search", folder / "x.toml", "not finished: 0 of 14 rendered"),
    ]
    for slug, out, words in cases:
        with pytest.raises(CommandError) as refused:
            best_rates(slug, out)
        assert words in str(refused.value)
    finish(grid)
    (folder / "elsewhere").mkdir()
    with pytest.raises(CommandError, match="these sources are not the pictures of the search: one, two, style"):
        best_rates("a-search", folder / "elsewhere" / "x.toml")
    Render.objects.filter(pk=grid.cells.all()[0].render_id).update(status=Render.Status.FAILED)
    with pytest.raises(CommandError, match=r"1 failed.*--retry"):
        best_rates("a-search", folder / "x.toml")
    assert not (folder / "x.toml").exists()


@pytest.mark.django_db
def test_a_picture_without_its_loss_is_a_sentence(folder: Path) -> None:
    grid = laid(folder)
    finish(grid)
    score = Score.objects.filter(render=grid.cells.all()[0].render)
    score.update(value=None, status="unavailable", reason="No network was found.")
    with pytest.raises(CommandError, match=r"has no Total loss.*No network was found"):
        best_rates("a-search", folder / "x.toml")
    score.delete()
    with pytest.raises(CommandError, match="Render the grid again"):
        best_rates("a-search", folder / "x.toml")


@pytest.mark.django_db
def test_a_grid_without_a_grid_file_is_a_sentence() -> None:
    factories.rendered_grid()
    with pytest.raises(CommandError, match="has no grid file"):
        best_rates("tiny", Path("x.toml"))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_real_search_chooses_the_lowest_loss(folder: Path) -> None:
    call_command("render", folder / "search.toml", engine="serial", owner=factories.user().username, stdout=StringIO())
    best_rates("a-search", folder / "a-result.toml")
    grid = Grid.objects.get(slug="a-search")
    metric = grid.metrics.get(is_primary=True).metric
    new = gridfile.parse((folder / "a-result.toml").read_text())
    winners = [c.params for c in new.conditions if "searched" in c.label]
    assert [params["optimizer"] for params in winners] == ["adam", "lbfgs"]
    for params in winners:
        means: dict[float, float] = {}
        for rate in (0.001, 0.0316, 0.1, 1.0, 3.16):
            scores = Score.objects.filter(
                metric=metric,
                render__cells__grid=grid,
                render__status="ok",
                render__condition__params__optimizer=params["optimizer"],
                render__condition__params__learning_rate=rate,
            )
            if len(scores) == 2:
                means[rate] = math.prod(score.value or math.inf for score in scores)
        assert params["learning_rate"] == min(means, key=lambda rate: means[rate])
