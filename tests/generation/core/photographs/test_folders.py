"""Folders: their files, their fingerprint, and real photographs."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation.core import images
from generation.core.photographs import (
    PackOptions,
    PhotographsError,
    fingerprint,
    folder_files,
    is_grey,
    likeness,
    pack,
)

from .pictures import PHOTOS, lighter, photograph, saved


def test_a_folder_gives_its_files_by_name_without_the_hidden(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/c.jpg", "a/d/e.png", ".hidden.jpg", ".cache/f.jpg", "a/.DS_Store", "z.txt"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "nothing")
    (tmp_path / "round").symlink_to(tmp_path)
    found = folder_files(tmp_path)
    assert [name for name, _ in found] == ["a/c.jpg", "a/d/e.png", "b.jpg", "z.txt"]
    assert [read_file() for _, read_file in found] == [name.encode() for name, _ in found]


def test_a_name_that_is_no_utf8_becomes_one(tmp_path: Path) -> None:
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(photograph(1))
    [(name, read_file)] = folder_files(tmp_path)
    assert name == "caf\ufffd.png"
    assert read_file() == photograph(1)


def test_a_folder_that_is_none_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PhotographsError, match=r"There is no folder '.*holiday': check its name"):
        folder_files(tmp_path / "holiday")
    (tmp_path / "one.jpg").write_bytes(b"")
    with pytest.raises(PhotographsError, match=r"one\.jpg' is a file: name the folder"):
        fingerprint(tmp_path / "one.jpg")

    def denied(place: object) -> object:
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(PhotographsError, match=r"cannot be read \(Permission denied\)"):
        folder_files(tmp_path)


def test_the_fingerprint_knows_names_sizes_and_times(tmp_path: Path) -> None:
    one = tmp_path / "one.jpg"
    one.write_bytes(b"12345")
    os.utime(one, ns=(10**18, 10**18))
    seen = [fingerprint(tmp_path)]
    assert fingerprint(tmp_path) == seen[0]
    os.utime(one, ns=(10**18, 10**18 + 1))
    seen.append(fingerprint(tmp_path))
    one.write_bytes(b"123456")
    os.utime(one, ns=(10**18, 10**18 + 1))
    seen.append(fingerprint(tmp_path))
    one.rename(tmp_path / "two.jpg")
    seen.append(fingerprint(tmp_path))
    (tmp_path / "none.jpg").write_bytes(b"")
    seen.append(fingerprint(tmp_path))
    assert len(set(seen)) == 5


def test_real_photographs_all_have_colours_and_only_copies_show_the_same() -> None:
    if not PHOTOS.is_dir():
        pytest.skip(f"needs the photographs in {PHOTOS}")
    files = folder_files(PHOTOS)
    decoded = [images.decode(read_file()) for _, read_file in files]
    thumbnails = [likeness.thumbnail(image) for image in decoded]
    seen = likeness.Seen(len(files))
    for (name, _), image, small in zip(files, decoded, thumbnails, strict=True):
        assert not is_grey(image)
        assert seen.like(small) is None, name
        seen.add(name, small)
    for (name, _), image in list(zip(files, decoded, strict=True))[::9]:
        height, width = image.shape[:2]
        for copy in (image[:, ::-1], lighter(image, 25), lighter(image, -25), (image * 0.85).astype(np.uint8)):
            assert seen.like(likeness.thumbnail(copy)) == name
        stream = io.BytesIO()
        third = images.resize_to(image[:, ::-1], height // 3, width // 3)
        Image.fromarray(third).save(stream, "JPEG", quality=60)
        assert seen.like(likeness.thumbnail(images.decode(stream.getvalue()))) == name
        # A cut is not found; what the documentation says of it would be wrong if it were.
        assert seen.like(likeness.thumbnail(image[: height * 2 // 3, : width * 2 // 3])) != name


def test_a_folder_of_real_photographs_leaves_out_small_copies_of_the_scenes() -> None:
    if not PHOTOS.is_dir():
        pytest.skip(f"needs the photographs in {PHOTOS}")
    files = folder_files(PHOTOS)[:120]
    scenes = [read_file() for _, read_file in files[:4]]
    smaller = [saved(images.resize_longest(images.decode(scene), 192), "JPEG") for scene in scenes]
    found = pack(files, PackOptions(64), scenes=smaller).listing
    assert found["left_out"] == [name for name, _ in files[:4]]
    assert found["skipped"] == []
    assert 10 <= found["validation"] <= 40
