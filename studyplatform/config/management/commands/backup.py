"""manage.py backup: a copy of the database and of all files, and the drill that shows that it holds."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyplatform.config.keeping import KeepingError, backup_check, backup_make, backups_forget


class Command(BaseCommand):
    help = "Back up the database and all files into a folder; what earlier backups there hold is not copied again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="a folder of backups; a new one is added to it")
        parser.add_argument(
            "--check",
            action="store_true",
            help="make none: verify every hash of the newest and restore it into a scratch database",
        )
        parser.add_argument(
            "--keep", type=int, metavar="DAYS", help="afterwards delete backups older than so many days"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"] and options["keep"] is not None:
            raise CommandError("--check makes no backup and deletes none. Say --keep without it.")
        try:
            self._check(options["folder"]) if options["check"] else self._make(options["folder"], options["keep"])
        except KeepingError as error:
            raise CommandError(str(error)) from error

    def _make(self, folder: Path, keep: int | None) -> None:
        if keep is not None and keep < 1:
            raise CommandError("--keep takes a number of days, at least 1.")
        backup, manifest = backup_make(folder=folder)
        rows = sum(manifest.rows.values())
        self.stdout.write(f"{backup}: {rows} rows of {len(manifest.rows)} tables, {manifest.files} files.")
        for name in manifest.missing:
            self.stderr.write(f"{name} is named by a row and was not there. Bring it in again.")
        if keep is not None:
            gone = backups_forget(folder=folder, days=keep)
            self.stdout.write(f"{gone} older than {keep} days deleted.")

    def _check(self, folder: Path) -> None:
        drill = backup_check(folder=folder)
        rows, votes = sum(drill.manifest.rows.values()), drill.manifest.rows.get("voting_vote", 0)
        self.stdout.write(
            f"{drill.backup} holds: every hash is right, and {rows} rows came back, {votes} of them votes, with "
            f"{drill.manifest.files} files, as of {drill.manifest.at}."
        )
