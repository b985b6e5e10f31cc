"""Middleware of our own: watchers of the machine, odd methods, a header that Django has no setting for."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.urls import Resolver404, resolve

#: What the machine's own watchers ask begins so.
WATCHED = ("/health/", "/metrics")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class Watchers:
    """Answers ``/health/…`` and ``/metrics`` before host names and sessions are asked for.

    A balancer or a container probes the process itself, on the loopback address and in plain HTTP; the answers hold
    nothing that the checks left out would keep. nginx passes neither of these addresses on from outside.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._answer = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith(WATCHED):
            try:
                view, args, kwargs = resolve(request.path_info)
            except Resolver404:
                return self._answer(request)
            return view(request, *args, **kwargs)  # type: ignore[no-any-return]
        return self._answer(request)


class Guarded:
    """Refuses methods that nothing here takes, and keeps other origins from embedding what is served.

    Django passes TRACE, CONNECT and invented methods to views, and a view that does not look answers them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._answer = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        known = request.method in METHODS
        response = self._answer(request) if known else HttpResponseNotAllowed(METHODS)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        # For what is answered before the policy of pages is set: static files, votes, refused methods.
        response.headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        return response
