"""A session over HTTP: start, consent, instructions, plan, votes, finish, withdraw."""

from dataclasses import asdict
from typing import Any, cast

from django.db import OperationalError
from django.shortcuts import get_object_or_404
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.permissions import AllowAny, BasePermission, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from studyplatform.voting import services
from studyplatform.voting.api import serializers as shapes
from studyplatform.voting.api.authentication import ParticipantAuthentication, TakingPart
from studyplatform.voting.identity import BOT_HEADER, is_bot_mark, participant_key
from studyplatform.voting.models import Session, Study
from studyplatform.voting.selectors import answered_count, plan_of, session_of, step_of
from studyplatform.voting.services import NotTakingPart, VoteRefused

STATUS = {"closed": 410, "archived": 410, "withdrawn": 410, "consent": 403, "no_bots": 403, "bot_mark": 403}


def problem(code: str, sentence: str, status: int, **more: Any) -> Response:
    """A refusal as JSON."""
    return Response({"code": code, "detail": sentence, **more}, status)


class ParticipantView(APIView):
    """What the views of a session share: who asks, and refusals in words."""

    authentication_classes = [ParticipantAuthentication]
    permission_classes: list[type[BasePermission]] = [IsAuthenticated]

    def session(self, slug: str) -> Session:
        """The asking participant's session in this study, or 404."""
        session = session_of(slug=slug, token=_token(self.request))
        if session is None:
            raise NotFound(_("You have no session in this study."))
        return session

    def handle_exception(self, exc: Exception) -> Response:
        """Refusals keep their code; a database that is away is a reason to come back, not a fault of the client."""
        if isinstance(exc, NotTakingPart):
            return problem(exc.code, str(exc), STATUS.get(exc.code, 409))
        if isinstance(exc, OperationalError):
            response = problem("busy", _("The study is busy. Please try again in a moment."), 503)
            response["Retry-After"] = "2"
            return response
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)


class SessionView(ParticipantView):
    """Start a session, or ask where it stands."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [] if self.request and self.request.method == "POST" else super().get_authenticators()

    def get_permissions(self) -> list[Any]:
        return [AllowAny()] if self.request.method == "POST" else list(super().get_permissions())

    @extend_schema(
        operation_id="session_start",
        request=None,
        responses={201: shapes.Start, 403: shapes.Problem, 409: shapes.Problem, 410: shapes.Problem},
        parameters=[OpenApiParameter(BOT_HEADER, str, "header", description="Set by manage.py simulate.")],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Start a session. The answer carries the key of the new participant."""
        study = get_object_or_404(Study.objects.exclude(state=Study.State.DRAFT), slug=slug)
        mark = request.headers.get(BOT_HEADER, "")
        if mark and not is_bot_mark(mark, slug):
            return problem("bot_mark", "This is not the mark of a simulated participant of this study.", 403)
        participant = services.participant_join(study=study, is_bot=bool(mark), language=get_language() or "en")
        body = {
            "key": participant_key(participant),
            "title": study.title,
            "introduction": study.introduction,
            "consent": study.consent,
            "instructions": study.instructions,
            "allow_ties": study.allow_ties,
            "simulated": study.simulated,
            "total": participant.trials.count(),
        }
        return Response(shapes.Start(body).data, 201)

    @extend_schema(operation_id="session_progress", responses={200: shapes.Progress, 404: shapes.Problem})
    def get(self, request: Request, slug: str) -> Response:
        """Where the session stands."""
        return _progress(self.session(slug))


class ConsentView(ParticipantView):
    """The consent."""

    @extend_schema(operation_id="session_consent", request=None, responses={200: shapes.Progress})
    def post(self, request: Request, slug: str) -> Response:
        """Give the consent. Before it no pair is shown and no vote is taken."""
        session = self.session(slug)
        services.consent_give(session=session)
        return _progress(session)


class InstructionsView(ParticipantView):
    """The instructions."""

    @extend_schema(operation_id="session_instructions", request=shapes.Window, responses={200: shapes.Progress})
    def post(self, request: Request, slug: str) -> Response:
        """Say that the instructions were read."""
        session = self.session(slug)
        window = shapes.Window(data=request.data)
        window.is_valid(raise_exception=True)
        services.instructions_read(session=session, **window.validated_data)
        return _progress(session)


class PlanView(ParticipantView):
    """The plan."""

    @extend_schema(operation_id="session_plan", responses={200: shapes.Plan, 403: shapes.Problem})
    def get(self, request: Request, slug: str) -> Response:
        """All pairs of the session, in order, with the addresses and sizes of their pictures."""
        session = self.session(slug)
        if session.consented_at is None:
            raise NotTakingPart("consent", _("Please read and accept the consent page first."))
        if session.withdrew_at is not None:
            raise NotTakingPart("withdrawn", _("You have withdrawn from this study."))
        return Response({"allow_ties": session.study.allow_ties, "trials": plan_of(session)})


class VoteView(ParticipantView):
    """The vote."""

    @extend_schema(
        operation_id="session_vote",
        request=shapes.Ballot,
        responses={
            201: shapes.Receipt,
            200: OpenApiResponse(shapes.Receipt, "The same vote was stored before (`replayed`)."),
            **dict.fromkeys((400, 403, 404, 409, 410, 503), shapes.Problem),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Answer a pair. Sending the same ballot again gives the stored vote, another choice 409."""
        ballot = shapes.Ballot(data=request.data)
        ballot.is_valid(raise_exception=True)
        answer = services.vote_cast(study=slug, participant=_token(request), **ballot.validated_data)
        if isinstance(answer, VoteRefused):
            return problem(answer.code, answer.sentence, answer.status, expected=answer.expected)
        return Response(asdict(answer), 200 if answer.replayed else 201)


class FinishView(ParticipantView):
    """The end."""

    @extend_schema(operation_id="session_finish", request=None, responses={200: shapes.Completion, 409: shapes.Problem})
    def post(self, request: Request, slug: str) -> Response:
        """Ask for the completion code; it is given when every pair has a stored vote."""
        code = services.session_finish(session=self.session(slug))
        return Response({"code": code.code})


class WithdrawView(ParticipantView):
    """The way out."""

    @extend_schema(operation_id="session_withdraw", request=None, responses={200: shapes.Progress})
    def post(self, request: Request, slug: str) -> Response:
        """Withdraw: the votes given so far will not be used."""
        session = self.session(slug)
        services.session_withdraw(session=session)
        return _progress(session)


def _token(request: Request) -> str:
    return cast(TakingPart, request.user).token


def _progress(session: Session) -> Response:
    total = session.trials.count()
    return Response({"step": step_of(session), "answered": answered_count(session), "total": total})
