"""Making a backup: the database of one moment, then the files that it names; whole or not at all."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.core.files.storage import Storage, storages
from django.db import connection

from evaluation.services import code_version
from studyplatform.config import restoring
from studyplatform.config.keeping import databases
from studyplatform.config.keeping.manifest import (
    FILES,
    KeepingError,
    KeptFile,
    Manifest,
    backups_in,
    files_read,
    files_written,
    pool_place,
    settle,
    sha256_of,
)
from studyplatform.config.keeping.reading import Facts
from studyplatform.config.keeping.words import in_words

_PART = ".part-"
_STAMP = "%Y-%m-%dT%H%M%SZ"
# Files here never change under their name, so what an earlier backup holds is not read again.
_NEVER_CHANGE = ("masters", "stimuli")


def backup_make(*, folder: Path) -> tuple[Path, Manifest]:
    """Back the house up into ``folder``; returns the new backup's own folder and its manifest.

    It may run while people vote. Files that an earlier backup in the same folder holds are not copied again. Killed or
    failed, it leaves earlier backups as they were and no half of a new one. Raises :class:`KeepingError`.
    """
    database = databases.ours()
    with in_words(f"The backup into {folder} could not be made ({{error}}). Nothing of it was kept."):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)  # it holds all that people answered
        with _alone(folder):
            _sweep(folder)
            work = Path(tempfile.mkdtemp(prefix=_PART, dir=folder))
            try:
                now = datetime.now(UTC)
                found: Facts = database.dump(work / database.PART)
                # After the database: a file is always there before the row that names it.
                files, missing = _files(folder, found)
                files_written(work / FILES, files)
                manifest = Manifest(
                    at=now.isoformat(timespec="seconds"),
                    code=code_version(),
                    engine=connection.vendor,
                    migrations=found.migrations,
                    rows=found.rows,
                    parts={name: sha256_of(work / name) for name in (database.PART, FILES)},
                    files=len(files),
                    missing=missing,
                )
                manifest.write(work)
                settle(work)
                return _named(work, folder, now), manifest
            finally:
                shutil.rmtree(work, ignore_errors=True)


def backups_forget(*, folder: Path, days: int) -> int:
    """Delete the backups in ``folder`` that are older than ``days``, never the newest, and the files that no other
    names; returns how many backups went. Raises :class:`KeepingError`.
    """
    limit = (datetime.now(UTC) - timedelta(days=days)).strftime(_STAMP)
    with (
        in_words(f"Old backups in {folder} could not be deleted ({{error}}). The newest is there."),
        _alone(folder),
    ):
        old = [backup for backup in backups_in(folder)[:-1] if backup.name < limit]
        for backup in old:
            # Cut off from here on, it is no backup any more, and the next run sweeps the rest of it.
            left = backup.rename(folder / f"{_PART}{backup.name}")
            shutil.rmtree(left)
        named = {file.sha256 for backup in backups_in(folder) for file in files_read(backup / FILES)}
        for path in folder.glob("files/*/*"):
            if path.name not in named:
                path.unlink()
    return len(old)


def _sweep(folder: Path) -> None:
    """Remove what a run that was killed has left: half a backup, half a file, the rest of an old backup."""
    for left in folder.glob(f"{_PART}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One backup at a time in a folder; a process that dies lets go of it."""
    with (folder / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise KeepingError(f"Another backup into {folder} is under way. Wait for its end.") from error
        yield


def _named(work: Path, folder: Path, now: datetime) -> Path:
    """Give the finished backup its name: from here on it is there."""
    target = folder / now.strftime(_STAMP)
    while target.exists():  # two in one second
        now += timedelta(seconds=1)
        target = folder / now.strftime(_STAMP)
    work.rename(target)
    settle(folder)
    return target


def _files(folder: Path, found: Facts) -> tuple[list[KeptFile], list[str]]:
    """Bring into the pool what the rows name, all reports and all uploads; and name the files that are away."""
    before = _before(folder)
    files, missing = [], []
    for alias, names in (("masters", found.masters), ("stimuli", found.stimuli)):
        for name in names:
            kept = _keep(folder, alias, name, before)
            files += [kept] if kept else []
            missing += [] if kept else [f"{alias}/{name}"]
    for alias in ("reports", "default"):
        # What is made anew of changed rows may go while it is listed; it is made anew after a restore too.
        there = (name for name in all_names(storages[alias]) if (alias, name) != ("default", restoring.MARK))
        files += [kept for name in there if (kept := _keep(folder, alias, name, before))]
    return files, missing


def _before(folder: Path) -> Mapping[tuple[str, str], KeptFile]:
    """The files of the newest backup that never change, by storage and name."""
    try:
        files = [file for backup in backups_in(folder)[-1:] for file in files_read(backup / FILES)]
    except KeepingError:
        return {}  # it is damaged: all is copied again
    return {(file.storage, file.name): file for file in files if file.storage in _NEVER_CHANGE}


def all_names(storage: Storage, folder: str = "") -> Iterable[str]:
    """Every file of a storage; none where nothing was ever stored."""
    try:
        folders, names = storage.listdir(folder)
    except FileNotFoundError:
        return
    for name in sorted(names):
        if not name.startswith(_PART):  # being written
            yield f"{folder}/{name}" if folder else name
    for inner in sorted(folders):
        yield from all_names(storage, f"{folder}/{inner}" if folder else inner)


def _keep(folder: Path, alias: str, name: str, before: Mapping[tuple[str, str], KeptFile]) -> KeptFile | None:
    """Have one file in the pool; None where the storage has none of that name."""
    known = before.get((alias, name))
    if known and pool_place(folder, known.sha256).exists():
        return known
    pool = folder / "files"
    pool.mkdir(exist_ok=True)
    handle, part = tempfile.mkstemp(prefix=_PART, dir=folder)
    try:
        hashed, size = hashlib.sha256(), 0
        with os.fdopen(handle, "wb") as out:
            try:
                with storages[alias].open(name) as file:
                    for piece in file.chunks():
                        hashed.update(piece)
                        size += out.write(piece)
            except FileNotFoundError:
                return None
            out.flush()
            os.fsync(out.fileno())
        place = pool_place(folder, hashed.hexdigest())
        if not place.exists():
            place.parent.mkdir(exist_ok=True)
            Path(part).rename(place)
            settle(place.parent)
        return KeptFile(alias, name, hashed.hexdigest(), size)
    finally:
        Path(part).unlink(missing_ok=True)
