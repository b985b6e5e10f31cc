"""A participant by bearer key, or by cookie with the CSRF check that cookies need."""

from dataclasses import dataclass

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from studyplatform.voting.identity import cookie_token, token_of


@dataclass(frozen=True)
class TakingPart:
    """The bearer of a signed token; nothing has been read from the database yet."""

    token: str
    is_authenticated: bool = True


class ParticipantAuthentication(BaseAuthentication):
    """``Authorization: Bearer <key>`` from POST .../session/, or the cookie that our own pages set."""

    def authenticate(self, request: Request) -> tuple[TakingPart, None] | None:
        kind, _, key = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            token = token_of(key.strip())
            if token is None:
                raise AuthenticationFailed("This key was not given out here. Start a session to get one.")
            return TakingPart(token), None
        token = cookie_token(request, request.parser_context["kwargs"].get("slug", ""))
        if token is None:
            return None
        # A cookie travels with forged requests too; a bearer does not.
        SessionAuthentication().enforce_csrf(request)
        return TakingPart(token), None

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class ParticipantScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the schema describes it."""

    target_class = ParticipantAuthentication
    name = "participant"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "The key that starting a session returns."}
