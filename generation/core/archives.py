"""Zip archives of pictures from strangers: everything that is not plainly a folder of files is refused.

Nothing is ever unpacked to a path: members are read into memory, one at a time, after the whole directory of the
archive was looked at. The names that come out are only labels.
"""

from __future__ import annotations

import stat
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO

MAX_MEMBERS = 2_000
MAX_MEMBER = 100_000_000  # bytes unpacked
MAX_TOTAL = 1_000_000_000  # bytes unpacked
MAX_DIRECTORY = MAX_MEMBERS * 1_000  # bytes; an entry has 46 and its name
_END, _LOCATOR = 22, 20  # bytes of the end record, and of what stands before it in ZIP64
#: A picture hardly shrinks; a bomb shrinks a thousandfold. Small members may be as regular as they like.
MAX_RATIO, RATIO_FROM = 100, 1_000_000
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1 | 0x40


class ArchiveError(ValueError):
    """An archive that is not taken; the text names it, the member, and the mend."""


def is_archive(head: bytes) -> bool:
    """Whether the first bytes of a file are those of a zip archive."""
    return head[:4] in (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


def members(file: IO[bytes], name: str) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each file in the archive ``file`` (called ``name``), in its order.

    Folders and what systems add unasked (``__MACOSX``, names that begin with a dot, ``Thumbs.db``) are passed over.
    Raises :class:`ArchiveError` before the first member for links, encryption, paths that leave the archive, doubled
    names and anything too large, and on the way for a member that is damaged.
    """
    try:
        _check_end(file, name)
        with zipfile.ZipFile(file) as archive:
            wanted = _checked(archive, name)
            for info in wanted:
                yield info.filename, _bytes(archive, info, name)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        if isinstance(error, ArchiveError):
            raise
        raise ArchiveError(f"{name!r} is damaged or no zip archive ({error}). Pack the pictures again.") from None


def _check_end(file: IO[bytes], name: str) -> None:
    """Look at how long the directory is before anything builds a million entries from it (APPNOTE.TXT, 4.3.16)."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END - 0xFFFF - _LOCATOR))
    tail = file.read()
    file.seek(0)
    at = len(tail) - _END
    if tail[at : at + 4] != b"PK\5\6" or tail[-2:] != b"\0\0":
        at = tail.rfind(b"PK\5\6")  # behind it is a comment
    if at < 0 or len(tail) < at + _END:
        raise ArchiveError(f"{name!r} is damaged or no zip archive (it has no end). Pack the pictures again.")
    if tail[max(0, at - _LOCATOR) : at].startswith(b"PK\6\7"):
        raise ArchiveError(f"{name!r} is packed for more than 4 GB (ZIP64). Split it into several archives.")
    if int.from_bytes(tail[at + 12 : at + 16], "little") > MAX_DIRECTORY:
        raise ArchiveError(f"{name!r} holds far more than {MAX_MEMBERS} files. Split it into several archives.")


def _bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> bytes:
    with archive.open(info) as member:
        data = member.read(MAX_MEMBER + 1)  # never more than the directory announced; the CRC is checked at its end
    if len(data) != info.file_size:
        raise ArchiveError(f"{name!r}: {info.filename!r} is not as long as the archive says. Pack the pictures again.")
    return data


def _checked(archive: zipfile.ZipFile, name: str) -> list[zipfile.ZipInfo]:
    """The members that are files, once the whole directory is sound."""
    infos = archive.infolist()
    if len(infos) > MAX_MEMBERS:
        raise ArchiveError(
            f"{name!r} holds {len(infos)} files; at most {MAX_MEMBERS} are taken. Split it into several archives."
        )
    seen: set[str] = set()
    for info in infos:
        _check(info, name)
        # What one file system keeps apart another lays on top of each other.
        key = unicodedata.normalize("NFC", info.filename).casefold().rstrip("/")
        if key in seen:
            raise ArchiveError(f"{name!r} holds {info.filename!r} twice. Give every picture a name of its own.")
        seen.add(key)
    total = sum(info.file_size for info in infos)
    if total > MAX_TOTAL:
        raise ArchiveError(
            f"{name!r} would unpack to {_megabytes(total)}; at most {_megabytes(MAX_TOTAL)} are taken. Split it."
        )
    if total > RATIO_FROM and total > MAX_RATIO * sum(info.compress_size for info in infos):
        raise ArchiveError(f"{name!r} is an archive bomb: it would unpack to {_megabytes(total)}.")
    _check_apart(infos, name)
    return [info for info in infos if not info.is_dir() and not _unasked(info.filename)]


def _check(info: zipfile.ZipInfo, name: str) -> None:
    # The name as it stands in the archive: ZipInfo cuts it at a NUL and turns the separators of this system.
    path = info.orig_filename
    where = f"{name!r}: {path[:100]!r}"
    inside = PurePosixPath(path)
    odd = any(character in path for character in "\\:\0") or not path.strip(" .")
    if odd or inside.is_absolute() or ".." in inside.parts:
        raise ArchiveError(f"{where} is a path that leads out of the archive. Pack plain files in plain folders.")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise ArchiveError(f"{where} is a link or a device, not a file. Pack the pictures themselves.")
    if info.flag_bits & _ENCRYPTED:
        raise ArchiveError(f"{where} is encrypted. Pack the pictures without a password.")
    if info.compress_type not in _METHODS:
        raise ArchiveError(f"{where} is packed in an unusual way. Make an ordinary zip archive (deflate).")
    if info.file_size > MAX_MEMBER:
        raise ArchiveError(
            f"{where} would unpack to {_megabytes(info.file_size)}; at most {_megabytes(MAX_MEMBER)} are taken."
        )
    if info.file_size > RATIO_FROM and info.file_size > MAX_RATIO * max(info.compress_size, 1):
        raise ArchiveError(f"{where} is an archive bomb: it would unpack to {_megabytes(info.file_size)}.")


def _check_apart(infos: list[zipfile.ZipInfo], name: str) -> None:
    """Members that share their bytes are a bomb (Fifield 2019, "A better zip bomb")."""
    end = -1
    for info in sorted(infos, key=lambda i: i.header_offset):
        if info.header_offset < end:
            raise ArchiveError(f"{name!r} is an archive bomb: its files lie on top of each other.")
        end = info.header_offset + info.compress_size


def _unasked(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return any(part == "__MACOSX" or part.startswith(".") for part in parts) or parts[-1].casefold() in (
        "thumbs.db",
        "desktop.ini",
    )


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:,.0f} MB"
