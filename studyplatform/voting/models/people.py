"""Those who take part: a random token and nothing personal; what a panel knows stands apart."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from studyplatform.voting.models.studies import Study, random_token


class Participant(models.Model):
    """Somebody who pressed Start. A random token and nothing personal."""

    study = models.ForeignKey(Study, models.PROTECT, related_name="participants")
    token = models.CharField(max_length=32, unique=True, default=random_token)
    is_bot = models.BooleanField(default=False)
    is_pilot = models.BooleanField(default=False)
    is_preview = models.BooleanField(default=False)
    design_digest = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=8, default="en")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Participant {self.token[:8]}"


class PanelIdentity(models.Model):
    """The id a panel knows a participant by; apart, so that data never carry it."""

    study = models.ForeignKey(Study, models.PROTECT, related_name="+")
    participant = models.OneToOneField(Participant, models.CASCADE, related_name="panel")
    provider = models.CharField(max_length=40)
    external_id = models.CharField(max_length=120)

    class Meta:
        verbose_name_plural = "panel identities"
        constraints = [
            models.UniqueConstraint(fields=["study", "provider", "external_id"], name="panel_identity_once_per_study")
        ]

    def __str__(self) -> str:
        return f"{self.provider} identity"


class Session(models.Model):
    """One sitting of a participant: consent, instructions, trials, thanks."""

    participant = models.OneToOneField(Participant, models.PROTECT, related_name="session")
    study = models.ForeignKey(Study, models.PROTECT, related_name="sessions")
    started_at = models.DateTimeField(auto_now_add=True)
    consented_at = models.DateTimeField(null=True, blank=True)
    instructed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    withdrew_at = models.DateTimeField(null=True, blank=True)
    viewport_width = models.PositiveIntegerField(null=True, blank=True)
    viewport_height = models.PositiveIntegerField(null=True, blank=True)
    device_pixel_ratio = models.FloatField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Session of {self.participant}"


class Event(models.Model):
    """Something that happened in a session besides votes: a pause, a reload, a blur."""

    session = models.ForeignKey(Session, models.PROTECT, related_name="events")
    kind = models.CharField(max_length=40)
    at = models.DateTimeField(auto_now_add=True)
    data = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.kind


class Exclusion(models.Model):
    """A participant left out of the analysis: why, by whom, when, and whether that was undone."""

    participant = models.ForeignKey(Participant, models.PROTECT, related_name="exclusions")
    reason = models.CharField(max_length=200)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["participant"], condition=Q(undone_at__isnull=True), name="one_exclusion_in_force"
            )
        ]

    def __str__(self) -> str:
        return f"{self.participant}: {self.reason}"


class CompletionCode(models.Model):
    """Shown on the last page, only after the server has counted the votes."""

    study = models.ForeignKey(Study, models.PROTECT, related_name="+")
    participant = models.OneToOneField(Participant, models.PROTECT, related_name="completion_code")
    code = models.CharField(max_length=20)
    issued_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "code"], name="completion_code_once_per_study")]

    def __str__(self) -> str:
        return self.code
