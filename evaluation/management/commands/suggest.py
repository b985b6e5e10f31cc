"""``manage.py suggest STUDY``: the grid to render next, as a grid file. Nothing is launched."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evaluation.services import EvaluationError
from evaluation.suggest import suggestion
from studyplatform.voting.models import Study


class Command(BaseCommand):
    help = "Print the next grid as TOML: 4 to 8 conditions around what was preferred, each with its reason."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The study, and where the file goes."""
        parser.add_argument("study", help="The study's slug.")
        parser.add_argument("--out", type=Path, help="Write the grid file here instead of printing it.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no study “{options['study']}”. Studies: {known}.")
        try:
            found = suggestion(study)
        except EvaluationError as error:
            raise CommandError(str(error)) from error
        if not found.toml:
            self.stdout.write(found.sentence)
            return
        if options["out"] is None:
            self.stdout.write(found.toml)
            return
        if options["out"].exists():
            raise CommandError(f"{options['out']} is there already: name another file, or take it away first.")
        try:
            options["out"].write_text(found.toml, encoding="utf-8")
        except OSError as error:
            raise CommandError(f"The grid file cannot be written: {error}") from error
        self.stdout.write(f"{found.sentence}\n{options['out']}")
