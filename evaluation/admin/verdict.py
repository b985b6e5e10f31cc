"""The page from which a study is analysed (closed, unblinded, or a rehearsal), and its verdict read."""

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from evaluation.selectors import latest_analyses
from studyplatform.voting.admin.pages.errands import errand_context, start
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import Errand, Study
from studyplatform.voting.selectors import is_blind, is_sealed, may_edit


def verdict(request: HttpRequest, study: Study) -> HttpResponseBase:
    """Start the analysis, watch it, read what it says."""
    may_start = may_edit(request.user, study) and not is_sealed(study) and study.participants.exists()
    is_interim = is_blind(study) and not is_sealed(study)
    if request.method == "POST" and may_start:
        # Only after somebody unblinded the study, which is in its log; this look is written there once more.
        start(request, study, Errand.Kind.ANALYSIS, options={"unblind": True} if is_interim else None)
        return redirect("admin:voting_study_verdict", study.pk)
    context = {
        "may_start": may_start,
        "is_sealed": is_sealed(study),
        "is_interim": is_interim,
        "analyses": latest_analyses(study),
        **errand_context(study, Errand.Kind.ANALYSIS),
    }
    return study_page(request, study, "evaluation/admin/verdict.html", context, page="verdict")


register(StudyPage("verdict", "Verdict", verdict, order=65))
