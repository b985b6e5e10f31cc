"""The admin's first page: studies and grids with states and thumbnails."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

from generation.models import Grid
from generation.selectors import grid_pictures, grid_progress
from studyplatform.voting.models import Vote
from studyplatform.voting.selectors import studies_visible, study_pair


class EyeballotAdminSite(admin.AdminSite):
    """Django's admin, titled Eyeballot."""

    site_title = "Eyeballot"
    site_header = "Eyeballot"
    index_title = "Studies and grids"
    index_template = "admin/eyeballot_index.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The usual index below what the reader owns or is a member of."""
        studies = studies_visible(request.user)
        grids = Grid.objects.all() if request.user.is_superuser else Grid.objects.filter(owner_id=request.user.pk)
        context = {
            "studies": [
                {"study": s, "pair": study_pair(s), "votes": Vote.objects.filter(study=s).count()} for s in studies[:20]
            ],
            "grids": [{"grid": g, "progress": grid_progress(g), "pictures": grid_pictures(g)} for g in grids[:20]],
        }
        return super().index(request, {**context, **(extra_context or {})})
