"""manage.py simulate: simulated participants take part in a rehearsal, over HTTP like people."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyplatform.voting.core.observers import SPAM, Key, Observers
from studyplatform.voting.models import Study
from studyplatform.voting.services import StudyError
from studyplatform.voting.simulation import Network, ServerError, server, simulate_study, utilities_favouring


class Command(BaseCommand):
    help = "Let simulated participants take part in a study that is marked as simulated."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("study", help="the study's slug")
        parser.add_argument("--participants", type=int, default=25, help="how many take part (25)")
        truth = parser.add_mutually_exclusive_group()
        truth.add_argument("--truth", type=Path, help='JSON: {"scene": {"condition label": utility in logits}}')
        truth.add_argument("--favourite", help="label of the condition that the crowd likes best")
        parser.add_argument("--taste", type=float, default=0.5, help="SD of personal taste, in logits (0.5)")
        parser.add_argument("--side-bias", type=float, default=0.0, help="mean pull to the left, in logits (0)")
        parser.add_argument("--lapse", type=float, default=0.03, help="share of answers without looking (0.03)")
        parser.add_argument("--dropout", type=float, default=0.0, help="probability of leaving before a pair (0)")
        parser.add_argument("--spammers", type=float, default=0.0, help="share of people who do not look (0)")
        parser.add_argument("--spam", choices=SPAM, default=SPAM[0], help="how they answer (%(default)s)")
        parser.add_argument("--delay", type=float, default=0.0, help="milliseconds that each request waits (0)")
        parser.add_argument("--lost", type=float, default=0.0, help="share of requests whose answer is lost (0)")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--url", help="a running server, e.g. http://127.0.0.1:8000; without it one is started")

    def handle(self, *args: Any, **options: Any) -> None:
        study = Study.objects.filter(slug=options["study"]).first()
        if study is None:
            known = ", ".join(Study.objects.values_list("slug", flat=True)) or "none yet"
            raise CommandError(f"There is no study {options['study']!r}. Studies: {known}.")
        try:
            crowd = Observers(
                utilities=self._utilities(study, options),
                taste_sd=options["taste"],
                side_bias=(options["side_bias"], 0.1),
                lapse=options["lapse"],
                dropout=options["dropout"],
                spammers=options["spammers"],
                spam=options["spam"],
                seed=options["seed"],
            )
            if options["url"]:
                self._play(study, options["url"], crowd, options)
            else:
                with server() as url:
                    self._play(study, url, crowd, options)
        except (StudyError, ServerError, ValueError) as error:
            raise CommandError(str(error)) from error

    def _utilities(self, study: Study, options: dict[str, Any]) -> dict[Key, float]:
        if options["favourite"]:
            try:
                return utilities_favouring(study, options["favourite"])
            except KeyError as error:
                raise CommandError(error.args[0]) from error
        if options["truth"]:
            try:
                truth = json.loads(options["truth"].read_text())
                return {(scene, label): float(u) for scene, row in truth.items() for label, u in row.items()}
            except (OSError, ValueError, AttributeError, TypeError) as error:
                raise CommandError(f"{options['truth']} cannot be used: {error}.") from error
        return {}

    def _play(self, study: Study, url: str, crowd: Observers, options: dict[str, Any]) -> None:
        played = simulate_study(
            study=study,
            base_url=url,
            observers=crowd,
            participants=options["participants"],
            network=Network(options["delay"], options["lost"], options["seed"]),
        )
        self.stdout.write(
            f"SIMULATED: {played.started} participants, {played.finished} finished, {played.votes} votes "
            f"in {played.seconds:.1f} s, study {study.slug}."
        )
