"""The progress bar of a rendering, on a terminal and in a log."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from generation.models import Grid
from generation.selectors import grid_progress, grid_trainings

#: Called with the share of each job in flight that is done, and what its worker last said.
Report = Callable[[list[tuple[float, str]]], None]


@contextmanager
def rendering_bar(console: Console, grid: Grid) -> Iterator[Report]:
    """A bar that counts the renders of ``grid``; yields the function that moves it."""
    start = grid_progress(grid)
    trainings = grid_trainings(grid)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=False) as bar:
        training = bar.add_task("training", total=trainings.total) if trainings.total else None
        rendering = bar.add_task("rendering", total=start.total, completed=start.total - start.waiting)
        said: dict[int, TaskID] = {}

        def report(flying: list[tuple[float, str]]) -> None:
            # A job in flight counts by its share of what is left, so that the bar moves step by step.
            shares = [share for share, words in flying if not words]
            if training is not None:
                over = grid_trainings(grid)
                bar.update(training, completed=over.done + sum(share for share, words in flying if words))
                _say(bar, said, [words for _, words in flying if words])
            now = grid_progress(grid)
            moving = sum(shares) / max(1, len(shares)) * min(now.waiting, len(shares)) if shares else 0
            bar.update(rendering, completed=now.total - now.waiting + moving)

        yield report


def _say(bar: Progress, said: dict[int, TaskID], words: list[str]) -> None:
    """A line under the bars for each training under way: its epoch, its losses, its time left."""
    for place in range(max(len(words), len(said))):
        if place not in said:
            said[place] = bar.add_task("", total=None)
        text = words[place] if place < len(words) else ""
        bar.update(said[place], description=text, visible=bool(text))
