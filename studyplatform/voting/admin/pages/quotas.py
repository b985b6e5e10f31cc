"""Who may start, and when: the first and the last day, quotas, and the places left."""

from datetime import datetime
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone

from studyplatform.voting import services
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import Block, Participant, Quota, Study
from studyplatform.voting.selectors import quota_taken
from studyplatform.voting.selectors.panels import parameters_kept


class DatesForm(forms.Form):
    """The first and the last day and hour; either may be empty."""

    opens_at = forms.DateTimeField(required=False, widget=forms.DateTimeInput({"type": "datetime-local"}))
    ends_at = forms.DateTimeField(required=False, widget=forms.DateTimeInput({"type": "datetime-local"}))


class QuotaForm(forms.Form):
    """A quota to add."""

    kind = forms.ChoiceField(choices=Quota.Kind.choices)
    parameter = forms.CharField(required=False, max_length=60)
    value = forms.CharField(max_length=120)
    most = forms.IntegerField(min_value=0, max_value=100_000)


def quotas(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The page; a POST sets the dates, or adds or removes a quota."""
    if request.method == "POST":
        try:
            _change(request, study)
        except services.StudyError as error:
            for problem in error.problems:
                messages.error(request, problem)
        except ValidationError as error:
            for problem in error.messages:
                messages.error(request, problem)
        return redirect("admin:voting_study_quotas", study.pk)
    # What a pilot answered takes no place of those who count.
    blocks = study.blocks.exclude(state=Block.State.DONE, holder__is_pilot=study.state != Study.State.PILOT)
    held = dict(blocks.values_list("state").annotate(Count("pk")).order_by())
    context = {
        "opens_at": _typed(study.opens_at),
        "ends_at": _typed(study.ends_at),
        "zone": timezone.get_current_timezone_name(),
        "quotas": [(quota, quota_taken(quota)) for quota in study.quotas.order_by("kind", "parameter", "value")],
        "kinds": Quota.Kind.choices,
        "devices": Participant.Device.values,
        "languages": settings.LANGUAGES,
        "parameters": parameters_kept(study),
        "places": [(words, held.get(state, 0)) for state, words in PLACES],
        "laid": bool(held),
    }
    return study_page(request, study, "admin/voting/study/pages/quotas.html", context, page="quotas")


PLACES = (
    (Block.State.FREE, "free"),
    (Block.State.HELD, "being answered"),
    (Block.State.DONE, "answered or given back"),
)


def _typed(moment: datetime | None) -> str:
    """As a browser's field for a day and hour has it."""
    return f"{timezone.localtime(moment):%Y-%m-%dT%H:%M}" if moment is not None else ""


def _change(request: HttpRequest, study: Study) -> None:
    user: Any = request.user
    do = request.POST.get("do", "")
    if do == "dates":
        dates = DatesForm(request.POST)
        if not dates.is_valid():
            raise services.StudyError("Write a day and an hour, like 2026-12-01 09:00, or leave the field empty.")
        services.study_update(study=study, by=user, **dates.cleaned_data)
        messages.success(request, "The dates are set.")
    elif do == "add":
        form = QuotaForm(request.POST)
        if not form.is_valid():
            named = (
                f"{form.fields[name].label or name}: {error}" for name, found in form.errors.items() for error in found
            )
            raise services.StudyError(*named)
        services.quota_add(study=study, by=user, **form.cleaned_data)
        messages.success(request, "The quota is added.")
    elif do == "remove":
        pk = request.POST.get("quota", "")
        quota = study.quotas.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 16 else None
        if quota is None:
            raise services.StudyError("That quota is gone already.")
        services.quota_remove(quota=quota, by=user)
        messages.success(request, "The quota is removed.")


register(StudyPage("quotas", "Dates and quotas", quotas, order=47, needs="edit"))
