"""Rows of voting. The unit of truth is the trial: a served, reserved pair; a vote is its answer."""

import secrets
import uuid
from typing import Any

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_noop as _


def random_token() -> str:
    """128 random bits in 32 hex digits: the name of a study's folder, a stimulus, a participant."""
    return secrets.token_hex(16)


class Study(models.Model):
    """Questions about the renders of one or more grids, asked of people in pairs."""

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        PILOT = "pilot", "pilot"
        OPEN = "open", "open"
        PAUSED = "paused", "paused"
        CLOSED = "closed", "closed"
        ARCHIVED = "archived", "archived"

    # From each state, the states it may go to. services.study_transition is the only writer.
    TRANSITIONS = {
        State.DRAFT: (State.PILOT, State.OPEN),
        State.PILOT: (State.DRAFT, State.OPEN),
        State.OPEN: (State.PAUSED, State.CLOSED),
        State.PAUSED: (State.OPEN, State.CLOSED),
        State.CLOSED: (State.ARCHIVED,),
        State.ARCHIVED: (),
    }

    class Strategy(models.TextChoices):
        BALANCED = "balanced", "balanced: every pair equally often over participants"

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="studies")
    slug = models.SlugField(max_length=80, unique=True, help_text="The study's address: /s/ and this.")
    title = models.CharField(max_length=200, help_text="As a paper would name it. Participants see it.")
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT, editable=False)
    grids = models.ManyToManyField("generation.Grid", related_name="studies", help_text="Rendered grids to draw from.")
    introduction = models.TextField(
        default=_("You will see pairs of pictures and choose one of each. There are no right or wrong answers."),
        help_text="What the landing page says, below the title.",
    )
    consent = models.TextField(
        default=_(
            "Taking part is voluntary and you may stop at any time. We store which picture you choose, how long it "
            "takes and the size of your window; we store no name, no address and nothing that identifies you."
        ),
        help_text="What people agree to before the first pair.",
    )
    instructions = models.TextField(
        blank=True, help_text="Extra words on the instructions page; the keys are explained there by themselves."
    )
    trials_per_session = models.PositiveIntegerField(
        default=30, validators=[MinValueValidator(1), MaxValueValidator(500)], help_text="Pairs one person is shown."
    )
    sessions_planned = models.PositiveIntegerField(
        default=40, validators=[MinValueValidator(1), MaxValueValidator(100_000)], help_text="Participants wanted."
    )
    allow_ties = models.BooleanField(default=False, help_text="Offer “no preference” under each pair.")
    show_photograph = models.BooleanField(
        default=False, help_text="Add the unprocessed photograph (and other controls of the grid) to the pairs."
    )
    strategy = models.CharField(max_length=10, choices=Strategy, default=Strategy.BALANCED)
    hypothesis = models.TextField(
        blank=True, help_text="What you expect, in one sentence; frozen when the study opens."
    )
    simulated = models.BooleanField(
        default=False, help_text="A rehearsal: simulated participants only, SIMULATED on every page and figure."
    )
    public_report = models.BooleanField(
        default=False, help_text="Show the report to everybody once the study is closed."
    )
    token = models.CharField(max_length=32, unique=True, default=random_token, editable=False)
    seed = models.PositiveIntegerField(default=1, help_text="Seed of the order and the sides.")
    design = models.JSONField(null=True, editable=False)
    design_digest = models.CharField(max_length=64, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    votes_until = models.DateTimeField(
        null=True, editable=False, help_text="Set when the study closes: the end of the grace period."
    )
    grace_hours = models.PositiveIntegerField(
        default=24, help_text="For how long after closing votes of running sessions still count (marked late)."
    )

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name_plural = "studies"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "pilot"]) | Q(design__isnull=False), name="an_opened_study_is_frozen"
            )
        ]

    def __str__(self) -> str:
        return self.title


class Question(models.Model):
    """What is asked about each pair; every question of a study has its own analysis."""

    class Preset(models.TextChoices):
        NATURAL = "natural", _("Which looks more natural?")
        STYLE = "style", _("Which better shows the style of this picture?")
        CONTENT = "content", _("Which better keeps this scene?")
        COLOURS = "colours", _("Whose colours look more natural?")
        REAL = "real", _("Which is the real photograph?")

    # The picture shown with the pair: none, the scene's style or its content.
    REFERENCES = {Preset.STYLE: "style", Preset.CONTENT: "content"}

    study = models.ForeignKey(Study, models.CASCADE, related_name="questions")
    position = models.PositiveIntegerField(default=0)
    preset = models.CharField(max_length=10, choices=Preset, default=Preset.NATURAL)

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
    def reference(self) -> str:
        """``style``, ``content`` or nothing: which source of the scene is shown with the pair."""
        return self.REFERENCES.get(self.Preset(self.preset), "")


class Preregistration(models.Model):
    """What was fixed before the first vote; written when the study opens."""

    study = models.OneToOneField(Study, models.PROTECT, related_name="preregistration")
    content = models.JSONField()
    sha256 = models.CharField(max_length=64)
    frozen_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"Preregistration of {self.study}"


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
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.MAIN)
    scene = models.ForeignKey("generation.Scene", models.PROTECT, related_name="+")
    left = models.ForeignKey(Stimulus, models.PROTECT, related_name="+")
    right = models.ForeignKey(Stimulus, models.PROTECT, related_name="+")
    strategy = models.CharField(max_length=10)
    design_prob = models.FloatField(help_text="Probability with which this pair was drawn for this trial.")
    expected = models.CharField(max_length=5, blank=True, help_text="The right answer of a catch trial.")
    supersedes = models.OneToOneField("self", models.PROTECT, null=True, blank=True, related_name="superseded_by")
    reserved_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["participant", "position"]
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


class ExportRecord(models.Model):
    """An export that left the house: its number and the digest of its data."""

    study = models.ForeignKey(Study, models.PROTECT, related_name="exports")
    number = models.PositiveIntegerField()
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    data_digest = models.CharField(max_length=64)

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
