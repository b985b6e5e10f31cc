"""Refusals of the API have one shape, ``Problem``, whoever speaks them, and its description names them."""

from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from studyplatform.voting.api.bodies import BodyTooLong

METHODS = ("get", "post")
PROBLEM: dict[str, Any] = {"$ref": "#/components/schemas/Problem"}
WORDS = {
    "400": "Something in the request is not as described.",
    "401": "No key was sent, or one that was not given out here.",
    "403": "Not allowed.",
    "404": "There is nothing of that name for you.",
    "409": "Not now, or not any more: `code` says why.",
    "410": "The study or the session is over.",
    "413": "The request is too long.",
    "415": "The request is not JSON.",
    "503": "The database is away. Try again after `Retry-After` seconds; nothing was stored.",
}


def as_problem(error: Exception, context: dict[str, Any]) -> Response | None:
    """Answer an exception as ``{"code": ..., "detail": a sentence}``, faults of fields under ``fields`` too.

    ``None`` (a fault of ours) for what is no refusal.
    """
    if isinstance(error, RequestDataTooBig):  # Django's own limit, met before ours is looked at
        error = BodyTooLong()
    response = exception_handler(error, context)
    if response is None:
        return None
    if isinstance(error, ValidationError):
        sentence = " ".join(_sentences("", error.detail)) or _("Something in the request is missing.")
        response.data = {"code": "invalid", "detail": sentence, "fields": error.detail}
    elif isinstance(error, APIException):
        response.data = {"code": getattr(error.detail, "code", "refused"), "detail": str(error.detail)}
    else:  # Django's own 404 and 403
        detail = (response.data or {}).get("detail", "")
        response.data = {"code": getattr(detail, "code", "refused"), "detail": str(detail)}
    return response


def _sentences(name: str, detail: Any) -> list[str]:
    """Each fault with the path of its field in front."""
    if isinstance(detail, dict):
        below = [(".".join(filter(None, (name, str(key)))), part) for key, part in detail.items()]
        return [sentence for path, part in below for sentence in _sentences(path, part)]
    if isinstance(detail, list):
        return [sentence for part in detail for sentence in _sentences(name, part)]
    return [f"{name}: {detail}" if name else str(detail)]


def declare_refusals(result: dict[str, Any], **_asking: Any) -> dict[str, Any]:
    """A hook of drf-spectacular: add to each operation the refusals that its kind may meet."""
    for path, operations in result["paths"].items():
        for method in METHODS:
            if method in operations and "/studies/" in path:
                _declare(path, method, operations[method])
    return result


def _declare(path: str, method: str, operation: dict[str, Any]) -> None:
    codes = {"503", "404"} if "{slug}" in path else {"503"}
    taking_part = "/session/" in path
    starts = taking_part and {} in operation.get("security", [])
    if not starts:
        codes |= {"401", "403"} if taking_part else {"403"}
    if "requestBody" in operation:
        codes |= {"400", "413", "415"}
    if any(parameter["in"] == "query" for parameter in operation.get("parameters", [])):
        codes |= {"400"}
    if taking_part:
        codes |= {"410"} if method == "get" else {"403", "409", "410"}
    for code in sorted(codes - operation["responses"].keys()):
        operation["responses"][code] = {
            "description": WORDS[code],
            "content": {"application/json": {"schema": PROBLEM}},
        }
