"""What participants were shown and when, to look at: read-only, and only of one's own studies."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from studyplatform.voting.models import Participant, Stimulus
from studyplatform.voting.selectors import studies_visible


class StudyRowsAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows of the studies that the reader may see."""

    list_filter = [("study", admin.RelatedOnlyFieldListFilter)]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request) and (
            obj is None or studies_visible(request.user).filter(pk=obj.study_id).exists()
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

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
    list_display = ["__str__", "study", "answered", "finished", "is_bot", "is_pilot", "is_preview", "created_at"]
    list_select_related = ["study", "session"]
    list_filter = [*StudyRowsAdmin.list_filter, "is_bot", "is_pilot", "is_preview"]
    # The token is what a participant's browser signs in with; it is not for reading.
    fields = ["study", "answered", "finished", "is_bot", "is_pilot", "is_preview", "language", "created_at"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = (
            super().get_queryset(request).annotate(votes=Count("trials__votes"), planned=Count("trials"))
        )
        return rows

    @admin.display(description="answered")
    def answered(self, participant: Any) -> str:
        """Votes of trials."""
        return f"{participant.votes} of {participant.planned}"

    @admin.display(description="finished", boolean=True)
    def finished(self, participant: Participant) -> bool:
        """Whether the completion code was issued."""
        return participant.session.finished_at is not None


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
