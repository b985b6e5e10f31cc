"""Grids in the admin: the list, and the page of each one. A draft's page is its editor."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import URLPattern, path, re_path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from generation.admin import editor, imports, launched
from generation.admin.access import OwnedAdmin
from generation.models import Cell, Condition, Grid, Training
from generation.selectors import features_note, grids_progress


class GridList(ChangeList):
    """One page of grids with their progress, counted at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        progress = grids_progress([grid.pk for grid in self.result_list])
        for grid in self.result_list:
            grid.counted = progress.get(grid.pk)


@admin.register(Grid)
class GridAdmin(OwnedAdmin):
    """Scenes x conditions x seeds, from the first line of the file to the last picture."""

    list_display = ["pictures", "title", "progress", "links", "created_at"]
    list_display_links = ["title"]
    list_per_page = 50
    list_filter = ["task"]
    search_fields = ["title", "slug"]
    change_list_template = "generation/admin/grids.html"
    change_form_template = "generation/admin/grid.html"
    readonly_fields = ["owned_by", "features", "what_to_know", "condition_table", "file_text"]
    fields = ["title", "slug", "owned_by", "created_at", "features", "what_to_know", "condition_table", "file_text"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """Our own pages, before the admin's own addresses."""
        view = self.admin_site.admin_view
        token = r"(?P<token>[0-9a-f]{32})"  # noqa: S105  (a pattern)
        return [
            path("guide/", view(editor.guide), name="generation_grid_guide"),
            path("import/", view(imports.upload), name="generation_grid_import"),
            re_path(rf"^import/{token}/$", view(imports.columns), name="generation_grid_import_columns"),
            path("<int:pk>/launch/", view(editor.launch), name="generation_grid_launch"),
            path("<int:pk>/delete/", view(editor.delete), name="generation_grid_delete"),
            path("<int:pk>/progress.json", view(launched.progress), name="generation_grid_progress"),
            path("<int:pk>/retry/", view(launched.retry), name="generation_grid_retry"),
            path("<int:pk>/measure/", view(launched.measure), name="generation_grid_measure"),
            *super().get_urls(),
        ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return GridList

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With two pictures of the first scene, its first and its last condition."""
        made = Cell.objects.filter(
            grid=OuterRef("pk"), render__image__isnull=False, condition__role=Condition.Role.GRID
        ).order_by("position")
        grids = super().get_queryset(request).annotate(
            first_scene=Subquery(made.values("scene")[:1]), first_picture=Subquery(made.values("render__image")[:1])
        )  # fmt: skip
        last = made.filter(scene=OuterRef("first_scene")).order_by("-position")
        shown: QuerySet[Any] = grids.annotate(last_picture=Subquery(last.values("render__image")[:1]))
        return shown

    # --- pages ------------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return editor.edit(request, None)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        typed = "toml" in request.POST
        try:
            grid: Any = self.get_object(request, object_id)
        except Http404:
            if typed:
                return editor.gone(request)
            raise
        # What is typed in a draft that is launched meanwhile comes to its editor too, which gives it back.
        if not grid.frozen or typed:
            return editor.edit(request, grid)
        return super().change_view(
            request, object_id, form_url, launched.context(grid) | {"title": grid.title, "subtitle": None}
        )

    # --- columns ----------------------------------------------------------------------------------------------------

    @admin.display(description="pictures")
    def pictures(self, grid: Any) -> SafeString:
        """Two pictures of the first scene."""
        shas = [sha for sha in (grid.first_picture, grid.last_picture) if sha]
        addresses = [(reverse("generation:thumbnail", args=[grid.slug, sha]),) for sha in shas]
        return format_html_join(" ", '<img class="thumb" src="{}" alt="" loading="lazy">', addresses)

    @admin.display(description="state")
    def progress(self, grid: Any) -> SafeString | str:
        """How much is rendered, as a bar and in words."""
        if not grid.frozen:
            return format_html('<span class="state state-draft">{}</span>', "draft")
        if not grid.counted:
            return "no pictures"
        done = grid.counted.total - grid.counted.waiting
        return format_html('<progress max="{}" value="{}"></progress> {}', grid.counted.total, done, grid.counted.words)

    @admin.display(description="look at")
    def links(self, grid: Grid) -> SafeString | str:
        """All pictures with their losses, and the report of the losses."""
        if not grid.frozen:
            return "—"
        named = [("All pictures", "generation:grid"), ("Report", "generation:report")]
        return format_html_join(
            " · ", '<a href="{}">{}</a>', ((reverse(to, args=[grid.slug]), name) for name, to in named)
        )

    @admin.display(description="owner")
    def owned_by(self, grid: Grid) -> str:
        """In words: the page of an account is open to superusers only."""
        return str(grid.owner)

    @admin.display(description="features")
    def features(self, grid: Grid) -> str:
        """The network that was no pretrained one, in words."""
        if not grid.toml:
            return "made elsewhere: how, is not known here"
        trained = Training.objects.filter(pk__in=grid.cells.values("render__training")).exists()
        return features_note(grid) or ("networks trained for it" if trained else "a pretrained network")

    @admin.display(description="to be known")
    def what_to_know(self, grid: Grid) -> SafeString | str:
        """How a preset departs from what it is named after, and conditions that give one and the same image."""
        return format_html_join("", "<p>{}</p>", ((note,) for note in grid.notes)) or "nothing special"

    @admin.display(description="grid file")
    def file_text(self, grid: Grid) -> SafeString | str:
        """The file, word for word."""
        return format_html('<pre class="grid-file">{}</pre>', grid.toml) if grid.toml else "none: made elsewhere"

    @admin.display(description="conditions")
    def condition_table(self, grid: Grid) -> SafeString:
        """The conditions as the grid calls them."""
        return format_html_join(
            "",
            "<div>{}{}</div>",
            ((c.label, " (default)" if c.is_default else "") for c in grid.conditions.all()),
        )
