"""The participant's pages: plain forms that work without a script. Each reads or calls a service, nothing more."""

import contextlib
import secrets
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from uuid import UUID, uuid4

from csp.decorators import csp_update
from django.core.exceptions import ObjectDoesNotExist
from django.core.files.storage import storages
from django.db import IntegrityError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from studyplatform.voting import services
from studyplatform.voting.addresses import network_asking
from studyplatform.voting.core import panels, screens
from studyplatform.voting.core.devices import device_of
from studyplatform.voting.core.previews import previewed
from studyplatform.voting.forms import BackForm, BallotForm, ChecksForm, WindowForm
from studyplatform.voting.identity import cookie_set, cookie_token, is_by_id
from studyplatform.voting.models import Session, Study
from studyplatform.voting.selectors import (
    arrival_of,
    check_drawn,
    check_seed,
    checks_wanted,
    has_come_back,
    is_somebody_else,
    minutes_needed,
    next_trial,
    own_result,
    pair_of,
    pairs_in_session,
    panel_of,
    panel_parameters,
    pilot_is_over,
    preview_is_over,
    progress_of,
    saw_too_little,
    session_of,
    state_sentence,
    step_of,
    studies_visible,
    takes_votes,
    way_out,
)
from studyplatform.voting.services import NotTakingPart, VoteRefused

P = ParamSpec("P")
RUNNING = (Study.State.PILOT, Study.State.OPEN)
# Handing a task in at Mechanical Turk is a form that leads there.
MTURK = {"form-action": [f"https://{host}" for host in panels.MTURK_HOSTS]}


def message(
    request: HttpRequest, study: Study, sentence: str, status: int = 200, session: Session | None = None
) -> HttpResponse:
    """A page of one sentence; it offers those who have begun the way out, and a draft's researchers the way back."""
    context: dict[str, Any] = {"study": study, "sentence": sentence, "session": session}
    # Where the start page would say the same, nothing leads there.
    context["paused"] = session is not None and study.state == Study.State.PAUSED
    context["home"] = takes_votes(study) and request.path != reverse("voting:landing", args=[study.slug])
    if study.state == Study.State.DRAFT and studies_visible(request.user).filter(pk=study.pk).exists():
        alone = study.owner_id == request.user.pk and not study.memberships.exists()
        context["draft_of"] = "one" if alone else "several"
    return render(request, "voting/message.html", context, status=status)


def not_now(request: HttpRequest, session: Session, status: int = 200) -> HttpResponse:
    """Why nobody can go on now: the study is paused, or over for good."""
    return message(request, session.study, state_sentence(session.study.state), status, session)


def study_shown(request: HttpRequest, slug: str, session: Session | None) -> Study:
    """The study, if the visitor may know of it: a draft is there only for its researchers and whoever piloted it."""
    if session is not None:
        return session.study
    study = get_object_or_404(Study, slug=slug)
    if study.state == Study.State.DRAFT:
        get_object_or_404(studies_visible(request.user), pk=study.pk)
    return study


def taking_part(
    view: Callable[Concatenate[HttpRequest, Session, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Give the view the session of this browser; without one the landing page is the place to be.

    Never cached, so that Back asks the server where the session stands.
    """

    @wraps(view)
    def inner(request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        session = session_of(slug=slug, token=cookie_token(request, slug))
        if session is None:
            return redirect("voting:landing", slug)
        try:
            return view(request, session, *args, **kwargs)
        except (ObjectDoesNotExist, IntegrityError):
            # Erased in the middle of this request.
            if session_of(slug=slug, token=cookie_token(request, slug)) is None:
                return redirect("voting:landing", slug)
            raise
        except NotTakingPart:
            # Over in the middle of this request, or found to be at its end.
            now = session_of(slug=slug, token=cookie_token(request, slug))
            return to_step(now) if now is not None else redirect("voting:landing", slug)

    return never_cache(inner)


def to_step(session: Session) -> HttpResponse:
    """Redirect to where the session stands."""
    step = step_of(session)
    return redirect("voting:landing" if step in ("withdrawn", "ended") else f"voting:{step}", session.study.slug)


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
        return message(request, study, state_sentence(study.state))
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


@require_http_methods(["GET", "HEAD", "POST"])
@taking_part
def consent(request: HttpRequest, session: Session) -> HttpResponse:
    """What taking part means, and the button that agrees to it."""
    if step_of(session) != "consent":
        return to_step(session)
    if not takes_votes(session.study):
        return not_now(request, session)
    if request.method == "POST":
        services.consent_give(session=session)
        return to_step(session)
    context = {"study": session.study, "checks": checks_wanted(session.study), "panel": panel_of(session.study)}
    return render(request, "voting/consent.html", context)


@require_POST
@taking_part
def decline(request: HttpRequest, session: Session) -> HttpResponse:  # noqa: ARG001
    """Not to agree is an answer too."""
    try:
        services.consent_decline(session=session)
    except NotTakingPart:
        return to_step(session)
    return redirect("voting:landing", session.study.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@taking_part
def checks(request: HttpRequest, session: Session) -> HttpResponse:
    """What the participant's screen can show."""
    if step_of(session) != "checks":
        return to_step(session)
    if not takes_votes(session.study):
        return not_now(request, session)
    if request.method == "POST":
        services.checks_answer(session=session, **ChecksForm(request.POST).found(request))
        return redirect("voting:checks", session.study.slug)
    # The number makes the address of a picture new with every try.
    tries = session.checks.get("attempts", 0)
    context = {"study": session.study, "wanted": checks_wanted(session.study), "tries": tries}
    return render(request, "voting/checks.html", context | {"plates": [f"plate{n}" for n in range(screens.PLATES)]})


@require_GET
@taking_part
def check_picture(request: HttpRequest, session: Session, tries: str, name: str) -> HttpResponse:  # noqa: ARG001
    """The picture of a screen check, drawn for this session and this try."""
    if step_of(session) != "checks" or int(tries) != session.checks.get("attempts", 0):
        raise Http404("These pictures have been answered.")
    picture, _answer = check_drawn(check_seed(session), name)
    return HttpResponse(picture, content_type="image/png")


@require_http_methods(["GET", "HEAD", "POST"])
@taking_part
def instructions(request: HttpRequest, session: Session) -> HttpResponse:
    """How to choose. It can be read again at any time."""
    if session.consented_at is None or session.withdrew_at is not None:
        return to_step(session)
    if not takes_votes(session.study):
        return not_now(request, session)
    if request.method == "POST":
        form = WindowForm(request.POST)
        services.instructions_read(session=session, **(form.cleaned_data if form.is_valid() else {}))
        return to_step(session)
    questions = list(session.study.questions.all())
    context = {"study": session.study, "questions": questions, "progress": progress_of(session)}
    context["checks"] = checks_wanted(session.study)
    return render(request, "voting/instructions.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@taking_part
def trial(request: HttpRequest, session: Session) -> HttpResponse:
    """The next pair; a POST is the answer to one."""
    if request.method == "POST":
        return _vote(request, session)
    if step_of(session) != "trial":
        return to_step(session)
    # What the browser keeps is delivered before the gap is judged; and looking alone ends nothing.
    if takes_votes(session.study) and has_come_back(session):
        return render(request, "voting/back.html", {"study": session.study})
    return _pair_page(request, session)


@require_POST
@taking_part
def back(request: HttpRequest, session: Session) -> HttpResponse:
    """Somebody is back after a longer gap, with all delivered that their browser kept: now the study's rule applies."""
    services.session_resume(session=session, away=BackForm(request.POST).away)
    return to_step(session)


def _vote(request: HttpRequest, session: Session) -> HttpResponse:
    form = BallotForm(request.POST)
    if not form.is_valid():
        return _pair_page(request, session, _("Please choose one of the two pictures."), 400)
    answer = services.vote_cast(
        study=session.study.slug,
        participant=session.participant.token,
        trial=form.cleaned_data["trial"],
        uuid=UUID(str(form.cleaned_data["uuid"])),
        choice=form.cleaned_data["choice"],
        client={"input": "form"},
    )
    if isinstance(answer, VoteRefused):
        if answer.code in ("conflict", "out_of_order", "choice"):
            return _pair_page(request, session, answer.sentence, answer.status)
        return message(request, session.study, answer.sentence, answer.status, session)
    return to_step(session)


def _pair_page(request: HttpRequest, session: Session, notice: str = "", status: int = 200) -> HttpResponse:
    upcoming = next_trial(session)
    if upcoming is None:
        return to_step(session)
    if not takes_votes(session.study):
        return not_now(request, session, status)
    progress = progress_of(session)
    context = {
        "study": session.study,
        "pair": pair_of(upcoming),
        "ballot": uuid4(),
        "answered": progress.practice_answered if progress.practising else progress.answered,
        "total": progress.practice_total if progress.practising else progress.total,
        "practising": progress.practising,
        "exit": way_out(session, Session.Outcome.FAILED),
        "notice": notice,
    }
    return render(request, "voting/trial.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@taking_part
def debrief(request: HttpRequest, session: Session) -> HttpResponse:
    """Two questions at the end. The session is complete whether they are answered or not."""
    if step_of(session) != "debrief":
        return to_step(session)
    if request.method != "HEAD":
        services.session_finish(session=session)
    if request.method == "POST":
        answers = {name: request.POST.get(name, "").replace("\0", "")[:2000] for name in ("trouble", "looked_at")}
        services.debrief_answer(session=session, answers=answers)
        return to_step(session)
    return render(request, "voting/debrief.html", {"study": session.study})


@csp_update(MTURK)
@require_safe
@taking_part
def thanks(request: HttpRequest, session: Session) -> HttpResponse:
    """The end. Completion is what the stored votes say, so a lost last request costs nothing."""
    if step_of(session) != "thanks":
        return to_step(session)
    if request.method != "HEAD":
        services.session_finish(session=session)
    way = way_out(session, Session.Outcome.COMPLETE)
    context = {"study": session.study, "way": way, "result": own_result(session)}
    return render(request, "voting/thanks.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@taking_part
def withdraw(request: HttpRequest, session: Session) -> HttpResponse:
    """Ask once, then take the participant out."""
    if request.method == "POST":
        try:
            services.session_withdraw(session=session, by_id=is_by_id(request, session.study.slug))
        except NotTakingPart as refusal:
            return message(request, session.study, str(refusal), 403)
        return redirect("voting:landing", session.study.slug)
    if session.withdrew_at is not None:
        return to_step(session)
    return render(request, "voting/withdraw.html", {"study": session.study})


@require_GET
def stimulus(request: HttpRequest, folder: str, name: str) -> HttpResponse:  # noqa: ARG001
    """The bytes of a published picture. Its name says all, for ever: no date, no tag that would order the renders."""
    response = _picture(folder, name)
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@require_GET
def preview_stimulus(request: HttpRequest, folder: str, name: str) -> HttpResponse:
    """A picture of a preview, for the signed-in researchers of its study."""
    get_object_or_404(Study.everything, token=folder, preview_of__in=studies_visible(request.user))
    response = _picture(folder, name)
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _picture(folder: str, name: str) -> HttpResponse:
    storage = storages["stimuli"]
    path = f"{folder}/{name}.png"
    if not storage.exists(path):
        raise Http404("There is no such picture.")
    with storage.open(path) as file:
        response = HttpResponse(file.read(), content_type="image/png")
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
