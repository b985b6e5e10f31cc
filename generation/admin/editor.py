"""Grids being written: a text area for the grid file, what is wrong with it, what it would make, and its launch."""

from django.conf import settings
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from generation.admin.access import own_grid
from generation.admin.confirm import confirm
from generation.core import tasks
from generation.core.grid import GridError
from generation.models import Grid, SourceImage
from generation.services import drafts
from generation.services.library import shipped_names
from generation.services.workers import somebody_works

#: Conditions that the table of a draft shows before it counts the rest.
SHOWN = 60


def edit(request: HttpRequest, grid: Grid | None) -> HttpResponse:
    """The page of a new grid (``grid`` is None: ``?start=`` or ``?copy=`` fills it) or of a draft."""
    text, error, stored = "", "", ""
    if request.method == "POST":
        text = request.POST.get("toml", "")
        try:
            owner = grid.owner if grid else request.user
            shown = request.POST.get("shown", "")
            saved = drafts.grid_draft(owner=owner, text=text, grid=grid, shown=shown)  # type: ignore[arg-type]
        except drafts.DraftChanged as refused:
            grid = own_grid(request, grid.pk) if grid else None
            error, stored = str(refused), grid.toml if grid else ""
        except GridError as refused:
            error = str(refused)
            now = Grid.objects.filter(pk=grid.pk).first() if grid else None
            if grid and now is None:
                return gone(request)
            if now and now.frozen:
                error = (
                    f"“{grid}” is launched meanwhile and its design is frozen. “Save and check” keeps your text as a "
                    "new draft, which then needs a slug of its own."
                )
                grid = None
        else:
            name = "generation_grid_launch" if "_launch" in request.POST else "generation_grid_change"
            return redirect(f"admin:{name}", saved.pk)
    elif grid is not None:
        text = grid.toml
    else:
        text = _begun(request)
    context = _context(request, grid, text, error) | {"stored": stored}
    return render(request, "generation/admin/editor.html", context, status=409 if stored else 200)


def gone(request: HttpRequest) -> HttpResponse:
    """What was typed in a draft that is not there any more, to be kept as a new one."""
    error = "The draft is gone: somebody deleted it. “Save and check” keeps your text as a new draft."
    context = _context(request, None, request.POST["toml"], error)
    return render(request, "generation/admin/editor.html", context, status=404)


def launch(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks with numbers, then lays the draft and queues its jobs."""
    grid = own_grid(request, pk)
    back = reverse("admin:generation_grid_change", args=[pk])
    if grid.frozen:
        messages.info(request, f"“{grid}” is launched already.")
        return redirect(back)
    try:
        if request.method == "POST":
            laid = drafts.grid_launch(grid=grid, by=request.user)  # type: ignore[arg-type]
            messages.success(request, f"“{laid}” is launched: its design is frozen and its pictures are queued.")
            return redirect(back)
        if drafts.draft_problems(grid):
            messages.error(request, "The draft is kept, but it cannot be launched yet: see what is wrong below.")
            return redirect(back)
        layout = drafts.draft_layout(grid)
    except GridError as error:
        messages.error(request, str(error))
        return redirect(back)
    file = layout.file
    sentences = [f"{_count(len(file.scenes), len(file.conditions), len(file.seeds))} {_made(file.renders)}"]
    sentences += drafts.draft_estimate(layout)
    if not somebody_works(grid=grid):
        sentences.append("No rendering worker is running: the pictures wait until one is started.")
    sentences.append("From then on the design is frozen; a copy of it can be changed.")
    return confirm(
        request, Grid, f"Launch “{file.title}”?", sentences, button="Yes, launch it", back=back, notes=layout.notes
    )


def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks, then throws a draft away."""
    grid = own_grid(request, pk)
    back = reverse("admin:generation_grid_change", args=[pk])
    if grid.frozen:
        messages.error(request, f"“{grid}” is launched; studies may count on it. Only drafts are deleted.")
        return redirect(back)
    if request.method == "POST":
        try:
            drafts.draft_delete(grid=grid)
        except GridError as error:
            messages.error(request, str(error))
            return redirect(back)
        messages.success(request, f"The draft “{grid}” is deleted.")
        return redirect("admin:generation_grid_changelist")
    lost = ["Its text is lost. No picture was made of it."]
    return confirm(request, Grid, f"Delete the draft “{grid}”?", lost, button="Yes, delete it", back=back)


def guide(_request: HttpRequest) -> HttpResponse:
    """All that is written about grid files, as text."""
    text = (settings.BASE_DIR / "docs" / "grid-files.md").read_text(encoding="utf-8")
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


def _begun(request: HttpRequest) -> str:
    """The text of a new grid: an example, or that of a grid of the reader."""
    copied = request.GET.get("copy", "")
    if copied.isdecimal():
        try:
            return drafts.draft_copy(own_grid(request, int(copied)))
        except GridError as error:
            messages.error(request, str(error))
    start = request.GET.get("start", "style")
    if start not in drafts.STARTS:
        raise Http404(f"There is no example {start!r}.")
    return drafts.draft_start(start)


def _context(request: HttpRequest, grid: Grid | None, text: str, error: str) -> dict[str, object]:
    # What was typed and could not be kept is judged too, but no row stands for it.
    looked_at = grid if grid and not error else None
    file = drafts.draft_file(looked_at) if looked_at else None
    own = SourceImage.objects.filter(owner_id=grid.owner_id if grid else request.user.pk)
    return {
        **admin.site.each_context(request),
        "opts": Grid._meta,
        "title": grid.title if grid else "New grid",
        "grid": grid,
        "text": text,
        "shown": drafts.text_digest(grid.toml) if grid else "",
        "error": error,
        "problems": drafts.draft_problems(looked_at) if looked_at else [],
        "file": file,
        "count": _count(len(file.scenes), len(file.conditions), len(file.seeds)) if file else "",
        "made": _made(file.renders) if file else "",
        "conditions": file.conditions[:SHOWN] if file else [],
        "more": max(0, len(file.conditions) - SHOWN) if file else 0,
        "starts": drafts.STARTS,
        "copies": Grid.objects.filter(owner_id=request.user.pk, frozen=True).exclude(toml="")[:50],
        "sources": own.select_related("artifact")[:500],
        "shipped": shipped_names(),
        "methods": [m for name in tasks.names() for m in tasks.get(name).methods.values() if m.params],
        "longest": drafts.LONGEST,
    }


def _count(scenes: int, conditions: int, seeds: int) -> str:
    parts = [(scenes, "scene"), (conditions, "condition"), (seeds, "seed")]
    return " × ".join(f"{number} {word}{'s' if number > 1 else ''}" for number, word in parts)


def _made(renders: int) -> str:
    return f"= at most {renders} pictures."
