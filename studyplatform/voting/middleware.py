"""What every request of a participant goes through."""

import logging
from collections.abc import Callable

from django.db import DatabaseError, InternalError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

log = logging.getLogger(__name__)
RETRY_SECONDS = 2


class DatabaseAway:
    """A database that is away, full or read-only is said in words, with 503 and when to come back; never a 500.

    Nothing was stored then: each answer leaves only after its commit.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Called by Django for what a view let through."""
        # To psycopg2 a read-only transaction is an InternalError, a full or locked database an OperationalError, and a
        # connection that breaks off within an answer a DatabaseError and no more; what is ours to mend has a class of
        # its own.
        if not isinstance(error, OperationalError | InternalError) and type(error) is not DatabaseError:
            return None
        log.error("The database is away: %s", error)
        # The next request opens a connection of its own: this one may lead to what has become a standby, or have been
        # read-only from its beginning, and would stay so.
        connection.close_at = 0.0
        return away(request)


def away(request: HttpRequest) -> HttpResponse:
    """The answer while the database is away: JSON for the API, a page for people. It asks the database nothing."""
    sentence = _("The study is busy. Please try again in a moment.")
    if "/api/" in request.path:
        response: HttpResponse = JsonResponse({"code": "busy", "detail": sentence}, status=503)
    else:
        response = render(request, "voting/away.html", {"sentence": sentence}, status=503)
    response["Retry-After"] = str(RETRY_SECONDS)
    response["Cache-Control"] = "no-store"
    return response
