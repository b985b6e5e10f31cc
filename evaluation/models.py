"""Rows of evaluation: the immutable record of an analysis."""

from typing import Any

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
