"""Pages of a grid: contact sheet, pictures, report, sheets. Masters are private: for the owner (or a superuser)."""

import tempfile
import zipfile
from collections.abc import Callable
from contextlib import ExitStack
from typing import TypeVar

from csp.decorators import csp_replace
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from generation import report, sheets
from generation.core.report.contents import contents
from generation.core.report.figures import INDEX
from generation.models import Cell, Grid, Metric
from generation.selectors import condition_labels, features_note, grid_cells, grid_progress
from generation.services.artifacts import ArtifactMissing, artifact_bytes

T = TypeVar("T")
CONTENT_TYPES = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv; charset=utf-8"}


def _grid(request: HttpRequest, slug: str) -> Grid:
    """The grid if the reader may see it; for everybody else it does not exist, and a draft has nothing to show."""
    grids = Grid.objects.filter(frozen=True)
    grids = grids if request.user.is_superuser else grids.filter(owner_id=request.user.pk)
    return get_object_or_404(grids, slug=slug)


@login_required
@require_GET
def grid_page(request: HttpRequest, slug: str) -> HttpResponse:
    """Scenes down, conditions across, each picture with its losses."""
    grid = _grid(request, slug)
    labels = condition_labels(grid)
    shown = grid.metrics.exclude(metric__role=Metric.Role.DESCRIPTOR).values_list("metric", flat=True)
    rows: dict[str, list[dict[str, object]]] = {}
    for cell in grid_cells(grid):
        rows.setdefault(cell.scene.label, []).append(
            {
                "label": labels[cell.condition_id],
                "cell": cell,
                "render": cell.render,
                "scores": _scores(cell, set(shown)),
            }
        )
    context = {"grid": grid, "rows": rows, "progress": grid_progress(grid), "features": features_note(grid)}
    return render(request, "generation/grid.html", context)


def _scores(cell: Cell, metrics: set[int]) -> list[tuple[str, str]]:
    """Label and value, or the reason why there is none, of each score of a cell under these metrics of its grid.

    A render may serve other grids, with other metrics of the same name.
    """
    scores = sorted((s for s in cell.render.scores.all() if s.metric_id in metrics), key=lambda s: s.metric.key)
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
    _member(grid, sha256)
    return _immutable(_or_404(lambda: report.thumbnail(sha256)), "image/webp")


@login_required
@require_GET
def report_page(request: HttpRequest, slug: str) -> HttpResponse:
    """What the losses of a grid say, without any votes."""
    grid = _grid(request, slug)
    routes = {"thumbnail": "generation:thumbnail", "full": "generation:image"}
    context = contents(
        report.gather(grid, curves=False),
        report.figures_of(report.stored_file(grid, INDEX)),
        file=lambda name: reverse("generation:report-file", args=[grid.slug, name]),
        picture=lambda kind, sha256: reverse(routes[kind], args=[grid.slug, sha256]),
    )
    return render(request, "generation/report.html", context | {"sheets": _sheets(grid)})


def _sheets(grid: Grid) -> dict[str, object] | None:
    """The previews of the sheets of a grid that trains networks, and which have nothing to show yet."""
    try:
        plans = sheets.plans(grid)
    except sheets.NoSheets:
        return None
    return {
        "there": [plan for plan in plans if plan.rows],
        "lacking": [plan for plan in plans if not plan.rows],
        "width": sheets.PREVIEW[0],
        "height": sheets.PREVIEW[1],
    }


@login_required
@require_GET
def sheet(request: HttpRequest, slug: str, name: str, kind: str) -> HttpResponse:
    """The sheet of a condition (png), or its preview (webp); drawn on the first look."""
    grid = _grid(request, slug)
    plan = next((p for p in _or_404(lambda: sheets.plans(grid)) if p.name == name and p.rows), None)
    if plan is None:
        raise Http404("There is no such sheet.")
    make = sheets.drawn if kind == "png" else sheets.preview
    response = HttpResponse(_or_404(lambda: make(grid, plan)), content_type=f"image/{kind}")
    response["Cache-Control"] = "private, no-cache"
    return response


@login_required
@require_GET
def sheets_zip(request: HttpRequest, slug: str) -> FileResponse:
    """All sheets of a grid in one file."""
    grid = _grid(request, slug)
    folder = f"{grid.slug}-sheets"
    with ExitStack() as on_failure:
        file = on_failure.enter_context(tempfile.TemporaryFile())
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:  # PNGs are compressed already
            for plan in _or_404(lambda: sheets.plans(grid)):
                if plan.rows:
                    data = _or_404(lambda: sheets.drawn(grid, plan))  # noqa: B023 - called at once
                    archive.writestr(zipfile.ZipInfo(f"{folder}/{plan.name}.png", (1980, 1, 1, 0, 0, 0)), data)
        file.seek(0)
        on_failure.pop_all()  # the response closes the file
    return FileResponse(file, as_attachment=True, filename=f"{folder}.zip")


def _or_404(make: Callable[[], T]) -> T:
    """What ``make`` gives; what is away is not found, with the sentence that says so."""
    try:
        return make()
    except (sheets.NoSheets, ArtifactMissing) as error:
        raise Http404(str(error)) from None


@login_required
@require_GET
@csp_replace({"default-src": ["'none'"], "style-src": ["'unsafe-inline'"], "sandbox": True})  # type: ignore[arg-type]
def report_file(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """A figure (SVG, PNG) or a table (CSV) of the report, as the rows stand now."""
    grid = _grid(request, slug)
    data = report.stored_file(grid, name)
    if data is None:
        raise Http404("The report of this grid has no such file.")
    kind = name.rpartition(".")[2]
    response = HttpResponse(data, content_type=CONTENT_TYPES[kind])
    response["Cache-Control"] = "private, no-cache"
    if kind == "csv":
        response["Content-Disposition"] = f'attachment; filename="{grid.slug}-{name}"'
    return response


def _member(grid: Grid, sha256: str) -> None:
    """A hash that is no render of this grid is not found. Sources are never served: they carry more than pixels."""
    if not grid.cells.filter(render__image=sha256).exists():
        raise Http404("There is no such picture in this grid.")


def _picture(grid: Grid, sha256: str) -> bytes:
    _member(grid, sha256)
    return _or_404(lambda: artifact_bytes(sha256))


def _immutable(data: bytes, kind: str) -> HttpResponse:
    response = HttpResponse(data, content_type=kind)
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    return response
