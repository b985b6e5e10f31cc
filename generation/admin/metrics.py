"""Metrics in the admin, for reading: what each number means, and whether it is there."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from generation.admin.access import ReadOnlyAdmin
from generation.models import Cell, Grid, GridMetric, Metric, Score

WITHIN = {
    "all": "all pictures of a grid",
    "scene": "pictures of one scene",
    "objective": "pictures that minimised the same objective",
    "run": "pictures of one trained network",
}
#: Reasons that a page shows before it counts the rest.
REASONS = 20


@admin.register(Metric)
class MetricAdmin(ReadOnlyAdmin):
    """Definitions are laid by grids and by measuring; nobody types them."""

    list_display = ["key", "label", "better", "comparable_within", "reference", "weights", "numbers", "why_none"]
    list_display_links = ["key", "label"]
    list_filter = ["role", "comparable_within"]
    search_fields = ["key", "label"]
    change_list_template = "generation/admin/metrics.html"
    readonly_fields = ["better", "within", "weights", "counts", "asked_by"]
    fieldsets = [
        (None, {"fields": ["key", "label", "counts", "asked_by"]}),
        (
            "What the number means",
            {
                "fields": ["better", "role", "within", "reference", "unit"],
                "description": "A metric is a number about a stored picture. Only values that are comparable are "
                "ever held against each other; a metric that describes is never tested as what people prefer.",
            },
        ),
        (
            "How it is computed",
            {
                "fields": ["version", "weights_sha256", "config", "digest"],
                "description": "Two ways of computing a number are two metrics: all of this is part of its identity.",
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """The metrics that the reader's grids ask for. Whether there are numbers is looked up, not counted."""
        metrics = super().get_queryset(request)
        scores = Score.objects.filter(metric=OuterRef("pk"))
        if not request.user.is_superuser:
            metrics = metrics.filter(
                Exists(GridMetric.objects.filter(metric=OuterRef("pk"), grid__owner=request.user.pk))
            )
            scores = scores.filter(Exists(Cell.objects.filter(render=OuterRef("render"), grid__owner=request.user.pk)))
        without = scores.exclude(status=Score.Status.OK).exclude(reason="")
        told: QuerySet[Any] = metrics.annotate(
            there=Exists(scores.filter(status=Score.Status.OK)), reason=Subquery(without.values("reason")[:1])
        )
        return told

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """With the reader beside it, whose numbers are counted."""
        found = super().get_object(request, object_id, from_field)
        if found is not None:
            found.reader = request.user
        return found

    @admin.display(description="better")
    def better(self, metric: Metric) -> str:
        """Lower or higher; a descriptor is neither."""
        return "neither" if metric.role == Metric.Role.DESCRIPTOR else metric.direction.removesuffix("_better")

    @admin.display(description="comparable within")
    def within(self, metric: Metric) -> str:
        """Between which pictures two values may be compared."""
        return WITHIN[metric.comparable_within]

    @admin.display(description="weights")
    def weights(self, metric: Metric) -> str:
        """The first digits of the file it is measured with."""
        if metric.weights_sha256:
            return f"{metric.weights_sha256[:12]}…"
        return "no file was found" if "network" in metric.config else "needs none"

    @admin.display(description="numbers", boolean=True)
    def numbers(self, metric: Any) -> bool:
        """Whether any picture has a number."""
        return bool(metric.there)

    @admin.display(description="why some have none")
    def why_none(self, metric: Any) -> str:
        """One of the reasons."""
        return str(metric.reason or "")

    @admin.display(description="scores")
    def counts(self, metric: Any) -> SafeString | str:
        """How many pictures have a number, and why the others have none."""
        scores = Score.objects.filter(metric=metric).order_by()
        if not metric.reader.is_superuser:
            scores = scores.filter(Exists(Cell.objects.filter(render=OuterRef("render"), grid__owner=metric.reader)))
        rows = list(scores.values_list("status", "reason").annotate(n=Count("pk")).order_by("-n"))
        if not rows:
            return "nothing is measured yet"
        ok = sum(n for status, _, n in rows if status == Score.Status.OK)
        lines = [(f"{ok} with a number",)]
        others = [row for row in rows if row[0] != Score.Status.OK]
        lines += [(f"{n} {Score.Status(status).label}: {reason}",) for status, reason, n in others[:REASONS]]
        lines += [(f"{len(others) - REASONS} further reasons",)] if len(others) > REASONS else []
        return format_html_join("", "<div>{}</div>", lines)

    @admin.display(description="asked for by")
    def asked_by(self, metric: Any) -> str:
        """The grids that ask for it."""
        grids = Grid.objects.filter(pk__in=GridMetric.objects.filter(metric=metric).values("grid"))
        if not metric.reader.is_superuser:
            grids = grids.filter(owner=metric.reader)
        titles = list(grids.values_list("title", flat=True)[: REASONS + 1])
        return ", ".join(titles[:REASONS]) + (" and others" if len(titles) > REASONS else "")
