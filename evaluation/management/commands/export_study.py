"""``manage.py export_study STUDY --out DIR`` or ``--zip FILE``: everything about a study, to be analysed anywhere."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from evaluation.exports import LAYOUTS, Export, bundle_save, bundle_zip, export_record
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import is_sealed
from studyplatform.voting.services import StudyError, study_unblind


class Command(BaseCommand):
    help = "Write the data of a study, and the tables and figures of their analysis, into a folder or a zip."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """A study, and where to write."""
        parser.add_argument("study", help="The study's slug.")
        where = parser.add_mutually_exclusive_group(required=True)
        where.add_argument("--out", type=Path, help="A folder that is empty or not there yet.")
        where.add_argument("--zip", type=Path, help="A file to write, as the download is.")
        parser.add_argument(
            "--layout", choices=sorted(LAYOUTS), default="bundle", help="bundle, or psychds: named as Psych-DS asks."
        )
        parser.add_argument("--images", action="store_true", help="With the pictures.")
        parser.add_argument("--without-choices", action="store_true", help="Without who chose what, and no results.")
        parser.add_argument(
            "--unblind", metavar="REASON", help="Look while people still vote; goes into the audit log."
        )
        parser.add_argument("--stamp", action="store_true", help="Write the time into manifest.json; the bytes differ.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no study “{options['study']}”. Studies: {known}.")
        folder, choices = options["out"], not options["without_choices"]
        if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise CommandError(f"{folder} is there already and not an empty folder. Give another --out.")
        if choices and is_sealed(study):
            self._unseal(study, options["unblind"])
        record = export_record(study=study, contents="everything" if choices else "everything but the choices", by=None)
        stamp = timezone.now().isoformat() if options["stamp"] else None
        export = Export(study, choices=choices, images=options["images"], created_at=stamp)
        try:
            if folder is not None:
                bundle_save(export, folder, record=record, layout=options["layout"])
            else:
                with options["zip"].open("wb") as file:
                    for piece in bundle_zip(export, record=record, layout=options["layout"]):
                        file.write(piece)
        except OSError as error:
            place = folder or options["zip"]
            raise CommandError(f"{place} cannot be written ({error.strerror}). Write it elsewhere.") from error
        number = f"Export {record.number}: " if record is not None else "SIMULATED: "
        self.stdout.write(f"{number}{folder or options['zip']} (data {export.digest[:12]})")

    def _unseal(self, study: Study, reason: str | None) -> None:
        if reason is None:
            raise CommandError(
                f"“{study}” still takes votes ({study.state}), and who chose what stays sealed until it is closed. "
                "Take everything else with --without-choices, or give a reason with --unblind, which is written to its "
                "audit log."
            )
        try:
            study_unblind(study=study, by=None, reason=reason)
        except StudyError as error:
            raise CommandError(str(error)) from error
