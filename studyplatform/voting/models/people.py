"""Those who take part: a random token and nothing personal; what a panel knows stands apart."""

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q

from studyplatform.voting.core.panels import PRESETS, way_back
from studyplatform.voting.models.studies import Study, random_token


class Participant(models.Model):
    """Somebody who pressed Start. A random token and nothing personal."""

    #: Of one that a request names: by nothing but the id at a panel, which others may know.
    by_id = False

    class Device(models.TextChoices):
        COMPUTER = "computer", "computer"
        TABLET = "tablet", "tablet"
        PHONE = "phone", "phone"

    study = models.ForeignKey(Study, models.PROTECT, related_name="participants")
    token = models.CharField(max_length=32, unique=True, default=random_token)
    is_bot = models.BooleanField(default=False)
    is_pilot = models.BooleanField(default=False)
    is_preview = models.BooleanField(default=False)
    design_digest = models.CharField(max_length=64, blank=True)
    language = models.CharField(max_length=8, default="en")
    device = models.CharField(
        max_length=8,
        choices=Device,
        blank=True,
        help_text="What the browser said at the start; its name is not kept.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"Participant {self.token[:8]}"


class Panel(models.Model):
    """Where the participants of a study come from and are sent back to. Not part of the design: codes may be mended."""

    class Provider(models.TextChoices):
        PROLIFIC = "prolific", "Prolific"
        SONA = "sona", "SONA Systems"
        CONNECT = "connect", "CloudResearch Connect"
        MTURK = "mturk", "Amazon Mechanical Turk"
        GENERIC = "generic", "another panel"

    study = models.OneToOneField(Study, models.CASCADE, related_name="panel")
    provider = models.CharField(max_length=10, choices=Provider)
    id_parameter = models.CharField(
        max_length=60, blank=True, help_text="The address parameter that names the participant; empty: as usual there."
    )
    captured = models.CharField(
        max_length=300, blank=True, help_text="Further parameters to keep, separated by commas; empty: the usual ones."
    )
    return_address = models.CharField(
        max_length=500,
        blank=True,
        help_text="Where participants are sent at the end. {code} stands for the code of the outcome, {id} for the "
        "participant, and each captured parameter for itself. Empty: the panel's usual.",
    )
    complete_code = models.CharField(max_length=60, blank=True)
    screened_out_code = models.CharField(max_length=60, blank=True)
    no_consent_code = models.CharField(max_length=60, blank=True)
    failed_code = models.CharField(max_length=60, blank=True, help_text="For those whom a fault kept from finishing.")

    def __str__(self) -> str:
        return f"{self.get_provider_display()} of {self.study}"

    def clean(self) -> None:
        """An address that leads nowhere and a missing code are found before the first participant is sent back."""
        try:
            way_back(self._address(), "", "", {})
        except ValueError as error:
            raise ValidationError({"return_address": str(error)}) from error
        # A copied or imported draft comes without codes; opening it asks for them.
        if self.lacks_code and self.study.state != Study.State.DRAFT:
            raise ValidationError({"complete_code": "The way back carries a code; copy it from the panel."})

    @property
    def lacks_code(self) -> bool:
        """Whether people would be sent back without the code that their way back carries."""
        return "{code}" in self._address() and not self.complete_code

    def _address(self) -> str:
        usual = PRESETS.get(self.provider)
        return self.return_address or (usual.return_address if usual else "")


class PanelIdentity(models.Model):
    """The id a panel knows a participant by; apart, so that data never carry it."""

    study = models.ForeignKey(Study, models.PROTECT, related_name="+")
    participant = models.OneToOneField(Participant, models.CASCADE, related_name="panel")
    provider = models.CharField(max_length=40)
    external_id = models.CharField(max_length=120)
    captured = models.JSONField(default=dict)

    class Meta:
        verbose_name_plural = "panel identities"
        constraints = [
            models.UniqueConstraint(fields=["study", "provider", "external_id"], name="panel_identity_once_per_study")
        ]

    def __str__(self) -> str:
        return f"{self.provider} identity"


class Session(models.Model):
    """One sitting of a participant: consent, screen checks, instructions, trials, debrief, thanks."""

    class Outcome(models.TextChoices):
        """How a session ended. Only the server says so, from what is stored."""

        COMPLETE = "complete", "complete"
        SCREENED_OUT = "screened_out", "screened out"
        NO_CONSENT = "no_consent", "no consent"
        FAILED = "failed", "failed"

    participant = models.OneToOneField(Participant, models.PROTECT, related_name="session")
    study = models.ForeignKey(Study, models.PROTECT, related_name="sessions")
    started_at = models.DateTimeField(auto_now_add=True)
    consented_at = models.DateTimeField(null=True, blank=True)
    admitted_at = models.DateTimeField(
        null=True, blank=True, help_text="Consent given and screen checks behind: from here on votes are taken."
    )
    instructed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    withdrew_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    checks = models.JSONField(default=dict, help_text="What the screen checks found.")
    debriefed_at = models.DateTimeField(null=True, blank=True)
    debrief = models.JSONField(default=dict, help_text="Answers to the two questions at the end.")
    viewport_width = models.PositiveIntegerField(null=True, blank=True)
    viewport_height = models.PositiveIntegerField(null=True, blank=True)
    device_pixel_ratio = models.FloatField(null=True, blank=True)

    def __str__(self) -> str:
        return f"Session of {self.participant}"


class Event(models.Model):
    """Something that happened in a session besides votes: a pause, a reload, a picture that did not load."""

    class Kind(models.TextChoices):
        PAUSE = "pause", "pause"
        RESUME = "resume", "resume"
        BREAK = "break", "break"
        HELP = "help", "help"
        OFFLINE = "offline", "offline"
        ONLINE = "online", "online"
        BLUR = "blur", "window left"
        RELOAD = "reload", "reload"
        PICTURE_FAILED = "picture_failed", "picture did not load"
        KEYS = "keys", "letter keys switched"
        UNDO = "undo", "answer taken back"
        GAP = "gap", "came back after a gap"

    session = models.ForeignKey(Session, models.PROTECT, related_name="events")
    kind = models.CharField(max_length=40, choices=Kind)
    at = models.DateTimeField(help_text="By the browser's clock, or the server's where the server notes it.")
    received_at = models.DateTimeField(auto_now_add=True)
    data = models.JSONField(default=dict)

    def __str__(self) -> str:
        return self.kind


class Exclusion(models.Model):
    """A participant left out of the analysis: why, by whom, when, and whether that was undone."""

    class Code(models.TextChoices):
        """The reasons that exports name (specs/evaluation.md 3.2); ``incomplete`` and ``withdrew`` need no decision."""

        CATCH_FAILED = "catch_failed", "failed catch pairs"
        SIDE_BIAS = "side_bias", "side bias"
        SAME_SIDE_RUN = "same_side_run", "long run of one side"
        TOO_FAST = "too_fast", "too fast"
        INCOMPLETE = "incomplete", "incomplete"
        OTHER = "other", "another reason"

    participant = models.ForeignKey(Participant, models.PROTECT, related_name="exclusions")
    code = models.CharField(max_length=13, choices=Code, default=Code.OTHER)
    reason = models.CharField(max_length=200)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+")
    undo_reason = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["participant"], condition=Q(undone_at__isnull=True), name="one_exclusion_in_force"
            )
        ]

    def __str__(self) -> str:
        return f"{self.participant}: {self.reason}"


class PayDecision(models.Model):
    """Whether a participant is paid: apart from whether their votes are analysed (ITU-T P.910, accept and use)."""

    class Decision(models.TextChoices):
        APPROVE = "approve", "pay"
        REJECT = "reject", "do not pay"

    participant = models.ForeignKey(Participant, models.PROTECT, related_name="pay_decisions")
    decision = models.CharField(max_length=7, choices=Decision)
    reason = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    undone_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["participant"], condition=Q(undone_at__isnull=True), name="one_pay_decision_in_force"
            )
        ]

    def __str__(self) -> str:
        return f"{self.participant}: {self.get_decision_display()}"


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
