"""``manage.py import_votes VOTES --losses LOSSES --out DIR``: votes gathered elsewhere, as a bundle."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from evaluation.core.bundle import BundleError, save
from evaluation.core.bundle.arena import QUESTION, Names, imported

#: So many lines that were left out are printed; notes.txt names all.
SPOKEN = 20


class Command(BaseCommand):
    help = "Turn votes in the arena format (model_a, model_b, winner) and a table of losses into a bundle."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Two files, a folder, and what their columns are called."""
        parser.add_argument("votes", type=Path, help="A CSV or JSON lines with model_a, model_b and winner.")
        parser.add_argument("--losses", type=Path, required=True, help="A CSV: scene, model, and a column per metric.")
        parser.add_argument("--out", type=Path, required=True, help="The bundle's folder: empty or not there yet.")
        parser.add_argument("--scene", default="scene", help="Column that names the scene, in both files.")
        parser.add_argument("--judge", default="judge", help="Column that names who voted.")
        parser.add_argument("--question-column", default="question", help="Column that says what was asked.")
        parser.add_argument("--time", default="timestamp", help="Column with the time of the vote.")
        parser.add_argument("--question", default=QUESTION, help="What was asked, where no column says it.")
        parser.add_argument("--title", default="", help="Of the study; else the name of the file.")
        parser.add_argument(
            "--higher", action="append", default=[], metavar="METRIC", help="Its higher value is better."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        out: Path = options["out"]
        if out.exists() and (not out.is_dir() or any(out.iterdir())):
            raise CommandError(f"{out} is there already and not an empty folder. Give another --out.")
        names = Names(
            scene=options["scene"], judge=options["judge"], question=options["question_column"], time=options["time"],
            higher=options["higher"], title=options["title"] or options["votes"].stem, asked=options["question"],
        )  # fmt: skip
        try:
            found = imported(_file(options["votes"]), _file(options["losses"]), names, slug=out.resolve().name)
            save(found.data, out)
            # What a reader of the results has to know travels with the data.
            head = json.loads((out / "study.json").read_text(encoding="utf-8"))
            head["notes"] = [*found.notices, *_counted(found.left_out)]
            text = json.dumps(head, indent=2, ensure_ascii=False) + "\n"
            (out / "study.json").write_text(text, encoding="utf-8")
            (out / "notes.txt").write_text(
                "".join(f"{s}\n" for s in (*found.notices, *found.left_out)), encoding="utf-8"
            )
        except BundleError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"{error.filename} cannot be read or written ({error.strerror}).") from error
        for sentence in (*found.notices, *found.left_out[:SPOKEN]):
            self.stdout.write(sentence)
        if len(found.left_out) > SPOKEN:
            self.stdout.write(f"… and {len(found.left_out) - SPOKEN} more; {out / 'notes.txt'} names them all.")
        data = found.data
        self.stdout.write(
            f"{len(data.trials)} votes on {len(data.conditions)} conditions in {len(data.scenes)} scenes. "
            f"Now: manage.py evaluate --bundle {out} --out DIR"
        )


def _file(path: Path) -> tuple[str, bytes]:
    return path.name, path.read_bytes()


def _counted(left_out: tuple[str, ...]) -> list[str]:
    return [f"{len(left_out)} lines of the votes could not be read; notes.txt names each."] if left_out else []
