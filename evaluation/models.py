"""Rows of evaluation: the immutable record of an analysis, and the power of a study before it has votes."""

from typing import Any

from django.conf import settings
from django.db import models


class Analysis(models.Model):
    """One question of a study, analysed once: the data it saw, the options, the code, the results. Never changed."""

    study = models.ForeignKey("voting.Study", models.PROTECT, related_name="analyses")
    question = models.ForeignKey("voting.Question", models.PROTECT, related_name="analyses")
    data_digest = models.CharField(max_length=64)
    options = models.JSONField(default=dict)
    code_version = models.CharField(max_length=60)
    results = models.JSONField(help_text="Strict JSON: null with a reason code, never NaN.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name_plural = "analyses"

    def __str__(self) -> str:
        return f"{self.study} · {self.created_at:%Y-%m-%d %H:%M}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert once; a second save of the same row is refused."""
        if self.pk is not None:
            raise ValueError("An analysis is immutable: run a new one instead of changing this one.")
        super().save(*args, **kwargs)

    @property
    def headline(self) -> str:
        """The verdict in one sentence."""
        return str(self.results["headline"]["sentence"])


class PowerPlan(models.Model):
    """The power of a study's own design by simulation; its rows grow step by step until it is finished.

    ``options``: people, wins, replicates, seed. ``rows``: one per number of participants and win probability, with how
    many of its replicates found the truth. ``done``: simulated studies in all rows, the number of the next step.
    """

    study = models.ForeignKey("voting.Study", models.CASCADE, related_name="power_plans")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    options = models.JSONField()
    design = models.JSONField(help_text="What it was computed from; the study may have changed since.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the design, the assumptions and the options.")
    rows = models.JSONField(default=list)
    done = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["study", "digest"], name="power_planned_once_per_design")]

    def __str__(self) -> str:
        return f"Power plan of {self.study} · {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def total(self) -> int:
        """How many studies are simulated once it is finished."""
        return len(self.options["people"]) * len(self.options["wins"]) * int(self.options["replicates"])
