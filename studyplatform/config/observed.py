"""Every answer is noted: one line in the log, and the numbers of :mod:`~studyplatform.config.metrics`."""

import logging
import secrets
import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from studyplatform.config.front import WATCHED
from studyplatform.config.logs import request_fields
from studyplatform.voting.api.short_way import VOTES

log = logging.getLogger(__name__)
VOTE_ROUTE = "voting:api-votes"


class Observed:
    """Middleware: the outermost. What the machine's own watchers ask (``/health/``, ``/metrics``) passes unseen."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._answer = get_response
        self._count: Callable[[str, str, int, float], None] | None = None
        if settings.EYEBALLOT_METRICS:
            from studyplatform.config.metrics import count

            self._count = count

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(WATCHED):
            return self._answer(request)
        began = time.perf_counter()
        number = secrets.token_hex(8)
        token = request_fields.set({"request": number, "method": request.method})
        try:
            response = self._answer(request)
            seconds = time.perf_counter() - began
            failed = response.status_code >= 500
            if self._count or failed or log.isEnabledFor(logging.INFO):
                route = route_of(request, response)
                if self._count:
                    self._count(request.method or "", route, response.status_code, seconds)
                if failed or log.isEnabledFor(logging.INFO):
                    fields = {"route": route, "status": response.status_code, "duration_ms": round(seconds * 1000, 1)}
                    if study := _study(request, route, response):
                        fields["study"] = study
                    log.log(logging.ERROR if failed else logging.INFO, "answered", extra={"fields": fields})
            if failed:
                # Whoever reports a fault can say which it was.
                response.headers["X-Request-ID"] = number
            return response
        finally:
            request_fields.reset(token)


def route_of(request: HttpRequest, response: HttpResponseBase) -> str:
    """The name of the address, never what stood in it; empty where no address was found."""
    match = request.resolver_match
    if match is not None:
        # Names that Django makes of a view hold no part of the path either.
        return match.view_name
    # The short way of a vote asks no resolver.
    short = request.method == "POST" and response.status_code in (200, 201) and VOTES.fullmatch(request.path_info)
    return VOTE_ROUTE if short else ""


def _study(request: HttpRequest, route: str, response: HttpResponseBase) -> str:
    """The slug of a study that is there: only what was answered well is known not to be made up."""
    if response.status_code >= 400 or not route.startswith(("voting:", "evaluation:")):
        return ""
    match = request.resolver_match
    if match is not None:
        return str(match.kwargs.get("slug", ""))
    found = VOTES.fullmatch(request.path_info)
    return found[1] if found else ""
