"""`manage.py measure GRID METRIC ...`: take more numbers on the pictures of a grid that is rendered."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from generation.core import catalogue
from generation.core.engines import ENGINES, EngineBroken
from generation.core.spec import MetricSpec
from generation.models import Grid
from generation.services.measuring import MeasureError, failures, measured, metrics_add, metrics_named
from generation.services.work import WorkInterrupted, work


class Command(BaseCommand):
    help = "Measure metrics of the catalogue on a rendered grid; the same command resumes. --list prints the catalogue."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("grid", nargs="?", help="slug of the grid")
        parser.add_argument("metrics", nargs="*", metavar="metric", help="keys of the catalogue")
        parser.add_argument("--list", action="store_true", help="print the catalogue and measure nothing")
        parser.add_argument("--engine", default=settings.EYEBALLOT_ENGINE, help=ENGINES)

    def handle(self, *args: Any, grid: str | None, metrics: list[str], **options: Any) -> None:
        console = Console(width=None if self.stdout.isatty() else 120)
        if options["list"]:
            console.print(catalogue_table())
            return
        if grid is None or not metrics:
            raise CommandError(
                "Name a grid and its new metrics (manage.py measure GRID METRIC ...), or look at --list."
            )
        try:
            self._measure(_grid(grid), metrics_named(metrics), console, options["engine"])
        except WorkInterrupted as stop:
            raise CommandError(str(stop), returncode=130) from None
        except (MeasureError, EngineBroken, ValueError) as error:  # a worker that died, an engine nobody knows
            raise CommandError(str(error)) from None

    def _measure(self, grid: Grid, metrics: Sequence[MetricSpec], console: Console, engine: str) -> None:
        if metrics_add(grid=grid, metrics=metrics):
            self._work(grid, metrics, console, engine)
        found = measured(grid=grid, metrics=metrics)
        for one in found:
            without = f", {one.without} without a number: {' '.join(one.reasons)}" if one.without else ""
            line = f"{one.metric.label}: {one.numbers} of {one.pictures} measured{without}"
            console.print(line if without else f"{line}.", highlight=False)
        if any(one.waiting for one in found):
            raise CommandError("\n".join([*failures(grid=grid, metrics=metrics), "The same command tries again."]))

    def _work(self, grid: Grid, metrics: Sequence[MetricSpec], console: Console, engine: str) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn())
        with Progress(*columns, TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(), console=console) as bar:
            start = measured(grid=grid, metrics=metrics)
            task = bar.add_task("measuring", total=sum(m.pictures for m in start))

            def report(_flying: list[tuple[float, str]]) -> None:
                done = (m.numbers + m.without for m in measured(grid=grid, metrics=metrics))
                bar.update(task, completed=sum(done))

            work(engine=engine, grid=grid, report=report)
            report([])


def _grid(slug: str) -> Grid:
    try:
        return Grid.objects.get(slug=slug)
    except Grid.DoesNotExist:
        known = ", ".join(Grid.objects.order_by("slug").values_list("slug", flat=True)[:20]) or "none yet"
        raise CommandError(f"There is no grid {slug!r}. There are: {known}.") from None


def catalogue_table() -> Table:
    """The catalogue for people: key, what it is, its role, which end is better, within what comparable, its needs."""
    table = Table(title="Metrics that can be taken on any picture", title_justify="left")
    for column in ("metric", "what it is", "role", "better", "comparable", "needs"):
        table.add_column(column, overflow="fold")
    for entry in catalogue.entries():
        needs = [f"the {entry.reference} picture"] if entry.reference != "none" else []
        needs += [entry.network] if entry.network else []
        better = "" if entry.role == "descriptor" else entry.direction.removesuffix("_better")
        table.add_row(entry.key, entry.label, entry.role, better, entry.comparable_within, ", ".join(needs))
    return table
