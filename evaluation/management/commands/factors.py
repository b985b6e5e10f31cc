"""``manage.py factors GRID``: which hyper-parameter of a grid matters for its losses, against the noise of seeds."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evaluation.factors import factor_tables, factors_files, grid_factors
from evaluation.services import EvaluationError
from generation.models import Grid


class Command(BaseCommand):
    help = "Sizes and order of a grid's hyper-parameters in its losses, without votes, and whether seeds could do that."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The grid, its metrics, and where the files go."""
        parser.add_argument("grid", help="The grid's slug.")
        parser.add_argument(
            "--metric", nargs="+", default=[], metavar="KEY",
            help="Metrics by key (default: the losses of the training, else the primary metric).",
        )  # fmt: skip
        parser.add_argument("--out", type=Path, help="The folder for factors.csv and the figures.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        grid = Grid.objects.filter(slug=options["grid"]).first()
        if grid is None:
            known = ", ".join(Grid.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no grid “{options['grid']}”. Grids: {known}.")
        try:
            told = grid_factors(grid, options["metric"])
        except EvaluationError as error:
            raise CommandError(str(error)) from error
        for one in told:
            self.stdout.write(f"\n{one.metric.label} ({one.metric.id})")
            for line in [*factor_tables(one), *one.sentences]:
                self.stdout.write(line)
        if options["out"] is not None:
            self._write(factors_files(grid, told), options["out"])

    def _write(self, files: dict[str, bytes], folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                (folder / name).write_bytes(content)
                self.stdout.write(str(folder / name))
        except OSError as error:
            raise CommandError(f"{folder} cannot be written ({error.strerror}). Give another --out.") from error
