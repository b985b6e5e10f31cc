"""What participants were shown and when, to look at; only of one's own studies."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from generation.admin.access import ReadOnlyAdmin
from studyplatform.voting.models import Participant, Stimulus
from studyplatform.voting.selectors import studies_downloadable, studies_visible


class StudyRowsAdmin(ReadOnlyAdmin):
    """Rows of the studies that the reader may see."""

    list_filter = [("study", admin.RelatedOnlyFieldListFilter)]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return super().get_queryset(request).filter(study__in=studies_visible(request.user))


class StimulusAdmin(StudyRowsAdmin):
    list_display = ["picture", "label", "scene", "role", "study"]
    list_display_links = ["label"]
    list_select_related = ["scene", "study"]
    search_fields = ["label", "scene__label"]
    fields = ["picture", "label", "scene", "role", "replicate", "study", "width", "height", "public_name"]

    @admin.display(description="")
    def picture(self, stimulus: Stimulus) -> SafeString:
        """The published picture."""
        address = reverse("voting:stimulus", args=[stimulus.study.token, stimulus.public_name])
        return format_html('<img class="thumb" src="{}" alt="">', address)


class ParticipantAdmin(StudyRowsAdmin):
    list_display = [
        "__str__", "study", "answered", "outcome", "excluded", "is_bot", "is_pilot", "is_preview", "created_at"
    ]  # fmt: skip
    list_select_related = ["study", "session"]
    list_filter = [*StudyRowsAdmin.list_filter, "is_bot", "is_pilot", "is_preview"]
    # The token is what a participant's browser signs in with; it is not for reading.
    fields = [
        "study", "page", "answered", "outcome", "excluded", "is_bot", "is_pilot", "is_preview", "language", "device",
        "created_at", "checks", "debrief",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = (
            super()
            .get_queryset(request)
            # What they wrote, and why somebody is left out, is data.
            .filter(study__in=studies_downloadable(request.user))
            .annotate(votes=Count("trials__votes"), planned=Count("trials"))
            .prefetch_related("exclusions")
        )
        return rows

    @admin.display(description="answered")
    def answered(self, participant: Any) -> str:
        """Votes of trials."""
        return f"{participant.votes} of {participant.planned}"

    @admin.display(description="outcome")
    def outcome(self, participant: Participant) -> str:
        """How the session ended, if it did."""
        session = participant.session
        return "withdrew" if session.withdrew_at else session.get_outcome_display() or "in progress"

    @admin.display(description="screen checks")
    def checks(self, participant: Participant) -> str:
        """What the screen checks found."""
        return ", ".join(f"{name}: {value}" for name, value in participant.session.checks.items()) or "none"

    @admin.display(description="debrief")
    def debrief(self, participant: Participant) -> str:
        """What was answered at the end."""
        return " · ".join(participant.session.debrief.values()) or "nothing"

    @admin.display(description="excluded")
    def excluded(self, participant: Participant) -> str:
        """Why the participant is left out of the analysis, if so."""
        reasons = [e.reason for e in participant.exclusions.all() if e.undone_at is None]
        return reasons[0] if reasons else "no"

    @admin.display(description="decide")
    def page(self, participant: Participant) -> SafeString:
        """Where the answers are looked at, and people left out and paid."""
        address = reverse("admin:voting_study_participant", args=[participant.study_id, participant.pk])
        return format_html('<a href="{}">The participant’s page</a>', address)


class TrialAdmin(StudyRowsAdmin):
    list_display = ["study", "participant", "position", "kind", "scene", "question", "served_at", "answered"]
    list_select_related = ["study", "participant", "scene", "question"]
    # Without left, right and the choice: an open study is looked at without seeing which pictures win.
    fields = ["study", "participant", "position", "kind", "scene", "question", "strategy", "design_prob", "reserved_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request).annotate(answers=Count("votes"))
        return rows

    @admin.display(description="reserved", ordering="reserved_at")
    def served_at(self, trial: Any) -> Any:
        """When the plan was laid."""
        return trial.reserved_at

    @admin.display(description="answered", boolean=True)
    def answered(self, trial: Any) -> bool:
        """Whether a vote is stored."""
        return bool(trial.answers)
