"""Work for a study that takes longer than a page may: done by a process of its own, watched from the admin."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from studyplatform.voting.models.studies import Study


class Errand(models.Model):
    """A command run for a study: which, for whom, when its process was last heard of, and what it said."""

    class Kind(models.TextChoices):
        BOTS = "bots", "simulated participants"
        ANALYSIS = "analysis", "the analysis"

    study = models.ForeignKey(Study, models.CASCADE, related_name="errands")
    kind = models.CharField(max_length=8, choices=Kind)
    options = models.JSONField(default=dict)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    seen_at = models.DateTimeField(null=True, help_text="When its process last gave a sign of life.")
    finished_at = models.DateTimeField(null=True)
    succeeded = models.BooleanField(default=False)
    output = models.TextField(blank=True, help_text="What it said, for people.")

    class Meta:
        ordering = ["-at", "-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["study", "kind"], condition=Q(finished_at__isnull=True), name="one_errand_of_a_kind_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} of {self.study}"
