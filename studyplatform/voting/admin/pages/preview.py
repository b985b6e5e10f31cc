"""The page on which a researcher walks through a study as a participant; nothing of it counts."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import get_language

from studyplatform.voting import services
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.identity import cookie_name, cookie_set
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import panel_of
from studyplatform.voting.services import StudyError


def preview(request: HttpRequest, study: Study) -> HttpResponseBase:
    """Start a preview, end one or all (POST), or say what is running."""
    if request.method == "POST":
        return _end(request, study) if "end" in request.POST else _start(request, study)
    running = Study.everything.filter(preview_of=study).select_related("owner").order_by("-created_at")
    context = {"running": running, "panel": panel_of(study), "checks": study.practice_trials or study.catch_trials}
    return study_page(request, study, "admin/voting/study/pages/preview.html", context, page="preview")


def _start(request: HttpRequest, study: Study) -> HttpResponseBase:
    assert isinstance(request.user, User)  # noqa: S101  (tells the type checker; the admin lets nobody else in)
    try:
        participant = services.preview_start(study=study, by=request.user, language=get_language() or "en")
    except StudyError as error:
        for problem in error.problems:
            messages.error(request, problem)
        return redirect("admin:voting_study_preview", study.pk)
    response = redirect("voting:landing", participant.study.slug)
    cookie_set(response, participant)
    return response


def _end(request: HttpRequest, study: Study) -> HttpResponseBase:
    which = request.POST["end"]
    running = list(Study.everything.filter(preview_of=study))
    meant = [p for p in running if which in ("all", str(p.pk))]
    response = redirect("admin:voting_study_preview", study.pk)
    for one in meant:
        services.previews_end(study=study, only=one.pk)
        response.delete_cookie(cookie_name(one.slug))
    left = f"Nothing of {'it' if len(meant) == 1 else 'them'} is left."
    said = (
        f"{len(meant)} preview{'s are' if len(meant) != 1 else ' is'} over. {left}" if meant else "It is over already."
    )
    messages.success(request, said)
    return response


register(StudyPage("preview", "Preview", preview, order=15))
