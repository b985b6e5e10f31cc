"""A session over HTTP: start, consent, instructions, plan, votes, finish, withdraw."""

from dataclasses import asdict
from typing import Any, cast

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError
from django.shortcuts import get_object_or_404
from django.urls import reverse
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
from studyplatform.voting.addresses import network_asking
from studyplatform.voting.api import serializers as shapes
from studyplatform.voting.api.authentication import ParticipantAuthentication, TakingPart
from studyplatform.voting.core.devices import device_of
from studyplatform.voting.core.panels import ArrivalError
from studyplatform.voting.core.screens import PLATES
from studyplatform.voting.identity import BOT_HEADER, is_bot_mark, is_by_id, participant_key
from studyplatform.voting.models import Session, Study
from studyplatform.voting.selectors import (
    arrival_of,
    checks_wanted,
    own_result,
    pair_of,
    plan_of,
    progress_of,
    session_of,
    step_of,
    trial_to_undo,
    way_out,
)
from studyplatform.voting.services import NotTakingPart, VoteRefused

STATUS = {"closed": 410, "archived": 410, "late": 410, "withdrawn": 410, "ended": 410, "consent": 403, "no_bots": 403}
STATUS |= {"crowded": 429, "returned": 429, "by_id": 403}
READS = ("GET", "HEAD")
# What a service meets whose rows go away under it.
ERASED = (ObjectDoesNotExist, IntegrityError)
# What of a study's design a page needs to show the pairs as they are meant.
SHOWN = ("allow_ties", "layout", "phone_layout", "reference_place", "exposure_ms", "break_every", "allow_undo")


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
        """Refusals keep their code; whoever was erased in the middle of a request has no session any more."""
        asking = getattr(self.request.user, "token", None)
        if isinstance(exc, ERASED) and asking and session_of(slug=self.kwargs["slug"], token=asking) is None:
            exc = NotFound(_("You have no session in this study."))
        if isinstance(exc, NotTakingPart):
            refusal = problem(exc.code, str(exc), STATUS.get(exc.code, 409))
            if refusal.status_code == 429:
                refusal["Retry-After"] = str(services.seconds_to_tomorrow())
            return refusal
        return super().handle_exception(exc)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response["Cache-Control"] = "no-store"
        return super().finalize_response(request, response, *args, **kwargs)


class SessionView(ParticipantView):
    """Start a session, or ask where it stands."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        # A method that is not taken is refused as such, whoever asks.
        return super().get_authenticators() if self.request is None or self.request.method in READS else []

    def get_permissions(self) -> list[Any]:
        return list(super().get_permissions()) if self.request.method in READS else [AllowAny()]

    @extend_schema(
        operation_id="session_start",
        request=shapes.Arrival,
        responses={201: shapes.Start, **dict.fromkeys((400, 403, 409, 410, 429), shapes.Problem)},
        parameters=[OpenApiParameter(BOT_HEADER, str, "header", description="Set by manage.py simulate.")],
    )
    def post(self, request: Request, slug: str) -> Response:
        """Start a session. The answer carries the participant's key; whom a panel sends again gets one for the same
        session, with which a complete one is not withdrawn, and the same ``press`` is the same participant."""
        study = get_object_or_404(Study.objects.exclude(state=Study.State.DRAFT), slug=slug)
        mark = request.headers.get(BOT_HEADER, "")
        if mark and not is_bot_mark(mark, slug):
            return problem("bot_mark", "This is not the mark of a simulated participant of this study.", 403)
        sent = shapes.Arrival(data=request.data)
        sent.is_valid(raise_exception=True)
        try:
            arrival = arrival_of(study, sent.validated_data.get("parameters", {}))
        except ArrivalError as error:
            return problem("panel", f"The parameter {error} is not what the panel sends.", 400)
        language = get_language() or "en"
        device = device_of(request.headers.get("User-Agent", ""))
        participant = services.participant_join(
            study=study,
            is_bot=bool(mark),
            language=language,
            device=device,
            arrival=arrival,
            network=network_asking(request),
            press=str(sent.validated_data.get("press", "")),
        )
        services.session_resume(session=participant.session)
        body = {
            "key": participant_key(participant),
            "title": study.title,
            "introduction": study.introduction,
            "consent": study.consent,
            "instructions": study.instructions,
            "allow_ties": study.allow_ties,
            "simulated": study.simulated,
            "total": progress_of(participant.session).total,
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


class DeclineView(ParticipantView):
    """No consent."""

    @extend_schema(operation_id="session_decline", request=None, responses={200: shapes.Progress, 409: shapes.Problem})
    def post(self, request: Request, slug: str) -> Response:
        """Do not take part. The answer carries what a panel is to be told."""
        session = self.session(slug)
        services.consent_decline(session=session)
        return _progress(session)


class ChecksView(ParticipantView):
    """The screen checks."""

    @extend_schema(operation_id="session_checks", responses={200: shapes.Checks})
    def get(self, request: Request, slug: str) -> Response:
        """Which checks the study wants, and their pictures; without any the list is empty."""
        session = self.session(slug)
        wanted, tries = checks_wanted(session.study), session.checks.get("attempts", 0)

        def address(name: str) -> str:
            return reverse("voting:check_picture", args=[slug, tries, name])

        plates = [address(f"plate{number}") for number in range(PLATES)] if "colour" in wanted else []
        shown = address("shapes") if "brightness" in wanted else ""
        return Response({"wanted": wanted, "tries": tries, "shapes": shown, "plates": plates})

    @extend_schema(operation_id="session_checked", request=shapes.Checked, responses={200: shapes.Progress})
    def post(self, request: Request, slug: str) -> Response:
        """Tell what was seen."""
        session = self.session(slug)
        seen = shapes.Checked(data=request.data)
        seen.is_valid(raise_exception=True)
        answers = {**seen.validated_data, "plates": tuple(seen.validated_data.get("plates", ()))}
        services.checks_answer(session=session, **answers)
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

    @extend_schema(
        operation_id="session_plan",
        responses={200: shapes.Plan, 403: shapes.Problem},
        parameters=[
            OpenApiParameter("start", int, description="Place of the first pair, counted from 0."),
            OpenApiParameter("count", int, description="How many; without it all that follow."),
        ],
    )
    def get(self, request: Request, slug: str) -> Response:
        """The pairs of the session in the order of answering, with the addresses and sizes of their pictures."""
        session = self.session(slug)
        if session.withdrew_at is not None:
            raise NotTakingPart("withdrawn", _("You have withdrawn from this study."))
        if session.consented_at is None:
            raise NotTakingPart("consent", _("Please read and accept the consent page first."))
        window = shapes.Stretch(data=request.query_params)
        window.is_valid(raise_exception=True)
        study = session.study
        shown = {name: getattr(study, name) for name in SHOWN}
        shown |= {"feedback": study.practice_feedback, "undoable": trial_to_undo(session) is not None}
        return Response({**shown, "trials": plan_of(session, **window.validated_data)})


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


class UndoView(ParticipantView):
    """The last answer taken back."""

    @extend_schema(operation_id="session_undo", request=None, responses={200: shapes.Undone, 409: shapes.Problem})
    def post(self, request: Request, slug: str) -> Response:
        """Ask the last pair again, if the study allows it. Its new answer replaces the first one; both are kept."""
        session = self.session(slug)
        trial = services.vote_undo(session=session)
        return Response({"trial": pair_of(trial), "answered": progress_of(session).answered})


class EventsView(ParticipantView):
    """The log."""

    @extend_schema(operation_id="session_events", request=shapes.Notes, responses={201: shapes.Stored})
    def post(self, request: Request, slug: str) -> Response:
        """Note what happened besides votes: pauses, breaks, a lost connection. Numbers only, nothing personal."""
        session = self.session(slug)
        if session.withdrew_at is not None:
            raise NotTakingPart("withdrawn", _("You have withdrawn from this study."))
        notes = shapes.Notes(data=request.data)
        notes.is_valid(raise_exception=True)
        return Response({"stored": services.events_note(session=session, events=notes.validated_data["events"])}, 201)


class FinishView(ParticipantView):
    """The end."""

    @extend_schema(
        operation_id="session_finish",
        request=None,
        responses={200: shapes.Completion, **dict.fromkeys((409, 410), shapes.Problem)},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Ask for the completion code; it is given when every pair has a stored vote."""
        session = self.session(slug)
        services.session_finish(session=session)
        way, result = way_out(session, Session.Outcome.COMPLETE), own_result(session)
        return Response({"code": way.code, "url": way.url, "result": asdict(result) if result else None})


class DebriefView(ParticipantView):
    """The two questions at the end."""

    @extend_schema(operation_id="session_debrief", request=shapes.Debrief, responses={200: shapes.Progress})
    def post(self, request: Request, slug: str) -> Response:
        """Answer them, or leave them empty."""
        session = self.session(slug)
        answers = shapes.Debrief(data=request.data)
        answers.is_valid(raise_exception=True)
        services.debrief_answer(session=session, answers=answers.validated_data)
        return _progress(session)


class WithdrawView(ParticipantView):
    """The way out."""

    @extend_schema(operation_id="session_withdraw", request=None, responses={200: shapes.Progress})
    def post(self, request: Request, slug: str) -> Response:
        """Withdraw: the votes given so far will not be used."""
        session = self.session(slug)
        services.session_withdraw(session=session, by_id=is_by_id(request, slug))
        return _progress(session)


def _token(request: Request) -> str:
    return cast(TakingPart, request.user).token


def _progress(session: Session) -> Response:
    session.refresh_from_db()
    step = step_of(session)
    way = way_out(session, session.outcome) if step == "ended" else None
    out = {"code": way.code if way else "", "url": way.url if way else ""}
    return Response({"step": step, "outcome": session.outcome, **out, **asdict(progress_of(session))})
