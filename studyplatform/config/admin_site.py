"""The admin's first page, and what holds for all its tables: who may not see a row does not learn that it is there."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.options import ModelAdmin
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse

from generation.models import Grid
from generation.selectors import grid_pictures, grid_progress
from studyplatform.voting.selectors import studies_visible
from studyplatform.voting.selectors.lists import counts_of, pairs_of, votes_said

# What a researcher begins with, as the first page offers it: the words and the address.
BEGINNINGS = (
    ("New study", "admin:voting_study_add"),
    ("Import a study", "admin:voting_study_import"),
    ("New grid", "admin:generation_grid_add"),
    ("Import renders", "admin:generation_grid_import"),
    ("Add pictures", "admin:generation_sourceimage_add"),
)


class Guarded:
    """Laid over the admin of every model.

    A row outside the reader's own is not found, as on all other pages, and not redirected with a message. Filters of
    an address are those that the list offers: any other lookup asks for what the list does not show, a letter at a
    time (Label Studio CVE-2023-47117).
    """

    list_filter: Any
    date_hierarchy: str | None

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        # Who may open none of the rows is refused alike for all of them, there or not.
        if not self.has_view_or_change_permission(request):  # type: ignore[attr-defined]  # a ModelAdmin comes after
            raise PermissionDenied
        found = super().get_object(request, object_id, from_field)  # type: ignore[misc]
        if found is None:
            raise Http404("There is no such row among yours.")
        return found

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        offered = {self.date_hierarchy or ""} | {_parameter(entry) for entry in self.list_filter}
        return lookup.split("__")[0] in offered and super().lookup_allowed(lookup, value, request)  # type: ignore[misc]


def _parameter(entry: Any) -> str:
    """The name in an address that an entry of ``list_filter`` answers to: a field, or a parameter of its own."""
    if isinstance(entry, tuple):
        entry = entry[0]
    return str(getattr(entry, "parameter_name", entry)).split("__")[0]


class EyeballotAdminSite(admin.AdminSite):
    """Django's admin, titled Eyeballot."""

    site_title = "Eyeballot"
    site_header = "Eyeballot"
    index_title = "Studies and grids"
    index_template = "admin/eyeballot_index.html"
    enable_nav_sidebar = False  # the pages of a study need the room; the first page leads everywhere

    def register(
        self, model_or_iterable: Any, admin_class: "type[ModelAdmin[Any]] | None" = None, **options: Any
    ) -> None:
        """Register the model with its admin, guarded."""
        plain: type[ModelAdmin[Any]] = admin_class or ModelAdmin
        guarded = type(plain.__name__, (Guarded, plain), {"__module__": plain.__module__, "__doc__": plain.__doc__})
        super().register(model_or_iterable, guarded, **options)

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The usual index below what the reader owns or is a member of."""
        studies = list(studies_visible(request.user)[:20])
        counts, pairs = counts_of(studies), pairs_of(studies)
        grids = Grid.objects.all() if request.user.is_superuser else Grid.objects.filter(owner_id=request.user.pk)
        context = {
            "beginnings": [(words, reverse(name)) for words, name in BEGINNINGS],
            "studies": [
                {"study": s, "pair": pairs.get(s.pk), "votes": votes_said(s, counts[s.pk].votes)} for s in studies
            ],
            "grids": [{"grid": g, "progress": grid_progress(g), "pictures": grid_pictures(g)} for g in grids[:20]],
        }
        return super().index(request, {**context, **(extra_context or {})})
