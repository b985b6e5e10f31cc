"""The files of a folder: what there is, and whether it is still the same."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from generation.core.photographs.options import PhotographsError
from generation.core.spec import digest

Read = Callable[[], bytes]

#: What a file of a picture is called.
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def folder_files(folder: Path, without: Path | None = None) -> list[tuple[str, Read]]:
    """Every file below ``folder`` as (name relative to it with forward slashes, function that reads it), by name.

    Hidden files and folders are passed over, and the folder ``without``; folders that are links are not entered.
    """
    other = without.resolve() if without else None
    files = _walk(folder)
    return [(name, path.read_bytes) for name, path in files if other is None or other not in path.resolve().parents]


def fingerprint(folder: Path) -> str:
    """Digest of the names, sizes and times of change of the files below ``folder``: cheap, for a cache."""
    return digest([[name, (found := path.stat()).st_size, found.st_mtime_ns] for name, path in _walk(folder)])


def _walk(folder: Path) -> list[tuple[str, Path]]:
    if not folder.exists():
        raise PhotographsError(f"There is no folder {str(folder)!r}: check its name.")
    if not folder.is_dir():
        raise PhotographsError(f"{str(folder)!r} is a file: name the folder that holds the photographs.")
    found = []
    for place, below, names in os.walk(folder, onerror=_refuse):
        below[:] = [name for name in below if not name.startswith(".")]
        paths = (Path(place, name) for name in names if not name.startswith("."))
        found += [(_readable(path.relative_to(folder)), path) for path in paths if path.is_file()]
    return sorted(found)


def _readable(path: Path) -> str:
    """Forward slashes, and a sign for each byte that is no UTF-8: names go into JSON and onto pages."""
    return os.fsencode(path.as_posix()).decode("utf-8", "replace")


def _refuse(error: OSError) -> None:
    raise PhotographsError(
        f"The folder {str(error.filename)!r} cannot be read ({error.strerror}): allow it, or take it out."
    ) from error
