"""The first page: the question in one line, where to vote, what came out; and the mark beside all others."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import require_GET

from evaluation.selectors import latest_analyses
from generation.selectors import features_note
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import minutes_needed, study_pair


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Open studies for anybody with a pair and the minutes they take; the reports that are public, the latest first."""
    # Who does not come from the panel of a study cannot take part in it.
    offered = Study.objects.filter(state=Study.State.OPEN, simulated=False, panel=None)
    running = offered.prefetch_related("questions", "grids")
    published = Study.objects.filter(public_report=True, state__in=[Study.State.CLOSED, Study.State.ARCHIVED])
    reports = [analyses[0] for study in published if (analyses := latest_analyses(study))]
    context = {
        "studies": [
            {
                "study": study,
                "pair": study_pair(study),
                "minutes": minutes_needed(study),
                "notes": {note for grid in study.grids.all() if (note := features_note(grid))},
            }
            for study in running
        ],
        "reports": sorted(reports, key=lambda analysis: analysis.created_at, reverse=True),
    }
    return render(request, "home.html", context)


@require_GET
def favicon(_request: HttpRequest) -> HttpResponse:
    """The mark: browsers ask for it beside a figure, a CSV or a text that is opened alone."""
    return redirect(static("eyeballot/mark.svg"))
