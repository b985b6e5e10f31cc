"""``manage.py plan STUDY --out DIR``: how many participants a study needs, from its own grid, before it has votes."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evaluation.core.figures.power import assumed_words, grid_words
from evaluation.core.power import WINS, Power, power
from evaluation.core.words import MIN_PARTICIPANTS
from evaluation.plan import design_of, plan_files, plan_json, plan_sentences, plan_tables
from evaluation.services import EvaluationError
from studyplatform.voting.models import Study

#: Nobody waits for more; the answer no longer changes.
MOST_PEOPLE, MOST_REPLICATES, FEWEST_REPLICATES = 1000, 10_000, 20


class Command(BaseCommand):
    help = "Power of the primary test against the number of participants, for the study's own grid (figure F13)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The study, the numbers of participants, and where the files go."""
        parser.add_argument("study", help="The study's slug.")
        parser.add_argument("--people", default="10,20,30,60", help="Numbers of participants (default 10,20,30,60).")
        parser.add_argument("--replicates", type=int, default=150, help="Simulated studies per point (default 150).")
        parser.add_argument("--seed", type=int, default=1, help="Seed of the simulation (default 1).")
        parser.add_argument("--out", type=Path, required=True, help="The folder for the figure and power.csv.")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        people = _people(options["people"])
        replicates, seed = options["replicates"], options["seed"]
        if not FEWEST_REPLICATES <= replicates <= MOST_REPLICATES:
            raise CommandError(
                f"--replicates {replicates} is out of range: give {FEWEST_REPLICATES} to {MOST_REPLICATES}."
            )
        if seed < 0:
            raise CommandError(f"--seed {seed} is negative: give 0 or more.")
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.order_by("slug").values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no study “{options['study']}”. Studies: {known}.")
        try:
            design = design_of(study)
        except EvaluationError as error:
            raise CommandError(str(error)) from error
        if MIN_PARTICIPANTS <= study.sessions_planned <= MOST_PEOPLE:
            people = sorted({*people, study.sessions_planned})
        _folder(options["out"])
        rows: list[Power] = []
        for row in power(design, people, replicates=replicates, seed=seed):
            rows.append(row)
            self._progress(len(rows), len(people) * len(WINS), row)
        plan = plan_json(study, design, rows, replicates=replicates, seed=seed)
        files = plan_files(plan)
        self.stdout.write(f"“{study}”: {grid_words(plan)}, {study.sessions_planned} planned.")
        for line in [*plan_tables(rows), *plan_sentences(design, rows, study.sessions_planned)]:
            self.stdout.write(line)
        self.stdout.write(f"{replicates} simulated studies per number; {assumed_words(plan)}.")
        self._write(files, options["out"])

    def _progress(self, done: int, total: int, row: Power) -> None:
        """One line that is written over on a terminal; elsewhere a line per number of participants."""
        text = f"{done} of {total} points simulated ({row.participants} participants)"
        if self.stderr.isatty():
            self.stderr.write(text.ljust(60), ending="\n" if done == total else "\r")
        elif done % len(WINS) == 0:
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


def _people(text: str) -> list[int]:
    """Numbers of participants, rising, each once."""
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not part.isdecimal() or not MIN_PARTICIPANTS <= int(part) <= MOST_PEOPLE:
            raise CommandError(
                f"--people: “{part}” is no number of participants from {MIN_PARTICIPANTS} (fewer get no verdict) to "
                f"{MOST_PEOPLE}. Write them like 10,20,30,60."
            )
    return sorted({int(part) for part in parts})
