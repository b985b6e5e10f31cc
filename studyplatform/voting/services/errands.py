"""Commands started from a page, each in a process of its own that outlives the request and the web worker."""

import io
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from studyplatform.voting.models import Errand, Study
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.studies import audit

logger = logging.getLogger(__name__)
#: How often a process gives a sign of life, and after how long a silence it is taken for dead.
BEAT, SILENCE = 5.0, timedelta(seconds=60)
# By name: what analyses lies above this app.
COMMANDS = {Errand.Kind.BOTS: "simulate", Errand.Kind.ANALYSIS: "evaluate"}


def errand_start(*, study: Study, kind: str, by: User, options: dict[str, Any] | None = None) -> Errand:
    """Have a command run for ``study``; raises :class:`StudyError` while one of its kind is running."""
    errands_forget_silent(study=study)
    try:
        with transaction.atomic():
            errand = Errand.objects.create(study=study, kind=kind, by=by, options=options or {}, seen_at=timezone.now())
            audit(study=study, by=by, action=f"started: {errand.get_kind_display()}", data=errand.options)
    except IntegrityError as error:
        words = Errand.Kind(kind).label
        raise StudyError(f"For “{study}” {words} are being worked on already. Wait until that is done.") from error
    transaction.on_commit(lambda: _spawn(errand.pk))
    return errand


def _spawn(pk: int) -> None:
    subprocess.Popen(  # noqa: S603  (our own words)
        [sys.executable, "manage.py", "errand", str(pk)],
        cwd=settings.BASE_DIR,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )


def errands_forget_silent(*, study: Study) -> None:
    """End the rows of processes that have not been heard of: killed, or gone with their machine."""
    now = timezone.now()
    silent = Errand.objects.filter(study=study, finished_at=None, seen_at__lt=now - SILENCE)
    silent.update(finished_at=now, output="Its process ended without a word. Nothing is lost; start it again.")


def errand_run(*, errand: Errand) -> None:
    """Run the command of an errand to its end, and keep what it said."""
    out = io.StringIO()
    options = {**errand.options, "stdout": out, "stderr": out, "no_color": True}
    succeeded, sentence = False, ""
    with _heartbeat(errand):
        try:
            call_command(COMMANDS[Errand.Kind(errand.kind)], errand.study.slug, **options)
            succeeded = True
        except CommandError as error:
            sentence = str(error)
        except Exception:
            logger.exception("Errand %s failed", errand.pk)
            sentence = "It stopped by a fault of the program, which stands in the server's log. Nothing is lost."
    output = f"{out.getvalue()}\n{sentence}".strip()
    Errand.objects.filter(pk=errand.pk).update(finished_at=timezone.now(), succeeded=succeeded, output=output)


@contextmanager
def _heartbeat(errand: Errand) -> Iterator[None]:
    done = threading.Event()

    def beat() -> None:
        while not done.wait(BEAT):
            try:
                Errand.objects.filter(pk=errand.pk).update(seen_at=timezone.now())
            except DatabaseError as error:
                # A database that is away for a moment comes back, but not on this connection.
                logger.warning("Errand %s could not give its sign of life: %s", errand.pk, error)
                connection.close()
        connection.close()

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
