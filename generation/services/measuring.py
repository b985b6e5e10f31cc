"""More numbers about renders that exist: metrics of the catalogue for the pictures of a grid, whatever its design."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, Max, QuerySet

from generation.core import catalogue, weights
from generation.core.spec import JobItem, JobSpec, MetricSpec, RenderSpec
from generation.models import Grid, GridMetric, Job, Render, Score
from generation.selectors import grid_progress
from generation.services.jobs import batches, engine_settings, job_queue
from generation.services.planning import metric_row, metric_spec

#: Scores that another try may turn into a number.
_OPEN = (Score.Status.FAILED, Score.Status.UNAVAILABLE)


class MeasureError(ValueError):
    """Why these metrics cannot be measured on this grid; the text says what to do."""


@dataclass(frozen=True)
class Measured:
    """How far one metric is on a grid: pictures in all, with a number, with a reason instead, and those reasons."""

    metric: MetricSpec
    pictures: int
    numbers: int
    without: int
    reasons: tuple[str, ...]

    @property
    def waiting(self) -> int:
        """Pictures that have neither a number nor a reason yet."""
        return self.pictures - self.numbers - self.without


def metrics_named(keys: Sequence[str]) -> list[MetricSpec]:
    """The metrics of the catalogue called ``keys``, with the weights files found here.

    Raises :class:`MeasureError` for a key nobody knows, or when the network of a metric cannot be had.
    """
    found: dict[str, str] = {}
    try:
        entries = [catalogue.get(key) for key in dict.fromkeys(keys)]
        for network in {entry.network for entry in entries if entry.network}:
            found[network] = weights.find(network, layers=catalogue.NETWORKS[network]).sha256
    except (catalogue.UnknownMetric, weights.WeightsError) as error:
        raise MeasureError(str(error)) from None
    return [entry.spec(found) for entry in entries]


@transaction.atomic
def metrics_add(*, grid: Grid, metrics: Sequence[MetricSpec]) -> int:
    """Let a grid ask for more metrics and queue the measuring of its pictures; returns how many jobs wait.

    A metric is about pictures, not part of the design: a frozen grid takes it too, and stays the grid of its file.
    Numbers that are there are not taken again; those that failed or were unavailable are.
    """
    if waiting := grid_progress(grid).waiting:
        raise MeasureError(
            f"{waiting} images of the grid {grid.slug!r} are not rendered yet. Finish it with manage.py render, then "
            "measure it."
        )
    last = grid.metrics.aggregate(last=Max("position"))["last"]
    position = -1 if last is None else last
    for metric in metrics:
        _, new = GridMetric.objects.get_or_create(
            grid=grid, metric=metric_row(metric), defaults={"position": position + 1}
        )
        position += new
    return scores_lay(grid=grid, metrics=metrics)


def missing_scores_lay(*, grid: Grid) -> int:
    """Queue the measuring of finished renders that lack one of the grid's metrics; returns how many jobs wait.

    A reason why there is no number counts as an answer here; ``manage.py measure`` asks again.
    """
    metrics = [metric_spec(row.metric) for row in grid.metrics.select_related("metric")]
    return scores_lay(grid=grid, metrics=metrics, again=False)


def scores_lay(*, grid: Grid, metrics: Sequence[MetricSpec], again: bool = True) -> int:
    """Queue the measuring of a grid's pictures that lack one of ``metrics``; returns how many jobs wait.

    ``again``: ask anew where measuring failed or was unavailable. The batches are cut from all pictures, so that what
    was begun is the same job again.
    """
    scored = Score.objects.filter(render__cells__grid=grid, metric__digest__in=[m.digest for m in metrics])
    answered = scored.exclude(status__in=_OPEN) if again else scored
    have = set(answered.values_list("render", "metric__digest"))
    waiting = 0
    for batch in batches(grid_pictures(grid)):
        lacking = tuple(m for m in metrics if any((render.pk, m.digest) not in have for render in batch))
        if not lacking:
            continue
        items = tuple(JobItem(RenderSpec.from_json(r.spec), image=r.image_id) for r in batch)
        spec = JobSpec(items, lacking, engine_settings())
        if not job_queue(spec):  # done or given up before, and something is still open
            over = Job.objects.filter(digest=spec.digest, status__in=[Job.Status.DONE, Job.Status.FAILED])
            over.update(status=Job.Status.QUEUED, attempts=0, error="", progress=0)
        waiting += 1
    return waiting


def measured(*, grid: Grid, metrics: Sequence[MetricSpec]) -> list[Measured]:
    """How far each of ``metrics`` is on the pictures of ``grid``."""
    pictures = grid_pictures(grid)
    answers, total = [], pictures.count()
    for metric in metrics:
        scores = Score.objects.filter(render__in=pictures, metric__digest=metric.digest).order_by()
        counts = list(scores.values_list("status", "reason").annotate(n=Count("pk")))
        numbers = sum(n for status, _, n in counts if status == Score.Status.OK)
        without = [(reason, n) for status, reason, n in counts if status != Score.Status.OK]
        reasons = tuple(sorted({reason for reason, _ in without}))
        answers.append(Measured(metric, total, numbers, sum(n for _, n in without), reasons))
    return answers


def failures(*, grid: Grid, metrics: Sequence[MetricSpec]) -> list[str]:
    """Why measuring jobs of ``metrics`` on this grid were given up, as sentences."""
    renders = set(grid_pictures(grid).values_list("digest", flat=True))
    wanted = {metric.digest for metric in metrics}
    found = set()
    for job in Job.objects.filter(kind=Job.Kind.RENDER, status=Job.Status.FAILED, renders=None):
        spec = JobSpec.from_json(job.spec)
        if wanted & {m.digest for m in spec.metrics} and renders & {item.render.digest for item in spec.items}:
            found.add(job.error)
    return sorted(found)


def grid_pictures(grid: Grid) -> QuerySet[Render]:
    """The renders of a grid that have a picture, scene by scene."""
    states = [Render.Status.OK, Render.Status.NAN]
    ready = grid.cells.filter(render__status__in=states, render__image__isnull=False).order_by()
    return Render.objects.filter(pk__in=ready.values("render")).order_by("scene", "pk")
