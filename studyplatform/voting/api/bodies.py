"""What may be sent to the API: JSON of a size that a ballot, an arrival or a hundred events have."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import APIException, ParseError
from rest_framework.parsers import JSONParser
from rest_framework.request import Request

LONGEST_BODY = 256 * 1024  # bytes; a hundred events take 40 000


class BodyTooLong(APIException):
    """More than any request of the API has to say."""

    status_code = 413
    default_detail = _("The request is too long.")
    default_code = "too_long"


def is_too_long(request: HttpRequest | Request) -> bool:
    """Whether more is announced than any request has to say.

    A body without its length is none: the server hands over as many bytes as were announced.
    """
    announced = request.META.get("CONTENT_LENGTH") or "0"
    return not announced.isdecimal() or len(announced) > 10 or int(announced) > LONGEST_BODY


class Body(JSONParser):
    """JSON, strict (no NaN), of bounded length and depth."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """The value that was sent. Raises ``ParseError`` (400) or ``BodyTooLong`` (413)."""
        if is_too_long((parser_context or {})["request"]):
            raise BodyTooLong
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError(_("The request is nested too deeply.")) from None
