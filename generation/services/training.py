"""Trained networks: their jobs, what is kept of them, and which of their checkpoints a render is made by."""

import dataclasses
from collections.abc import Collection, Iterable, Mapping

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from generation.core import tasks
from generation.core.protocols import curve_bytes, forget
from generation.core.spec import RenderSpec, Scalar
from generation.core.train_spec import TrainJobSpec, TrainResult, TrainSpec
from generation.models import Artifact, Checkpoint, Job, Render, Training
from generation.services.artifacts import artifact_is_whole, artifact_store


def lacking(training: Training, epochs: Collection[int]) -> set[int]:
    """The epochs a training still has to give where ``epochs`` are asked for (none: the last one, said as 0).

    Behind its end (it diverged, or was given up) the last network stands for all. One that failed lacks nothing until
    it is asked to try again; a network whose file is gone or damaged is not there.
    """
    if training.status == Training.Status.FAILED:
        return set()
    if training.status == Training.Status.PLANNED:
        return set(epochs) or {0}
    kept = {row.epoch for row in training.checkpoints.all() if artifact_is_whole(row.artifact_id)}
    return {min(epoch, training.epochs) for epoch in epochs or {training.epochs}} - {0} - kept


def training_queue(*, digest: str, epochs: Collection[int], engine: Mapping[str, Scalar]) -> None:
    """Queue a training unless what is asked for is there; ``epochs``: those whose networks are wanted.

    A training has one job for ever, which keeps whatever epochs are asked for until it is done; later it is queued once
    more for those that lack. ``engine``: of a job that is new.
    """
    training = Training.objects.get(digest=digest)
    if not lacking(training, epochs):
        return
    fresh = TrainJobSpec(TrainSpec.from_json(training.spec), tuple(sorted(epochs)), dict(engine))
    job, created = Job.objects.get_or_create(
        digest=digest, defaults={"kind": Job.Kind.TRAIN, "task": training.task, "spec": fresh.to_json()}
    )
    Training.objects.filter(pk=training.pk).update(job=job)
    if created:
        return
    spec = TrainJobSpec.from_json(job.spec)
    wanted = dataclasses.replace(spec, save_at=tuple(sorted({*spec.save_at, *epochs}))).to_json()
    # Whoever trains it now reads this again when it is done.
    if not Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING).update(spec=wanted):
        Job.objects.filter(pk=job.pk).update(
            spec=wanted, status=Job.Status.QUEUED, attempts=0, error="", progress=0, note=""
        )


def network_of(render: RenderSpec) -> Checkpoint | None:
    """The network that makes ``render``: of the epoch it asks for, or the last one where the training ended before."""
    wanted = _wanted(render)
    kept = Checkpoint.objects.filter(training__digest=render.training).select_related("training")
    if exact := kept.filter(epoch=wanted).first():
        return exact
    last = kept.order_by("-epoch").first()
    return last if last and (not wanted or last.training.epochs < wanted) else None


def training_complete(*, job: Job, holder: str, result: TrainResult) -> bool:
    """Store what a training gave in one transaction; false (and nothing stored) when the lease was lost.

    Where it was done before, only the epochs that lacked are added: pictures and losses stay those of the networks
    they were made by.
    """
    kept = {e: artifact_store(data=data, kind=Artifact.Kind.WEIGHTS) for e, data in result.checkpoints.items()}
    curve = artifact_store(data=curve_bytes(result.curve), kind=Artifact.Kind.CURVE) if result.curve else None
    with transaction.atomic():
        mine = Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING, lease_holder=holder).update(
            status=Job.Status.DONE, lease_holder="", lease_until=None, progress=1, error="", finished_at=timezone.now()
        )
        if not mine:
            return False
        job.refresh_from_db()
        training = Training.objects.get(digest=job.digest)
        if training.status == Training.Status.PLANNED:
            _outcome(training, result, curve)
        _checkpoints(training, kept)
        # Asked for while it was under way.
        if lacking(training, TrainJobSpec.from_json(job.spec).save_at):
            Job.objects.filter(pk=job.pk).update(status=Job.Status.QUEUED, progress=0)
    forget(settings.EYEBALLOT_SCRATCH, job.digest)
    return True


def _outcome(training: Training, result: TrainResult, curve: Artifact | None) -> None:
    training.status = result.status
    training.reason = result.reason
    training.epochs = result.epochs
    training.final_reason = result.final_reason
    training.losses = dict(result.losses)
    training.curve = curve
    training.seconds = result.seconds
    training.provenance = dict(result.provenance)
    training.save()


def _checkpoints(training: Training, kept: Mapping[int, Artifact]) -> None:
    """Keep the networks that were not there. One that came out otherwise this time is said to have."""
    other = []
    for epoch, artifact in kept.items():
        row, created = Checkpoint.objects.get_or_create(training=training, epoch=epoch, defaults={"artifact": artifact})
        if not created and row.artifact_id != artifact.pk:
            other.append(epoch)
            if not artifact_is_whole(row.artifact_id):
                Checkpoint.objects.filter(pk=row.pk).update(artifact=artifact)
    if other:
        training.provenance["trained_again"] = (
            f"Trained once more for epochs that lacked, it differed at epoch {', '.join(map(str, sorted(other)))} "
            "(other threads, machine or versions)."
        )
        training.save(update_fields=["provenance"])


def training_failed(*, job: Job, error: str) -> None:
    """A job that used up its attempts takes its training with it."""
    Training.objects.filter(job=job, status=Training.Status.PLANNED).update(status=Training.Status.FAILED, reason=error)


def network_inherit(render: Render) -> None:
    """A picture of a trained network says how its training ended: diverged, given up, or not at all."""
    training = render.training
    if training is None:
        return
    checkpoint = network_of(RenderSpec.from_json(render.spec))
    if render.status == Render.Status.FAILED and checkpoint is None and training.reason:
        render.reason = f"Its network could not be trained: {training.reason}"
    elif render.status == Render.Status.OK and checkpoint is not None:
        render.network, render.steps = checkpoint.artifact, checkpoint.epoch
        at_end = checkpoint.epoch == training.epochs
        render.final_step_reason = training.final_reason if at_end else f"epoch {checkpoint.epoch}"
        # An epoch on the way is what was asked for; the last one before a training ended early is not.
        wanted = _wanted(RenderSpec.from_json(render.spec))
        if at_end and training.status == Training.Status.NAN and wanted != checkpoint.epoch:
            render.status, render.reason = Render.Status.NAN, training.reason
        elif at_end and wanted > checkpoint.epoch:
            render.status, render.reason = Render.Status.FAILED, training.reason
    render.save()


def trainings_retry(*, renders: Iterable[Render], engine: Mapping[str, Scalar]) -> None:
    """Train again what failed, or lacks a network that one of ``renders`` wants."""
    epochs: dict[str, set[int]] = {}
    for render in renders:
        if render.training is not None:
            epochs.setdefault(render.training.digest, set()).add(_wanted(RenderSpec.from_json(render.spec)))
    failed = Training.objects.filter(digest__in=epochs, status=Training.Status.FAILED)
    failed.update(status=Training.Status.PLANNED, reason="")
    for digest, wanted in epochs.items():
        training_queue(digest=digest, epochs=wanted - {0}, engine=engine)


def _wanted(render: RenderSpec) -> int:
    """The epoch whose network makes ``render``, 0 for the last."""
    trainer = tasks.get(render.task).methods[render.method].trainer
    return trainer.epoch(render.params) if trainer else 0
