"""A participant by bearer key, or by cookie with the CSRF check that cookies need."""

from dataclasses import dataclass

from django.http import HttpRequest
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from studyplatform.voting.identity import cookie_token, token_of


def token_asking(request: HttpRequest | Request, slug: str) -> str | None:
    """The token of whoever asks, ``None`` for nobody; raises for a forged key or a cookie without its CSRF token."""
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "bearer":
        token = token_of(key.strip())
        if token is None:
            raise AuthenticationFailed("This key was not given out here. Start a session to get one.")
        return token
    token = cookie_token(request, slug)
    if token is not None:
        # A cookie travels with forged requests too; a bearer does not.
        # Django's own request: to look for the token DRF's would parse a body that may not be JSON.
        SessionAuthentication().enforce_csrf(getattr(request, "_request", request))  # type: ignore[arg-type]
    return token


@dataclass(frozen=True)
class TakingPart:
    """The bearer of a signed token; nothing has been read from the database yet."""

    token: str
    is_authenticated: bool = True


class ParticipantAuthentication(BaseAuthentication):
    """``Authorization: Bearer <key>`` from POST .../session/, or the cookie that our own pages set."""

    def authenticate(self, request: Request) -> tuple[TakingPart, None] | None:
        token = token_asking(request, request.parser_context["kwargs"].get("slug", ""))
        return None if token is None else (TakingPart(token), None)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ParticipantScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes it."""

    target_class = ParticipantAuthentication
    name = "participant"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "The key that starting a session returns."}
