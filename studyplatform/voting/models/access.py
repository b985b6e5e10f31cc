"""Who works on a study, and how many of each kind may take part."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from studyplatform.voting.models.studies import Study


class Membership(models.Model):
    """What a user may do with a study."""

    class Role(models.TextChoices):
        OWNER = "owner", "owner"
        EDITOR = "editor", "editor"
        ANALYST = "analyst", "analyst"
        VIEWER = "viewer", "viewer"

    study = models.ForeignKey(Study, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role, default=Role.VIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "user"], name="membership_once_per_study")]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.study}"


class Quota(models.Model):
    """At most so many participants of one kind. Not part of the design: it may be mended while people take part."""

    class Kind(models.TextChoices):
        DEVICE = "device", "device"
        LANGUAGE = "language", "language"
        PARAMETER = "parameter", "address parameter kept from the panel"

    study = models.ForeignKey(Study, models.CASCADE, related_name="quotas")
    kind = models.CharField(max_length=9, choices=Kind)
    parameter = models.CharField(
        max_length=60, blank=True, help_text="Its name, where the kind is an address parameter."
    )
    value = models.CharField(max_length=120, help_text="Like phone, de, or the parameter’s value.")
    most = models.PositiveIntegerField(help_text="Participants of this kind who may complete the study.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "kind", "parameter", "value"], name="quota_once_per_kind"),
            models.CheckConstraint(
                condition=Q(kind="parameter") ^ Q(parameter=""), name="only_a_parameter_quota_names_one"
            ),
        ]

    def __str__(self) -> str:
        return f"at most {self.most} with {self.parameter or self.kind} {self.value}"
