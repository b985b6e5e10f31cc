"""manage.py write_study: a study as one file."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyplatform.voting.models import Study
from studyplatform.voting.services.study_file import study_file


class Command(BaseCommand):
    help = "Write the design of a study as one file, which import_study reads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the study's slug")
        parser.add_argument("--out", type=Path, help="the file; without it the text is written to the terminal")

    def handle(self, *args: Any, study: str, out: Path | None, **options: Any) -> None:
        row = Study.objects.filter(slug=study).first()
        if row is None:
            known = ", ".join(Study.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no study {study!r}. Known: {known}.")
        text = study_file(row)
        if out is None:
            self.stdout.write(text, ending="")
            return
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{out}: {error.strerror}.") from None
        self.stdout.write(f"{out} is written.")
