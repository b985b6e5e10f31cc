"""The admin's first page: studies and grids with states and thumbnails."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.template.response import TemplateResponse

from generation.models import Grid
from generation.selectors import grid_progress
from studyplatform.config.pairs import study_pair
from studyplatform.voting.models import Study, Vote


class EyeballotAdminSite(admin.AdminSite):
    """Django's admin, titled Eyeballot."""

    site_title = "Eyeballot"
    site_header = "Eyeballot"
    index_title = "Studies and grids"
    index_template = "admin/eyeballot_index.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The usual index below what the reader owns or is a member of."""
        studies, grids = Study.objects.all(), Grid.objects.all()
        if not request.user.is_superuser:
            mine = Q(owner_id=request.user.pk)
            studies = studies.filter(mine | Q(memberships__user_id=request.user.pk)).distinct()
            grids = grids.filter(mine)
        context = {
            "studies": [
                {"study": s, "pair": study_pair(s), "votes": Vote.objects.filter(study=s).count()} for s in studies[:20]
            ],
            "grids": [{"grid": g, "progress": grid_progress(g), "pictures": _pictures(g)} for g in grids[:20]],
        }
        return super().index(request, {**context, **(extra_context or {})})


def _pictures(grid: Grid) -> list[str]:
    """Hashes of a grid's first and last picture of its first scene."""
    cells = grid.cells.filter(render__image__isnull=False, condition__role="grid")
    first = cells.first()
    if first is None:
        return []
    shas = list(cells.filter(scene=first.scene).values_list("render__image", flat=True))
    return [shas[0], shas[-1]]
