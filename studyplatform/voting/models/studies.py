"""The study itself: its design, its state, and for whom it is."""

import secrets

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_noop as _


def random_token() -> str:
    """128 random bits in 32 hex digits: the name of a study's folder, a stimulus, a participant."""
    return secrets.token_hex(16)


#: How the folder of a preview's pictures begins, in place of as many random digits: they are for members alone.
PREVIEW_FOLDER = "preview-"


#: The longest that votes of running sessions are taken after closing: 60 days.
GRACE_HOURS_MOST = 60 * 24


class StudyManager(models.Manager["Study"]):
    """Studies as anybody means them: without the throwaway ones that previews walk through."""

    def get_queryset(self) -> "models.QuerySet[Study]":
        """Those that are nobody's preview."""
        return super().get_queryset().filter(preview_of=None)


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
    left_out_scenes = models.ManyToManyField(
        "generation.Scene", related_name="+", blank=True, help_text="Scenes of these grids that are not shown."
    )
    left_out_conditions = models.ManyToManyField(
        "generation.Condition", related_name="+", blank=True, help_text="Conditions of these grids that are not shown."
    )
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
    break_every = models.PositiveIntegerField(
        default=0, validators=[MaxValueValidator(500)], help_text="Offer a rest after so many pairs; 0 for none."
    )
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
        default=60,
        validators=[MinValueValidator(1), MaxValueValidator(60 * 24 * 30)],
        help_text="How long a pause may be before that applies.",
    )
    hold_minutes = models.PositiveIntegerField(
        default=360,
        validators=[MinValueValidator(10), MaxValueValidator(60 * 24 * 30)],
        help_text="Pairs of a participant who has not answered for so long are given to the next one.",
    )
    hypothesis = models.TextField(
        blank=True, help_text="What you expect, in one sentence; frozen when the study opens."
    )
    prereg_notes = models.TextField(
        "anything else to preregister",
        blank=True,
        help_text="What the preregistration should say besides what follows from this form; frozen with it.",
    )
    alpha = models.FloatField(
        "level of the tests",
        default=0.05,
        validators=[MinValueValidator(0.001), MaxValueValidator(0.2)],
        help_text="How often a test may find what is not there; .05 is usual.",
    )
    margin = models.FloatField(
        "margin of equivalence",
        default=0.55,
        validators=[MinValueValidator(0.505), MaxValueValidator(0.75)],
        help_text="A rival that would win less often than this against the picture with the minimum loss counts as no "
        "better; .55 means 55 of 100 meetings.",
    )
    flag_catch_rate = models.FloatField(
        "least share of catch pairs passed",
        default=0.7,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="Who fails two catch pairs or more and passes a smaller share is flagged: one slip is human.",
    )
    flag_side_p = models.FloatField(
        "side bias, p below",
        default=0.001,
        validators=[MinValueValidator(0), MaxValueValidator(0.05)],
        help_text="Two-sided binomial p of answering left as often as they did; below it a participant is flagged.",
    )
    flag_run = models.PositiveIntegerField(
        "longest run of one side",
        default=12,
        validators=[MinValueValidator(5), MaxValueValidator(500)],
        help_text="So many answers in a row on one side flag a participant.",
    )
    flag_fast_share = models.FloatField(
        "share of answers under half a second",
        default=0.5,
        validators=[MinValueValidator(0), MaxValueValidator(1)],
        help_text="A larger share flags a participant: two pictures cannot be compared so soon.",
    )
    opens_at = models.DateTimeField(
        "first day and hour", null=True, blank=True, help_text="Nobody starts earlier; empty: as soon as it is open."
    )
    ends_at = models.DateTimeField(
        "last day and hour", null=True, blank=True, help_text="Nobody starts later; who has begun may finish."
    )
    reward = models.DecimalField(
        max_digits=8,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="What one participant is paid. It is used to plan the cost; nobody is shown it.",
    )
    currency = models.CharField(
        max_length=3,
        default="EUR",
        validators=[RegexValidator(r"^[A-Z]{3}\Z", "Write three capital letters, like EUR.")],
        help_text="Of the reward, in three letters.",
    )
    panel_fee_percent = models.FloatField(
        "fee of the panel, in percent",
        default=0,
        validators=[MinValueValidator(0), MaxValueValidator(200)],
        help_text="What the panel adds to each reward.",
    )
    simulated = models.BooleanField(
        default=False, help_text="A rehearsal: simulated participants only, SIMULATED on every page and figure."
    )
    data_licence = models.CharField(
        "licence of the data",
        max_length=120,
        blank=True,
        help_text="Under which exports may be used by others, for example CC0-1.0 or CC-BY-4.0. It stands in each.",
    )
    public_report = models.BooleanField(
        default=False, help_text="Show the report to everybody once the study is closed."
    )
    token = models.CharField(max_length=32, unique=True, default=random_token, editable=False)
    seed = models.PositiveIntegerField(
        default=1, validators=[MaxValueValidator(2**31 - 1)], help_text="Seed of the order and the sides."
    )
    design = models.JSONField(null=True, editable=False)
    design_digest = models.CharField(max_length=64, blank=True, editable=False)
    preview_of = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        editable=False,
        related_name="+",
        help_text="Of a preview: the study it shows. Its pictures, plan and answers are its own and deleted with it.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    opened_at = models.DateTimeField(null=True, editable=False)
    closed_at = models.DateTimeField(null=True, editable=False)
    votes_until = models.DateTimeField(
        null=True, editable=False, help_text="Set when the study closes: the end of the grace period."
    )
    grace_hours = models.PositiveIntegerField(
        default=24,
        validators=[MaxValueValidator(GRACE_HOURS_MOST)],
        help_text="For how long after closing votes of running sessions still count (marked late).",
    )

    objects = StudyManager()
    everything = models.Manager["Study"]()

    class Meta:
        ordering = ["-created_at", "-pk"]
        verbose_name_plural = "studies"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["draft", "pilot"]) | Q(design__isnull=False), name="an_opened_study_is_frozen"
            ),
            models.CheckConstraint(
                condition=Q(opens_at__isnull=True) | Q(ends_at__isnull=True) | Q(opens_at__lt=F("ends_at")),
                name="a_study_ends_after_it_opens",
                violation_error_message="The last day and hour must lie after the first.",
            ),
        ]

    def __str__(self) -> str:
        return self.title
