"""The end of a session, and withdrawal."""

from csp.decorators import csp_update
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from studyplatform.voting import services
from studyplatform.voting.core import panels
from studyplatform.voting.identity import is_by_id
from studyplatform.voting.models import Session
from studyplatform.voting.selectors import own_result, step_of, way_out
from studyplatform.voting.services import NotTakingPart
from studyplatform.voting.views.shared import message, taking_part, to_step

# Handing a task in at Mechanical Turk is a form that leads there.
MTURK = {"form-action": [f"https://{host}" for host in panels.MTURK_HOSTS]}


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
