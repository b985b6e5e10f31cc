"""The page that makes a copy of a study: a draft of one's own, with everything that was decided."""

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from studyplatform.voting import services
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import panel_of


def copy(request: HttpRequest, study: Study) -> HttpResponseBase:
    """Say what is copied, and copy (POST)."""
    if request.method == "POST":
        assert isinstance(request.user, User)  # noqa: S101  (tells the type checker; the admin lets nobody else in)
        made = services.study_copy(study=study, by=request.user)
        messages.success(
            request, f"This is the copy. It is a draft of yours at /s/{made.slug}/; give it a title of its own."
        )
        return redirect("admin:voting_study_change", made.pk)
    context = {"slug": services.slug_free(study.slug), "panel": panel_of(study), "quotas": study.quotas.count()}
    return study_page(request, study, "admin/voting/study/pages/copy.html", context, page="copy")


register(StudyPage("copy", "Copy", copy, order=80, needs="edit"))
