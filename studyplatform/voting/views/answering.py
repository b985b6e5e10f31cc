"""The pairs, and coming back to them."""

from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from studyplatform.voting import services
from studyplatform.voting.forms import BackForm, BallotForm
from studyplatform.voting.models import Question, Session
from studyplatform.voting.selectors import (
    has_come_back,
    next_trial,
    pair_of,
    progress_of,
    step_of,
    takes_votes,
    way_out,
)
from studyplatform.voting.services import VoteRefused
from studyplatform.voting.views.shared import message, not_now, taking_part, to_step


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


@require_http_methods(["GET", "HEAD", "POST"])
@taking_part
def back(request: HttpRequest, session: Session) -> HttpResponse:
    """Somebody is back after a longer gap, with all delivered that their browser kept: now the study's rule applies.

    Whoever types the address is led to where they stand.
    """
    if request.method != "POST":
        return to_step(session)
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
        # What is marked is looked for in the picture above, which needs the room for it.
        "searched": session.study.questions.filter(preset=Question.Preset.MARKING).exists(),
    }
    return render(request, "voting/trial.html", context, status=status)
