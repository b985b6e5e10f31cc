"""The pilot: simulated participants walk through the study over HTTP, and people by its link; neither counts."""

from django import forms
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from studyplatform.voting.admin.pages.errands import errand_context, start
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import Errand, Study
from studyplatform.voting.selectors import bots_allowed


class BotsForm(forms.Form):
    """How many simulated participants walk through."""

    participants = forms.IntegerField(
        label="Simulated participants",
        min_value=1,
        max_value=50,
        initial=5,
        help_text="They join, agree, answer every pair and finish as people do. They answer practice and catch pairs "
        "rightly and all others by chance.",
    )


def pilot(request: HttpRequest, study: Study) -> HttpResponseBase:
    """Send bots in, and see what became of them and of the people who tried the link."""
    form, allowed = BotsForm(request.POST or None), bots_allowed(study)
    if request.method == "POST" and allowed and form.is_valid():
        start(request, study, Errand.Kind.BOTS, {"participants": form.cleaned_data["participants"]})
        return redirect("admin:voting_study_pilot", study.pk)
    tried = study.participants.filter(Q(is_pilot=True) | Q(is_bot=True))
    counts = tried.values("is_bot").annotate(
        started=Count("pk"),
        finished=Count("pk", filter=Q(session__finished_at__isnull=False)),
    )
    context = {
        "form": form,
        "counts": sorted(counts, key=lambda row: row["is_bot"]),
        "allowed": allowed,
        **errand_context(study, Errand.Kind.BOTS),
    }
    return study_page(request, study, "admin/voting/study/pages/pilot.html", context, page="pilot")


register(StudyPage("pilot", "Pilot", pilot, order=35, needs="edit"))
