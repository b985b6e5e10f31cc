"""`manage.py unpack_grid FOLDER --owner NAME`: read a grid that was packed elsewhere."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.management.owners import owner_named
from generation.services.packs import PackError, pack_read


class Command(BaseCommand):
    help = "Read a packed grid: everything is verified by its hash, and stored whole or not at all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--owner", help="user name of the owner (default: the first researcher)")

    def handle(self, *args: Any, folder: Path, owner: str | None, **options: Any) -> None:
        try:
            grid = pack_read(owner=owner_named(owner), folder=folder)
        except PackError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{grid.title}: {grid.cells.count()} renders")
