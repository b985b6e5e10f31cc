"""The WSGI entry: `gunicorn studyplatform.config.wsgi`."""

import os
import sys

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "studyplatform.config.settings")
application = get_wsgi_application()


def refuse_to_forget() -> None:
    """Stop a server whose database would lose acknowledged votes in a crash; it may be away for now."""
    from django.db import OperationalError, connection

    from studyplatform.config.checks import check_database

    try:
        problems = check_database(databases=["default"])
    except OperationalError:
        return
    finally:
        connection.close()  # a server that forks after this must not share it
    if problems:
        sys.exit("\n".join(f"{problem.msg} {problem.hint}" for problem in problems))


def refuse_whom_we_erased() -> None:
    """Stop a server while a restore is under way or was cut off; a storage that is away for now does not."""
    from studyplatform.config import restoring

    try:
        stands = restoring.under_way()
    except Exception:  # each service has its own errors; /health/ready says that it is away
        return
    if stands:
        sys.exit(restoring.SENTENCE)


refuse_to_forget()
refuse_whom_we_erased()
# The addresses, and all code behind them, are loaded now: not while the first participant of a new worker waits.
get_resolver().url_patterns  # noqa: B018
