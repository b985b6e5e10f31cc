"""How many people began from one network today: counts under hashes that mean nothing tomorrow."""

import secrets

from django.db import models

from studyplatform.voting.models.studies import Study


def random_salt() -> str:
    """256 random bits in 64 hex digits."""
    return secrets.token_hex(32)


class JoinSalt(models.Model):
    """What the networks of a day are hashed with; deleted with the day, and the hashes with it."""

    day = models.DateField(primary_key=True)
    salt = models.CharField(max_length=64, default=random_salt)

    def __str__(self) -> str:
        return f"Salt of {self.day}"


class JoinCount(models.Model):
    """Sessions of a study that were begun from one network on one day. Nothing leads from it to a participant."""

    study = models.ForeignKey(Study, models.CASCADE, related_name="+")
    day = models.DateField()
    network = models.CharField(max_length=64, help_text="Its hash under the salt of the day, other in each study.")
    joins = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["study", "day", "network"], name="join_count_once_a_day")]

    def __str__(self) -> str:
        return f"{self.joins} joins on {self.day}"
