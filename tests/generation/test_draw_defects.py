"""`manage.py draw_defects`: pictures and masks in a folder that a grid can be trained on, the same bytes each time."""

import hashlib
import json
from io import StringIO
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from generation.core import images, masks
from generation.core.photographs import PackOptions, folder_files, pack, read

FIXTURES: Path = settings.BASE_DIR / "fixtures" / "defects"


def draw(folder: Path, *options: str) -> str:
    out = StringIO()
    call_command("draw_defects", str(folder), *options, stdout=out)
    return out.getvalue()


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_options_give_the_same_files(tmp_path: Path) -> None:
    said = draw(tmp_path / "one", "--pictures", "3", "--side", "48")
    assert "3 pictures of 48 px" in said
    draw(tmp_path / "two", "--pictures", "3", "--side", "48")
    one = digests(tmp_path / "one")
    assert one == digests(tmp_path / "two")
    assert sorted(one) == ["defects.json", *(f"{kind}/0000{n}.png" for kind in ("masks", "pictures") for n in range(3))]
    draw(tmp_path / "later", "--pictures", "1", "--first", "2", "--side", "48")
    assert digests(tmp_path / "later")["pictures/00002.png"] == one["pictures/00002.png"], "a set goes on"
    draw(tmp_path / "other", "--pictures", "1", "--side", "48", "--seed", "1")
    assert digests(tmp_path / "other")["pictures/00000.png"] != one["pictures/00000.png"]


def test_what_was_drawn_is_written_down(tmp_path: Path) -> None:
    draw(
        tmp_path / "set", "--pictures", "4", "--side", "48", "--defects", "hole, fold", "--count", "2",
        "--share", "0.02:0.03", "--contrast", "0.9", "--seed", "5",
    )  # fmt: skip
    told = json.loads((tmp_path / "set" / "defects.json").read_text())
    assert told["options"]["kinds"] == ["hole", "fold"]
    assert told["options"]["count"] == [2, 2]
    assert told["options"]["contrast"] == [0.9, 0.9]
    for line in told["pictures"]:
        assert len(line["defects"]) == 2
        assert set(line["defects"]) <= {"hole", "fold"}
        mask = masks.read((tmp_path / "set" / "masks" / f"{line['number']:05}.png").read_bytes())
        assert mask.mean() == pytest.approx(line["share"], abs=1e-6)
        assert 0.01 < line["share"] < 0.045


def test_a_set_can_be_trained_on(tmp_path: Path) -> None:
    draw(tmp_path / "set", "--pictures", "12", "--side", "48")
    packed = pack(
        folder_files(tmp_path / "set" / "pictures"),
        PackOptions(32, grey=True),
        masks=folder_files(tmp_path / "set" / "masks"),
    )
    assert packed.listing["skipped"] == []
    found = read(packed.data)
    assert found.train_masks is not None
    assert found.validation_masks is not None
    assert len(found.train) + len(found.validation) == 12
    assert found.train_masks.any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--pictures", "0"), "--pictures 0: draw 1 to"),
        (("--first", "-1"), "--first -1"),
        (("--side", "8"), "side = 8"),
        (("--defects", "rust"), "no defect 'rust'"),
        (("--defects", ","), "No kind of defect"),
        (("--count", "3:1"), "count = 3 to 1"),
        (("--share", "0.5"), "share = 0.5 to 0.5"),
        (("--contrast", "2"), "contrast = 2 to 2"),
        (("--count", "many"), "'many' is no range: write 1 or 1:3"),
        (("--clean", "1"), "clean = 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_writes_nothing(
    tmp_path: Path, options: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        draw(tmp_path / "set", *options)
    assert not (tmp_path / "set").exists()


def test_a_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_text("mine")
    with pytest.raises(CommandError, match="is not empty"):
        draw(tmp_path, "--pictures", "1", "--side", "48")
    assert [path.name for path in tmp_path.iterdir()] == ["photo.png"]
    with pytest.raises(CommandError, match="cannot be written"):
        draw(tmp_path / "photo.png" / "set", "--pictures", "1", "--side", "48")


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("learning", [(f"pictures/{n:05}.png", f"masks/{n:05}.png") for n in range(3)]),
        ("scenes", [(f"{name}.png", f"{name}-mask.png") for name in ("fibre", "hole")]),
    ],
)
def test_the_fixtures_are_what_the_command_draws(folder: str, files: list[tuple[str, str]], tmp_path: Path) -> None:
    """Their pixels; the bytes of a PNG are those of whichever zlib wrote it. The first of each are drawn anew."""
    told = json.loads((FIXTURES / folder / "defects.json").read_text())
    options = told["options"]
    draw(
        tmp_path / "set", "--pictures", str(len(files)), "--side", str(options["side"]), "--seed", str(options["seed"]),
        "--share", "0.008:0.03", "--contrast", "0.6:0.95",
    )  # fmt: skip
    for number, stored in enumerate(files):
        for kind, name in zip(("pictures", "masks"), stored, strict=True):
            drawn = tmp_path / "set" / kind / f"{number:05}.png"
            one, other = (images.decode(path.read_bytes()) for path in (FIXTURES / folder / name, drawn))
            assert (one == other).all()


def test_every_scene_has_its_mask_and_its_line() -> None:
    told = json.loads((FIXTURES / "scenes" / "defects.json").read_text())
    page = (FIXTURES / "README.md").read_text(encoding="utf-8")
    found = sorted(path.stem for path in (FIXTURES / "scenes").glob("*.png"))
    scenes = [name for name in found if not name.endswith("-mask")]
    assert len(scenes) == len(told["pictures"]) == 6
    assert found == sorted([*scenes, *(f"{name}-mask" for name in scenes)])
    assert [name for name in scenes if f"`{name}.png`" not in page] == []
    assert len(list((FIXTURES / "learning" / "pictures").iterdir())) == 80


def test_the_fixtures_are_small() -> None:
    assert sum(path.stat().st_size for path in FIXTURES.rglob("*") if path.is_file()) < 1_500_000
