"""The docs say what the code does."""

from django.conf import settings

from generation.core import tasks
from generation.core.grid import DESIGNS, parse


def test_every_parameter_of_style_transfer_is_in_the_grid_file_page() -> None:
    page = (settings.BASE_DIR / "docs" / "grid-files.md").read_text()
    for name, param in tasks.get("style_transfer").default_method.params.items():
        default = f"{param.default:g}" if isinstance(param.default, float) else str(param.default)
        assert f"| `{name}` | {default} |" in page, name


def test_the_example_of_the_page_is_a_grid_file() -> None:
    page = (settings.BASE_DIR / "docs" / "grid-files.md").read_text()
    example = page.split("```toml")[1].split("```")[0]
    sources = '[sources.coffee]\nfile = "c.png"\n[sources.waves]\nfile = "w.png"\n'
    grid = parse(example + sources, lambda name, param: param.choices[0])
    assert [c.label for c in grid.conditions] == ["lr 0.005", "lr 0.02", "lr 0.1", "photograph"]
    assert all(f"`{design}`" in page for design in DESIGNS)
