"""``manage.py evaluate STUDY``: hold the votes of a study against its losses and print the verdict."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from evaluation.core.analysis import analyse
from evaluation.core.bundle import BundleError, load
from evaluation.core.figures import chart_files
from evaluation.core.options import Options
from evaluation.services import EvaluationError, analysis_run
from studyplatform.voting.models import Study


class Command(BaseCommand):
    help = "Analyse a study (or a bundle of CSV files) and print the verdict and the address of the report."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Either a study, or --bundle and --out."""
        parser.add_argument("study", nargs="?", help="The study's slug.")
        parser.add_argument("--bundle", type=Path, help="Analyse the CSV files in this folder, without the database.")
        parser.add_argument("--out", type=Path, help="With --bundle: where results.json and the figures go.")
        parser.add_argument("--seed", type=int, default=1, help="Seed of the resampling (default 1).")
        parser.add_argument(
            "--unblind", action="store_true", help="Look while people still vote; goes into the audit log."
        )
        parser.add_argument("--host", default="http://127.0.0.1:8000", help="Beginning of the printed address.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        if options["bundle"]:
            return self._bundle(options)
        if not options["study"]:
            raise CommandError("Name a study, or give --bundle DIR --out DIR.")
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no study “{options['study']}”. Studies: {known}.")
        try:
            analyses = analysis_run(study=study, options=Options(seed=options["seed"]), unblind=options["unblind"])
        except EvaluationError as error:
            raise CommandError(str(error)) from error
        for analysis in analyses:
            self._print(analysis.results)
        self.stdout.write(f"{options['host']}{reverse('evaluation:report', args=[study.slug])}")
        return None

    def _bundle(self, options: dict[str, Any]) -> None:
        if options["out"] is None:
            raise CommandError("--bundle needs --out DIR for the results.")
        try:
            data = load(options["bundle"])
        except BundleError as error:
            raise CommandError(f"{options['bundle']}: {error}") from error
        except OSError as error:
            raise CommandError(f"The bundle cannot be read: {error}") from error
        for question in data.questions:
            result = analyse(data, Options(seed=options["seed"]), question=question.id)
            folder = options["out"] / question.id
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "results.json").write_text(
                json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
            )
            for name, content in chart_files(result).items():
                (folder / name).write_bytes(content)
            self._print(result)
        self.stdout.write(str(options["out"]))

    def _print(self, result: dict[str, Any]) -> None:
        for notice in result["notices"]:
            self.stdout.write(notice["sentence"])
        head = result["headline"]
        self.stdout.write(f"“{result['question']['text']}”  {head['mark']} {head['verdict_word']}: {head['sentence']}")
        if head["basis"]:
            self.stdout.write(head["basis"])
