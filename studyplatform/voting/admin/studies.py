"""Studies in the admin: made on rendered grids without code, moved through their states with a word of comment.

Every researcher sees the studies they own or are a member of; a superuser sees all. How far a study is, is shown; which
pictures win, is not.
"""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.db.models import ManyToManyField, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import URLPattern, path

from generation.models import Grid
from studyplatform.voting import services
from studyplatform.voting.admin.columns import StudyColumns, StudyList
from studyplatform.voting.admin.fieldsets import FIELDSETS, HEAD, RowsField, StudyForm, condition_names
from studyplatform.voting.admin.inlines import PanelInline, QuestionInline
from studyplatform.voting.admin.pages import registry
from studyplatform.voting.admin.pages.file import import_page
from studyplatform.voting.admin.steps import StudySteps
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import may_edit, natural_question, studies_visible
from studyplatform.voting.services import DESIGN_FIELDS, PICTURE_FIELDS, StudyError
from studyplatform.voting.services.studies import audit

if TYPE_CHECKING:
    from django.contrib.admin.options import _FieldsetSpec as Fieldsets

    StudyBase = admin.ModelAdmin[Study]
else:
    StudyBase = admin.ModelAdmin


def _named(request: HttpRequest) -> list[int]:
    """The grids that the address of the form names: ``?grids=1,2``."""
    named = request.GET.get("grids", "").split(",")
    return [int(pk) for pk in named if pk.isdecimal() and len(pk) < 16]


class StudyAdmin(StudyColumns, StudySteps, StudyBase):
    list_display = ["pair", "title", "state_badge", "people", "links"]
    list_display_links = ["title"]
    list_filter = ["state", "simulated"]
    search_fields = ["title", "slug"]
    filter_horizontal = ["grids", "left_out_scenes", "left_out_conditions"]
    prepopulated_fields = {"slug": ["title"]}
    inlines = [QuestionInline, PanelInline]
    list_per_page = 50
    show_full_result_count = False
    readonly_fields = ["state_badge", "pair", "people", "links", "frozen_design"]
    change_form_template = "admin/voting/study/change_form.html"
    form = StudyForm
    fieldsets = FIELDSETS

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

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Deleting is offered where it is not refused."""
        study = kwargs.get("obj")
        if study is not None and services.deletion_refusal(study):
            context["show_delete"] = False
        return super().render_change_form(request, context, *args, **kwargs)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Study]:
        return studies_visible(request.user)

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Deleting is done one study at a time, where a refusal can be explained."""
        actions = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    # --- the form ---------------------------------------------------------------------------------------------------

    def get_readonly_fields(self, request: HttpRequest, obj: Study | None = None) -> list[str]:
        frozen = [*PICTURE_FIELDS, *DESIGN_FIELDS] if obj is not None and services.is_frozen(obj) else []
        return [*self.readonly_fields, *frozen]

    def get_fieldsets(self, request: HttpRequest, obj: Study | None = None) -> "Fieldsets":
        """A new study has no head yet."""
        if obj is not None:
            return FIELDSETS
        [(first, options), *rest] = list(FIELDSETS)
        fields = [name for name in options["fields"] if name not in HEAD]
        return [(first, {**options, "fields": fields}), *rest]

    def get_prepopulated_fields(self, request: HttpRequest, obj: Study | None = None) -> dict[str, Any]:
        return {} if obj is not None else {"slug": ["title"]}

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """No “+” beside the grids: a grid is made and launched on pages of its own, not in a window beside a form."""
        field = super().formfield_for_dbfield(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, RelatedFieldWidgetWrapper):
            wrapper = field.widget
            wrapper.can_add_related = wrapper.can_change_related = wrapper.can_delete_related = False
            wrapper.can_view_related = False
        return field

    def formfield_for_manytomany(
        self, db_field: "ManyToManyField[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "forms.ModelMultipleChoiceField[Any] | None":
        """One's own grids are offered, and those the study has already: an editor's form must not lose the owner's."""
        if db_field.name == "grids":
            kwargs["queryset"] = self._grids(request)
            return super().formfield_for_manytomany(db_field, request, **kwargs)
        match = request.resolver_match
        pk = match.kwargs.get("object_id") if match else None
        # A study that is being added has no grids yet, but for those of one's own that its address names.
        grids = Grid.objects.filter(studies=pk) if pk else self._grids(request).filter(pk__in=_named(request))
        held = grids.values("cells__scene" if db_field.name == "left_out_scenes" else "cells__condition")
        kwargs["queryset"] = db_field.related_model._default_manager.filter(pk__in=held)
        field = super().formfield_for_manytomany(db_field, request, form_class=RowsField, **kwargs)
        if isinstance(field, RowsField):
            field.names = condition_names(grids) if db_field.name == "left_out_conditions" else {}
        return field

    def _grids(self, request: HttpRequest) -> QuerySet[Grid]:
        grids = Grid.objects.filter(frozen=True)  # a draft has no pictures yet
        if request.user.is_superuser:
            return grids
        known = Q(owner_id=request.user.pk)
        if (match := request.resolver_match) and (pk := match.kwargs.get("object_id")):
            known |= Q(pk__in=Grid.objects.filter(studies__in=studies_visible(request.user).filter(pk=pk)))
        return grids.filter(known)

    def get_formset_kwargs(self, request: HttpRequest, obj: Study, inline: Any, prefix: str) -> dict[str, Any]:
        """A study without a question begins with what the task of its grid asks by nature."""
        kwargs: dict[str, Any] = super().get_formset_kwargs(request, obj, inline, prefix)
        if isinstance(inline, QuestionInline):
            grids = obj.grids.order_by("pk") if obj.pk else self._grids(request).order_by("-pk")
            grid = grids.filter(pk__in=_named(request)).first() or grids.first()
            if grid is not None:
                kwargs["initial"] = [{"preset": natural_question(grid)}]
        return kwargs

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """A study saved without a question asks what its first grid's task asks by nature; the rows beside it are
        logged by name. What was refused is not half saved."""
        if getattr(request, "refused", False):
            return
        super().save_related(request, form, formsets, change)
        study = form.instance
        services.question_ensure(study=study)
        services.questions_number(study=study)
        rows = {f.prefix: [str(row) for row in f.queryset.all()] for f in formsets if change and f.has_changed()}
        if rows:
            audit(study=study, by=request.user, action="edited", data=rows)  # type: ignore[arg-type]

    def save_model(self, request: HttpRequest, obj: Study, form: Any, change: bool) -> None:
        """Changes go through the service, which refuses what is frozen even if it was not when the page was made."""
        if not change:
            obj.owner_id = request.user.pk or 0
            super().save_model(request, obj, form, change)
            return
        names = set(form.changed_data)
        # What is left out follows the grids: the form drops what they do not hold.
        names |= set(PICTURE_FIELDS) if "grids" in names else set()
        typed = {name: form.cleaned_data[name] for name in names}
        try:
            services.study_update(study=obj, by=request.user, **typed)  # type: ignore[arg-type]
        except StudyError as error:
            messages.error(request, str(error))
            request.refused = True  # type: ignore[attr-defined]

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Ask once; refusals are sentences."""
        study = get_object_or_404(studies_visible(request.user), pk=object_id)
        if not may_edit(request.user, study):
            return redirect("admin:voting_study_change", study.pk)
        if (refusal := services.deletion_refusal(study)) and request.method != "POST":
            messages.error(request, refusal)
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

    # --- its pages --------------------------------------------------------------------------------------------------

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """The list, which counts once for all its rows."""
        return StudyList

    def get_urls(self) -> list[URLPattern]:
        """The steps from state to state and the pages of a study, before the admin's own addresses."""
        step = self.admin_site.admin_view(self.transition)
        own = [
            path("<int:pk>/transition/", step, name="voting_study_transition"),
            path("import/", self.admin_site.admin_view(import_page), name="voting_study_import"),
        ]
        return [*own, *registry.urls(self.admin_site), *super().get_urls()]
