"""What would hurt a study in production, said by ``manage.py check --deploy`` with the mend."""

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning  # noqa: A004  (the name Django gives it)


def check_production(
    *,
    app_configs: Sequence[AppConfig] | None = None,  # noqa: ARG001
    **kwargs: Any,  # noqa: ARG001
) -> list[CheckMessage]:
    """Settings that no check of Django's looks at. Errors refuse the start where the deployment runs the checks."""
    return [*_hosts(), *_origins(), *_log(), *_folder(Path(settings.VAR)), *_database()]


def _hosts() -> list[CheckMessage]:
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Error(
            "EYEBALLOT_HOSTS holds '*': whoever asks under a name of their own gets links and redirects to it.",
            hint="Name the hosts that people are given, separated by commas.",
            id="eyeballot.E003",
        )
    ]


def _origins() -> list[CheckMessage]:
    plain = [origin for origin in settings.CSRF_TRUSTED_ORIGINS if not origin.startswith("https://")]
    if not plain:
        return []
    return [
        Error(
            f"EYEBALLOT_ORIGINS holds {plain[0]}: forms from a page without HTTPS would be trusted.",
            hint="Write each origin with https:// in front, or leave it out.",
            id="eyeballot.E004",
        )
    ]


def _log() -> list[CheckMessage]:
    if settings.EYEBALLOT_LOG_FORMAT == "json":
        return []
    return [
        Error(
            "EYEBALLOT_LOG_FORMAT is plain: such lines hold addresses of pages with what stands in them.",
            hint="Leave EYEBALLOT_LOG_FORMAT out; production writes JSON, without anything about whoever asked.",
            id="eyeballot.E005",
        )
    ]


def _folder(folder: Path) -> list[CheckMessage]:
    if not folder.stat().st_mode & stat.S_IRWXO:
        return []
    return [
        Warning(
            f"Everybody on this machine may look into {folder}: the masters, reports, and with SQLite the votes.",
            hint=f"chmod o-rwx {folder}; give the web server's user the group that owns it.",
            id="eyeballot.W001",
        )
    ]


def _database() -> list[CheckMessage]:
    if settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3" or not settings.EYEBALLOT_BEHIND_PROXY:
        return []
    return [
        Warning(
            "A server that people reach runs on SQLite, where one writes at a time and all others wait.",
            hint="Name a PostgreSQL in DATABASE_URL; SQLite is for one's own machine.",
            id="eyeballot.W002",
        )
    ]
