"""The study itself: what is asked, in which state, by whom, and what was written down about it."""

import secrets

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
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
        FOCUSED = "focused", "focused: 70 % of the pairs hold the picture with the minimum loss"
        ALL_PAIRS = "all_pairs", "all pairs: everybody is shown every pair once"

    class Layout(models.TextChoices):
        SIDE_BY_SIDE = "side_by_side", "side by side"
        FLIP = "flip", "flip in place: one picture at a time, Space shows the other"
        FLIP_REFERENCE = "flip_reference", "side by side, Space shows the reference in both places"
        TIMED = "timed", "timed: each picture for a moment, then the choice"

    class PhoneLayout(models.TextChoices):
        STACKED = "stacked", "one above the other"
        FLIP = "flip", "flip in place"

    class ReferencePlace(models.TextChoices):
        ABOVE = "above", "above the pair"
        HOLD = "hold", "in place of the pair while R is held"

    class Resume(models.TextChoices):
        RESUME = "resume", "go on where they stopped"
        INSTRUCTIONS = "instructions", "read the instructions again, then go on"
        RESTART = "restart", "answer all pairs again"
        BLOCK = "block", "cannot go on"

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
    practice_trials = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(50)],
        help_text="Pairs with a known answer before the first one that counts.",
    )
    practice_feedback = models.BooleanField(default=True, help_text="Say after each practice pair if it was right.")
    catch_trials = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(50)],
        help_text="Pairs with a known answer among the others: the photograph against a broken one.",
    )
    repeat_trials = models.PositiveIntegerField(
        default=0,
        validators=[MaxValueValidator(100)],
        help_text="Pairs shown a second time with sides swapped: self-consistency and side bias.",
    )
    layout = models.CharField(max_length=14, choices=Layout, default=Layout.SIDE_BY_SIDE)
    phone_layout = models.CharField(
        max_length=14, choices=PhoneLayout, default=PhoneLayout.STACKED, help_text="On phones held upright."
    )
    reference_place = models.CharField(
        max_length=14,
        choices=ReferencePlace,
        default=ReferencePlace.ABOVE,
        help_text="For questions that show a third picture.",
    )
    exposure_ms = models.PositiveIntegerField(
        default=1000,
        validators=[MinValueValidator(100), MaxValueValidator(60_000)],
        help_text="Timed layout: how long each picture is shown, in milliseconds.",
    )
    break_every = models.PositiveIntegerField(default=0, help_text="Offer a rest after so many pairs; 0 for none.")
    allow_undo = models.BooleanField(default=False, help_text="The last answer may be taken back once (it is logged).")
    check_window = models.BooleanField(default=False, help_text="Before the pairs: match a bank card on the screen.")
    check_brightness = models.BooleanField(default=False, help_text="Before the pairs: count faint shapes.")
    check_colour = models.BooleanField(default=False, help_text="Before the pairs: read colour plates.")
    screen_out = models.BooleanField(
        default=False, help_text="Who fails a screen check twice is thanked and leaves; otherwise it is only recorded."
    )
    ask_debrief = models.BooleanField(default=False, help_text="Two questions after the last pair; answers are free.")
    show_own_result = models.BooleanField(
        default=False,
        help_text="Tell participants at the end how often they chose the picture with the lower loss, and how often "
        "others did. It tells everybody who finishes which way the study goes.",
    )
    resume = models.CharField(
        max_length=12, choices=Resume, default=Resume.RESUME, help_text="What those may do who come back after the gap."
    )
    resume_after_minutes = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1)], help_text="How long a pause may be before that applies."
    )
    hold_minutes = models.PositiveIntegerField(
        default=360,
        validators=[MinValueValidator(10), MaxValueValidator(60 * 24 * 30)],
        help_text="Pairs of a participant who has not answered for so long are given to the next one.",
    )
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
    def asks_which_is_real(self) -> bool:
        """Whether its pairs are a photograph beside a generated picture, and never two generated ones."""
        return self.preset == self.Preset.REAL

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
