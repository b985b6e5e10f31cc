"""`manage.py pack_grid SLUG FOLDER`: a rendered grid as a folder that another machine can read."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.models import Grid
from generation.services.packs import PackError, pack_write


class Command(BaseCommand):
    help = "Write a rendered grid (images, losses, curves, provenance, grid file) into a folder."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug")
        parser.add_argument("folder", type=Path)
        parser.add_argument("--withhold", action="append", default=[], metavar="SOURCE", help="leave this source out")

    def handle(self, *args: Any, slug: str, folder: Path, withhold: list[str], **options: Any) -> None:
        grid = Grid.objects.filter(slug=slug).first()
        if grid is None:
            raise CommandError(
                f"There is no grid {slug!r}. Known: {', '.join(Grid.objects.values_list('slug', flat=True))}"
            )
        try:
            size = pack_write(grid=grid, folder=folder, withhold=frozenset(withhold))
        except PackError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{folder}: {size / 1e6:.1f} MB")
