"""`manage.py import_renders FOLDER scores.csv`: images made elsewhere become a grid like any other."""

import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.management.owners import owner_named
from generation.models import Metric
from generation.services.import_table import Column, ImportRefused, table_columns
from generation.services.imports import renders_import


class Command(BaseCommand):
    help = (
        "Import images and their scores. The table needs the columns file, scene and condition; every other column is "
        "declared with --param NAME or --metric NAME:DIRECTION:SCOPE[:ROLE], or asked for on a terminal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("table", type=Path)
        parser.add_argument("--title", required=True, help="what a paper would call this grid")
        parser.add_argument("--param", action="append", default=[], metavar="NAME")
        parser.add_argument(
            "--metric",
            action="append",
            default=[],
            metavar="NAME:DIRECTION:SCOPE[:ROLE]",
            help="DIRECTION lower_better or higher_better; SCOPE all, scene, objective or run",
        )
        parser.add_argument("--primary", help="the metric whose minimiser is put to the test (default: the first)")
        parser.add_argument("--owner")

    def handle(self, *args: Any, folder: Path, table: Path, **options: Any) -> None:
        if not folder.is_dir():
            raise CommandError(f"{folder} is not a folder.")
        try:
            text = (table if table.exists() else folder / table).read_text(encoding="utf-8")
            columns = [Column(name, "parameter") for name in options["param"]]
            columns += [_metric(declared) for declared in options["metric"]]
            columns += self._asked(text, {c.name for c in columns})
            metrics = [c.name for c in columns if c.kind == "metric"]
            if not metrics:
                raise ImportRefused("No column is a metric: there is nothing to hold the votes against.")
            grid = renders_import(
                owner=owner_named(options["owner"]),
                title=options["title"],
                table=text,
                read=lambda file: _inside(folder, file).read_bytes(),
                columns=columns,
                primary=options["primary"] or metrics[0],
            )
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise CommandError(f"{table} is not UTF-8 text. Save it as CSV in UTF-8.") from None
        except ImportRefused as error:
            raise CommandError(f"{error} Nothing was stored.") from None
        self.stdout.write(f"{grid.title}: {grid.cells.count()} images, slug {grid.slug}")

    def _asked(self, text: str, declared: set[str]) -> list[Column]:
        """Ask for each undeclared column on a terminal; elsewhere say how to declare it."""
        columns: list[Column] = []
        for name in (n for n in table_columns(text) if n not in declared):
            if not sys.stdin.isatty():
                raise ImportRefused(
                    f"Column {name!r} is not declared. Add --param {name}, or "
                    f"--metric {name}:lower_better:scene with its own direction and scope."
                )
            if _ask(f"{name}: is it a parameter or a metric?", ["parameter", "metric"]) == "parameter":
                columns.append(Column(name, "parameter"))
            else:
                direction = _ask(f"{name}: which is better?", Metric.Direction.values)
                scope = _ask(f"{name}: within what may two values be compared?", Metric.Scope.values)
                columns.append(Column(name, "metric", direction, scope))
        return columns


def _ask(question: str, answers: list[str]) -> str:
    while (answer := input(f"{question} [{' / '.join(answers)}] ").strip()) not in answers:
        pass
    return answer


def _metric(declared: str) -> Column:
    parts = declared.split(":")
    if len(parts) not in (3, 4):
        raise ImportRefused(f"--metric {declared}: write NAME:DIRECTION:SCOPE, for example lpips:lower_better:all.")
    return Column(parts[0], "metric", *parts[1:])


def _inside(folder: Path, file: str) -> Path:
    """A path below ``folder``; one that leads out of it is refused."""
    path = (folder / file).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ImportRefused(f"{file} lies outside {folder}.")
    return path
