"""Trained networks in the admin: how each ended, and which grids show what it makes."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from generation.admin.access import ReadOnlyAdmin
from generation.core import tasks
from generation.core.drawing.numbers import short
from generation.models import Grid, GridCondition, Training


@admin.register(Training)
class TrainingAdmin(ReadOnlyAdmin):
    """Networks belong to the owners of the grids they are trained for."""

    list_display = ["label", "seed", "status", "epochs", "loss", "error", "ended", "grids"]
    list_display_links = ["label"]
    list_filter = ["status"]
    readonly_fields = ["label", "seed", "loss", "error", "ended", "grids"]
    fields = [
        "label", "seed", "status", "epochs", "loss", "error", "ended", "grids", "seconds", "losses", "spec",
        "provenance", "created_at",
    ]  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
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

    @admin.display(description="loss")
    def loss(self, training: Training) -> str:
        """What is minimised, in the last epoch of the training, in the units of the run."""
        return _told(training, _minimised(training))

    @admin.display(description="kept apart")
    def error(self, training: Training) -> str:
        """The same on the photographs kept apart; of colours the mean |Δa|, |Δb| there, in Lab units."""
        error = "val_ab_error" if "val_ab_error" in training.losses else f"val_{_minimised(training)}"
        return _told(training, error) + (" Lab units" if error == "val_ab_error" else "")

    @admin.display(description="how it ended")
    def ended(self, training: Training) -> str:
        """All epochs, given up, or the reason why not."""
        return training.reason or training.final_reason or (training.job.note if training.job else "") or "not begun"

    @admin.display(description="grid")
    def grids(self, training: Training) -> str:
        """The grids whose pictures it makes."""
        found = Grid.objects.filter(cells__render__training=training).distinct()
        return ", ".join(found.values_list("title", flat=True))


def _minimised(training: Training) -> str:
    """The name of what a training minimises, among its losses; empty for a task that nobody here knows."""
    methods = tasks.get(training.task).methods if training.task in tasks.names() else {}
    method = methods.get(training.spec.get("method", ""))
    return method.trainer.loss if method and method.trainer else ""


def _told(training: Training, loss: str) -> str:
    return short(training.losses[loss], 4) if loss in training.losses else "none yet"
