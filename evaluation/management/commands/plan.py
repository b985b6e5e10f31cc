"""``manage.py plan STUDY [--out DIR]``: how many participants a study needs, from its own grid, before it has votes."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evaluation import plan as planning
from evaluation.core.figures.power import assumed_words, grid_words
from evaluation.core.sessions import Design
from evaluation.models import PowerPlan
from evaluation.plan.running import PEOPLE, REPLICATES
from evaluation.services import EvaluationError
from studyplatform.voting.models import Study


class Command(BaseCommand):
    help = "Power of the primary test against the number of participants, for the study's own design (figure F13)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The study, the numbers of participants, and where the files go."""
        parser.add_argument("study", help="The study's slug.")
        parser.add_argument("--people", default=PEOPLE, help=f"Numbers of participants (default {PEOPLE}).")
        parser.add_argument(
            "--replicates", type=int, default=REPLICATES, help=f"Simulated studies per point (default {REPLICATES})."
        )
        parser.add_argument("--seed", type=int, default=1, help="Seed of the simulation (default 1).")
        parser.add_argument("--out", type=Path, help="A folder for the figure and power.csv.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it, or go on with what was begun; the plan is kept and stands in the admin."""
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no study “{options['study']}”. Studies: {known}.")
        try:
            people = planning.numbers_of(options["people"])
            if options["out"]:
                _folder(options["out"])
            plan = planning.plan_start(
                study=study, by=None, people=people, replicates=options["replicates"], seed=options["seed"]
            )
        except EvaluationError as error:
            raise CommandError(str(error)) from error
        while plan.finished_at is None:
            plan = planning.plan_step(plan=plan, number=plan.done)
            self._progress(plan)
        self._say(study, plan)
        if options["out"]:
            self._write(planning.plan_files(planning.plan_json(plan)), options["out"])

    def _say(self, study: Study, plan: PowerPlan) -> None:
        result, rows, design = planning.plan_json(plan), planning.whole_rows(plan), Design.from_json(plan.design)
        costs = [planning.cost_of(study, design, people) for people in plan.options["people"]]
        self.stdout.write(f"“{study}”: {grid_words(result)}, {study.sessions_planned} planned.")
        for table in planning.plan_tables(rows):
            self.stdout.write(table["title"])
            self.stdout.write("participants" + "".join(f"{head:>9}" for head in table["heads"]))
            for people, numbers in table["lines"]:
                self.stdout.write(f"{people:>12}" + "".join(f"{number:>9}" for number in numbers))
        for line in [
            *planning.plan_sentences(rows, study.sessions_planned),
            *planning.cost_sentences(study, costs),
            *planning.plan_warnings(design, minutes=costs[0].minutes, planned=study.sessions_planned, rows=rows),
        ]:
            self.stdout.write(line)
        self.stdout.write(f"{plan.options['replicates']} simulated studies per number; {assumed_words(result)}.")

    def _progress(self, plan: PowerPlan) -> None:
        """One line that is written over on a terminal; elsewhere a line per step."""
        text = f"{plan.done} of {plan.total} studies simulated"
        if self.stderr.isatty():
            self.stderr.write(text.ljust(60), ending="\r" if plan.finished_at is None else "\n")
        else:
            self.stderr.write(text)

    def _write(self, files: dict[str, bytes], folder: Path) -> None:
        try:
            for name, content in files.items():
                (folder / name).write_bytes(content)
                self.stdout.write(str(folder / name))
        except OSError as error:
            raise _unwritable(folder, error) from error


def _folder(folder: Path) -> None:
    """Make the folder first: nobody wants to hear of it after the simulation."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> CommandError:
    return CommandError(f"{folder} cannot be written ({error.strerror}). Give another --out.")
