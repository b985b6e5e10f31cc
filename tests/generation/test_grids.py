"""The grid files and pictures that come with the project: complete, true to their tables, and ours to give away."""

import csv
import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from django.conf import settings

from generation.core import images, tasks
from generation.core.grid import GridFile, parse
from generation.core.optimizer_table import OPTIMIZERS

FOLDER: Path = settings.BASE_DIR / "fixtures" / "grids"
GRIDS = sorted(FOLDER.glob("*.toml"))
SIX = ("meng2023", "meng2023-relative", "meng2023-conv3", "meng2023-squeeze", "meng2023-weights", "geng2021-search")
FULL = SIX[:4]


def grid(name: str) -> GridFile:
    return parse((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def drawing() -> ModuleType:
    """fixtures/draw.py, which is no package."""
    spec = importlib.util.spec_from_file_location("draw", settings.BASE_DIR / "fixtures" / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_six_are_there() -> None:
    assert {path.stem for path in GRIDS} >= set(SIX)


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_a_grid_file_is_sound(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    file = parse(text)
    assert file.slug == path.stem
    assert text.startswith("# "), "a comment says what it is"
    used = {name for scene in file.scenes for name in (scene.content, scene.style, scene.mask) if name}
    assert used == set(file.sources), "every source is depicted"
    for source in file.sources.values():
        assert source.licence
        assert source.credit
        images.decode((FOLDER / source.file).read_bytes(), source.file)


@pytest.mark.parametrize("name", SIX)
def test_source_and_departures_stand_in_the_comment(name: str) -> None:
    comment = (FOLDER / f"{name}.toml").read_text(encoding="utf-8").split("[grid]")[0]
    assert "Source:" in comment
    assert "Departures:" in comment


@pytest.mark.parametrize("name", FULL)
def test_every_row_of_mengs_tables_is_a_condition(name: str) -> None:
    file = grid(name)
    points = {
        (c.params["learning_rate"], c.params["style_weight"], c.params["content_weight"])
        for c in file.conditions
        if c.role == "grid"
    }
    printed: set[tuple[float, float, float]] = set()
    for table in ("meng2023_table1", "meng2023_table2"):
        with (settings.BASE_DIR / "fixtures" / "seeds" / f"{table}.csv").open(newline="") as rows:
            printed |= {
                (float(r["learning_rate"]), float(r["style_weight"]), float(r["content_weight"]))
                for r in csv.DictReader(rows)
            }
    voted = {(rate, 1e-3, 5.0) for rate in (0.0017, 0.005, 0.06)}
    assert points >= printed | voted | {(0.02, 1e-3, 1e4)}
    assert len(file.scenes) == 25
    assert (file.reference["style_weight"], file.reference["content_weight"]) == (1e-3, 5.0)


def test_the_recorded_losses_are_those_of_the_whole_grid() -> None:
    file = grid("meng2023-squeeze")
    wanted = {
        (scene.label, c.params["learning_rate"], c.params["style_weight"], c.params["content_weight"])
        for scene in file.scenes
        for c in file.conditions
        if c.role == "grid"
    }
    with (FOLDER / "meng2023-squeeze.csv").open(newline="", encoding="utf-8") as rows:
        found = [
            (r["scene"], float(r["learning_rate"]), float(r["style_weight"]), float(r["content_weight"]))
            for r in csv.DictReader(rows)
        ]
    assert len(found) == 450
    assert set(found) == wanted


def test_only_the_exact_grid_needs_the_papers_own_network() -> None:
    method = tasks.get("style_transfer").default_method
    needs = {name: list(method.networks(grid(name).conditions[0].params)) for name in FULL}
    assert needs == {
        "meng2023": ["vgg19/oxford"],
        "meng2023-relative": ["vgg19"],
        "meng2023-conv3": ["vgg19"],
        "meng2023-squeeze": ["squeezenet1_1"],
    }
    layers = method.networks(grid("meng2023-conv3").conditions[0].params)["vgg19"]
    assert set(layers) == {"relu1_1", "relu2_1", "relu3_1", "relu3_2"}


def test_the_weights_grid_keeps_one_ratio_and_renders_three_runs_a_scene() -> None:
    conditions = [c.params for c in grid("meng2023-weights").conditions if c.role == "grid"]
    method = tasks.get("style_transfer").default_method
    assert {round(method.derived(p)["sc_ratio"], 12) for p in conditions} == {2e-4}
    assert len({str(sorted(method.run(p).items())) for p in conditions}) == 3
    assert {p["downscale"] for p in conditions} == {1, 2, 4}
    assert {p["denoise"] for p in conditions} == {"none", "median", "bilateral", "nlm"}
    assert {p["at_step"] for p in conditions} == {50, 150, 400}


def test_the_search_is_fair_and_has_the_ten_optimisers_of_the_references() -> None:
    conditions = [c.params for c in grid("geng2021-search").conditions if c.role == "grid"]
    rates: dict[str, list[float]] = {}
    for params in conditions:
        rates.setdefault(str(params["optimizer"]), []).append(float(params["learning_rate"]))
    assert list(rates) == [
        "sgd", "nesterov", "adagrad", "adadelta", "rprop", "rmsprop", "adam", "amsgrad", "nadam", "lbfgs"
    ]  # fmt: skip
    assert {len(tried) for tried in rates.values()} == {7}
    for name, tried in rates.items():
        assert min(tried) <= OPTIMIZERS[name].published_rate <= max(tried)
    varying = [k for k in conditions[0] if len({repr(p[k]) for p in conditions}) > 1]
    assert set(varying) == {"optimizer", "learning_rate", "optimizer_options"}


def test_the_drawn_pictures_are_drawn_by_the_code_that_says_so() -> None:
    draw = drawing()
    for name, make in draw.PICTURES.items():
        path = settings.BASE_DIR / "fixtures" / "sources" / f"{name}.png"
        stored = images.decode(path.read_bytes(), path.name)
        assert stored.shape == (384, 384, 3)
        # Pixels may differ a little between versions of Pillow; the file in the repository is the picture.
        assert np.abs(np.asarray(make().convert("RGB")).astype(int) - stored).mean() < 2, name
        assert path.stat().st_size <= (400_000 if name == "eddies" else 250_000)


def test_the_five_styles_are_far_apart_in_colour() -> None:
    histograms = []
    for name in drawing().PICTURES:
        path = settings.BASE_DIR / "fixtures" / "sources" / f"{name}.png"
        pixels = images.decode(path.read_bytes(), path.name).reshape(-1, 3)
        histogram, _ = np.histogramdd(pixels, bins=6, range=[(0, 256)] * 3)
        histograms.append(histogram.ravel() / len(pixels))
    for i, one in enumerate(histograms):
        for other in histograms[i + 1 :]:
            assert np.minimum(one, other).sum() < 0.6, "shared part of the two colour histograms"


def test_the_page_on_style_transfer_names_every_parameter_preset_and_optimiser() -> None:
    page = (settings.BASE_DIR / "docs" / "style-transfer.md").read_text(encoding="utf-8")
    method = tasks.get("style_transfer").default_method
    missing = [name for name in (*method.params, *method.presets) if f"`{name}`" not in page]
    missing += [
        kind.name for kind in OPTIMIZERS.values() if f"| {kind.published_rate:g} | " not in _row(page, kind.name)
    ]
    choices = ("statistic", "style_form", "content_form", "tv_form")
    missing += [f"{name} = {c}" for name in choices for c in method.params[name].choices if f"`{c}`" not in page]
    assert missing == []


def _row(page: str, optimizer: str) -> str:
    return next((line for line in page.splitlines() if line.startswith(f"| `{optimizer}` |")), "")


@pytest.mark.parametrize("name", SIX)
def test_the_page_on_style_transfer_names_every_ready_grid(name: str) -> None:
    assert f"`fixtures/grids/{name}.toml`" in (settings.BASE_DIR / "docs" / "style-transfer.md").read_text("utf-8")
