"""From consent to the first pair: consent, screen checks, instructions."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from studyplatform.voting import services
from studyplatform.voting.core import screens
from studyplatform.voting.forms import ChecksForm, WindowForm
from studyplatform.voting.models import Session
from studyplatform.voting.selectors import (
    check_drawn,
    check_seed,
    checks_wanted,
    panel_of,
    progress_of,
    step_of,
    takes_votes,
)
from studyplatform.voting.services import NotTakingPart
from studyplatform.voting.views.shared import not_now, taking_part, to_step


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
