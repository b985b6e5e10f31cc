"""Rows of generation: sources, grids, the queue of jobs, renders and their scores."""

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q

# Float limits as a database constraint: PostgreSQL sorts NaN above every number, SQLite stores it as NULL.
FINITE = Q(value__gte=-1.7976931348623157e308) & Q(value__lte=1.7976931348623157e308)
SHA256 = RegexValidator(r"^[0-9a-f]{64}$", "A SHA-256 has 64 lower-case hex digits.")


class Artifact(models.Model):
    """Bytes by their SHA-256: what a job takes and gives. `stored` is false for one known by its name only."""

    class Kind(models.TextChoices):
        IMAGE = "image", "image"
        CURVE = "curve", "loss curve"
        WEIGHTS = "weights", "network weights"
        DATA = "data", "photographs"

    sha256 = models.CharField(primary_key=True, max_length=64, validators=[SHA256])
    kind = models.CharField(max_length=8, choices=Kind)
    size = models.PositiveBigIntegerField(default=0, help_text="Bytes in storage.")
    width = models.PositiveIntegerField(null=True, blank=True)
    height = models.PositiveIntegerField(null=True, blank=True)
    stored = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.sha256[:12]}"


class SourceImage(models.Model):
    """A photograph or painting that somebody brought in, with its licence and credit."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="sources")
    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="sources", verbose_name="picture")
    name = models.SlugField(max_length=80, help_text="The short name by which grid files call it.")
    title = models.CharField(max_length=200)
    licence = models.CharField(max_length=120, blank=True, help_text="For example: CC0, public domain, CC BY 4.0.")
    credit = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["title"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "artifact"], name="source_once_per_owner"),
            models.UniqueConstraint(fields=["owner", "name"], name="source_name_once_per_owner"),
        ]

    def __str__(self) -> str:
        return self.title


class Scene(models.Model):
    """What is depicted: a content and, for style transfer, a style; for defects a mask, which tells where they lie.

    Global; unique by the digest of its content.
    """

    digest = models.CharField(max_length=64, unique=True, validators=[SHA256])
    task = models.CharField(max_length=60)
    label = models.CharField(max_length=200)
    content = models.ForeignKey(Artifact, models.PROTECT, related_name="+", null=True, blank=True)
    style = models.ForeignKey(Artifact, models.PROTECT, related_name="+", null=True, blank=True)
    mask = models.ForeignKey(Artifact, models.PROTECT, related_name="+", null=True, blank=True)

    def __str__(self) -> str:
        return self.label

    @property
    def source_ids(self) -> list[str]:
        """SHA-256 of the pictures it is made of."""
        return [sha for sha in (self.content_id, self.style_id, self.mask_id) if sha]


class Condition(models.Model):
    """One point of the parameter grid. Global; unique by the digest of method, parameters and role."""

    class Role(models.TextChoices):
        GRID = "grid", "grid"
        CONTROL = "control", "control"

    digest = models.CharField(max_length=64, unique=True, validators=[SHA256])
    method = models.CharField(max_length=60)
    params = models.JSONField()
    role = models.CharField(max_length=8, choices=Role, default=Role.GRID)

    def __str__(self) -> str:
        return f"{self.method} {self.digest[:8]}"


class Grid(models.Model):
    """Scenes x conditions x replicates, declared in TOML. Frozen as soon as its cells are laid; a draft before."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="grids")
    slug = models.SlugField(max_length=80, unique=True)
    title = models.CharField(max_length=200)
    task = models.CharField(max_length=60)
    toml = models.TextField(
        "grid file", blank=True, help_text="The grid file, word for word; empty for imported renders."
    )
    digest = models.CharField(max_length=64, db_index=True, editable=False)
    reference = models.JSONField(
        default=dict, editable=False, help_text="Parameters of the reference objective under which all are scored."
    )
    preset = models.CharField(max_length=60, blank=True, editable=False)
    notes = models.JSONField(
        default=list, editable=False, help_text="What must be said of the grid: departures of its preset, twins."
    )
    frozen = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at", "pk"]

    def __str__(self) -> str:
        return self.title


class GridCondition(models.Model):
    """A condition as one grid calls it: its place, its label, and which factor it changes from the default."""

    grid = models.ForeignKey(Grid, models.CASCADE, related_name="conditions")
    condition = models.ForeignKey(Condition, models.PROTECT, related_name="+")
    position = models.PositiveIntegerField()
    label = models.CharField(max_length=120)
    is_default = models.BooleanField(default=False)
    factor = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["grid", "condition"], name="condition_once_per_grid"),
            models.UniqueConstraint(fields=["grid", "label"], name="label_once_per_grid"),
            models.UniqueConstraint(fields=["grid"], condition=Q(is_default=True), name="one_default_per_grid"),
        ]

    def __str__(self) -> str:
        return self.label


class Job(models.Model):
    """The queue, and the unit of claim, retry and resume: one planned batch that gives several renders."""

    class Kind(models.TextChoices):
        RENDER = "render", "render"
        TRAIN = "train", "train"

    class Status(models.TextChoices):
        QUEUED = "queued", "queued"
        RUNNING = "running", "running"
        DONE = "done", "done"
        FAILED = "failed", "failed"

    digest = models.CharField(max_length=64, unique=True, validators=[SHA256])
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.RENDER)
    task = models.CharField(max_length=60)
    spec = models.JSONField()
    status = models.CharField(max_length=8, choices=Status, default=Status.QUEUED)
    lease_holder = models.CharField(max_length=120, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    progress = models.FloatField(default=0, help_text="Share of the work that is done, 0 to 1.")
    note = models.CharField(max_length=200, blank=True, help_text="What the worker last said of it.")
    depends_on = models.ManyToManyField("self", symmetrical=False, blank=True, related_name="dependants")
    created_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["status", "lease_until"], name="job_claim")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} job {self.digest[:8]} ({self.status})"


class Worker(models.Model):
    """A process that serves the queue, as it last said that it lives; the row goes when the process ends."""

    holder = models.CharField(primary_key=True, max_length=120)
    seen_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.holder


class Made(models.TextChoices):
    """What became of something that is planned first: a network, a picture."""

    PLANNED = "planned", "planned"
    OK = "ok", "ok"
    NAN = "nan", "diverged"
    FAILED = "failed", "failed"


class Training(models.Model):
    """One trained network: method, parameters, seed, photographs and style. Unique by digest, whoever asks for it.

    `losses` are those of its last finite epoch, beside what a grey picture would score; `curve` has them by epoch.
    """

    Status = Made

    digest = models.CharField(max_length=64, unique=True, validators=[SHA256])
    task = models.CharField(max_length=60)
    spec = models.JSONField()
    data = models.ForeignKey(Artifact, models.PROTECT, related_name="+")
    style = models.ForeignKey(
        Artifact, models.PROTECT, related_name="+", null=True, blank=True,
        help_text="The style picture it is for, or the pack of them.",
    )  # fmt: skip
    job = models.ForeignKey(Job, models.PROTECT, related_name="trainings", null=True, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.PLANNED)
    reason = models.TextField(blank=True)
    epochs = models.PositiveIntegerField(default=0, help_text="Epochs that are done.")
    final_reason = models.CharField(max_length=80, blank=True)
    losses = models.JSONField(default=dict)
    curve = models.ForeignKey(Artifact, models.PROTECT, related_name="+", null=True, blank=True)
    seconds = models.FloatField(default=0)
    provenance = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self) -> str:
        return f"training {self.digest[:8]} ({self.get_status_display()})"


class Checkpoint(models.Model):
    """The network of a training as it was after an epoch."""

    training = models.ForeignKey(Training, models.CASCADE, related_name="checkpoints")
    epoch = models.PositiveIntegerField()
    artifact = models.ForeignKey(Artifact, models.PROTECT, related_name="+")

    class Meta:
        ordering = ["epoch"]
        constraints = [models.UniqueConstraint(fields=["training", "epoch"], name="checkpoint_once_per_epoch")]

    def __str__(self) -> str:
        return f"{self.training}, epoch {self.epoch}"


class Render(models.Model):
    """Scene x condition x seed: one image with its losses. Unique by digest, whoever asks for it."""

    Status = Made

    digest = models.CharField(max_length=64, unique=True, validators=[SHA256])
    scene = models.ForeignKey(Scene, models.PROTECT, related_name="renders")
    condition = models.ForeignKey(Condition, models.PROTECT, related_name="renders")
    seed = models.IntegerField(default=0)
    spec = models.JSONField()
    job = models.ForeignKey(Job, models.PROTECT, related_name="renders", null=True, blank=True)
    training = models.ForeignKey(Training, models.PROTECT, related_name="renders", null=True, blank=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.PLANNED)
    reason = models.TextField(blank=True)
    image = models.ForeignKey(Artifact, models.PROTECT, related_name="+", null=True, blank=True)
    curve = models.ForeignKey(Artifact, models.PROTECT, related_name="+", null=True, blank=True)
    network = models.ForeignKey(Artifact, models.PROTECT, related_name="+", null=True, blank=True)
    steps = models.PositiveIntegerField(default=0)
    final_step_reason = models.CharField(max_length=20, blank=True)
    seconds = models.FloatField(default=0)
    provenance = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(status="ok") | Q(image__isnull=False), name="finished_render_has_an_image"
            )
        ]

    def __str__(self) -> str:
        return f"{self.scene} · {self.condition}"


class Cell(models.Model):
    """A place of a grid and the render that fills it: one render may serve many grids."""

    grid = models.ForeignKey(Grid, models.CASCADE, related_name="cells")
    scene = models.ForeignKey(Scene, models.PROTECT, related_name="+")
    condition = models.ForeignKey(Condition, models.PROTECT, related_name="+")
    replicate = models.PositiveIntegerField(default=0)
    render = models.ForeignKey(Render, models.PROTECT, related_name="cells")
    position = models.PositiveIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["grid", "scene", "condition", "replicate"], name="cell_once_per_grid")
        ]

    def __str__(self) -> str:
        return f"{self.grid}: {self.scene} · {self.condition}"


class Metric(models.Model):
    """A number about a stimulus; two ways of computing it are two metrics."""

    class Direction(models.TextChoices):
        LOWER = "lower_better", "lower is better"
        HIGHER = "higher_better", "higher is better"

    class Role(models.TextChoices):
        OBJECTIVE = "objective", "what the generator minimised"
        PART = "objective_part", "part of the objective"
        REFERENCE = "reference_objective", "one objective for all images"
        INDEPENDENT = "independent", "independent of the generator"
        DESCRIPTOR = "descriptor", "what the picture is like"

    class Scope(models.TextChoices):
        ALL = "all", "everywhere"
        SCENE = "scene", "within a scene"
        OBJECTIVE = "objective", "under one objective"
        RUN = "run", "within one run"

    digest = models.CharField(max_length=64, unique=True, validators=[SHA256])
    key = models.SlugField(max_length=60)
    label = models.CharField(max_length=120)
    direction = models.CharField(max_length=14, choices=Direction)
    role = models.CharField(max_length=20, choices=Role)
    comparable_within = models.CharField(max_length=10, choices=Scope)
    reference = models.CharField(max_length=14, default="none")
    unit = models.CharField(max_length=40, blank=True)
    version = models.CharField(max_length=20, default="1")
    weights_sha256 = models.CharField(max_length=64, blank=True)
    config = models.JSONField(default=dict)

    class Meta:
        ordering = ["key", "pk"]

    def __str__(self) -> str:
        return self.label


class Score(models.Model):
    """The value of a metric for a render, or the reason why there is none."""

    class Status(models.TextChoices):
        OK = "ok", "ok"
        NAN = "nan", "not a number"
        FAILED = "failed", "failed"
        UNAVAILABLE = "unavailable", "unavailable"

    render = models.ForeignKey(Render, models.CASCADE, related_name="scores")
    metric = models.ForeignKey(Metric, models.PROTECT, related_name="scores")
    run = models.CharField(
        max_length=64, blank=True, help_text="The training run within which the value is comparable."
    )
    value = models.FloatField(null=True, blank=True)
    status = models.CharField(max_length=12, choices=Status, default=Status.OK)
    reason = models.TextField(blank=True)
    computed_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["render", "metric", "run"], name="score_once_per_run"),
            models.CheckConstraint(
                condition=Q(status="ok", value__isnull=False) | (~Q(status="ok") & Q(value__isnull=True)),
                name="a_score_is_a_number_or_a_reason",
            ),
            models.CheckConstraint(condition=Q(value__isnull=True) | FINITE, name="score_is_finite"),
        ]
        indexes = [models.Index(fields=["metric", "status"], name="score_by_metric")]

    def __str__(self) -> str:
        return f"{self.metric}: {self.value if self.value is not None else self.reason}"


class GridMetric(models.Model):
    """The metrics a grid asks for; `is_primary` marks the one whose minimiser is put to the test."""

    grid = models.ForeignKey(Grid, models.CASCADE, related_name="metrics")
    metric = models.ForeignKey(Metric, models.PROTECT, related_name="+")
    position = models.PositiveIntegerField(default=0)
    is_primary = models.BooleanField(default=False)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["grid", "metric"], name="metric_once_per_grid"),
            models.UniqueConstraint(fields=["grid"], condition=Q(is_primary=True), name="one_primary_metric_per_grid"),
        ]

    def __str__(self) -> str:
        return f"{self.grid}: {self.metric}"
