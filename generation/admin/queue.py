"""The queue and the renders in the admin: for each researcher those of their own grids."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from generation.admin.access import ReadOnlyAdmin
from generation.models import Cell, GridCondition, Job, Render


def _own(request: HttpRequest, grid: str = "grid") -> Q:
    return Q() if request.user.is_superuser else Q(**{f"{grid}__owner": request.user.pk})


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    """Jobs that render or train for somebody's grids. Measuring jobs stand on the page of their grid."""

    list_display = ["name", "status", "share", "attempts", "error", "finished_at"]
    list_filter = ["status", "kind"]
    readonly_fields = ["name", "share"]
    fields = [
        "name", "status", "share", "note", "attempts", "error", "lease_holder", "lease_until", "created_at",
        "finished_at", "digest", "spec",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        jobs = super().get_queryset(request).defer("spec")
        if not request.user.is_superuser:
            # As lists and not as one question per job: the way from a job to its cells has no index for trainings.
            own = Render.objects.filter(_own(request, "cells__grid"))
            jobs = jobs.filter(
                Q(pk__in=own.exclude(job=None).values("job"))
                | Q(pk__in=own.exclude(training__job=None).values("training__job"))
            )
        renders = Render.objects.filter(job=OuterRef("pk")).order_by()
        counted = renders.values("job").annotate(n=Count("pk")).values("n")
        first = renders.order_by("pk").values("scene__label")[:1]
        named: QuerySet[Any] = jobs.annotate(pictures=Subquery(counted), scene=Subquery(first))
        return named

    @admin.display(description="job")
    def name(self, job: Any) -> str:
        """What the job makes, in words."""
        if job.kind == Job.Kind.TRAIN:
            return f"training {job.digest[:8]} for {job.task}"
        return f"{job.pictures} pictures of {job.scene}" if job.pictures else f"measuring for {job.task}"

    @admin.display(description="progress")
    def share(self, job: Job) -> SafeString:
        """The share of the work that is done."""
        return format_html('<progress max="1" value="{}"></progress> {} %', job.progress, round(100 * job.progress))


@admin.register(Render)
class RenderAdmin(ReadOnlyAdmin):
    """One image: scene, condition, seed."""

    list_display = ["scene", "label", "seed", "status", "reason", "steps", "duration"]
    list_filter = ["status"]
    list_select_related = ["scene"]
    ordering = ["-pk"]
    readonly_fields = ["label", "duration"]
    fields = [
        "scene", "label", "seed", "status", "reason", "steps", "final_step_reason", "duration", "spec", "provenance",
        "digest", "created_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        renders = super().get_queryset(request)
        if not request.user.is_superuser:
            renders = renders.filter(Exists(Cell.objects.filter(_own(request), render=OuterRef("pk"))))
        # What somebody else calls the condition is theirs.
        names = GridCondition.objects.filter(
            _own(request), condition=OuterRef("condition"), grid__cells__render=OuterRef("pk")
        )
        named: QuerySet[Any] = renders.annotate(name=Subquery(names.order_by("grid").values("label")[:1]))
        return named

    @admin.display(description="condition")
    def label(self, render: Any) -> str:
        """What the first grid that shows it calls the condition."""
        return str(render.name or render.condition.method)

    @admin.display(description="seconds")
    def duration(self, render: Render) -> str:
        """Computing time, rounded."""
        return f"{render.seconds:.1f}"
