"""A grid that is launched: how far it is, what went wrong, its pictures; trying again and measuring more."""

from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from generation.admin.access import own_grid, sent
from generation.forms import MeasureForm
from generation.models import Cell, Grid, Job, Render, Training
from generation.selectors import condition_labels, grid_progress
from generation.services import drafts
from generation.services.folders import empty_cells, grid_measure, metrics_possible
from generation.services.import_table import ImportRefused
from generation.services.measuring import MeasureError, failures
from generation.services.planning import metric_spec
from generation.services.queue import jobs_of
from generation.services.workers import somebody_works
from generation.sheets import has_sheets

#: Pictures and failed cells that the page shows before it counts the rest.
PICTURES, FAILED = 60, 200
NO_WORKER = (
    "No rendering worker is running, so nothing will happen until one is started: make serve starts one beside the "
    "web server, and manage.py render --worker starts one by itself."
)


def state(grid: Grid) -> dict[str, Any]:
    """How far a grid is, as plain data: for the page and for the script that refreshes it."""
    progress = grid_progress(grid)
    jobs = Job.objects.filter(pk__in=jobs_of(grid=grid))
    open_jobs = jobs.filter(status__in=[Job.Status.QUEUED, Job.Status.RUNNING]).defer("spec")
    running = [job for job in open_jobs if job.status == Job.Status.RUNNING]
    waiting = [job for job in open_jobs if job.status == Job.Status.QUEUED]
    words = [progress.words, *_training_words(grid)]
    words += [f"{len(waiting)} job{'s' if len(waiting) > 1 else ''} waiting"] if waiting else []
    return {
        "total": progress.total,
        "done": progress.total - progress.waiting,
        "pictures": progress.done + progress.diverged,
        "failed": progress.failed,
        "words": ", ".join(words),
        "finished": progress.finished and not running and not waiting,
        "running": [{"words": _job_words(job), "share": job.progress} for job in running],
        "trouble": sorted({f"Tried {job.attempts} times so far: {job.error}" for job in waiting if job.error}),
        "worker": NO_WORKER if (running or waiting) and not somebody_works(grid=grid) else "",
    }


def _training_words(grid: Grid) -> list[str]:
    """How many of its networks are trained; nothing for a grid without any."""
    rows = Training.objects.filter(pk__in=grid.cells.values("render__training"))
    states, status = Counter(rows.values_list("status", flat=True)), Training.Status
    if not states:
        return []
    words = [f"{states[status.OK]} of {sum(states.values())} networks trained"]
    words += [f"{states[status.NAN]} diverged"] if states[status.NAN] else []
    words += [f"{states[status.FAILED]} failed"] if states[status.FAILED] else []
    return words


def _job_words(job: Job) -> str:
    if job.kind == Job.Kind.TRAIN:
        return f"Training a network: {job.note or 'begun just now'}"
    render = job.renders.select_related("scene").first()
    what = f"Pictures of {render.scene}" if render else "Measuring"
    return f"{what}: {job.note}" if job.note else what


@require_GET
def progress(request: HttpRequest, pk: int) -> JsonResponse:
    """:func:`state` for the script of the page."""
    return JsonResponse(state(_launched(request, pk)))


@require_POST
def retry(request: HttpRequest, pk: int) -> HttpResponse:
    """Queue what failed once more."""
    grid = _launched(request, pk)
    count = drafts.grid_retry(grid=grid)
    messages.success(request, f"{count} failed picture{'s are' if count != 1 else ' is'} tried again.")
    return redirect("admin:generation_grid_change", pk)


def measure(request: HttpRequest, pk: int) -> HttpResponse:
    """Choose metrics of the catalogue; a worker takes them on the stored pictures."""
    grid = _launched(request, pk)
    back = reverse("admin:generation_grid_change", args=[pk])
    possible = metrics_possible(grid)
    known = list(grid.metrics.values_list("metric__key", flat=True))
    ask = not grid.metrics.filter(is_primary=True).exists()
    form = MeasureForm(sent(request), possible=possible, known=known, ask=ask)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            waiting = grid_measure(grid=grid, keys=data["metrics"], primary=data.get("primary", ""))
        except (MeasureError, ImportRefused) as error:
            form.add_error(None, str(error))
        else:
            jobs = "1 job is" if waiting == 1 else f"{waiting} jobs are"
            said = f"{jobs} queued to measure it." if waiting else "All of it is measured already."
            messages.success(request, said)
            return redirect(back)
    context = {
        **admin.site.each_context(request),
        "opts": Grid._meta,
        "title": f"Measure “{grid}”",
        "grid": grid,
        "form": form,
        "ask": ask,
        "testable": any(m.role != "descriptor" for m in possible),
        "back": back,
    }
    return render(request, "generation/admin/measure.html", context)


def context(grid: Grid) -> dict[str, Any]:
    """What the page of a launched grid shows."""
    labels = condition_labels(grid)
    failed = grid.cells.filter(render__status=Render.Status.FAILED).select_related("scene", "render__job")
    failed = failed.defer("render__job__spec", "render__spec", "render__provenance")
    cells = grid.cells.filter(render__image__isnull=False).select_related("scene", "render__image")
    shown = list(cells.defer("render__spec", "render__provenance")[:PICTURES])
    metrics = [metric_spec(row.metric) for row in grid.metrics.select_related("metric")]
    trainings = Training.objects.filter(pk__in=grid.cells.values("render__training"))
    return {
        "grid": grid,
        "state": state(grid),
        "failed": [_failed(cell, labels) for cell in failed[:FAILED]],
        "failed_trainings": trainings.filter(status=Training.Status.FAILED).values_list("reason", flat=True),
        "measuring_failed": failures(grid=grid, metrics=metrics) if metrics else [],
        "empty": empty_cells(grid)[:20] if not grid.toml else [],
        "scenes": _by_scene(shown, labels),
        "more": max(0, cells.count() - len(shown)),
        "metrics": len(metrics),
        "sheets": has_sheets(grid),
        "has_curves": grid.cells.filter(Q(render__curve__isnull=False) | Q(render__training__isnull=False)).exists(),
        "progress_address": reverse("admin:generation_grid_progress", args=[grid.pk]),
    }


def _failed(cell: Cell, labels: dict[int, str]) -> dict[str, Any]:
    job = cell.render.job
    return {
        "scene": cell.scene.label,
        "condition": labels[cell.condition_id],
        "reason": cell.render.reason or "No reason was given.",
        "attempts": job.attempts if job else 0,
    }


def _by_scene(cells: list[Cell], labels: dict[int, str]) -> dict[str, list[dict[str, Any]]]:
    scenes: dict[str, list[dict[str, Any]]] = {}
    for cell in cells:
        entry = {
            "sha256": cell.render.image_id,
            "label": labels[cell.condition_id],
            "seed": cell.render.seed if cell.replicate else None,
            "diverged": cell.render.status == Render.Status.NAN,
            "image": cell.render.image,
        }
        scenes.setdefault(cell.scene.label, []).append(entry)
    return scenes


def _launched(request: HttpRequest, pk: int) -> Grid:
    grid = own_grid(request, pk)
    if not grid.frozen:
        raise Http404("This grid is a draft.")
    return grid
