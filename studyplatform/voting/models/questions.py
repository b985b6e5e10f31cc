"""What a study asks."""

from django.db import models
from django.utils.translation import gettext_noop as _

from studyplatform.voting.models.studies import Study


class QuestionManager(models.Manager["Question"]):
    """Questions as anybody means them: those that are asked."""

    def get_queryset(self) -> "models.QuerySet[Question]":
        """Those that no change to the draft has retired."""
        return super().get_queryset().filter(retired=False)


class Question(models.Model):
    """What is asked about each pair; every question of a study has its own analysis."""

    class Preset(models.TextChoices):
        NATURAL = "natural", _("Which looks more natural?")
        STYLE = "style", _("Which better shows the style of this picture?")
        CONTENT = "content", _("Which better keeps this scene?")
        COLOURS = "colours", _("Whose colours look more natural?")
        REAL = "real", _("Which is the real photograph?")
        MARKING = "marking", _("Which marking fits the defect better?")

    # The picture shown with the pair: none, the scene's style or its content.
    REFERENCES = {Preset.STYLE: "style", Preset.CONTENT: "content", Preset.MARKING: "content"}

    study = models.ForeignKey(Study, models.CASCADE, related_name="questions")
    position = models.PositiveIntegerField(default=0)
    preset = models.CharField(max_length=10, choices=Preset, default=Preset.NATURAL)
    retired = models.BooleanField(
        default=False, editable=False, help_text="Asked in a pilot and no more; it stays for the answers it was given."
    )

    objects = QuestionManager()
    everything = models.Manager["Question"]()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["study", "preset"], name="question_once_per_study")]

    def __str__(self) -> str:
        return self.text

    @property
    def text(self) -> str:
        """The question word for word."""
        return str(self.Preset(self.preset).label)

    @property
    def asks_which_is_real(self) -> bool:
        """Whether its pairs are a photograph beside a generated picture, and never two generated ones."""
        return self.preset == self.Preset.REAL

    @property
    def reference(self) -> str:
        """``style``, ``content`` or nothing: which source of the scene is shown with the pair."""
        return self.REFERENCES.get(self.Preset(self.preset), "")
