"""The drill: a backup that was never restored is a hope."""

from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from studyplatform.config.keeping import databases
from studyplatform.config.keeping.manifest import (
    FILES,
    KeepingError,
    Manifest,
    backup_at,
    files_read,
    manifest_read,
    pool_place,
    sha256_of,
)
from studyplatform.config.keeping.reading import Facts
from studyplatform.config.keeping.words import in_words


@dataclass(frozen=True)
class Drill:
    """What was found in a backup that holds."""

    backup: Path
    manifest: Manifest


def backup_check(*, folder: Path) -> Drill:
    """Verify every hash, restore the database into a scratch one and count it; raises :class:`KeepingError`."""
    with in_words("The drill could not be carried to its end ({error})."):
        return _check(folder)


def _check(folder: Path) -> Drill:
    backup, manifest = backup_verified(folder)
    database = databases.ours()
    if manifest.engine != connection.vendor:
        raise KeepingError(
            f"Every hash is right, but this is a backup of {manifest.engine} and the drill would run on "
            f"{connection.vendor}. Set DATABASE_URL to a server of that kind."
        )
    with database.scratch(backup / manifest.database) as look:
        compared(manifest, look())
    return Drill(backup, manifest)


def backup_verified(folder: Path) -> tuple[Path, Manifest]:
    """The newest backup in ``folder`` (or the one it is) if all its bytes are what was written then."""
    backup = backup_at(folder)
    manifest = manifest_read(backup)
    for name, sha256 in manifest.parts.items():
        _same(backup / name, sha256, name)
    seen = set()
    for file in files_read(backup / FILES):
        if file.sha256 not in seen:
            seen.add(file.sha256)
            _same(pool_place(backup.parent, file.sha256), file.sha256, f"{file.storage}/{file.name}")
    return backup, manifest


def _same(path: Path, sha256: str, called: str) -> None:
    if not path.exists():
        raise KeepingError(f"The backup lacks {called} ({path}). Use another one, or bring the file back.")
    if sha256_of(path) != sha256:
        raise KeepingError(f"{called} ({path}) is damaged: its content is not what was backed up. Use another backup.")


def compared(manifest: Manifest, found: Facts) -> None:
    """Hold what came back against what was counted when the backup was made."""
    tables = sorted({*manifest.rows, *found.rows})
    wrong = [t for t in tables if manifest.rows.get(t) != found.rows.get(t)]
    if wrong:
        said = ", ".join(
            f"{t}: {found.rows.get(t, 'no table')} instead of {manifest.rows.get(t, 'none')}" for t in wrong
        )
        raise KeepingError(f"What comes back is not what was backed up. Rows of {said}. Use another backup.")
    if manifest.migrations != found.migrations:
        raise KeepingError("What comes back is of another version than what was backed up. Use another backup.")
