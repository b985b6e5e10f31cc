"""Numbers for Prometheus: what was answered and how quickly, and how the house stands.

Counts are kept by each worker in a file of its own (``PROMETHEUS_MULTIPROC_DIR``, which gunicorn's configuration sets)
and added up when asked. Only the process for researchers shows them, and it adds what the participants' process counted
beside it. How the house stands is asked of the database at that moment.
"""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import Error, connection
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from generation.models import Job
from studyplatform.config.observed import VOTE_ROUTE
from studyplatform.voting.models import Study, Vote

# Seconds. A vote takes some milliseconds; a report may take seconds.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
ANSWERS = Counter("eyeballot_answers", "Answers by route and status.", ["route", "status"])
SECONDS = Histogram("eyeballot_answer_seconds", "How long an answer took.", ["route"], buckets=BUCKETS)
VOTES = Counter("eyeballot_votes", "Ballots sent: stored, replayed or refused.", ["result"])
AWAY = Counter("eyeballot_database_errors", "Answers 503: the database was away, full or too slow.")
_children: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
_results = {result: VOTES.labels(result) for result in ("stored", "replayed", "refused")}


def count(method: str, route: str, status: int, seconds: float) -> None:
    """Add one answer. Finding the label's child costs more than counting, so children are kept."""
    children = _children.get((route, status))
    if children is None:
        children = ANSWERS.labels(route, status), SECONDS.labels(route)
        _children[(route, status)] = children
    children[0].inc()
    children[1].observe(seconds)
    if status == 503:
        AWAY.inc()
    elif route == VOTE_ROUTE and method == "POST":
        _results["stored" if status == 201 else "replayed" if status == 200 else "refused"].inc()


class House(Collector):
    """How the house stands at this moment; without a database only that it is away."""

    def collect(self) -> Iterator[Metric]:
        try:
            stands = list(_asked_of_the_database())
        except Error:
            connection.close_if_unusable_or_obsolete()
            stands = []
        yield GaugeMetricFamily("eyeballot_database_up", "Whether the database answers.", value=float(bool(stands)))
        yield from stands
        if (made := _last_backup()) is not None:
            text = "Seconds since the newest backup in EYEBALLOT_BACKUPS was made."
            yield GaugeMetricFamily("eyeballot_backup_age_seconds", text, value=time.time() - made)


def _asked_of_the_database() -> Iterator[Metric]:
    jobs = GaugeMetricFamily("eyeballot_render_jobs", "Jobs of the rendering queue.", labels=["status"])
    counted = dict(Job.objects.order_by().values_list("status").annotate(Count("pk")))
    for status in Job.Status.values:
        jobs.add_metric([status], counted.get(status, 0))
    yield jobs
    opened = Study.objects.filter(state=Study.State.OPEN).count()
    yield GaugeMetricFamily("eyeballot_open_studies", "Studies that take votes.", value=opened)
    # The newest row is found by its key; the latest time would be looked for among all.
    newest = Vote.objects.order_by("-pk").values_list("submitted_at", flat=True).first()
    if newest is not None:
        text = "Seconds since the newest vote was stored."
        yield GaugeMetricFamily("eyeballot_newest_vote_age_seconds", text, value=time.time() - newest.timestamp())


def _last_backup() -> float | None:
    """When the newest manifest was written, in seconds since 1970; ``None`` where no backup is known."""
    folder = settings.EYEBALLOT_BACKUPS
    times = [file.stat().st_mtime for file in Path(folder).glob("*/manifest.json")] if folder else []
    return max(times, default=None)


class _AddedUp(Collector):
    """The files of all workers: those of this process and of the others beside it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in self._folder.parent.glob("*/*.db")]
        return MultiProcessCollector.merge(files)  # type: ignore[no-any-return, no-untyped-call]


@require_safe
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """All numbers as text in the format of Prometheus."""
    shown = CollectorRegistry()
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    shown.register(_AddedUp(Path(folder)) if folder else REGISTRY)
    shown.register(House())
    return HttpResponse(generate_latest(shown), content_type=CONTENT_TYPE_LATEST)
