"""The photographs that a small colorization grid learns from and colourises: ours to give away, and never the same."""

from pathlib import Path

import numpy as np
import pytest
from django.conf import settings

from generation.core import images
from generation.core.photographs import PackOptions, folder_files, pack, read

from .test_grids import drawing

FOLDER: Path = settings.BASE_DIR / "fixtures" / "colour"
NAMES = ["astronaut", "cat", "coffee", "retina", "rocket"]


def test_every_photograph_has_a_line_with_its_licence() -> None:
    page = (FOLDER / "README.md").read_text(encoding="utf-8")
    lines = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| ")}
    for kind in ("photographs", "scenes"):
        assert sorted(path.name for path in (FOLDER / kind).iterdir()) == [f"{name}.jpg" for name in NAMES]
    for name in NAMES:
        assert any(licence in lines[f"{name}.jpg"] for licence in ("public domain", "CC0"))
    assert sum(path.stat().st_size for path in FOLDER.rglob("*.*")) < 800_000


@pytest.mark.parametrize("name", NAMES)
def test_the_two_parts_are_those_of_the_photograph(name: str) -> None:
    draw = drawing()
    whole = draw.photographs(settings.BASE_DIR / "fixtures" / "sources")[name]
    parts = draw.parts(whole)
    for kind, part in zip(("photographs", "scenes"), parts, strict=True):
        stored = images.decode((FOLDER / kind / f"{name}.jpg").read_bytes())
        assert stored.shape[:2] == part.size[::-1]
        assert max(stored.shape) <= 512
        # Pixels may differ a little between versions of Pillow; the file in the repository is the picture.
        assert np.abs(np.asarray(part).astype(int) - stored).mean() < 4
    left, right = (part.size[0] / part.size[1] for part in parts)
    assert left + right == pytest.approx(whole.size[0] / whole.size[1], abs=0.01), "side by side, nothing shared"


@pytest.mark.parametrize("side", [32, 64])
def test_they_are_enough_to_train_on_and_no_scene_is_among_them(side: int) -> None:
    scenes = [path.read_bytes() for path in sorted((FOLDER / "scenes").iterdir())]
    packed = pack(folder_files(FOLDER / "photographs"), PackOptions(side, crops=50), scenes=scenes)
    found = read(packed.data)
    assert found.train.shape == (200, side, side, 3)
    assert found.validation.shape == (50, side, side, 3)
    assert packed.listing["skipped"] == []
    assert packed.listing["left_out"] == []
