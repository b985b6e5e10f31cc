"""The contact sheet of a grid and its pictures. Masters are private: only the owner (or a superuser) sees them."""

from django.contrib.auth.decorators import login_required
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from generation.core import images
from generation.models import Cell, Grid
from generation.selectors import condition_labels, features_note, grid_cells, grid_progress
from generation.services.artifacts import ArtifactMissing, artifact_bytes

THUMBNAIL = 320  # px on the longest side


def _grid(request: HttpRequest, slug: str) -> Grid:
    """The grid if the reader may see it; for everybody else it does not exist."""
    grids = Grid.objects.all() if request.user.is_superuser else Grid.objects.filter(owner_id=request.user.pk)
    return get_object_or_404(grids, slug=slug)


@login_required
@require_GET
def grid_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Scenes down, conditions across, each picture with its losses."""
    grid = _grid(request, slug)
    labels = condition_labels(grid)
    rows: dict[str, list[dict[str, object]]] = {}
    for cell in grid_cells(grid):
        rows.setdefault(cell.scene.label, []).append(
            {"label": labels[cell.condition_id], "cell": cell, "render": cell.render, "scores": _scores(cell)}
        )
    context = {"grid": grid, "rows": rows, "progress": grid_progress(grid), "features": features_note(grid)}
    return render(request, "generation/grid.html", context)


def _scores(cell: Cell) -> list[tuple[str, str]]:
    """Label and value, or the reason why there is none, of each score of a cell."""
    scores = sorted(cell.render.scores.all(), key=lambda s: s.metric.key)
    return [(s.metric.label, f"{s.value:.4g}" if s.value is not None else s.reason) for s in scores]


@login_required
@require_GET
def image(request: HttpRequest, slug: str, sha256: str) -> HttpResponse:
    """A render of the grid at full size."""
    return _immutable(_picture(_grid(request, slug), sha256), "image/png")


@login_required
@require_GET
def thumbnail(request: HttpRequest, slug: str, sha256: str) -> HttpResponse:
    """The same, small, as WebP; made once."""
    grid = _grid(request, slug)
    storage, name = storages["default"], f"thumbnails/{sha256[:2]}/{sha256}.webp"
    _member(grid, sha256)
    if not storage.exists(name):
        small = images.thumbnail(images.decode(_picture(grid, sha256)), THUMBNAIL)
        storage.save(name, ContentFile(small))
    with storage.open(name) as file:
        return _immutable(file.read(), "image/webp")


def _member(grid: Grid, sha256: str) -> None:
    """A hash that is no render of this grid is not found. Sources are never served: they carry more than pixels."""
    if not grid.cells.filter(render__image=sha256).exists():
        raise Http404("There is no such picture in this grid.")


def _picture(grid: Grid, sha256: str) -> bytes:
    _member(grid, sha256)
    try:
        return artifact_bytes(sha256)
    except ArtifactMissing as error:
        raise Http404(str(error)) from None


def _immutable(data: bytes, kind: str) -> HttpResponse:
    response = HttpResponse(data, content_type=kind)
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    return response
