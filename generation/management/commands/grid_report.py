"""`manage.py grid_report GRID`: what the losses of a grid say, without any votes, as a folder that stands alone."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.loader import render_to_string

from generation import report
from generation.core.report.contents import contents
from generation.core.report.data import Report
from generation.core.report.figures import INDEX
from generation.models import Grid
from generation.services.artifacts import ArtifactMissing, artifact_bytes

STYLES = {"site.css": "eyeballot/site.css", "report.css": "generation/report.css"}


class Command(BaseCommand):
    help = "Write a grid's contact sheet, loss figures and tables into a folder; the same rows give the same bytes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("grid", help="slug of the grid")
        parser.add_argument("--out", type=Path, metavar="DIR", help="folder (default: var/reports/<slug>)")
        parser.add_argument("--full", action="store_true", help="copy the pictures at full size as well")

    def handle(self, *args: Any, grid: str, out: Path | None, full: bool, **options: Any) -> None:
        row = Grid.objects.filter(slug=grid).first()
        if row is None:
            known = ", ".join(Grid.objects.values_list("slug", flat=True)) or "none yet (manage.py render makes one)"
            raise CommandError(f"There is no grid {grid!r}. Known: {known}.")
        folder = out or Path(settings.REPORTS_ROOT) / row.slug
        gathered = report.gather(row, curves=False)
        files = report.stored_files(row)
        pictures, away = self._pictures(gathered, full=full)
        for note in away:
            self.stderr.write(note)
        figures = report.figures_of(files.pop(INDEX))
        page = contents(
            gathered,
            figures,
            file=lambda name: name,
            picture=lambda kind, sha256: name if (name := _name(kind, sha256)) in pictures else "",
        )
        files |= pictures | {name: self._style(path) for name, path in STYLES.items()}
        files["index.html"] = render_to_string("generation/report_folder.html", page).encode()
        try:
            for name, data in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(data)
        except OSError as error:
            raise CommandError(f"{folder}: {error.strerror or error}. Name a folder with --out.") from None
        self.stdout.write(f"{folder / 'index.html'}: {len(figures)} figures, {len(gathered.runs)} pictures")

    def _pictures(self, gathered: Report, *, full: bool) -> tuple[dict[str, bytes], list[str]]:
        """Name in the folder -> bytes of each picture, and a sentence for each file that is away."""
        files: dict[str, bytes] = {}
        away: list[str] = []
        for sha256 in dict.fromkeys(run.image for run in gathered.runs if run.image):
            try:
                files[_name("thumbnail", sha256)] = report.thumbnail(sha256)
                if full:
                    files[_name("full", sha256)] = artifact_bytes(sha256)
            except ArtifactMissing as error:
                away.append(str(error))
        return files, away

    def _style(self, path: str) -> bytes:
        found = finders.find(path)
        if found is None:
            raise CommandError(f"The stylesheet {path} is not installed; install Eyeballot again.")
        return Path(found).read_bytes()


def _name(kind: str, sha256: str) -> str:
    return f"thumbnails/{sha256}.webp" if kind == "thumbnail" else f"full/{sha256}.png"
