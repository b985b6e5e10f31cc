"""The library of pictures: many are added at once; of each, what is said about it can be edited, never its bytes."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET

from generation import report
from generation.admin.access import OwnedAdmin, sent
from generation.admin.confirm import confirm
from generation.forms import SourceForm, SourcesForm
from generation.models import SourceImage
from generation.services.artifacts import ArtifactMissing
from generation.services.sources import SourceInUse, Uploaded, source_delete, source_uses, sources_upload


@admin.register(SourceImage)
class SourceImageAdmin(OwnedAdmin):
    """What the grids are made of."""

    form = SourceForm
    list_display = ["thumbnail", "title", "name", "licence", "credit", "available", "created_at"]
    list_display_links = ["thumbnail", "title"]
    list_select_related = ["artifact"]
    list_per_page = 50
    search_fields = ["title", "name", "credit"]
    change_list_template = "generation/admin/sources.html"
    fields = ["large", "name", "title", "licence", "credit", "used_by", "measures"]
    readonly_fields = ["large", "used_by", "measures"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request)

    def get_urls(self) -> list[URLPattern]:
        """The thumbnails of the library, before the admin's own addresses."""
        view = self.admin_site.admin_view(require_GET(self.thumbnail_view))
        return [path("<int:pk>/thumbnail.webp", view, name="generation_sourceimage_thumbnail"), *super().get_urls()]

    def thumbnail_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The picture, small and made of its pixels alone: the file itself is never served."""
        source = self.get_queryset(request).filter(pk=pk).first()
        if source is None:
            raise Http404("There is no such picture.")
        try:
            response = HttpResponse(report.thumbnail(source.artifact_id), content_type="image/webp")
        except ArtifactMissing as error:
            raise Http404(str(error)) from None
        response["Cache-Control"] = "private, max-age=86400"
        return response

    # --- adding -----------------------------------------------------------------------------------------------------

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Many pictures in one form; a script sends them one by one and asks for JSON."""
        form = SourcesForm(sent(request), request.FILES or None)
        json = request.headers.get("Accept") == "application/json"
        result = None
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            result = sources_upload(
                owner=request.user,  # type: ignore[arg-type]  # the admin lets nobody anonymous in
                files=data["pictures"],
                licence=data["licence"],
                credit=data["credit"],
            )
            if json:
                return JsonResponse(_told(result))
            if not result.refused:
                messages.success(request, _words(result))
                return redirect("admin:generation_sourceimage_changelist")
        elif request.method == "POST" and json:
            sentences = [str(error) for errors in form.errors.values() for error in errors]
            return JsonResponse({"added": [], "known": [], "refused": [["", s] for s in sentences]}, status=400)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Add pictures",
            "form": form,
            "result": result,
            "words": _words(result) if result else "",
        }
        return render(request, "generation/admin/add_sources.html", context, status=400 if form.errors else 200)

    # --- deleting ---------------------------------------------------------------------------------------------------

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Asks first; a picture that a grid shows stays, with a sentence."""
        source = self.get_object(request, object_id)
        if source is None:
            raise Http404("There is no such picture among yours.")
        address = reverse("admin:generation_sourceimage_change", args=[source.pk])
        if request.method == "POST":
            try:
                source_delete(source=source)
            except SourceInUse as error:
                messages.error(request, str(error))
                return redirect(address)
            messages.success(request, f"“{source}” is deleted.")
            return redirect("admin:generation_sourceimage_changelist")
        if uses := source_uses(source):
            messages.error(request, f"“{source}” is used by the grid “{uses[0]}” and stays with it.")
            return redirect(address)
        lost = ["No grid of yours shows this picture. Its file is deleted with it."]
        return confirm(request, SourceImage, f"Delete “{source}”?", lost, button="Yes, delete it", back=address)

    # --- columns ----------------------------------------------------------------------------------------------------

    @admin.display(description="")
    def thumbnail(self, source: SourceImage) -> SafeString | str:
        """The picture, small."""
        if not source.artifact.stored:
            return "—"
        address = reverse("admin:generation_sourceimage_thumbnail", args=[source.pk])
        return format_html('<img class="thumb" src="{}" alt="{}" loading="lazy">', address, source.title)

    @admin.display(description="picture")
    def large(self, source: SourceImage) -> SafeString | str:
        """The picture at its thumbnail's own size."""
        if not source.artifact.stored:
            return "The file is not here: the picture is known by its SHA-256 only."
        address = reverse("admin:generation_sourceimage_thumbnail", args=[source.pk])
        return format_html('<img class="large" src="{}" alt="{}">', address, source.title)

    @admin.display(boolean=True, description="picture is here")
    def available(self, source: SourceImage) -> bool:
        """False for a source known by its hash only."""
        return source.artifact.stored

    @admin.display(description="used by")
    def used_by(self, source: SourceImage) -> str:
        """The grids that show it."""
        return ", ".join(source_uses(source)) or "no grid: it may be deleted"

    @admin.display(description="file")
    def measures(self, source: SourceImage) -> str:
        """Size in pixels, and the SHA-256 with which a grid file can pin it."""
        artifact = source.artifact
        return f"{artifact.width} x {artifact.height} pixels, SHA-256 {artifact.sha256}"


def _words(result: Uploaded) -> str:
    """``3 pictures added, 1 was in your library already.``"""
    count = len(result.added)
    said = f"{count} picture{'s' if count != 1 else ''} added"
    if known := len(result.known):
        said += f", {known} {'were' if known > 1 else 'was'} in your library already"
    return f"{said}."


def _told(result: Uploaded) -> dict[str, Any]:
    """The same for a script."""
    return {
        **{
            name: [
                {
                    "name": source.name,
                    "title": source.title,
                    "address": reverse("admin:generation_sourceimage_change", args=[source.pk]),
                }
                for source in rows
            ]
            for name, rows in (("added", result.added), ("known", result.known))
        },
        "refused": result.refused,
    }
