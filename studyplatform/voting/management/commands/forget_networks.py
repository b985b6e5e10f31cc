"""Delete what was counted by network on earlier days; the first join of a day does the same."""

from typing import Any

from django.core.management.base import BaseCommand

from studyplatform.voting.services.joins import joins_forget


class Command(BaseCommand):
    help = "Delete the salts and counts of networks of days that are over. For a daily timer, on days without a join."

    def handle(self, *args: Any, **options: Any) -> None:
        days = joins_forget()
        self.stdout.write(f"Forgot the networks of {days} {'day' if days == 1 else 'days'}.")
