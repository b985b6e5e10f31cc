"""What participants were shown and when, to look at, and who is left out; only of one's own studies."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from studyplatform.voting import services
from studyplatform.voting.models import Participant, Stimulus
from studyplatform.voting.selectors import may_edit, studies_visible


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
    list_display = [
        "__str__", "study", "answered", "outcome", "excluded", "is_bot", "is_pilot", "is_preview", "created_at"
    ]  # fmt: skip
    list_select_related = ["study", "session"]
    list_filter = [*StudyRowsAdmin.list_filter, "is_bot", "is_pilot", "is_preview"]
    change_form_template = "admin/voting/participant/change_form.html"
    # The token is what a participant's browser signs in with; it is not for reading.
    fields = [
        "study", "answered", "outcome", "excluded", "is_bot", "is_pilot", "is_preview", "language", "created_at",
        "checks", "debrief",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = (
            super()
            .get_queryset(request)
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

    def get_urls(self) -> list[URLPattern]:
        """Leaving out and taking in again, before the admin's own addresses."""
        view = self.admin_site.admin_view(self.decide)
        return [path("<int:pk>/decide/", view, name="voting_participant_decide"), *super().get_urls()]

    def decide(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Leave the participant out of the analysis for a reason, or take them in again."""
        participant = get_object_or_404(self.get_queryset(request), pk=pk)
        if request.method == "POST" and not may_edit(request.user, participant.study):
            messages.error(request, "Only the owner and editors of a study decide who is left out.")
        elif request.method == "POST":
            try:
                if "include" in request.POST:
                    services.participant_include(participant=participant, by=request.user)  # type: ignore[arg-type]
                else:
                    reason = request.POST.get("reason", "")
                    services.participant_exclude(participant=participant, by=request.user, reason=reason)  # type: ignore[arg-type]
            except services.StudyError as error:
                messages.error(request, str(error))
        return redirect("admin:voting_participant_change", pk)

    def change_view(self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None) -> Any:
        """The participant, with the decision beside it for those who may take it."""
        found = self.get_queryset(request).filter(pk=object_id).first() if object_id.isdecimal() else None
        context = {"decides": found is not None and may_edit(request.user, found.study)}
        if found is not None:
            context |= {"is_excluded": found.exclusions.filter(undone_at=None).exists(), "participant": found}
        return super().change_view(request, object_id, form_url, {**(extra_context or {}), **context})


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
