"""Rows beside a study in its form: questions, the panel, members."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest

from studyplatform.voting import services
from studyplatform.voting.models import Membership, Panel, Question, Study
from studyplatform.voting.selectors import may_edit

if TYPE_CHECKING:
    QuestionBase = admin.TabularInline[Question, Study]
    MembershipBase = admin.TabularInline[Membership, Study]
    PanelBase = admin.StackedInline[Panel, Study]
    QuestionFormBase = forms.ModelForm[Question]
else:
    QuestionFormBase = forms.ModelForm
    QuestionBase, MembershipBase, PanelBase = admin.TabularInline, admin.TabularInline, admin.StackedInline


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
    """A new row counts as filled in even when the suggested question is left as it is."""

    class Meta:
        model = Question
        fields = ["preset", "position"]

    def has_changed(self) -> bool:
        return self.instance.pk is None or super().has_changed()


class QuestionInline(FrozenInline, QuestionBase):
    model = Question
    form = QuestionForm
    extra = 0
    min_num = 1
    max_num = len(Question.Preset)
    fields = ["preset", "position"]


class MembershipInline(FrozenInline, MembershipBase):
    model = Membership
    extra = 0
    frozen_with_design = False


class PanelInline(FrozenInline, PanelBase):
    """Where participants come from. Codes may be mended while people take part."""

    model = Panel
    extra = 0
    max_num = 1
    frozen_with_design = False
