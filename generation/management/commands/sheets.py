"""`manage.py sheets GRID --out DIR`: what each trained network made of each photograph, a sheet per condition."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.models import Grid
from generation.services.artifacts import ArtifactMissing
from generation.sheets import MOST_SCENES, NoSheets, drawn, plans


class Command(BaseCommand):
    help = "Write a sheet (PNG) per condition of a grid that trains networks: grey input, output, truth."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("grid", help="slug of the grid")
        parser.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder for the sheets")
        parser.add_argument(
            "--scenes", type=int, metavar="N", default=MOST_SCENES, help="the first N scenes (default: %(default)s)"
        )
        parser.add_argument("--seed", type=int, metavar="S", help="seed of the networks (default: the first)")

    def handle(self, *args: Any, grid: str, out: Path, scenes: int, seed: int | None, **options: Any) -> None:
        row = Grid.objects.filter(slug=grid).first()
        if row is None:
            known = ", ".join(Grid.objects.values_list("slug", flat=True)) or "none yet (manage.py render makes one)"
            raise CommandError(f"There is no grid {grid!r}. Known: {known}.")
        if scenes < 1:
            raise CommandError(f"--scenes {scenes}: a sheet shows at least one scene.")
        try:
            wanted = plans(row, seed=seed, scenes=scenes)
            out.mkdir(parents=True, exist_ok=True)
            for plan in wanted:
                if not plan.rows:
                    self.stderr.write(f"{plan.title}: no sheet, for it has no picture ({plan.caption}).")
                    continue
                (out / f"{plan.name}.png").write_bytes(drawn(row, plan))
                self.stdout.write(f"{out / plan.name}.png")
        except (NoSheets, ArtifactMissing) as error:
            raise CommandError(str(error)) from None
        except OSError as error:
            raise CommandError(f"{out}: {error.strerror or error}. Name a folder with --out.") from None
