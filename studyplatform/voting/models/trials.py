"""The pictures of a study, the plans, the served pairs and their answers."""

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q

from studyplatform.voting.models.people import Participant, Session
from studyplatform.voting.models.questions import Question
from studyplatform.voting.models.studies import Study, random_token


class Stimulus(models.Model):
    """A render inside a study, under a name that tells nothing. Only role `grid` enters the test of the minimiser."""

    class Role(models.TextChoices):
        GRID = "grid", "grid"
        CONTROL = "control", "control"
        REFERENCE = "reference", "reference"
        CATCH = "catch", "catch"

    study = models.ForeignKey(Study, models.PROTECT, related_name="stimuli")
    render = models.ForeignKey("generation.Render", models.PROTECT, related_name="stimuli")
    role = models.CharField(max_length=10, choices=Role, default=Role.GRID)
    scene = models.ForeignKey("generation.Scene", models.PROTECT, related_name="+")
    replicate = models.PositiveIntegerField(default=0)
    label = models.CharField(
        max_length=120, help_text="The condition as its grid calls it; never shown to participants."
    )
    position = models.PositiveIntegerField(default=0, help_text="Place of the condition in its grid.")
    public_name = models.CharField(max_length=32, unique=True, default=random_token)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "stimuli"
        constraints = [
            models.UniqueConstraint(fields=["study", "scene", "render", "role"], name="stimulus_once_per_study")
        ]

    def __str__(self) -> str:
        return f"{self.label} ({self.scene})"

    @property
    def path(self) -> str:
        """Where the published picture lies in the `stimuli` storage; the address is /stimuli/ and this."""
        return f"{self.study.token}/{self.public_name}.png"


class Block(models.Model):
    """A numbered plan of trials laid when the study opens. A session takes the next free one."""

    class State(models.TextChoices):
        FREE = "free", "free"
        HELD = "held", "held"
        DONE = "done", "done"

    study = models.ForeignKey(Study, models.PROTECT, related_name="blocks")
    number = models.PositiveIntegerField()
    plan = models.JSONField()
    state = models.CharField(max_length=4, choices=State, default=State.FREE)
    holder = models.ForeignKey(Participant, models.PROTECT, null=True, blank=True, related_name="blocks")
    expires_at = models.DateTimeField(null=True, blank=True)
    is_remainder = models.BooleanField(default=False, help_text="Holds what others left unanswered; dealt last.")

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["study", "number"], name="block_number_once_per_study"),
            models.CheckConstraint(
                condition=Q(state="free", holder__isnull=True) | (~Q(state="free") & Q(holder__isnull=False)),
                name="a_taken_block_has_a_holder",
            ),
        ]
        indexes = [models.Index(fields=["study", "state", "number"], name="block_next_free")]

    def __str__(self) -> str:
        return f"Block {self.number} of {self.study}"


class TrialQuerySet(models.QuerySet["Trial"]):
    """Trials by what became of them."""

    def standing(self) -> "TrialQuerySet":
        """Without those that another trial took the place of (undo, restart, a picture that did not load)."""
        return self.filter(superseded_by=None, reasked_by=None)

    def in_turn(self) -> "TrialQuerySet":
        """In the order of answering."""
        return self.order_by("turn", "position")


class Trial(models.Model):
    """A served pair. Left and right are randomised and recorded; the selection probability is kept with it."""

    class Kind(models.TextChoices):
        PRACTICE = "practice", "practice"
        MAIN = "main", "main"
        CATCH = "catch", "catch"
        REPEAT = "repeat", "repeat"
        REAL_FAKE = "real_fake", "real or fake"

    study = models.ForeignKey(Study, models.PROTECT, related_name="trials")
    session = models.ForeignKey(Session, models.PROTECT, related_name="trials")
    participant = models.ForeignKey(Participant, models.PROTECT, related_name="trials")
    question = models.ForeignKey(Question, models.PROTECT, related_name="trials")
    block = models.ForeignKey(Block, models.PROTECT, related_name="trials", null=True, blank=True)
    position = models.PositiveIntegerField()
    turn = models.PositiveIntegerField(
        help_text="Place in the order of answering: the position, or the turn of the trial that this one supersedes."
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.MAIN)
    scene = models.ForeignKey("generation.Scene", models.PROTECT, related_name="+")
    left = models.ForeignKey(Stimulus, models.PROTECT, related_name="+")
    right = models.ForeignKey(Stimulus, models.PROTECT, related_name="+")
    strategy = models.CharField(max_length=10)
    design_prob = models.FloatField(help_text="Probability with which this pair was drawn for this trial.")
    expected = models.CharField(max_length=5, blank=True, help_text="The right answer, where there is one.")
    repeats = models.PositiveIntegerField(
        null=True, blank=True, help_text="Of a repeat: the position of the trial that it repeats with sides swapped."
    )
    supersedes = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="superseded_by")
    reasks = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reasked_by",
        help_text="The skipped trial whose pair is asked again here.",
    )
    reserved_at = models.DateTimeField(auto_now_add=True)

    objects = TrialQuerySet.as_manager()

    class Meta:
        ordering = ["participant", "position"]
        indexes = [models.Index(fields=["participant", "turn"], name="trial_order")]
        constraints = [
            models.UniqueConstraint(fields=["participant", "position"], name="position_once_per_participant"),
            models.CheckConstraint(condition=~Q(left=F("right")), name="a_pair_has_two_pictures"),
            models.CheckConstraint(
                condition=Q(design_prob__gt=0) & Q(design_prob__lte=1), name="design_prob_is_a_probability"
            ),
        ]

    def __str__(self) -> str:
        return f"Trial {self.position + 1} of {self.participant}"


class Vote(models.Model):
    """The answer to a trial, stored once and never changed.

    The two unique keys begin with the study and there is no other, so that the table can be partitioned by study.
    """

    class Choice(models.TextChoices):
        LEFT = "left", "left"
        RIGHT = "right", "right"
        TIE = "tie", "no preference"
        SKIP = "skip", "skipped"
        TIMEOUT = "timeout", "timed out"

    pk = models.CompositePrimaryKey("study_id", "uuid")
    study = models.ForeignKey(Study, models.PROTECT, related_name="votes")
    uuid = models.UUIDField(default=uuid.uuid4, help_text="Made once per trial by the browser.")
    trial = models.ForeignKey(Trial, models.PROTECT, related_name="votes")
    choice = models.CharField(max_length=7, choices=Choice)
    rt_ms = models.PositiveIntegerField(null=True, help_text="From both pictures painted to the answer.")
    shown_at = models.DateTimeField(null=True)
    submitted_at = models.DateTimeField(help_text="When the server stored it.")
    late = models.BooleanField(default=False, help_text="Arrived after the study closed, within the grace period.")
    client = models.JSONField(default=dict, help_text="Input, key, visible time, load time, size shown.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "trial"], name="one_vote_per_trial"),
            models.CheckConstraint(
                condition=Q(choice__in=["left", "right", "tie", "skip", "timeout"]), name="choice_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.trial}: {self.choice}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Refused: votes are stored by ``services.vote_cast`` in one statement and never changed."""
        raise ValueError("A vote is stored by services.vote_cast, once, and never changed.")
