"""What a backup says of itself.

A folder of backups looks so; the files of all backups lie in one pool, each once, under their SHA-256::

    FOLDER/files/ab/ab12…                   masters, stimuli, reports, uploads
    FOLDER/2026-11-23T103000Z/manifest.json
                              database.dump (pg_dump's custom format) or database.sqlite3
                              files.tsv     storage, name, sha256, size in bytes; a line per file
"""

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.utils import validate_file_name

FORMAT = "eyeballot backup"
VERSION = 1
NAME = "manifest.json"
FILES = "files.tsv"
#: The storages that a backup holds.
STORED = ("masters", "stimuli", "reports", "default")
_DATABASES = ("database.dump", "database.sqlite3")
_SHA256 = re.compile("[0-9a-f]{64}")
_PIECE = 1 << 20  # bytes read at once


class KeepingError(Exception):
    """A backup that cannot be made, or one that cannot be restored; the text says why and what to do."""


@dataclass(frozen=True)
class KeptFile:
    """A file of one of the storages, as it was when the backup was made."""

    storage: str
    name: str
    sha256: str
    size: int  # bytes


@dataclass(frozen=True)
class Manifest:
    """One backup: when, of which code and database, how many rows, and the SHA-256 of each part beside it."""

    at: str  # ISO, UTC
    code: str
    engine: str  # Django's vendor: postgresql or sqlite
    migrations: list[str]  # app.name, in the order they were applied
    rows: dict[str, int]  # by table
    parts: dict[str, str]  # file name -> sha256
    files: int
    missing: list[str]  # files that rows name and that were not there
    format: str = FORMAT
    version: int = VERSION

    @property
    def database(self) -> str:
        """The name of the part that holds the database."""
        return next((name for name in self.parts if name.startswith("database.")), "")

    def write(self, folder: Path) -> None:
        """Put it into the folder of the backup."""
        write_whole(folder / NAME, json.dumps(asdict(self), indent=1, sort_keys=True).encode())


def manifest_read(folder: Path) -> Manifest:
    """The manifest in ``folder``; raises :class:`KeepingError` where there is none that this version reads."""
    try:
        data: dict[str, Any] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise KeepingError(f"There is no backup in {folder}: it has no {NAME}.") from error
    except (OSError, ValueError) as error:
        raise KeepingError(f"{folder / NAME} cannot be read ({error}). Take another backup.") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise KeepingError(f"{folder / NAME} is not the manifest of a backup of this platform.")
    if data.get("version") != VERSION:
        raise KeepingError(f"{folder} was written by a newer version of the platform. Restore it with that version.")
    try:
        found = Manifest(**data)
    except TypeError as error:
        raise KeepingError(f"{folder / NAME} is damaged: it lacks what a manifest has. Take another backup.") from error
    if not _well_formed(found):
        raise KeepingError(f"{folder / NAME} is damaged: it says what no manifest says. Take another backup.")
    if not found.database:
        raise KeepingError(f"{folder / NAME} is damaged: it names no database. Take another backup.")
    return found


def _well_formed(found: Manifest) -> bool:
    """Whether every value is of its kind; the parts are the database and the list of files, each with a hash."""
    lists, tables = (found.migrations, found.missing), (found.rows, found.parts)
    return (
        all(isinstance(text, str) for text in (found.at, found.code, found.engine))
        and all(isinstance(texts, list) and all(isinstance(text, str) for text in texts) for texts in lists)
        and all(isinstance(table, dict) for table in tables)
        and all(isinstance(number, int) for number in (*found.rows.values(), found.files))
        and FILES in found.parts
        and {*found.parts} <= {FILES, *_DATABASES}
        and all(isinstance(sha256, str) and _SHA256.fullmatch(sha256) for sha256 in found.parts.values())
    )


def backups_in(folder: Path) -> list[Path]:
    """The backups that lie in a folder, oldest first."""
    return sorted(path.parent for path in folder.glob(f"*/{NAME}") if not path.parent.name.startswith("."))


def backup_at(folder: Path) -> Path:
    """``folder`` itself if it is a backup, else the newest in it; raises :class:`KeepingError` without any."""
    folder = folder.resolve()  # “.” has a folder above it, where the files lie
    if (folder / NAME).exists():
        return folder
    found = backups_in(folder)
    if not found:
        raise KeepingError(f"There is no backup in {folder}. manage.py backup {folder} makes one.")
    return found[-1]


def pool_place(folder: Path, sha256: str) -> Path:
    """Where the pool of a folder of backups holds the file of that hash."""
    return folder / "files" / sha256[:2] / sha256


def files_written(path: Path, files: list[KeptFile]) -> None:
    """Write the list of files; a name with a tab or a line break is none of ours."""
    lines = (f"{file.storage}\t{file.name}\t{file.sha256}\t{file.size}\n" for file in files)
    write_whole(path, "".join(lines).encode())


def files_read(path: Path) -> Iterator[KeptFile]:
    """The files that a backup names, in its order; raises :class:`KeepingError` for a line that is none of ours."""
    try:
        with path.open(encoding="utf-8", newline="\n") as lines:
            for line in lines:
                yield _file(line.removesuffix("\n"))
    except (OSError, ValueError, SuspiciousFileOperation) as error:
        raise KeepingError(f"{path} is damaged ({error}). Use another backup.") from error


def _file(line: str) -> KeptFile:
    """A line of the list; raises ``ValueError``, and ``SuspiciousFileOperation`` for a name that leads elsewhere."""
    storage, name, sha256, size = line.split("\t")
    if storage not in STORED or not _SHA256.fullmatch(sha256):
        raise ValueError(f"no backup holds {line!r}")
    validate_file_name(name, allow_relative_path=True)
    return KeptFile(storage, name, sha256, int(size))


def sha256_of(path: Path) -> str:
    """The hash of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
    return found.hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def settle(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
