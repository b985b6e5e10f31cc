"""``manage.py evaluate STUDY`` or ``--bundle DIR --out DIR``: hold votes against losses and print the verdict."""

from argparse import ArgumentParser
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evaluation.core.bundle import FORMATS, BundleError, load
from evaluation.core.dataset import StudyData
from evaluation.core.options import Options
from evaluation.core.outcome import outcome


class Command(BaseCommand):
    help = "Analyse a study (or a bundle of CSV files) and print the verdict and where the report is."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Either a study, or --bundle and --out."""
        parser.add_argument("study", nargs="?", help="The study's slug.")
        parser.add_argument("--bundle", type=Path, help="Analyse the CSV files in this folder, without the database.")
        parser.add_argument("--out", type=Path, help="With --bundle or --format: the folder to write into.")
        parser.add_argument("--format", choices=sorted(FORMATS), help="Only write the votes for this other tool.")
        parser.add_argument("--seed", type=int, default=1, help="Seed of the resampling (default 1).")
        parser.add_argument(
            "--unblind", action="store_true", help="Look while people still vote; goes into the audit log."
        )
        parser.add_argument(
            "--host",
            default="",
            help="Beginning of the printed address, such as https://study.example; without it the path is printed.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        if (options["bundle"] or options["format"]) and options["out"] is None:
            raise CommandError(f"--{'bundle' if options['bundle'] else 'format'} needs --out DIR for the results.")
        if options["bundle"]:
            self._bundle(options)
        elif options["study"]:
            self._study(options)
        else:
            raise CommandError("Name a study, or give --bundle DIR --out DIR.")

    def _bundle(self, options: dict[str, Any]) -> None:
        try:
            loaded = load(options["bundle"])
        except BundleError as error:
            raise CommandError(f"{options['bundle']}: {error}") from error
        for note in loaded.notes:
            self.stdout.write(note)
        if options["format"]:
            return self._votes(loaded.data, options)
        found = outcome(loaded, Options.planned(loaded.data, seed=options["seed"]))
        _write(found.files, options["out"])
        for result in found.results:
            self._print(result)
        for result in found.results:
            self.stdout.write(str(options["out"] / result["question"]["id"] / "report.html"))
        return None

    def _votes(self, data: StudyData, options: dict[str, Any]) -> None:
        for question in data.asked:
            files = FORMATS[options["format"]](data, question.id)
            _write(files, options["out"] / question.id)
            for name in files:
                self.stdout.write(str(options["out"] / question.id / name))

    def _study(self, options: dict[str, Any]) -> None:
        # Imported here: a bundle needs none of the rows, nor the settings they need.
        from django.urls import reverse

        from evaluation.inputs import study_data
        from evaluation.services import EvaluationError, analysis_run
        from studyplatform.voting.models import Study
        from studyplatform.voting.selectors import is_blind

        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no study “{options['study']}”. Studies: {known}.")
        if options["format"]:
            if is_blind(study):
                raise CommandError(
                    f"“{study}” still takes votes, which stay sealed until it is closed. Close it first."
                )
            return self._votes(study_data(study), options)
        try:
            analyses = analysis_run(study=study, seed=options["seed"], unblind=options["unblind"])
        except EvaluationError as error:
            raise CommandError(str(error)) from error
        for analysis in analyses:
            self._print(analysis.results)
        self.stdout.write(f"{options['host']}{reverse('evaluation:report', args=[study.slug])}")
        return None

    def _print(self, result: dict[str, Any]) -> None:
        for notice in result["notices"]:
            self.stdout.write(notice["sentence"])
        head = result["headline"]
        self.stdout.write(f"“{result['question']['text']}”  {head['mark']} {head['verdict_word']}: {head['sentence']}")
        if head["basis"]:
            self.stdout.write(head["basis"])


def _write(files: Mapping[str, bytes], folder: Path) -> None:
    try:
        for name, content in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    except OSError as error:
        raise CommandError(f"{folder} cannot be written ({error.strerror}). Give another --out.") from error
