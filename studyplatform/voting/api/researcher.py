"""What a researcher may ask for: one's own studies, and their data once people have done voting."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from django.contrib.auth.models import User
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from studyplatform.voting.api import serializers as shapes
from studyplatform.voting.models import Exclusion, Study, Trial, Vote
from studyplatform.voting.selectors import (
    counts_of,
    data_id,
    is_sealed,
    may_download,
    participant_hash,
    picture_shown,
    studies_visible,
    trial_name,
)

PAGE = [
    OpenApiParameter("after", int, description="Rows after this `row`; without it from the first."),
    OpenApiParameter("count", int, description="At most so many (1000)."),
]


class ResearcherView(APIView):
    """What the views of signed-in researchers share."""

    authentication_classes = [SessionAuthentication]

    def studies(self) -> Iterable[Study]:
        """The studies that the researcher owns or is a member of."""
        return studies_visible(self.request.user) if isinstance(self.request.user, User) else []

    def study(self, slug: str) -> Study:
        """One of these; all others do not exist."""
        for study in studies_visible(self.request.user).filter(slug=slug):
            return study
        raise Http404(f"You have no study {slug!r}.")


class StudyListView(ResearcherView):
    """Studies of the signed-in researcher."""

    @extend_schema(operation_id="studies", responses={200: shapes.StudyRow(many=True)})
    def get(self, request: Request) -> Response:
        """The studies you own or are a member of, and how far each is."""
        studies = list(self.studies())
        counts = counts_of(studies)
        rows = [{**_named(study), **asdict(counts[study.pk])} for study in studies]
        return Response(shapes.StudyRow(rows, many=True).data)


class StimuliView(ResearcherView):
    """The pictures of a study."""

    @extend_schema(operation_id="study_stimuli", responses={200: shapes.StimulusRow(many=True), 404: shapes.Problem})
    def get(self, request: Request, slug: str) -> Response:
        """Each published picture with its scene and condition. Participants see the address alone."""
        study = self.study(slug)
        rows = study.stimuli.select_related("scene", "render__condition").order_by(
            "scene", "position", "replicate", "pk"
        )
        return Response([_stimulus(study, row) for row in rows])


class TableView(ResearcherView):
    """Rows that tell who chose what: for those who may take the data, once people have done voting."""

    def get(self, request: Request, slug: str) -> Response:
        """The rows of the asked stretch of trials, or why they are not given."""
        study = self.study(slug)
        if not may_download(request.user, study):
            return Response({"code": "role", "detail": "Viewers of a study see how far it is, not its data."}, 403)
        if is_sealed(study):
            sentence = (
                f"The data stay sealed while people vote; the study is {study.state}. Close it first, or run "
                f"“manage.py evaluate {study.slug} --unblind”, which is written to its audit log."
            )
            return Response({"code": "sealed", "detail": sentence}, 409)
        asked = shapes.Page(data=request.query_params)
        asked.is_valid(raise_exception=True)
        # Who has withdrawn was told that the answers are not used.
        kept = study.trials.filter(session__withdrew_at=None, pk__gt=asked.validated_data["after"]).order_by("pk")
        return Response(self.rows(study, kept[: asked.validated_data["count"]]))

    def rows(self, study: Study, trials: QuerySet[Trial]) -> Sequence[Any]:
        """The table's rows for these trials."""
        raise NotImplementedError


@extend_schema_view(
    get=extend_schema(
        operation_id="study_trials",
        parameters=PAGE,
        responses={200: shapes.TrialRow(many=True), 409: shapes.Problem},
        description="Every served pair, answered or not, in the order of `row`; without people who withdrew.",
    )
)
class TrialsView(TableView):
    """Served pairs."""

    def rows(self, study: Study, trials: QuerySet[Trial]) -> Sequence[Any]:
        """A row for each trial, with the flags of who was asked."""
        left_out = Exclusion.objects.filter(participant=OuterRef("participant"), undone_at=None).values("code")
        related = trials.select_related(
            "participant", "question", "scene", "left", "right", "block", "supersedes", "reasks"
        )
        return [_trial(study, trial) for trial in related.annotate(excluded=Subquery(left_out))]


@extend_schema_view(
    get=extend_schema(
        operation_id="study_votes",
        parameters=PAGE,
        responses={200: shapes.VoteRow(many=True), 409: shapes.Problem},
        description="The votes of the same stretch of trials; a trial without a vote has no row.",
    )
)
class VotesView(TableView):
    """Votes."""

    def rows(self, study: Study, trials: QuerySet[Trial]) -> Sequence[Any]:
        """A row for each vote, in the order of its trial."""
        asked = {trial.pk: trial for trial in trials.select_related("participant")}
        votes = Vote.objects.filter(study=study, trial__in=list(asked)).order_by("trial")
        fields = ("choice", "rt_ms", "shown_at", "submitted_at", "late", "client")
        rows = [
            {"trial_id": _name(study, asked[v.trial_id]), **{name: getattr(v, name) for name in fields}} for v in votes
        ]
        return list(shapes.VoteRow(rows, many=True).data)


class ExportsView(ResearcherView):
    """What has left the house."""

    @extend_schema(operation_id="study_exports", responses={200: shapes.ExportRow(many=True)})
    def get(self, request: Request, slug: str) -> Response:
        """The exports taken so far: number, time, and the digest of the data in them."""
        rows = self.study(slug).exports.order_by("number").values("number", "at", "contents", "data_digest")
        return Response(shapes.ExportRow(rows, many=True).data)


def _named(study: Study) -> dict[str, object]:
    return {name: getattr(study, name) for name in ("slug", "title", "state", "simulated", "design_digest")}


def _stimulus(study: Study, row: Any) -> dict[str, Any]:
    return {
        **picture_shown(study, row),
        "stimulus_id": row.public_name,
        "scene_id": data_id(row.scene.digest),
        "scene_label": row.scene.label,
        "condition_id": data_id(row.render.condition.digest),
        "condition_label": row.label,
        "role": row.role,
        "replicate": row.replicate,
        "render": row.render.digest,
    }


def _name(study: Study, trial: Trial) -> str:
    return trial_name(participant_hash(study, trial.participant.token), trial.position)


def _trial(study: Study, trial: Any) -> dict[str, Any]:
    person = participant_hash(study, trial.participant.token)

    def other(position: int | None) -> str:
        return "" if position is None else trial_name(person, position)

    return {
        "row": trial.pk,
        "trial_id": trial_name(person, trial.position),
        "participant_id": person,
        "question_id": trial.question.preset,
        "trial_index": trial.position,
        "turn": trial.turn,
        "kind": trial.kind,
        "scene_id": data_id(trial.scene.digest),
        "stimulus_left": trial.left.public_name,
        "stimulus_right": trial.right.public_name,
        "expected_choice": trial.expected,
        "repeat_of": other(trial.repeats),
        "supersedes": other(trial.supersedes and trial.supersedes.position),
        "reasks": other(trial.reasks and trial.reasks.position),
        "design": trial.strategy,
        "design_prob": trial.design_prob,
        "block": trial.block and trial.block.number,
        **{name: getattr(trial.participant, name) for name in ("is_bot", "is_pilot", "is_preview")},
        "exclusion_reason": trial.excluded or "",
        "reserved_at": trial.reserved_at,
    }
