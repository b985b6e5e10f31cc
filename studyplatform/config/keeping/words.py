"""What can fail here, in one place: a disk, a database, a bucket; whoever runs a command reads a sentence."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.core.exceptions import SuspiciousOperation
from django.db import Error

from studyplatform.config.keeping.manifest import KeepingError

_FAILURES: list[type[Exception]] = [OSError, Error, sqlite3.Error, SuspiciousOperation]
with suppress(ImportError):  # without PostgreSQL's driver
    from psycopg2 import Error as DriverError  # type: ignore[import-untyped]

    _FAILURES.append(DriverError)
with suppress(ImportError):  # without a bucket
    from boto3.exceptions import Boto3Error  # type: ignore[import-untyped]
    from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

    _FAILURES += [Boto3Error, BotoCoreError, ClientError]


@contextmanager
def in_words(saying: str) -> Iterator[None]:
    """Turn failures into a :class:`KeepingError` that says ``saying``, whose ``{error}`` is what was wrong."""
    try:
        yield
    except tuple(_FAILURES) as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise KeepingError(saying.replace("{error}", said)) from error
