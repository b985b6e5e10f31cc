"""What the participant's pages share: who is there, where they stand, and pages of one sentence."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache

from studyplatform.voting.identity import cookie_token
from studyplatform.voting.models import Session, Study
from studyplatform.voting.selectors import (
    session_of,
    state_sentence,
    step_of,
    studies_visible,
    takes_votes,
)
from studyplatform.voting.services import NotTakingPart

P = ParamSpec("P")


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
