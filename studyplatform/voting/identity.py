"""Who is asking: the signed, opaque name of a participant, and the mark of a simulated one.

No session row and no login stand behind it: the signature proves that this house gave the token out, and the token is a
random number that means nothing elsewhere. Browsers carry it as a cookie (one per study), other clients as a bearer.
"""

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse

from studyplatform.voting.models import Participant

_PARTICIPANT = signing.Signer(salt="eyeballot.participant")
_BOT = signing.Signer(salt="eyeballot.bot")
BOT_HEADER = "X-Eyeballot-Bot"
_DAYS = 60


def participant_key(participant: Participant) -> str:
    """The signed token that a browser or client is given."""
    return _PARTICIPANT.sign(participant.token)


def token_of(key: str) -> str | None:
    """The participant's token in a key, or ``None`` when this house did not sign it."""
    try:
        return _PARTICIPANT.unsign(key)
    except signing.BadSignature:
        return None


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
