"""`manage.py best_rates SEARCH --out FILE.toml`: from a finished search to the grid that shows what it found."""

import re
import tomllib
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from generation.core import grid as gridfile
from generation.core.search import Found, Run, SearchError, grid_text, search
from generation.core.spec import sha256_bytes
from generation.models import Grid, Render
from generation.selectors import grid_cells, grid_progress


class Command(BaseCommand):
    help = "Write the grid file with every optimiser at its published default and at the best rate of a search."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("search", help="slug of the finished search grid: optimisers x learning rates")
        parser.add_argument(
            "--out", type=Path, required=True, help="the new grid file; its name becomes the grid's slug"
        )

    def handle(self, *args: Any, search: str, out: Path, **options: Any) -> None:
        grid = Grid.objects.filter(slug=search).first()
        if grid is None:
            known = ", ".join(Grid.objects.values_list("slug", flat=True)) or "none"
            raise CommandError(f"There is no grid {search!r}. Known: {known}.")
        _check_out(out)
        try:
            self._write(grid, out)
        except SearchError as error:
            raise CommandError(f"{grid.slug}: {error}") from None

    def _write(self, grid: Grid, out: Path) -> None:
        _check_finished(grid)
        found = search(_runs(grid))
        file = tomllib.loads(grid.toml)
        _check_sources(grid, file, out)
        params = grid.conditions.filter(condition__role="grid")[0].condition.params
        text = grid_text(file, params, grid.reference, found, slug=out.stem, digest=grid.digest)
        _check_nothing_anew(grid, found, text)
        out.write_text(text, encoding="utf-8")
        for entry in found:
            if entry.best:
                words = f"{entry.label}: best {entry.best.rate:g} of {len(entry.tried)} rates"
                self.stdout.write(f"{words}, loss {entry.best.value:.4f} times the lowest of its scene")
            if entry.warning:
                self.stderr.write(self.style.WARNING(entry.warning))
        self.stdout.write(f"{out}: render it with manage.py render {out}")


def _check_out(out: Path) -> None:
    if out.suffix != ".toml" or not re.fullmatch(r"[a-z0-9][a-z0-9-]*", out.stem):
        raise CommandError(
            f"--out {out}: call the file by a slug of lower-case letters, digits and hyphens, and .toml."
        )
    if out.exists():
        raise CommandError(f"--out {out}: there is a file already. Choose another name or take it away.")
    if not out.parent.is_dir():
        raise CommandError(f"--out {out}: there is no folder {out.parent}.")


def _check_finished(grid: Grid) -> None:
    progress = grid_progress(grid)
    if not grid.toml:
        raise SearchError("The grid was imported and has no grid file, so no new one can be made of it.")
    if progress.waiting:
        raise SearchError(f"The search is not finished: {progress.words}. Render the rest first.")
    if progress.failed:
        raise SearchError(f"The search has gaps: {progress.words}. Mend it and render it again with --retry.")


def _runs(grid: Grid) -> list[Run]:
    """Every picture of the grid's own conditions with its primary metric."""
    metric = grid.metrics.select_related("metric").get(is_primary=True).metric
    if metric.direction != "lower_better":
        raise SearchError(
            f"The primary metric, {metric.label}, is no loss; higher is better. There is no best rate by it."
        )
    runs = []
    for cell in grid_cells(grid).filter(condition__role="grid"):
        place = f"{cell.scene.label}, replicate {cell.replicate + 1}"
        if cell.render.status == Render.Status.NAN:
            runs.append(Run(cell.condition.params, place, None, diverged=True))
            continue
        score = next((s for s in cell.render.scores.all() if s.metric_id == metric.pk), None)
        if score is None or score.value is None:
            reason = score.reason if score else "Render the grid again: the same command measures what is missing."
            raise SearchError(f"A picture of {place} has no {metric.label}. {reason}")
        runs.append(Run(cell.condition.params, place, score.value))
    return runs


def _check_sources(grid: Grid, file: dict[str, Any], out: Path) -> None:
    """The paths of the sources lead from the folder of the search's own file; the new one has to lie there too."""
    needed = {sha for cell in grid.cells.select_related("scene") for sha in cell.scene.source_ids}
    paths = {name: out.parent / source["file"] for name, source in file["sources"].items()}
    found = {name: sha256_bytes(path.read_bytes()) for name, path in paths.items() if path.is_file()}
    if not needed <= set(found.values()):
        lost = ", ".join(name for name in paths if found.get(name) not in needed)
        raise SearchError(
            f"Read from {out.parent}, these sources are not the pictures of the search: {lost}. Write --out into the "
            "folder of the search's grid file, from where its paths lead."
        )


def _check_nothing_anew(grid: Grid, found: list[Found], text: str) -> None:
    """Every searched condition of the new grid is a condition of the search, so its pictures are there."""
    rendered = set(grid.conditions.values_list("condition__digest", flat=True))
    new = gridfile.parse(text)
    again = sum(condition.digest in rendered for condition in new.conditions if condition.role == "grid")
    if again < sum(entry.best is not None for entry in found):
        raise SearchError(
            "Defaults of the method have changed since the search was rendered, so that its conditions cannot be "
            "written down again. Render the search under a new slug first."
        )
