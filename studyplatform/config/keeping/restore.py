"""The way back: files first, then the database in one transaction, then what was erased meanwhile is erased again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from django.core.files.base import File
from django.core.files.storage import storages
from django.core.management import call_command
from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader

from studyplatform.config import restoring
from studyplatform.config.keeping import databases
from studyplatform.config.keeping.drill import backup_verified, compared
from studyplatform.config.keeping.manifest import (
    FILES,
    KeepingError,
    KeptFile,
    Manifest,
    backups_in,
    files_read,
    manifest_read,
    pool_place,
    sha256_of,
)
from studyplatform.config.keeping.reading import facts, migrations
from studyplatform.config.keeping.words import in_words
from studyplatform.voting.services import erasures, erasures_repeat

# What an empty house has: it is laid by migrations, and counts of failed sign-ins come and go.
_LAID = ("django_migrations", "django_content_type", "auth_permission", "shared_cache")


@dataclass(frozen=True)
class Restored:
    """What came back."""

    backup: Path
    manifest: Manifest
    files: int  # written; the others were there
    migrated: int  # migrations that the backup did not know
    erased: int  # people who had been erased after the backup was taken


def rows_at_stake() -> Mapping[str, int]:
    """The tables of our database that hold what somebody made, with their rows; a database just laid has none."""
    with in_words("The database cannot be read ({error})."), connection.cursor() as cursor:
        found = facts(cursor, connection.introspection.table_names(cursor))
    return {table: rows for table, rows in found.rows.items() if rows and table not in _LAID}


def backup_restore(*, folder: Path, replace: bool = False) -> Restored:
    """Bring back the newest backup in ``folder``, or the one it is; every hash is verified before anything changes.

    A database that holds something is refused unless ``replace``. Files that are there already stay. Raises
    :class:`KeepingError`; the database is then as it was, or wholly as in the backup if the words say so. Until
    all who were erased are erased again, :mod:`~studyplatform.config.restoring` keeps servers from starting.
    """
    with in_words("The restore did not come to its end ({error}). Mend that and run it again."):
        return _restore(folder, replace)


def _restore(folder: Path, replace: bool) -> Restored:
    backup, manifest = backup_verified(folder)
    database = databases.ours()
    if manifest.engine != connection.vendor:
        raise KeepingError(
            f"This is a backup of {manifest.engine}, and the house runs on {connection.vendor}. Set DATABASE_URL to a "
            f"database of the same kind, {'postgres://…' if manifest.engine == 'postgresql' else 'or to none'}."
        )
    newer = [name for name in manifest.migrations if name not in _known()]
    if newer:
        raise KeepingError(
            f"The backup was made by a newer version ({manifest.code}; it knows {newer[-1]}). "
            "Install that version first."
        )
    if rows_at_stake() and not replace:
        raise KeepingError("The database is not empty. Nothing was changed.")
    marks = _marks(backup)
    with in_words("A file could not be restored ({error}). The database is as it was."):
        written = sum(_put(backup.parent, file) for file in files_read(backup / FILES))
        for file in marks:
            _put(backup.parent, file)
    with _nobody_erased_comes_back():
        database.load(backup / manifest.database)
        with connection.cursor() as cursor:
            compared(manifest, facts(cursor, connection.introspection.table_names(cursor)))
        call_command("migrate", verbosity=0)
        return Restored(backup, manifest, written, len(_applied()) - len(manifest.migrations), erasures_repeat())


@contextmanager
def _nobody_erased_comes_back() -> Iterator[None]:
    """Keep servers from starting until the erasures are repeated, however this ends."""
    restoring.begin()
    try:
        yield
    except Exception:
        # Nobody can tell whether a commit whose answer was lost took place: with the erasures repeated both are safe.
        with suppress(Error):
            erasures_repeat()
            restoring.end()
        raise
    restoring.end()


def _known() -> set[str]:
    """The migrations that the installed code has, those that were squashed included."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    replaced = {old for migration in loader.disk_migrations.values() for old in migration.replaces}
    return {f"{app}.{name}" for app, name in {*loader.disk_migrations, *replaced}}


def _applied() -> list[str]:
    with connection.cursor() as cursor:
        return migrations(cursor, connection.introspection.table_names(cursor))


def _marks(backup: Path) -> list[KeptFile]:
    """Who was erased by all that the other backups beside this one know: the newer ones know more."""
    found: list[KeptFile] = []
    for other in backups_in(backup.parent):
        if other != backup:
            found += _marks_of(other)
    return found


def _marks_of(other: Path) -> list[KeptFile]:
    try:
        if sha256_of(other / FILES) != manifest_read(other).parts[FILES]:
            raise KeepingError(f"{FILES} is not what was written then.")
        files = list(files_read(other / FILES))
    except (KeepingError, OSError) as error:
        raise KeepingError(
            f"{other} beside this backup is damaged ({error}), so nobody can tell who was erased when it was taken. "
            f"Nothing was changed. Move {other.name} out of {other.parent} to restore without it: people whose erasure "
            "only it knows then come back."
        ) from error
    return [file for file in files if file.storage == "default" and file.name.startswith(f"{erasures.FOLDER}/")]


def _put(folder: Path, file: KeptFile) -> bool:
    """Write a file into its storage unless one of the same size is there under a name that never changes."""
    storage = storages[file.storage]
    if storage.exists(file.name):
        if file.storage != "default" and storage.size(file.name) == file.size:
            return False
        storage.delete(file.name)
    with pool_place(folder, file.sha256).open("rb") as data:
        storage.save(file.name, File(data))
    return True
