"""manage.py reconcile: are the codes that were given out what the stored votes say?"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyplatform.voting.core import submissions
from studyplatform.voting.models import Study
from studyplatform.voting.services import has_one_code, reconcile


class Command(BaseCommand):
    help = "Compare completion codes with stored votes, and with what was handed in at the panel."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the study's slug")
        parser.add_argument(
            "--codes",
            type=Path,
            help="what was handed in: the table that the panel exports, or a file with one code on a line; for a panel "
            "with one code for all, one id on a line",
        )
        parser.add_argument("--mend", action="store_true", help="complete the sessions whose every pair is answered")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study {options['study']!r}.")
        handed_in = None
        if options["codes"]:
            try:
                text = submissions.decoded(options["codes"].read_bytes(), str(options["codes"]))
                read = submissions.read(text, ids=has_one_code(study))
            except OSError as error:
                raise CommandError(f"{options['codes']} cannot be read: {error}.") from error
            except ValueError as error:
                raise CommandError(str(error)) from error
            self.stdout.write(read.read_as)
            handed_in = read.handed_in
        result = reconcile(study=study, handed_in=handed_in, mend=options["mend"])
        self.stdout.write(f"{result.complete} complete sessions, {result.codes} codes given out, {result.votes} votes.")
        for one in result.found:
            self.stdout.write(f"- {one.sentence}{' --mend completes it.' if one.mendable else ''}")
        if result.found:
            raise CommandError(f"{len(result.found)} things do not agree.")
        self.stdout.write("Everything agrees.")
