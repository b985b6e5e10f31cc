"""Every decision about a hostile file is right, said in a sentence, and cheap; what comes out is pixels alone."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.core.files.uploadedfile import SimpleUploadedFile

from generation.core import images
from tests.fault_table import FULL

from .hostile_images import CASES, Case

ROOT = Path(__file__).resolve().parents[3]
SECONDS, MEGABYTES = 10.0, 600.0
DRAWN = [case for case in CASES if FULL or not case.costly]


def read(folder: Path, reader: str, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """What came of each file, read one by one in processes of their own."""
    for number, case in enumerate(cases):
        (folder / str(number)).write_bytes(case.draw())
    (folder / "cases.json").write_text(json.dumps([[str(number), case.name] for number, case in enumerate(cases)]))
    command = [sys.executable, "-m", "tests.generation.core.measured_reading", str(folder), reader]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """The folder with what is published of each file that was taken, and what came of all."""
    folder = tmp_path_factory.mktemp("hostile")
    return folder, read(folder, "ours", DRAWN)


@pytest.mark.fault("F14")
def test_every_decision_is_right_said_and_cheap(
    answers: tuple[Path, list[dict[str, Any]]], tried: Callable[..., None]
) -> None:
    found = answers[1]
    assert len(found) == len(DRAWN) >= 46
    wrong = [(case.what, got["words"]) for case, got in zip(DRAWN, found, strict=True) if got["taken"] != case.taken]
    assert not wrong
    for case, got in zip(DRAWN, found, strict=True):
        if not case.taken:
            assert got["words"].startswith(repr(case.name)), case.what
            assert got["words"].endswith("."), case.what
    dear = [
        (case.what, got)
        for case, got in zip(DRAWN, found, strict=True)
        if got["seconds"] > SECONDS or got["megabytes"] > MEGABYTES
    ]
    assert not dear
    tried(
        "F14",
        files=len(found),
        wrong_decisions=0,
        CPU_seconds_at_most=max(got["seconds"] for got in found),
        MB_at_most=round(max(got["megabytes"] for got in found)),
    )


@pytest.mark.fault("F14")
def test_what_is_published_is_pixels_alone(answers: tuple[Path, list[dict[str, Any]]]) -> None:
    for number, case in enumerate(DRAWN):
        published = answers[0] / f"{number}.png"
        assert published.exists() == case.taken, case.what
        if case.taken:
            data, at, kinds = published.read_bytes(), 8, []
            while at < len(data):
                kinds.append(data[at + 4 : at + 8])
                at += 12 + int.from_bytes(data[at : at + 4], "big")
            assert (kinds[0], set(kinds[1:-1]), kinds[-1]) == (b"IHDR", {b"IDAT"}, b"IEND"), case.what
            assert at == len(data), case.what


@pytest.mark.fault("F14", planted=True)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning", "ignore:Corrupt EXIF data")
def test_the_usual_image_field_is_seen_to_decide_wrongly(
    answers: tuple[Path, list[dict[str, Any]]], tried: Callable[..., None]
) -> None:
    files = {case.what: (answers[0] / str(number)).read_bytes() for number, case in enumerate(DRAWN)}
    wrong = [case.what for case in DRAWN if _usual(case, files[case.what]) != case.taken]
    assert {"half the rows", "bomb of 88 megapixels", "PNG and zip", "JPEG and HTML", "EPS", "moving PNG"} <= set(wrong)
    assert len(wrong) >= 22
    tried("F14", wrong_decisions_of_the_usual_ImageField=f"{len(wrong)} of {len(DRAWN)}")


def _usual(case: Case, data: bytes) -> bool:
    """What Django's own field (Pillow's ``open`` and ``verify``) makes of a file."""
    try:
        forms.ImageField().clean(SimpleUploadedFile(case.name, data))
    except (forms.ValidationError, ValueError):
        return False
    return True


@pytest.mark.fault("F14", planted=True)
def test_a_decoder_without_a_limit_is_seen_to_need_too_much(tmp_path: Path) -> None:
    bombs = [case for case in CASES if case.what == "bomb of 160 megapixels"]
    (got,) = read(tmp_path, "unlimited", bombs)
    assert got["taken"]
    assert got["megabytes"] > MEGABYTES


@pytest.mark.fault("F14", planted=True)
@pytest.mark.parametrize(
    ("protection", "what"),
    [
        ("check_png_rows", "half the rows"),
        ("check_file", "JPEG and HTML"),
        ("_check_header", "moving PNG"),
    ],
)
def test_each_protection_is_needed(monkeypatch: pytest.MonkeyPatch, protection: str, what: str) -> None:
    (case,) = [case for case in CASES if case.what == what]
    with pytest.raises(images.ImageError):
        images.decode(case.draw(), case.name)
    monkeypatch.setattr(images, protection, lambda *_: None)
    assert images.decode(case.draw(), case.name).shape == (40, 60, 3), "taken, once nobody looks"
