"""The queue: rows claimed with a lease, finished in one transaction, taken over from the dead.

A job is done whole or not at all. Whoever holds a lease renews it while working; a job whose holder is dead (same
machine, no such process) or whose lease has run out is free again, and finishing is refused to a holder that lost it.
"""

import os
import socket
from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from generation.core.postprocess import unprocessed
from generation.core.spec import JobSpec, RenderResult
from generation.models import Artifact, Grid, Job, Metric, Render, Score
from generation.services.artifacts import artifact_store
from generation.services.jobs import engine_settings
from generation.services.training import network_inherit, training_failed, trainings_retry

MAX_ATTEMPTS = 3


def holder_name() -> str:
    """This process, as a lease names it: machine and process id."""
    return f"{socket.gethostname()}:{os.getpid()}"


def holder_is_dead(holder: str) -> bool:
    """True when the holder ran on this machine and its process is gone."""
    host, _, pid = holder.rpartition(":")
    if host != socket.gethostname() or not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def job_claim(*, holder: str, grid: Grid | None = None) -> Job | None:
    """Take the next job that is free and ready, or ``None``. One UPDATE decides between two claimants."""
    now = timezone.now()
    candidates = Job.objects.filter(status__in=[Job.Status.QUEUED, Job.Status.RUNNING]).exclude(
        # One that failed is not waited for: what it would have made is made anew.
        depends_on__in=Job.objects.filter(status__in=[Job.Status.QUEUED, Job.Status.RUNNING])
    )
    if grid is not None:
        candidates = candidates.filter(pk__in=jobs_of(grid=grid))
    for job in candidates.order_by("pk"):
        if job.status == Job.Status.RUNNING and not (
            job.lease_until is None or job.lease_until < now or holder_is_dead(job.lease_holder)
        ):
            continue
        claimed = Job.objects.filter(
            pk=job.pk, status=job.status, lease_holder=job.lease_holder, lease_until=job.lease_until
        ).update(
            status=Job.Status.RUNNING,
            lease_holder=holder,
            lease_until=now + timedelta(seconds=settings.EYEBALLOT_LEASE_SECONDS),
            progress=0,
        )
        if claimed:
            job.refresh_from_db()
            return job
    return None


def jobs_of(*, grid: Grid) -> set[int]:
    """Ids of the jobs that make or measure renders of a grid, the unfinished measuring jobs included."""
    renders = set(Render.objects.filter(cells__grid=grid).values_list("digest", flat=True))
    making = set(Job.objects.filter(renders__cells__grid=grid).values_list("pk", flat=True))
    measuring = {
        job.pk
        for job in Job.objects.filter(kind=Job.Kind.RENDER, renders=None).exclude(status=Job.Status.DONE)
        if renders & {item.render.digest for item in JobSpec.from_json(job.spec).items}
    }
    waited_for = set(Job.objects.filter(dependants__in=making).values_list("pk", flat=True))
    return making | measuring | waited_for


def lease_renew(*, job: Job, holder: str, progress: float, note: str = "") -> bool:
    """Prolong a lease and note the progress, in words too; false when the job was taken over meanwhile."""
    return bool(
        Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING, lease_holder=holder).update(
            lease_until=timezone.now() + timedelta(seconds=settings.EYEBALLOT_LEASE_SECONDS),
            progress=progress,
            note=note[:200],
        )
    )


def job_release(*, job: Job, holder: str) -> None:
    """Give a job back untouched (the worker was told to stop)."""
    Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING, lease_holder=holder).update(
        status=Job.Status.QUEUED, lease_holder="", lease_until=None, progress=0
    )


def job_complete(*, job: Job, holder: str, results: Sequence[RenderResult]) -> bool:
    """Store all results of a job in one transaction; false (and nothing stored) when the lease was lost.

    Files are written first, under their hashes: a crash in between leaves an unused file, never a row without one.
    """
    spec = JobSpec.from_json(job.spec)
    stored = [_artifacts(result) for result in results]
    with transaction.atomic():
        mine = Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING, lease_holder=holder).update(
            status=Job.Status.DONE, lease_holder="", lease_until=None, progress=1, error="", finished_at=timezone.now()
        )
        if not mine:
            return False
        metrics = {m.key: Metric.objects.get_or_create(digest=m.digest, defaults=m.to_json())[0] for m in spec.metrics}
        for item, result, (image, curve) in zip(spec.items, results, stored, strict=True):
            render = Render.objects.get(digest=item.render.digest)
            if item.image is None and render.status == Render.Status.PLANNED:
                _render_finish(render, result, image, curve)
                if result.status == Render.Status.OK and "base" in result.provenance:
                    _base_inherit(render, Render.objects.get(digest=unprocessed(item.render).digest))
                network_inherit(render)
            _scores_store(render, result, metrics)
    return True


def _artifacts(result: RenderResult) -> tuple[Artifact | None, Artifact | None]:
    image = artifact_store(data=result.png, kind=Artifact.Kind.IMAGE) if result.png is not None else None
    curve = artifact_store(data=result.curve, kind=Artifact.Kind.CURVE) if result.curve is not None else None
    return image, curve


def _render_finish(render: Render, result: RenderResult, image: Artifact | None, curve: Artifact | None) -> None:
    render.status = result.status
    render.reason = result.reason
    render.image = image
    render.curve = curve
    render.steps = result.steps
    render.final_step_reason = result.final_step_reason
    render.seconds = result.seconds
    render.provenance = dict(result.provenance)
    render.save()


def _base_inherit(render: Render, base: Render) -> None:
    """What was only post-processed has the run of the picture it was made from: its end, curve, steps, provenance."""
    render.status, render.reason, render.curve, render.steps = base.status, base.reason, base.curve, base.steps
    render.final_step_reason = base.final_step_reason
    render.provenance = {**base.provenance, **render.provenance}
    render.save()


def _scores_store(render: Render, result: RenderResult, metrics: dict[str, Metric]) -> None:
    """Keep the numbers that are there; a number takes the place of a reason why there was none."""
    for score in result.scores:
        fields = {"value": score.value, "status": score.status, "reason": score.reason}
        row, created = Score.objects.get_or_create(render=render, metric=metrics[score.metric], run="", defaults=fields)
        if not created and row.status != Score.Status.OK:
            Score.objects.filter(pk=row.pk).update(**fields)


@transaction.atomic
def job_fail(*, job: Job, holder: str, error: str) -> None:
    """Note why a job failed: it is tried again until its attempts are used up, then its renders are `failed`.

    Only failures count as attempts. A worker that was killed said nothing about the job, so its job is simply free.
    """
    last = job.attempts + 1 >= MAX_ATTEMPTS
    mine = Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING, lease_holder=holder).update(
        status=Job.Status.FAILED if last else Job.Status.QUEUED,
        lease_holder="",
        lease_until=None,
        attempts=job.attempts + 1,
        error=error,
    )
    if mine and last:
        Render.objects.filter(job=job, status=Render.Status.PLANNED).update(status=Render.Status.FAILED, reason=error)
        training_failed(job=job, error=error)


@transaction.atomic
def grid_retry(*, grid: Grid) -> int:
    """Queue the failed jobs of a grid (and jobs with failed renders) again; returns how many renders will be redone."""
    failed = Render.objects.filter(cells__grid=grid, status=Render.Status.FAILED).distinct()
    jobs = set(failed.values_list("job", flat=True))
    trainings_retry(renders=list(failed.select_related("training")), engine=engine_settings())
    again = list(failed.values_list("pk", flat=True))
    Render.objects.filter(pk__in=again).update(status=Render.Status.PLANNED, reason="")
    Score.objects.filter(render__in=again).delete()  # "There is no image to measure" was all they said
    Job.objects.filter(pk__in=jobs).update(status=Job.Status.QUEUED, attempts=0, error="", progress=0)
    return len(again)
