"""Delete what was counted by network on earlier days (the first join of a day does the same) and failed sign-ins."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import connection
from django.utils import timezone

from studyplatform.voting.services.joins import joins_forget


class Command(BaseCommand):
    help = (
        "Delete the salts and counts of networks of days that are over, and the counts of failed sign-ins that lock "
        "nobody any more. For a daily timer."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        days = joins_forget()
        self.stdout.write(f"Forgot the networks of {days} {'day' if days == 1 else 'days'}.")
        # The cache itself deletes what has expired only when it is full, or asked for that very row.
        with connection.cursor() as cursor:
            now = connection.ops.adapt_datetimefield_value(timezone.now())
            cursor.execute("DELETE FROM shared_cache WHERE expires < %s", [now])
