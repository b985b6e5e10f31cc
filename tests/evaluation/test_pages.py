"""Pages of the documentation that are made from data say what the data say."""

import importlib.util
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(autouse=True)
def _beside_the_pages(monkeypatch):
    """A script finds the modules that lie beside it, as when it is run by its path."""
    monkeypatch.syspath_prepend(DOCS)


def script(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_of_the_seeds_tables_is_what_its_script_writes():
    made = script("seed_tables").page()
    assert (DOCS / "seed-tables.md").read_text() == made
    assert "| “Style loss” as printed | lr 0.05 | 121,042.4 | lr 0.06 | 716.3 (0.59 %) |" in made
    assert "differs by 0.16 %" in made
    assert made.count("computed under 3 different objectives") == 3
    assert made.count("computed under 9 different training runs") == 4
    assert "494.14 against 511.35 and 8.24 against 9.18" in made


def test_the_printed_sums_are_sums():
    tables = script("seed_tables")
    for name in ("lee2022_table1", "lee2022_table2"):
        for row in tables.rows(name):
            assert abs(float(row["g_gan"]) + float(row["g_l1"]) - float(row["g"])) < 2e-5, row["setting"]


def test_the_page_on_real_people_is_what_its_script_writes():
    made = script("real_people")
    assets = DOCS.parent.parent / "shared" / "assets"
    missing = [str(path) for path in (made.BAPPS, made.LIGHT_FIELDS) if not (assets / path).is_file()]
    if missing:
        pytest.skip(f"the votes of others are not on this machine: {' and '.join(missing)} in {assets}")
    assert (DOCS / "on-real-people.md").read_text() == made.page(assets)
