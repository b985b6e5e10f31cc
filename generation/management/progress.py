"""The progress bar of a rendering, on a terminal and in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from generation.models import Grid
from generation.selectors import grid_progress

#: Called with the number of jobs in flight and the share of each that is done.
Report = Callable[[list[float]], None]


@contextmanager
def rendering_bar(console: Console, grid: Grid) -> Iterator[Report]:
    """A bar that counts the renders of ``grid``; yields the function that moves it."""
    start = grid_progress(grid)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=False) as bar:
        task = bar.add_task("rendering", total=start.total, completed=start.total - start.waiting)

        def report(shares: list[float]) -> None:
            now = grid_progress(grid)
            done = now.total - now.waiting
            # A job in flight counts by its share of what is left, so that the bar moves step by step.
            flying = sum(shares) / max(1, len(shares)) * min(now.waiting, len(shares)) if shares else 0
            bar.update(task, completed=done + flying)

        yield report
