"""manage.py erase_participant: the one way in which votes are deleted."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyplatform.voting.models import Study
from studyplatform.voting.selectors import participants_named
from studyplatform.voting.services import participant_erase


class Command(BaseCommand):
    help = "Delete everything about one participant; what is left is a tombstone: study, day and counts."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the study's slug")
        parser.add_argument(
            "participant", help="a completion code, an id of participants.csv, an id at the panel, or a token"
        )
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            raise CommandError(f"There is no study {options['study']!r}.")
        found = participants_named(study, options["participant"])
        if len(found) != 1:
            many = "nobody" if not found else f"{len(found)} people"
            raise CommandError(f"{options['participant']!r} names {many} in “{study}”. Nothing was deleted.")
        if not options["yes"]:
            self.stdout.write(f"This deletes all answers of {found[0]} for good. Type yes to go on: ", ending="")
            if input() != "yes":
                raise CommandError("Nothing was deleted.")
        tombstone = participant_erase(participant=found[0])
        self.stdout.write(f"Erased: {tombstone.votes} votes of {tombstone.trials} trials. The tombstone says so.")
