"""Grids, sources and the queue in the admin: states, thumbnails, reasons. Rows are made by commands and services."""

from collections import Counter
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, re_path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from generation import admin_import
from generation.core.drawing.numbers import short
from generation.models import Grid, GridCondition, Job, Render, SourceImage, Training
from generation.selectors import features_note, grid_pictures, grid_progress


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that are looked at, not typed in."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OwnedAdmin(ReadOnlyAdmin):
    """Rows that belong to somebody: every researcher sees their own, and a superuser all."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and request.user.is_staff)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request) and (
            obj is None or request.user.is_superuser or obj.owner_id == request.user.pk
        )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(owner_id=request.user.pk)


@admin.register(Grid)
class GridAdmin(OwnedAdmin):
    list_display = ["pictures", "title", "progress", "contact_sheet", "created_at"]
    list_display_links = ["title"]
    readonly_fields = [
        "pictures",
        "progress",
        "training",
        "features",
        "what_to_know",
        "contact_sheet",
        "condition_table",
    ]
    fields = [
        "title",
        "pictures",
        "progress",
        "training",
        "features",
        "what_to_know",
        "contact_sheet",
        "condition_table",
        "owner",
        "slug",
        "toml",
        "created_at",
    ]
    search_fields = ["title", "slug"]

    def get_urls(self) -> list[URLPattern]:
        """The import of renders made elsewhere, before the admin's own addresses."""
        view = self.admin_site.admin_view
        return [
            path("import/", view(admin_import.upload), name="generation_grid_import"),
            re_path(
                r"^import/(?P<token>[0-9a-f]{32})/$", view(admin_import.columns), name="generation_grid_import_columns"
            ),
            *super().get_urls(),
        ]

    @admin.display(description="pictures")
    def pictures(self, grid: Grid) -> SafeString:
        """Two pictures of the first scene."""
        addresses = [(reverse("generation:thumbnail", args=[grid.slug, sha]),) for sha in grid_pictures(grid)]
        return format_html_join(" ", '<img class="thumb" src="{}" alt="">', addresses)

    @admin.display(description="state")
    def progress(self, grid: Grid) -> SafeString:
        """How much is rendered, as a bar and in words."""
        progress = grid_progress(grid)
        return format_html(
            '<progress max="{}" value="{}"></progress> {}',
            progress.total,
            progress.total - progress.waiting,
            progress.words,
        )

    @admin.display(description="training")
    def training(self, grid: Grid) -> SafeString | str:
        """How many networks are trained, and what the workers last said of those under way."""
        states = Counter(_trainings(grid).values_list("status", flat=True))
        total, status = sum(states.values()), Training.Status
        if not total:
            return "nothing is trained for this grid"
        words = f"{states[status.OK]} of {total} networks trained"
        words += f", {states[status.NAN]} diverged" if states[status.NAN] else ""
        words += f", {states[status.FAILED]} failed" if states[status.FAILED] else ""
        running = Job.objects.filter(trainings__in=_trainings(grid), status=Job.Status.RUNNING).distinct()
        said = format_html_join("", "<div>{}</div>", ((job.note or "begun just now",) for job in running))
        bar = format_html(
            '<progress max="{}" value="{}"></progress> {}',
            total,
            total - states[status.PLANNED] + sum(job.progress for job in running),
            words,
        )
        return format_html("{}{}", bar, said)

    @admin.display(description="features")
    def features(self, grid: Grid) -> str:
        """The network that was no pretrained one, in words."""
        return features_note(grid) or (
            "networks trained for it" if _trainings(grid).exists() else "a pretrained network"
        )

    @admin.display(description="to be known")
    def what_to_know(self, grid: Grid) -> SafeString | str:
        """How a preset departs from what it is named after, and conditions that give one and the same image."""
        return format_html_join("", "<p>{}</p>", ((note,) for note in grid.notes)) or "nothing special"

    @admin.display(description="contact sheet")
    def contact_sheet(self, grid: Grid) -> SafeString:
        """Links to all pictures with their losses, to the report of the losses, and to the sheets in it."""
        report = reverse("generation:report", args=[grid.slug])
        links = [("All pictures", reverse("generation:grid", args=[grid.slug])), ("Report", report)]
        links += [("Sheets", f"{report}#sheets")] if _trainings(grid).exists() else []
        return format_html_join(" · ", '<a href="{}">{}</a>', ((address, name) for name, address in links))

    @admin.display(description="conditions")
    def condition_table(self, grid: Grid) -> SafeString:
        """The conditions as the grid calls them."""
        return format_html_join(
            "",
            "<div>{}{}</div>",
            ((c.label, " (default)" if c.is_default else "") for c in grid.conditions.all()),
        )


def _trainings(grid: Grid) -> QuerySet[Training]:
    """The networks whose pictures the grid shows."""
    return Training.objects.filter(pk__in=grid.cells.values("render__training"))


@admin.register(SourceImage)
class SourceImageAdmin(OwnedAdmin):
    list_display = ["title", "licence", "credit", "available", "created_at"]
    search_fields = ["title", "credit"]

    @admin.display(boolean=True, description="picture is here")
    def available(self, source: SourceImage) -> bool:
        """False for a source known by its hash only."""
        return source.artifact.stored


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ["name", "status", "share", "attempts", "error", "finished_at"]
    list_filter = ["status"]

    @admin.display(description="job")
    def name(self, job: Job) -> str:
        """What the job makes, in words."""
        render = job.renders.select_related("scene").first()
        return f"{job.renders.count()} pictures of {render.scene}" if render else f"measuring for {job.task}"

    @admin.display(description="progress")
    def share(self, job: Job) -> SafeString:
        """The share of the work that is done."""
        return format_html('<progress max="1" value="{}"></progress>', job.progress)


@admin.register(Render)
class RenderAdmin(ReadOnlyAdmin):
    list_display = ["scene", "label", "status", "reason", "steps", "duration"]
    list_filter = ["status"]
    list_select_related = ["scene", "condition"]

    @admin.display(description="condition")
    def label(self, render: Render) -> str:
        """What the first grid that shows it calls the condition."""
        label = GridCondition.objects.filter(condition=render.condition, grid__cells__render=render).first()
        return label.label if label else render.condition.method

    @admin.display(description="seconds")
    def duration(self, render: Render) -> str:
        """Computing time, rounded."""
        return f"{render.seconds:.1f}"


@admin.register(Training)
class TrainingAdmin(OwnedAdmin):
    """Networks belong to the owners of the grids they are trained for."""

    list_display = ["label", "seed", "status", "epochs", "loss", "error", "ended", "grids"]
    list_display_links = ["label"]
    list_filter = ["status"]
    readonly_fields = ["label", "seed", "loss", "error", "ended", "grids"]
    fields = [
        "label", "seed", "status", "epochs", "loss", "error", "ended", "grids", "seconds", "losses", "spec",
        "provenance", "created_at",
    ]  # fmt: skip

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_module_permission(request) and (obj is None or self.get_queryset(request).contains(obj))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = admin.ModelAdmin.get_queryset(self, request)
        return rows if request.user.is_superuser else rows.filter(renders__cells__grid__owner=request.user).distinct()

    @admin.display(description="condition")
    def label(self, training: Training) -> str:
        """What its grids call the condition, where they agree; otherwise all they call it."""
        rows = GridCondition.objects.filter(
            grid__cells__render__training=training, condition__in=training.renders.values("condition")
        )
        names = list(dict.fromkeys(rows.order_by("grid", "position").values_list("label", flat=True)))
        return " / ".join(names) or f"training {training.digest[:8]}"

    @admin.display(description="seed")
    def seed(self, training: Training) -> int:
        """Of its first weights, the order of the photographs and the dropout."""
        return int(training.spec["seed"])

    @admin.display(description="G")
    def loss(self, training: Training) -> str:
        """The generator's loss in the last epoch of the training, in the units of the run."""
        return short(training.losses["g"], 4) if "g" in training.losses else "none yet"

    @admin.display(description="Lab error")
    def error(self, training: Training) -> str:
        """Mean |Δa|, |Δb| on the photographs kept apart."""
        return short(training.losses["val_ab_error"], 4) if "val_ab_error" in training.losses else "none yet"

    @admin.display(description="how it ended")
    def ended(self, training: Training) -> str:
        """All epochs, given up, or the reason why not."""
        return training.reason or training.final_reason or (training.job.note if training.job else "") or "not begun"

    @admin.display(description="grid")
    def grids(self, training: Training) -> str:
        """The grids whose pictures it makes."""
        found = Grid.objects.filter(cells__render__training=training).distinct()
        return ", ".join(found.values_list("title", flat=True))
