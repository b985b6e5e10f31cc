"""Is the process there, and can it do its work? For balancers, containers and whoever is on call."""

import logging
import tempfile
from functools import cache
from os import PathLike
from pathlib import Path

from django.core.files.storage import FileSystemStorage, storages
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from studyplatform.config import restoring

log = logging.getLogger(__name__)
#: Where files are made while people take part and researchers work.
STORED = ("masters", "stimuli", "reports")


@require_safe
@never_cache
def live(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """The process answers. It asks nothing else, so that a database that is away never has the process killed."""
    return JsonResponse({"status": "live"})


@require_safe
@never_cache
def ready(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """200, or 503 with the reasons as codes: ``database_away``, ``database_not_migrated``,
    ``storage_not_writable``, ``restore_not_ended``.
    """
    reasons = [*_database(), *_storage()]
    if reasons:
        log.warning("Not ready: %s", ", ".join(reasons))
        return JsonResponse({"status": "not_ready", "reasons": reasons}, status=503)
    return JsonResponse({"status": "ready"})


def _database() -> list[str]:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        if not _migrated():
            _migrated.cache_clear()
            return ["database_not_migrated"]
    except Error:
        connection.close_if_unusable_or_obsolete()
        return ["database_away"]
    return []


@cache
def _migrated() -> bool:
    """Whether all migrations of this code have run. Reading them takes a while and they do not go back under it."""
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _storage() -> list[str]:
    try:
        for name in STORED:
            storage = storages[name]
            if isinstance(storage, FileSystemStorage):
                _write(storage.location)
            else:
                storage.exists("ready")  # a bucket is asked; to write into it at each probe would cost money
        return ["restore_not_ended"] if restoring.under_way() else []
    except Exception:
        # Whatever a storage raises (each service has its own errors), it cannot be used now.
        log.warning("A storage cannot be used.", exc_info=True)
        return ["storage_not_writable"]


def _write(location: str | PathLike[str]) -> None:
    """Raise ``OSError`` where nothing can be written: no room, no right, no folder."""
    Path(location).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=location, prefix=".ready-") as file:
        file.write(b"\0" * 4096)
        file.flush()
