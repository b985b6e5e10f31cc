"""manage.py errand: what a page of the admin started; not for typing."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from studyplatform.voting.models import Errand
from studyplatform.voting.services.errands import errand_run


class Command(BaseCommand):
    help = "Run an errand that a page of the admin has noted down."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("errand", type=int, help="its number")

    def handle(self, *args: Any, **options: Any) -> None:
        errand = Errand.objects.select_related("study").filter(pk=options["errand"], finished_at=None).first()
        if errand is None:
            raise CommandError(f"There is no unfinished errand {options['errand']}.")
        errand_run(errand=errand)
