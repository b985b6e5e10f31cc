"""Who is asking: the signed, opaque name of a participant, and the mark of a simulated one.

No session row and no login stand behind it: the signature proves that this house gave the token out, and the token is a
random number that means nothing elsewhere. Browsers carry it as a cookie (one per study), other clients as a bearer.
"""

from contextlib import suppress

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request

from studyplatform.voting.models import Participant

_PARTICIPANT = signing.Signer(salt="eyeballot.participant")
# For whoever came back by the id at a panel alone, see Participant.by_id.
_BY_ID = signing.Signer(salt="eyeballot.participant by id")
_BOT = signing.Signer(salt="eyeballot.bot")
BOT_HEADER = "X-Eyeballot-Bot"
_DAYS = 60


def participant_key(participant: Participant) -> str:
    """The signed token that a browser or client is given."""
    return (_BY_ID if participant.by_id else _PARTICIPANT).sign(participant.token)


def token_of(key: str) -> str | None:
    """The participant's token in a key, or ``None`` when this house did not sign it."""
    for signer in (_PARTICIPANT, _BY_ID):
        with suppress(signing.BadSignature):
            return signer.unsign(key)
    return None


def is_by_id(request: HttpRequest | Request, slug: str) -> bool:
    """Whether the key that a request goes by was given for the id at a panel alone."""
    kind, _, key = request.headers.get("Authorization", "").partition(" ")
    try:
        _BY_ID.unsign(key.strip() if kind.lower() == "bearer" else request.COOKIES.get(cookie_name(slug), ""))
    except signing.BadSignature:
        return False
    return True


def cookie_name(slug: str) -> str:
    """The cookie of a study; on HTTPS the prefix makes browsers keep it to this host."""
    return f"{'__Host-' if settings.SESSION_COOKIE_SECURE else ''}eyeballot-{slug}"


def cookie_token(request: HttpRequest, slug: str) -> str | None:
    """The participant's token in this browser, if it takes part in the study."""
    return token_of(request.COOKIES.get(cookie_name(slug), ""))


def cookie_set(response: HttpResponse, participant: Participant) -> None:
    """Let the browser carry the participant's key."""
    response.set_cookie(
        cookie_name(participant.study.slug),
        participant_key(participant),
        max_age=_DAYS * 86_400,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def bot_mark(slug: str) -> str:
    """The header value by which the simulator says that its participants are simulated; nobody else can make it."""
    return _BOT.sign(slug)


def is_bot_mark(value: str, slug: str) -> bool:
    """Whether ``value`` is the mark of a simulated participant of this study."""
    try:
        return _BOT.unsign(value) == slug
    except signing.BadSignature:
        return False
