"""manage.py reconcile: are the codes that were given out what the stored votes say?"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyplatform.voting.models import Study
from studyplatform.voting.services import reconcile


class Command(BaseCommand):
    help = "Compare completion codes with stored votes, and with the codes that a panel was handed in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the study's slug")
        parser.add_argument(
            "--codes",
            type=Path,
            help="a file with the codes that were handed in, one on a line; for a panel with one code for all, the ids",
        )
        parser.add_argument("--mend", action="store_true", help="complete the sessions whose every pair is answered")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study {options['study']!r}.")
        codes: list[str] | None = None
        if options["codes"]:
            try:
                codes = [line.strip() for line in options["codes"].read_text().splitlines() if line.strip()]
            except (OSError, UnicodeDecodeError) as error:
                raise CommandError(f"{options['codes']} cannot be read: {error}.") from error
        found = reconcile(study=study, codes=codes, mend=options["mend"])
        self.stdout.write(f"{found.complete} complete sessions, {found.codes} codes given out, {found.votes} votes.")
        for sentence in found.sentences:
            self.stdout.write(f"- {sentence}")
        if found.sentences:
            raise CommandError(f"{len(found.sentences)} things do not agree.")
        self.stdout.write("Everything agrees.")
