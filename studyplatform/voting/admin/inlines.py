"""Rows beside a study in its form: questions and the panel."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from studyplatform.voting import services
from studyplatform.voting.models import Panel, Question, Study
from studyplatform.voting.selectors import may_edit

if TYPE_CHECKING:
    QuestionBase = admin.TabularInline[Question, Study]
    PanelBase = admin.StackedInline[Panel, Study]
    QuestionFormBase = forms.ModelForm[Question]
    QuestionFormSetBase = forms.BaseInlineFormSet[Question, Study, QuestionFormBase]
else:
    QuestionFormBase, QuestionFormSetBase = forms.ModelForm, forms.BaseInlineFormSet
    QuestionBase, PanelBase = admin.TabularInline, admin.StackedInline


class FrozenInline:
    """Rows beside a study: typed in by those who may edit it."""

    frozen_with_design = True

    def _may(self, request: HttpRequest, study: Any) -> bool:
        if study is None:
            return True
        return may_edit(request.user, study) and not (self.frozen_with_design and services.is_frozen(study))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, obj)


class QuestionForm(QuestionFormBase):
    """A new row counts as filled in even when the suggested question is left as it is.

    Which row asks what is the service's: answers keep the question that they were given to.
    """

    class Meta:
        model = Question
        fields = ["preset", "position"]

    def has_changed(self) -> bool:
        return self.instance.pk is None or super().has_changed()

    def save(self, commit: bool = True) -> Question:
        """Ask what was chosen."""
        if not commit:
            return super().save(commit=False)
        row, chosen = self.instance, self.cleaned_data
        before = Question.objects.get(pk=row.pk) if row.pk else None
        self.instance = services.question_ask(
            study=row.study, preset=chosen["preset"], position=chosen["position"], instead_of=before
        )
        return self.instance


class QuestionFormSet(QuestionFormSetBase):
    """The questions of a study."""

    def get_unique_error_message(self, unique_check: Sequence[str]) -> str:
        """In place of “duplicate data for preset”."""
        return "Each question can be asked once. Choose another, or remove the row."

    def get_form_error(self) -> str:
        """Beside the row that repeats one."""
        return "This question stands above already."


class QuestionInline(FrozenInline, QuestionBase):
    model = Question
    form = QuestionForm
    formset = QuestionFormSet
    extra = 0
    min_num = 1
    max_num = len(Question.Preset)
    fields = ["preset", "position"]


class PanelInline(FrozenInline, PanelBase):
    """Where participants come from. Codes may be mended while people take part."""

    model = Panel
    extra = 0
    max_num = 1
    frozen_with_design = False
