"""manage.py restore: bring back what manage.py backup kept."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyplatform.config.keeping import KeepingError, backup_restore, rows_at_stake


class Command(BaseCommand):
    help = "Restore the newest backup of a folder, or the one that the folder is. Stop the server and workers first."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="a folder of backups, or one backup in it")
        parser.add_argument(
            "--replace", metavar="WORDS", help="give up what the database holds; the words are said when it is refused"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            stake = rows_at_stake()
            words = f"lose {stake.get('voting_vote', 0)} votes"
            if stake and options["replace"] != words:
                tables = ", ".join(f"{rows} of {table}" for table, rows in stake.items())
                raise CommandError(
                    f"The database is not empty; all of it would be lost: {tables}. Nothing was changed. Back it up "
                    f'first, then say --replace "{words}".'
                )
            done = backup_restore(folder=options["folder"], replace=bool(stake))
        except KeepingError as error:
            raise CommandError(str(error)) from error
        rows, votes = sum(done.manifest.rows.values()), done.manifest.rows.get("voting_vote", 0)
        self.stdout.write(
            f"{done.backup} is back, as of {done.manifest.at}: {rows} rows, {votes} of them votes, and {done.files} of "
            f"{done.manifest.files} files; the others were here."
        )
        if done.migrated:
            self.stdout.write(f"It was older than this version: {done.migrated} migrations were applied.")
        if done.erased:
            self.stdout.write(f"{done.erased} participants who were erased after it was taken are erased again.")
        for name in done.manifest.missing:
            self.stderr.write(f"{name} was missing already when the backup was made.")
