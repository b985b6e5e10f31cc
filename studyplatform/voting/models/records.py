"""What is written down about a study and never changed: its plan, its log, what left the house, what was erased."""

from django.conf import settings
from django.db import models

from studyplatform.voting.models.studies import Study


class Preregistration(models.Model):
    """What was fixed before the first vote; written when the study opens."""

    study = models.OneToOneField(Study, models.PROTECT, related_name="preregistration")
    content = models.JSONField()
    text = models.TextField(blank=True, help_text="The same for people to read, in Markdown.")
    sha256 = models.CharField(max_length=64)
    frozen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Preregistration of {self.study}"


class AuditEntry(models.Model):
    """Who did what to a study, when."""

    study = models.ForeignKey(Study, models.PROTECT, related_name="audit")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    action = models.CharField(max_length=60)
    comment = models.TextField(blank=True)
    data = models.JSONField(default=dict)

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} · {self.at:%Y-%m-%d %H:%M}"


class ExportRecord(models.Model):
    """An export that left the house: its number, what it held, and the digest of the data behind it.

    The digest is written when the last byte is out; it is empty for a single table of pictures, and for an export that
    was broken off.
    """

    study = models.ForeignKey(Study, models.PROTECT, related_name="exports")
    number = models.PositiveIntegerField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    data_digest = models.CharField(max_length=64, blank=True)
    contents = models.CharField(max_length=80, default="everything")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "number"], name="export_number_once_per_study")]

    def __str__(self) -> str:
        return f"Export {self.number} of {self.study}"


class Tombstone(models.Model):
    """The hole that an erased participant leaves: how many rows went, and on which day."""

    study = models.ForeignKey(Study, models.PROTECT, related_name="tombstones")
    day = models.DateField()
    trials = models.PositiveIntegerField()
    votes = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.votes} votes erased on {self.day}"
