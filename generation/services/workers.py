"""Who serves the queue: every worker says from time to time that it lives, so that a page can say when none does."""

from datetime import timedelta

from django.utils import timezone

from generation.models import Grid, Job, Worker
from generation.services.queue import holder_is_dead, jobs_of

#: A worker says that it lives every BEAT seconds; after QUIET without a word nobody counts on it.
BEAT, QUIET = 10.0, 60.0


def worker_seen(*, holder: str) -> None:
    """Note that a worker of the whole queue lives. Those that are long gone are forgotten."""
    now = timezone.now()
    Worker.objects.update_or_create(holder=holder, defaults={"seen_at": now})
    Worker.objects.filter(seen_at__lt=now - timedelta(days=1)).delete()


def worker_gone(*, holder: str) -> None:
    """A worker of the whole queue ended."""
    Worker.objects.filter(holder=holder).delete()


def somebody_works(*, grid: Grid) -> bool:
    """Whether what is queued for ``grid`` will be done: a worker serves the queue, or somebody holds a job of it.

    A worker that is deep in a job may be silent; then its lease speaks for it.
    """
    now = timezone.now()
    running = Job.objects.filter(status=Job.Status.RUNNING, lease_until__gt=now)
    holders = {h for h in running.values_list("lease_holder", flat=True) if not holder_is_dead(h)}
    for worker in Worker.objects.all():
        fresh = worker.seen_at > now - timedelta(seconds=QUIET)
        if (fresh or worker.holder in holders) and not holder_is_dead(worker.holder):
            return True
    return running.filter(pk__in=jobs_of(grid=grid), lease_holder__in=holders).exists()
