"""A small grid file of style transfer and its pictures, for tests that say only what is theirs."""

from collections.abc import Sequence
from pathlib import Path

from tests.generation.gamma_task import picture

#: Needs no weights file and renders quickly; add ``steps``.
SHALLOW = 'backbone = "random-shallow"\nsize = 64\nscales = 1\n'


def grid_toml(
    slug: str,
    rest: str,
    *,
    parameters: str,
    contents: Sequence[str] = ("one", "two"),
    style: str = "style",
    preset: str = "",
) -> str:
    """The grid file: each of ``contents`` in ``style`` (files NAME.png); ``rest`` begins with its conditions."""
    names = dict.fromkeys((*contents, style))
    return "\n".join(
        [
            f'[grid]\ntitle = "The grid {slug}"\nslug = "{slug}"\ntask = "style_transfer"',
            *([f'preset = "{preset}"'] if preset else []),
            *(f'[sources.{name}]\nfile = "{name}.png"' for name in names),
            f'[scenes]\ncontent = {list(contents)}\nstyle = ["{style}"]',
            f"[parameters]\n{parameters}",
            rest,
        ]
    )


def pictures(folder: Path) -> None:
    """Write the pictures of a grid file with the contents one and two into its folder."""
    for seed, name in enumerate(("one", "two", "style")):
        (folder / f"{name}.png").write_bytes(picture(seed))
