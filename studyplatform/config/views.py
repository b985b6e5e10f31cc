"""The first page: the question in one line, where to vote, what came out."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from evaluation.models import Analysis
from studyplatform.config.pairs import study_pair
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import minutes_needed


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Open studies with a pair and the minutes they take; the latest public report."""
    studies = Study.objects.filter(state=Study.State.OPEN, simulated=False).prefetch_related("questions")
    reports = (
        Analysis.objects.filter(study__public_report=True, study__state__in=["closed", "archived"])
        .select_related("study", "question")
        .order_by("study", "-created_at")
    )
    latest = {analysis.study_id: analysis for analysis in reversed(reports)}
    context = {
        "studies": [(study, study_pair(study), minutes_needed(study)) for study in studies],
        "reports": sorted(latest.values(), key=lambda a: a.created_at, reverse=True),
    }
    return render(request, "home.html", context)
