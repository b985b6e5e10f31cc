"""Hostile archives are refused before anything of them is used; plain ones come out as they went in."""

import io
import struct
import zipfile
from collections.abc import Callable

import pytest

from generation.core.archives import MAX_MEMBERS, ArchiveError, is_archive, members


def archive(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as made:
        for name, data in entries:
            made.writestr(name, data)
    return file.getvalue()


def read(data: bytes) -> list[tuple[str, bytes]]:
    return list(members(io.BytesIO(data), "them.zip"))


def named(name: str) -> zipfile.ZipInfo:
    """A member whose name is not mended by this Python."""
    info = zipfile.ZipInfo("x")
    info.filename = name
    return info


def link() -> bytes:
    info = zipfile.ZipInfo("a.png")
    info.external_attr = 0o120777 << 16
    return archive((info, b"/etc/passwd"))


def encrypted() -> bytes:
    data = bytearray(archive(("a.png", b"secret")))
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(signature) + offset] |= 1
    return bytes(data)


def lying_size() -> bytes:
    """The directory announces fewer bytes than are packed."""
    data = bytearray(archive(("a.png", b"x" * 5000)))
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        at = data.index(signature) + offset
        data[at : at + 4] = struct.pack("<I", 10)
    return bytes(data)


def overlapping() -> bytes:
    """Two names in the directory for one run of bytes."""
    data = archive(("a.png", b"x" * 100), ("b.png", b"y" * 100), method=zipfile.ZIP_STORED)
    out = bytearray(data)
    second = out.rindex(b"PK\x01\x02")
    out[second + 42 : second + 46] = struct.pack("<I", 0)
    return bytes(out)


def twice() -> bytes:
    with pytest.warns(UserWarning, match="Duplicate"):
        return archive(("a.png", b"1"), ("a.png", b"2"))


HOSTILE: list[tuple[str, Callable[[], bytes], str]] = [
    ("slip", lambda: archive(("../../a.png", b"x")), "leads out"),
    ("slip inside", lambda: archive(("a/../../b.png", b"x")), "leads out"),
    ("absolute", lambda: archive(("/etc/a.png", b"x")), "leads out"),
    ("windows", lambda: archive((named("..\\a.png"), b"x")), "leads out"),
    ("drive", lambda: archive((named("C:a.png"), b"x")), "leads out"),
    ("link", link, "is a link"),
    ("encrypted", encrypted, "encrypted"),
    ("twice", twice, "twice"),
    ("twice by case", lambda: archive(("a.png", b"1"), ("A.PNG", b"2")), "twice"),
    ("bomb", lambda: archive(("a.png", b"\0" * 50_000_000)), "bomb"),
    ("overlap", overlapping, "bomb"),
    ("too many", lambda: archive(*((f"{n}.png", b"") for n in range(MAX_MEMBERS + 1))), "at most"),
    ("lzma", lambda: archive(("a.png", b"x"), method=zipfile.ZIP_LZMA), "unusual"),
    ("lying size", lying_size, "damaged|not as long"),
    ("cut off", lambda: archive(("a.png", b"x" * 1000))[:-30], "damaged"),
    ("wrong crc", lambda: archive(("a.png", b"abcd"), method=zipfile.ZIP_STORED).replace(b"abcd", b"abce"), "damaged"),
    ("no zip", lambda: b"PK\x03\x04 and then nothing", "damaged"),
]


@pytest.mark.fault("F15")
@pytest.mark.parametrize(("make", "words"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_archives_are_refused_with_a_sentence(make: Callable[[], bytes], words: str) -> None:
    data = make()
    assert is_archive(data)
    with pytest.raises(ArchiveError, match=words) as refused:
        read(data)
    assert "'them.zip'" in str(refused.value)


def test_a_huge_total_is_refused_from_the_directory_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("generation.core.archives.MAX_TOTAL", 100)
    with pytest.raises(ArchiveError, match="at most"):
        read(archive(("a.png", b"x" * 60), ("b.png", b"y" * 60)))


def test_plain_files_come_out_and_what_systems_add_does_not() -> None:
    entries = [("own/", b""), ("own/a.png", b"1"), ("own/ü.jpg", b"22"), ("__MACOSX/own/._a.png", b"x")]
    entries += [("own/.DS_Store", b"x"), ("own/Thumbs.db", b"x"), ("own/read me.txt", b"333")]
    assert read(archive(*entries)) == [("own/a.png", b"1"), ("own/ü.jpg", b"22"), ("own/read me.txt", b"333")]


def test_a_picture_is_no_archive() -> None:
    assert not is_archive(b"\x89PNG\r\n\x1a\n")
    assert not is_archive(b"")
