"""manage.py import_study: make a draft of a study file, or of a study that comes with Eyeballot."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from studyplatform.voting.services import StudyError
from studyplatform.voting.services.study_file import ready_studies, ready_text, study_import


class Command(BaseCommand):
    help = "Import a study from a file, or a ready study by its name (without a name: list the ready ones)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", nargs="?", help="a file that ends in .study.json, or the name of a ready study")
        parser.add_argument("--owner", help="the researcher whose draft it becomes; without it the only superuser")

    def handle(self, *args: Any, file: str | None, owner: str | None, **options: Any) -> None:
        if file is None:
            for study in ready_studies():
                self.stdout.write(f"{study.name}: {study.title}")
            return
        by = _researcher(owner)
        try:
            made = study_import(data=_data(file), by=by)
        except StudyError as error:
            raise CommandError("\n".join(error.problems)) from None
        self.stdout.write(f"“{made.study}” is a draft of {by} now, called {made.study.slug}.")
        for note in made.notes:
            self.stdout.write(f"- {note}")


def _data(file: str) -> bytes:
    if any(study.name == file for study in ready_studies()):
        return ready_text(file)
    try:
        return Path(file).read_bytes()
    except OSError as error:
        names = ", ".join(study.name for study in ready_studies())
        raise CommandError(f"{file}: {error.strerror}. It is no ready study either: {names}.") from None


def _researcher(name: str | None) -> User:
    people = User.objects.filter(is_active=True)
    if name is not None:
        found = people.filter(username=name).first()
        if found is None:
            raise CommandError(f"There is no researcher called {name!r}.")
        return found
    superusers = list(people.filter(is_superuser=True)[:2])
    if len(superusers) != 1:
        raise CommandError("Say whose draft it becomes: --owner NAME.")
    return superusers[0]
