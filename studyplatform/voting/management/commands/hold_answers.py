"""manage.py hold_answers: are the answers that are kept of complete sessions those of their votes?"""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyplatform.voting.models import Study
from studyplatform.voting.services.kept import answers_hold


class Command(BaseCommand):
    help = "Keep the answers of complete sessions that are not kept yet, and hold those that are against their votes."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", nargs="?", help="the study's slug; without it, all studies")

    def handle(self, *args: Any, **options: Any) -> None:
        studies = Study.objects.filter(slug=options["study"]) if options["study"] else Study.objects.order_by("pk")
        if options["study"] and not studies:
            raise CommandError(f"There is no study {options['study']!r}.")
        wrong = 0
        for study in studies:
            held = answers_hold(study=study)
            wrong += held.wrong
            self.stdout.write(
                f"{study.slug}: {held.complete} complete sessions looked at, {held.missing} kept from now on."
            )
            if held.wrong:
                self.stdout.write(f"{study.slug}: {held.wrong} were kept otherwise than they are, and are mended.")
        if wrong:
            raise CommandError(
                f"The answers of {wrong} sessions had changed past the database's triggers. Pages are right again."
            )
