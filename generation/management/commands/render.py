"""`manage.py render GRID.toml`: plan a grid, render what is missing, resume after anything."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress
from rich.table import Table

from generation.core.engines import ENGINES, EngineBroken
from generation.core.grid import GridError, GridFile, parse
from generation.core.grid.photographs import DATA, MASKS, STYLES
from generation.core.spec import Scalar
from generation.core.weights import WeightsError
from generation.management.owners import owner_named
from generation.management.progress import rendering_bar
from generation.models import Grid
from generation.selectors import grid_progress
from generation.services import GridLayout, grid_lay, grid_layout, missing_scores_lay
from generation.services.foretelling import trainings_foretold
from generation.services.queue import grid_retry
from generation.services.work import WorkInterrupted, work

#: Seconds of reading photographs after which a line says so.
SILENT = 2.0
#: Option -> place of the grid file that names a folder.
FOLDERS = {"photographs": DATA, "masks": MASKS, "styles": STYLES}


class Command(BaseCommand):
    help = "Render a grid file; the same command resumes. --plan prints the conditions and renders nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("grid", nargs="?", type=Path, help="grid file (TOML)")
        parser.add_argument("--plan", action="store_true", help="print the conditions and their count, render nothing")
        parser.add_argument(
            "--estimate", action="store_true", help="say how long the training will take here, then stop"
        )
        for option, place in FOLDERS.items():
            parser.add_argument(f"--{option}", type=Path, help=f"folder instead of the one that {place} names")
        parser.add_argument("--worker", action="store_true", help="serve the queue: render whatever is in it")
        parser.add_argument("--once", action="store_true", help="with --worker: stop when the queue is empty")
        parser.add_argument("--retry", action="store_true", help="queue failed renders of this grid again")
        parser.add_argument("--owner", help="user name of the owner (default: the first researcher)")
        parser.add_argument("--engine", default=settings.EYEBALLOT_ENGINE, help=ENGINES)

    def handle(self, *args: Any, grid: Path | None, **options: Any) -> None:
        try:
            if options["worker"]:
                work(engine=options["engine"], forever=not options["once"])
            elif grid is None:
                raise CommandError("Name a grid file (manage.py render GRID.toml) or serve the queue with --worker.")
            else:
                self._render(grid, options)
        except WorkInterrupted as stop:
            raise CommandError(str(stop), returncode=130) from None
        except (EngineBroken, ValueError) as error:  # a worker that died, an engine nobody knows
            raise CommandError(str(error)) from None

    def _render(self, path: Path, options: dict[str, Any]) -> None:
        console = Console(width=None if self.stdout.isatty() else 120)
        text = self._text(path)
        try:
            # The table needs no weights: looking at a plan must not download a network.
            file = parse(text, lambda name, param: param.default)
        except GridError as error:
            raise CommandError(f"{path}: {error}") from None
        console.print(plan_table(file))
        console.print(plan_words(file))
        if options["plan"]:
            _say(console, file.notes)
            return
        with reading_bar(console) as tick:
            folders = {place: options[option] for option, place in FOLDERS.items() if options[option]}
            layout = self._layout(path, text, folders, tick)
        _say(console, layout.notes)
        foretold = trainings_foretold(layout=layout, engine=options["engine"])
        if foretold:
            console.print(foretold)
        if options["estimate"]:
            return
        try:
            grid = grid_lay(owner=owner_named(options["owner"]), layout=layout)
        except GridError as error:
            raise CommandError(f"{path}: {error}") from None
        if grid.toml != text:
            console.print("Note: this design was laid before; the grid keeps the words of its first file.")
        if options["retry"]:
            console.print(f"{grid_retry(grid=grid)} failed renders are tried again.")
        self._work(grid, console, options["engine"])
        progress = grid_progress(grid)
        console.print(f"{grid.title}: {progress.words}.")
        if progress.waiting:
            raise CommandError(f"{progress.waiting} images are not rendered yet. The same command goes on from here.")
        if progress.failed:
            reasons = set(grid.cells.filter(render__status="failed").values_list("render__reason", flat=True))
            raise CommandError("\n".join(sorted(reasons)) + "\nMend it and run the same command with --retry.")

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{path}: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise CommandError(f"{path} is not a text file; a grid file is TOML in UTF-8.") from None

    def _layout(
        self, path: Path, text: str, folders: Mapping[str, Path], tick: Callable[[int, int], None]
    ) -> GridLayout:
        folder = path.parent
        try:
            return grid_layout(
                text=text,
                read=lambda file: (folder / file).read_bytes(),
                folder=folder,
                folders=folders,
                tick=tick,
            )
        except (GridError, WeightsError) as error:
            raise CommandError(f"{path}: {error}") from None

    def _work(self, grid: Grid, console: Console, engine: str) -> None:
        with rendering_bar(console, grid) as report:
            work(engine=engine, grid=grid, report=report)
            if missing_scores_lay(grid=grid):
                work(engine=engine, grid=grid, report=report)


@contextmanager
def reading_bar(console: Console) -> Iterator[Callable[[int, int], None]]:
    """A bar for the photographs that are read, which appears when it takes a while; yields what moves it."""
    bar = Progress(console=console, transient=True)
    line = bar.add_task("reading photographs")
    first: list[float] = []

    def tick(done: int, total: int) -> None:
        first[:] = first or [time.monotonic()]
        bar.update(line, completed=done, total=total)
        if time.monotonic() - first[0] > SILENT:
            bar.start()

    try:
        yield tick
    finally:
        if bar.live.is_started:
            bar.stop()


def _say(console: Console, notes: Sequence[str]) -> None:
    for note in notes:
        console.print(f"[yellow]Note:[/yellow] {escape(note)}", highlight=False)


def plan_table(file: GridFile) -> Table:
    """The conditions of a grid as a table: label, what varies, what it changes."""
    grid = [c for c in file.conditions if c.role == "grid"]
    varying = [k for k in grid[0].params if len({repr(c.params[k]) for c in grid}) > 1]
    table = Table(title=f"{file.title} — {len(file.conditions)} conditions", title_justify="left")
    for column in ("#", "condition", *varying, "changes", "role"):
        table.add_column(column)
    for number, condition in enumerate(file.conditions, 1):
        cells = [_cell(condition.params.get(k, "")) for k in varying]
        factor = "default" if condition.is_default else condition.factor
        table.add_row(str(number), condition.label, *cells, factor, condition.role)
    return table


def _cell(value: Scalar) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def plan_words(file: GridFile) -> str:
    """The count of a grid in words."""
    seeds = f" × {len(file.seeds)} seeds" if len(file.seeds) > 1 else ""
    scenes = f"{len(file.scenes)} scene{'s' if len(file.scenes) > 1 else ''}"
    return f"{scenes} × {len(file.conditions)} conditions{seeds}: at most {file.renders} images."
