"""The WSGI entry: `gunicorn studyplatform.config.wsgi`."""

import os
import sys

from django.core.wsgi import get_wsgi_application

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


refuse_to_forget()
