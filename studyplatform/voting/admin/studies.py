"""Studies in the admin: made on rendered grids without code, moved through their states with a word of comment.

Every researcher sees the studies they own or are a member of; a superuser sees all. How far a study is, is shown; which
pictures win, is not.
"""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db import transaction
from django.db.models import ManyToManyField, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path, reverse

from generation.models import Grid
from studyplatform.voting import services
from studyplatform.voting.admin.columns import StudyColumns
from studyplatform.voting.admin.inlines import MembershipInline, PanelInline, QuestionInline
from studyplatform.voting.models import Stimulus, Study
from studyplatform.voting.selectors import may_edit, natural_question, studies_visible
from studyplatform.voting.services import StudyError

if TYPE_CHECKING:
    StudyBase = admin.ModelAdmin[Study]
else:
    StudyBase = admin.ModelAdmin

# Where opening fixes the design; from a pause it only goes on.
OPENS_FROM = (Study.State.DRAFT, Study.State.PILOT)

STEP_WORDS = {
    "draft": "Back to draft",
    "pilot": "Start a pilot",
    "open": "Open",
    "paused": "Pause",
    "closed": "Close",
    "archived": "Archive",
}


class StudyAdmin(StudyColumns, StudyBase):
    list_display = ["pair", "title", "state_badge", "people", "links"]
    list_display_links = ["title"]
    list_filter = ["state", "simulated"]
    search_fields = ["title", "slug"]
    filter_horizontal = ["grids"]
    prepopulated_fields = {"slug": ["title"]}
    inlines = [QuestionInline, PanelInline, MembershipInline]
    readonly_fields = ["state_badge", "pair", "people", "links", "frozen_design"]
    change_form_template = "admin/voting/study/change_form.html"
    fieldsets = [
        (None, {"fields": ["state_badge", "pair", "people", "links", "title", "slug", "grids"]}),
        ("What participants read", {"fields": ["introduction", "consent", "instructions"]}),
        (
            "Design",
            {
                "fields": [
                    ("trials_per_session", "sessions_planned"),
                    "strategy",
                    "practice_trials",
                    "practice_feedback",
                    ("catch_trials", "repeat_trials"),
                    "show_photograph",
                    "seed",
                    "simulated",
                ],
                "description": "Fixed from the pilot on: opening writes the design and its SHA-256 down.",
            },
        ),
        (
            "How a pair is shown",
            {
                "fields": [
                    ("layout", "phone_layout"),
                    ("reference_place", "exposure_ms"),
                    "allow_ties",
                    "allow_undo",
                    "break_every",
                ]
            },
        ),
        (
            "Before and after the pairs",
            {
                "fields": [
                    ("check_window", "check_brightness", "check_colour"),
                    "screen_out",
                    ("ask_debrief", "show_own_result"),
                ],
                "classes": ["collapse"],
            },
        ),
        (
            "Pauses and closing",
            {
                "fields": [("resume", "resume_after_minutes"), ("hold_minutes", "grace_hours")],
                "classes": ["collapse"],
            },
        ),
        ("Preregistration and report", {"fields": ["hypothesis", "public_report", "frozen_design"]}),
    ]

    class Media:
        css = {"all": ["voting/admin.css"]}

    # --- who may do what --------------------------------------------------------------------------------------------

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Study | None = None) -> bool:
        return self.has_module_permission(request) and (
            obj is None or studies_visible(request.user).filter(pk=obj.pk).exists()
        )

    def has_change_permission(self, request: HttpRequest, obj: Study | None = None) -> bool:
        return self.has_module_permission(request) and (obj is None or may_edit(request.user, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Study | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Study]:
        return studies_visible(request.user)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting is done one study at a time, where a refusal can be explained."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    # --- the form ---------------------------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Study | None = None) -> list[str]:
        frozen = ["grids", *services.DESIGN_FIELDS] if obj is not None and services.is_frozen(obj) else []
        return [*self.readonly_fields, *frozen]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Study | None = None) -> dict[str, Any]:
        return {} if obj is not None else {"slug": ["title"]}

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "forms.ModelMultipleChoiceField[Any] | None":
        """One's own grids are offered, and those the study has already: an editor's form must not lose the owner's."""
        if db_field.name == "grids":
            kwargs["queryset"] = self._grids(request)
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def _grids(self, request: HttpRequest) -> QuerySet[Grid]:
        if request.user.is_superuser:
            return Grid.objects.all()
        known = Q(owner_id=request.user.pk)
        if (match := request.resolver_match) and (pk := match.kwargs.get("object_id")):
            known |= Q(pk__in=Grid.objects.filter(studies__in=studies_visible(request.user).filter(pk=pk)))
        return Grid.objects.filter(known)

    def get_formset_kwargs(self, request: HttpRequest, obj: Study, inline: Any, prefix: str) -> dict[str, Any]:
        """A study without a question begins with what the task of its grid asks by nature."""
        kwargs: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        if isinstance(inline, QuestionInline):
            chosen = [g for g in request.GET.get("grids", "").split(",") if g.isdecimal()]
            grids = obj.grids.order_by("pk") if obj.pk else self._grids(request).order_by("-pk")
            grid = grids.filter(pk__in=chosen).first() or grids.first()
            if grid is not None:
                kwargs["initial"] = [{"preset": natural_question(grid)}]
        return kwargs

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A study saved without a question asks what its first grid's task asks by nature."""
        super().save_related(request, form, formsets, change)
        services.question_ensure(study=form.instance)
        services.questions_number(study=form.instance)

    def save_model(self, request: HttpRequest, obj: Study, form: Any, change: bool) -> None:
        """Changes go through the service, which refuses what is frozen even if it was not when the page was made."""
        if not change:
            obj.owner_id = request.user.pk or 0
            super().save_model(request, obj, form, change)
            return
        plain = {name: form.cleaned_data[name] for name in form.changed_data if name != "grids"}
        try:
            services.study_update(study=obj, by=request.user, **plain)  # type: ignore[arg-type]
        except StudyError as error:
            messages.error(request, str(error))
            request.refused = True  # type: ignore[attr-defined]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask once; refusals are sentences."""
        study = get_object_or_404(studies_visible(request.user), pk=object_id)
        if not may_edit(request.user, study):
            return redirect("admin:voting_study_change", study.pk)
        if request.method == "POST":
            try:
                services.study_delete(study=study)
            except StudyError as error:
                messages.error(request, str(error))
                return redirect("admin:voting_study_change", study.pk)
            messages.success(request, f"“{study}” is deleted.")
            return redirect("admin:voting_study_changelist")
        context = {
            **self.admin_site.each_context(request),
            "study": study,
            "opts": self.opts,
            "title": "Delete a study",
        }
        return render(request, "admin/voting/study/delete.html", context)

    # --- its states -------------------------------------------------------------------------------------------------

    def get_urls(self) -> list[URLPattern]:
        """The steps from state to state, before the admin's own addresses."""
        step = self.admin_site.admin_view(self.transition)
        return [path("<int:pk>/transition/", step, name="voting_study_transition"), *super().get_urls()]

    def transition(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take the study to another state (POST), or ask before it opens (GET)."""
        study = get_object_or_404(studies_visible(request.user), pk=pk)
        asked = request.POST if request.method == "POST" else request.GET
        to, comment = asked.get("to", ""), asked.get("comment", "")
        if request.method == "POST" or (to and not may_edit(request.user, study)):
            return self._step(request, study, to, comment)
        if to == Study.State.OPEN and study.state in OPENS_FROM:
            return self._confirm(request, study, comment)
        return redirect("admin:voting_study_change", pk)

    def _confirm(self, request: HttpRequest, study: Study, comment: str) -> HttpResponse:
        """What opening fixes, and a button; what stands in the way is said at once."""
        try:
            pictures = services.pictures_of(study)
        except StudyError as error:
            for problem in error.problems:
                messages.error(request, problem)
            return self._back(study, comment)
        context = {
            **self.admin_site.each_context(request),
            "study": study,
            "opts": self.opts,
            "title": "Open a study",
            "comment": comment,
            "questions": study.questions.all(),
            "grids": study.grids.order_by("pk"),
            "session": services.session_plan(study, pictures),
            "pictures": sum(p.role in (Stimulus.Role.GRID, Stimulus.Role.CONTROL) for p in pictures),
            "references": sum(p.role == Stimulus.Role.REFERENCE for p in pictures),
            "scenes": len({p.scene.pk for p in pictures}),
            "pairs": services.offer_words(study, pictures),
            "known_again": services.known_again(study, pictures),
        }
        return render(request, "admin/voting/study/open.html", context)

    def _step(self, request: HttpRequest, study: Study, to: str, comment: str) -> HttpResponse:
        """Take the step; what stands in the way is said, one sentence each."""
        if not may_edit(request.user, study):
            messages.error(request, "Only the owner and editors of a study can change its state.")
            return self._back(study)
        try:
            services.study_transition(study=study, to=to, by=request.user, comment=comment)  # type: ignore[arg-type]
        except StudyError as error:
            for problem in error.problems:
                messages.error(request, problem)
            return self._back(study, comment)
        messages.success(request, f"“{study}” is {study.state} now.")
        return self._back(study)

    def _back(self, study: Study, comment: str = "") -> HttpResponse:
        """To the study's form; the comment of a step that was not taken stands there again."""
        query = f"?{urlencode({'_comment': comment})}" if comment else ""
        return redirect(reverse("admin:voting_study_change", args=[study.pk]) + query)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The form, with the steps that are open from here and the log of those taken."""
        study = studies_visible(request.user).filter(pk=object_id).first() if object_id else None
        context = dict(extra_context or {})
        if study is not None:
            steps = Study.TRANSITIONS[Study.State(study.state)] if may_edit(request.user, study) else ()
            context["steps"] = [(str(step), STEP_WORDS[str(step)]) for step in steps]
            context["comment"] = request.POST.get("_comment", request.GET.get("_comment", ""))
            context["log"] = study.audit.select_related("user")[:10]
        with transaction.atomic():
            if study is not None and request.method == "POST":
                # Whether the design is frozen is decided once, for the fields and the rows beside them.
                Study.objects.select_for_update().get(pk=study.pk)
            response = super().changeform_view(request, object_id, form_url, context)
        # A step is taken once what was typed is saved, and after the transaction: it may decode many pictures.
        if study is None or not getattr(request, "stepping", False):
            return response
        study.refresh_from_db()
        to, comment = request.POST["_step"], request.POST.get("_comment", "")
        if to == Study.State.OPEN and study.state in OPENS_FROM:
            query = urlencode({"to": to, "comment": comment})
            return redirect(f"{reverse('admin:voting_study_transition', args=[study.pk])}?{query}")
        return self._step(request, study, to, comment)

    def response_change(self, request: HttpRequest, obj: Study) -> HttpResponse:
        """A button of the steps saves the form first; if that was refused, the step is not taken."""
        if "_step" not in request.POST:
            return super().response_change(request, obj)
        request.stepping = not getattr(request, "refused", False)  # type: ignore[attr-defined]
        return redirect("admin:voting_study_change", obj.pk)
