"""Hostile archives and pictures at every door: the services, the pages of the admin, packs, study files."""

import hashlib
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import IO

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import storages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from generation.models import Artifact, Cell, Grid, Job, Render, Scene, Score, SourceImage
from generation.services import folders, grid_lay, grid_layout, sources
from generation.services.folders import folder_import
from generation.services.import_table import ImportRefused
from generation.services.packs import PackError, pack_read, pack_write
from generation.services.sources import sources_upload
from generation.services.work import work
from studyplatform.voting.models import Study
from tests.generation import gamma_task
from tests.generation.core.hostile_archives import HOSTILE, of_bombs, packed
from tests.generation.core.hostile_images import CASES

pytestmark = pytest.mark.django_db
ADD, IMPORT = "/admin/generation/sourceimage/add/", "/admin/generation/grid/import/"
ROWS = (SourceImage, Artifact, Grid, Render, Scene, Cell)


def stored() -> list[str]:
    """What there is of rows and files."""
    files = [path.name for path in Path(storages["masters"].location).rglob("*") if path.is_file()]  # type: ignore[attr-defined]
    return [str(row) for model in ROWS for row in model.objects.all()] + files


def upload(data: bytes, name: str = "pictures.zip") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data)


def through_the_library(owner: User, data: bytes) -> str:
    """What the library says to an archive."""
    return " ".join(words for _, words in sources_upload(owner=owner, files=[upload(data)]).refused)


def through_a_folder(owner: User, data: bytes) -> str:
    """What an import of pictures made elsewhere says to it."""
    try:
        folder_import(owner=owner, title="Elsewhere", files=[upload(data)])
    except ImportRefused as error:
        return str(error)
    return ""


DOORS = [through_the_library, through_a_folder]


@pytest.mark.fault("F15")
@pytest.mark.parametrize("door", DOORS)
def test_a_hostile_archive_is_refused_whole(
    owner: User, door: Callable[[User, bytes], str], tried: Callable[..., None]
) -> None:
    for what, draw in HOSTILE.items():
        said = door(owner, draw())
        assert "pictures.zip" in said or "evil.png" in said, what
        assert said.endswith("."), what
        assert not stored(), what
    tried("F15", archives=len(HOSTILE), let_in=0, door=door.__name__.replace("_", " "))


@pytest.mark.fault("F15")
def test_the_pages_say_it_and_store_nothing(as_owner: Client) -> None:
    for what, draw in HOSTILE.items():
        for page, form in ((ADD, {"licence": ""}), (reverse("admin:generation_grid_import"), {"title": "Elsewhere"})):
            answer = as_owner.post(page, {"pictures": upload(draw()), **form})
            assert answer.status_code in (200, 302), what
            assert not stored(), what


@pytest.mark.fault("F15")
def test_an_archive_in_an_archive_is_never_opened(owner: User) -> None:
    inside = packed(("inner.zip", of_bombs()))
    (said,) = sources_upload(owner=owner, files=[upload(inside)]).refused
    assert said[0] == "inner.zip"
    assert SourceImage.objects.count() == 2, "the pictures beside it are no worse for it"


def naive(file: IO[bytes], name: str) -> Iterator[tuple[str, bytes]]:
    """An archive read as most do it."""
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            yield info.filename, archive.read(info)


@pytest.mark.fault("F15", planted=True)
def test_a_naive_reader_is_seen_to_let_archives_in(
    owner: User, monkeypatch: pytest.MonkeyPatch, tried: Callable[..., None]
) -> None:
    monkeypatch.setattr(sources, "members", naive)
    monkeypatch.setattr(folders, "members", naive)
    let_in = set()
    for what, draw in HOSTILE.items():
        if "thousand" in what or "bomb" in what:
            continue  # would be unpacked
        for door in DOORS:
            try:
                door(owner, draw())
            except Exception:  # a page would be an error of the server
                let_in.add(what)
        if stored():
            let_in.add(what)
        for model in (Cell, Grid, Render, Scene, SourceImage, Artifact):
            model.objects.all().delete()
        for path in Path(storages["masters"].location).rglob("*/*"):  # type: ignore[attr-defined]
            path.unlink()
    assert {"a path that climbs out", "a name twice but for capitals", "a member with a password"} <= let_in
    tried("F15", archives_a_naive_reader_lets_in=len(let_in))


@pytest.mark.fault("F15", planted=True)
def test_unpacking_to_paths_is_seen_to_write_outside(tmp_path: Path) -> None:
    inside = tmp_path / "a" / "b"
    inside.mkdir(parents=True)
    for name, data in naive(BytesIO(HOSTILE["a path that climbs out"]()), ""):
        (inside / name).parent.mkdir(exist_ok=True)
        (inside / name).write_bytes(data)
    assert (tmp_path / "evil.png").exists()


# --- pictures at the doors ----------------------------------------------------------------------------------------

WORST = (
    "nothing",
    "EPS",
    "bomb of 88 megapixels",
    "four million pixels high",
    "half the rows",
    "JPEG and HTML",
    "PNG and zip",
    "JPEG of a thousand scans",
    "bomb in a text",
    "bad, with a path for a name",
    "bad, with a NUL in its name",
)


@pytest.mark.fault("F14")
@pytest.mark.parametrize("what", WORST)
def test_the_upload_page_names_a_hostile_picture_and_stores_nothing(as_owner: Client, what: str) -> None:
    (case,) = [case for case in CASES if case.what == what]
    page = as_owner.post(ADD, {"pictures": upload(case.draw(), case.name), "licence": ""})
    assert page.status_code in (200, 400)
    said = page.content.decode()
    assert "empty" in said or "b.png" in said or Path(case.name).name in said
    assert "Traceback" not in said
    assert not stored()


# --- packs --------------------------------------------------------------------------------------------------------


@pytest.fixture
def pack(owner: User, tmp_path: Path) -> Iterator[Path]:
    """A rendered grid as a pack, and the house emptied of it."""
    with gamma_task.registered():
        grid = grid_lay(owner=owner, layout=grid_layout(text=gamma_task.TOML, read=gamma_task.read))
        work(engine="serial", grid=grid)
        folder = tmp_path / "packs" / "pack"
        pack_write(grid=grid, folder=folder)
        for model in (Cell, Grid, Score, Render, Job, Scene, SourceImage, Artifact):
            model.objects.all().delete()
        for path in Path(storages["masters"].location).rglob("*/*"):  # type: ignore[attr-defined]
            path.unlink()
        yield folder


def _linked(pack: Path) -> None:
    path = next((pack / "images").iterdir())
    path.rename(pack.parent / "elsewhere.png")
    path.symlink_to(pack.parent / "elsewhere.png")


def _piped(pack: Path) -> None:
    path = next((pack / "images").iterdir())
    path.unlink()
    os.mkfifo(path)


def _said(**source: str) -> Callable[[Path], None]:
    def change(pack: Path) -> None:
        manifest = json.loads((pack / "manifest.json").read_text())
        manifest["sources"][0] |= source
        (pack / "manifest.json").write_text(json.dumps(manifest))

    return change


def _manifest(text: str) -> Callable[[Path], None]:
    return lambda pack: (pack / "manifest.json").write_text(text) and None


def _curve(data: bytes) -> Callable[[Path], None]:
    def change(pack: Path) -> None:
        manifest = json.loads((pack / "manifest.json").read_text())
        sha = hashlib.sha256(data).hexdigest()
        manifest["renders"][0]["curve"] = sha
        (pack / "curves" / f"{sha}.npz").write_bytes(data)
        (pack / "manifest.json").write_text(json.dumps(manifest))

    return change


def _image_called(name: str) -> Callable[[Path], None]:
    def change(pack: Path) -> None:
        manifest = json.loads((pack / "manifest.json").read_text())
        manifest["renders"][0]["image"] = name
        (pack / "manifest.json").write_text(json.dumps(manifest))

    return change


def _cell_twice(pack: Path) -> None:
    manifest = json.loads((pack / "manifest.json").read_text())
    manifest["cells"].append(manifest["cells"][0])
    (pack / "manifest.json").write_text(json.dumps(manifest))


PACKS: dict[str, Callable[[Path], None]] = {
    "a link for a picture": _linked,
    "a pipe for a picture": _piped,
    "a source at an absolute path": _said(file="/dev/zero"),
    "a source far outside": _said(file="../../../../../../../../etc/passwd"),
    "a NUL in a path": _said(file="a\0b"),
    "a folder for a source": _said(file="images"),
    "a title with a NUL": _said(title="x\0"),
    "a title that is far too long": _said(title="x" * 5_000),
    "no object": _manifest("[]"),
    "far too deep": _manifest("[" * 100_000 + "]" * 100_000),
    "no text": lambda pack: (pack / "manifest.json").write_bytes(b"\xff\xfe\x00") and None,
    "a curve that is a bomb": _curve(HOSTILE["a bomb"]()),
    "a path for a picture": _image_called("../../../etc/passwd"),
    "a number for a picture": _image_called(7),  # type: ignore[arg-type]
    "a cell twice": _cell_twice,
    "no grid file": lambda pack: (pack / "grid.toml").unlink(),
}


@pytest.mark.fault("F15")
@pytest.mark.parametrize("what", PACKS)
def test_a_hostile_pack_is_refused_whole(owner: User, pack: Path, what: str) -> None:
    PACKS[what](pack)
    with pytest.raises(PackError, match=r"\.$"):
        pack_read(owner=owner, folder=pack)
    assert not stored()


@pytest.mark.fault("F15")
def test_a_pack_is_not_written_outside_its_folder(owner: User, pack: Path, tmp_path: Path) -> None:
    grid = pack_read(owner=owner, folder=pack)
    victim = tmp_path / "packs" / "victim"
    victim.write_text("mine")
    for place in ("../victim", str(victim)):
        grid.toml = gamma_task.TOML.replace('file = "one.png"', f'file = "{place}"')
        grid.save()
        pack_write(grid=grid, folder=tmp_path / "packs" / "again")
        assert victim.read_text() == "mine"
    for model in (Cell, Grid, Score, Render, Job, Scene, SourceImage, Artifact):
        model.objects.all().delete()
    pack_read(owner=owner, folder=tmp_path / "packs" / "again")
    assert SourceImage.objects.filter(artifact__stored=True).count() == 2


# --- study files --------------------------------------------------------------------------------------------------


@pytest.mark.fault("F15")
def test_an_archive_is_no_study_file(as_owner: Client) -> None:
    for data in (packed(), b"[" * 500_000, b'{"format": "' + b"x" * 3_000_000):
        page = as_owner.post(reverse("admin:voting_study_import"), {"file": upload(data, "mine.study.json")})
        assert page.status_code == 400
        assert "Traceback" not in page.content.decode()
        assert not Study.objects.exists()
