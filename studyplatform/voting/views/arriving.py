"""Before a session: what the study is, and Start."""

import contextlib
import secrets

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from studyplatform.voting import services
from studyplatform.voting.addresses import network_asking
from studyplatform.voting.core import panels
from studyplatform.voting.core.devices import device_of
from studyplatform.voting.core.previews import previewed
from studyplatform.voting.identity import cookie_set, cookie_token
from studyplatform.voting.models import Session, Study
from studyplatform.voting.selectors import (
    arrival_of,
    is_somebody_else,
    minutes_needed,
    pairs_in_session,
    panel_parameters,
    pilot_is_over,
    preview_is_over,
    saw_too_little,
    session_of,
    state_sentence,
    step_of,
    studies_visible,
    takes_votes,
    way_out,
)
from studyplatform.voting.services import NotTakingPart
from studyplatform.voting.views.shared import message, not_now, study_shown, to_step

RUNNING = (Study.State.PILOT, Study.State.OPEN)


@require_safe
@never_cache
def landing(request: HttpRequest, slug: str) -> HttpResponse:
    """What the study is. Looking never starts a session: link previews and reloads cost nothing."""
    session = session_of(slug=slug, token=cookie_token(request, slug))
    if session is None and (over := _preview_over(request, slug)) is not None:
        return over
    study = study_shown(request, slug, session)
    arrival = None
    with contextlib.suppress(panels.ArrivalError):  # pressing Start says what is wrong
        arrival = arrival_of(study, request.GET)
        if session is not None and is_somebody_else(session, arrival):
            session = None
    if session is None and study.state not in RUNNING:
        return message(request, study, state_sentence(study.state, begun=False))
    refusal = services.too_early_or_late(study) if session is None else None
    if refusal is not None and services.panel_participant(study, arrival) is None:
        return message(request, study, str(refusal))
    if session is not None and (done := _over(request, session)) is not None:
        return done
    context = {
        "study": study,
        "minutes": minutes_needed(study),
        "pairs": pairs_in_session(study),
        # A preview has its session before it begins.
        "session": None if study.preview_of_id and session and not session.consented_at else session,
        # Who comes from a panel says so again when they press Start.
        "parameters": panel_parameters(study, request.GET),
        "press": secrets.token_urlsafe(16),
    }
    return render(request, "voting/landing.html", context)


def _preview_over(request: HttpRequest, slug: str) -> HttpResponse | None:
    """What is said of a preview that was taken down, with a way back for its researchers; ``None`` for all else."""
    pk = previewed(slug)
    if pk is None or Study.everything.filter(slug=slug).exists():
        return None
    known = studies_visible(request.user).filter(pk=pk).first()
    context = {"sentence": preview_is_over(), "study_of": known}
    return render(request, "voting/preview_over.html", context, status=410)


def _over(request: HttpRequest, session: Session) -> HttpResponse | None:
    """The page of somebody who cannot go on or is at the end; ``None`` for everybody else."""
    step = step_of(session)
    if step == "withdrawn":
        return message(request, session.study, _("You have withdrawn from this study. Your answers will not be used."))
    if step == "ended":
        context = {"study": session.study, "outcome": session.outcome, "way": way_out(session, session.outcome)}
        context |= {"pilot_over": pilot_is_over(session), "unseen": saw_too_little(session)}
        return render(request, "voting/ended.html", context)
    if step in ("debrief", "thanks"):
        return to_step(session)
    return None if takes_votes(session.study) else not_now(request, session)


@require_POST
@never_cache
def start(request: HttpRequest, slug: str) -> HttpResponse:
    """Start a session, or go on with the one this browser has or the panel knows."""
    session = session_of(slug=slug, token=cookie_token(request, slug))
    study = study_shown(request, slug, session)
    try:
        arrival = arrival_of(study, request.POST)
        if session is not None and not is_somebody_else(session, arrival):
            return to_step(session)
        device = device_of(request.headers.get("User-Agent", ""))
        language = get_language() or "en"
        participant = services.participant_join(
            study=study,
            language=language,
            device=device,
            arrival=arrival,
            network=network_asking(request),
            press=request.POST.get("press", "")[:64],
        )
    except panels.ArrivalError:
        sentence = _("This link is not complete. Please open the study again from your panel.")
        return message(request, study, sentence, 400)
    except NotTakingPart as refusal:
        status = {"closed": 410, "archived": 410, "late": 410, "crowded": 429, "returned": 429}.get(refusal.code, 409)
        answer = message(request, study, str(refusal), status)
        if status == 429:
            answer["Retry-After"] = str(services.seconds_to_tomorrow())
        return answer
    response = to_step(participant.session)
    cookie_set(response, participant)
    return response
