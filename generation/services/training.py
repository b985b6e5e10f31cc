"""Trained networks: their jobs, what is kept of them, and which of their checkpoints a render is made by."""

from collections.abc import Mapping

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from generation.core import tasks
from generation.core.protocols import curve_bytes, forget
from generation.core.spec import RenderSpec, Scalar, TrainJobSpec, TrainResult, TrainSpec
from generation.models import Artifact, Checkpoint, Job, Render, Training
from generation.services.artifacts import artifact_store


def training_queue(*, digest: str, epochs: set[int], engine: Mapping[str, Scalar]) -> None:
    """Queue a training unless what is asked for is there; ``epochs``: those whose networks are wanted besides the last.

    A training that is done and kept other epochs (or whose networks are elsewhere) is done once more.
    """
    training = Training.objects.get(digest=digest)
    have = set(training.checkpoints.values_list("epoch", flat=True))
    if training.status == Training.Status.FAILED:
        return
    # Behind its end (it diverged, or was given up) the last network stands for all.
    wanted = {min(epoch, training.epochs) for epoch in epochs | {training.epochs}} - {0}
    if training.status != Training.Status.PLANNED and wanted <= have:
        return
    spec = TrainJobSpec(TrainSpec.from_json(training.spec), tuple(sorted(epochs | have)), dict(engine))
    same = {"digest": spec.digest, "spec": spec.to_json()}
    if training.job and Job.objects.filter(pk=training.job.pk, status=Job.Status.QUEUED).update(**same):
        return  # nobody has begun: the one job keeps all epochs
    job, created = Job.objects.get_or_create(
        digest=spec.digest, defaults={"kind": Job.Kind.TRAIN, "task": training.task, "spec": spec.to_json()}
    )
    if not created:
        Job.objects.filter(pk=job.pk, status=Job.Status.DONE).update(status=Job.Status.QUEUED, attempts=0, progress=0)
    Training.objects.filter(pk=training.pk).update(job=job)


def network_of(render: RenderSpec) -> Checkpoint | None:
    """The network that makes ``render``: of the epoch it asks for, or the last one where the training ended before."""
    trainer = tasks.get(render.task).methods[render.method].trainer
    wanted = trainer.epoch(render.params) if trainer else 0
    kept = Checkpoint.objects.filter(training__digest=render.training).select_related("training")
    if exact := kept.filter(epoch=wanted).first():
        return exact
    last = kept.order_by("-epoch").first()
    return last if last and (not wanted or last.training.epochs < wanted) else None


def training_complete(*, job: Job, holder: str, result: TrainResult) -> bool:
    """Store what a training gave in one transaction; false (and nothing stored) when the lease was lost."""
    spec = TrainJobSpec.from_json(job.spec)
    kept = {e: artifact_store(data=data, kind=Artifact.Kind.WEIGHTS) for e, data in result.checkpoints.items()}
    curve = artifact_store(data=curve_bytes(result.curve), kind=Artifact.Kind.CURVE) if result.curve else None
    with transaction.atomic():
        mine = Job.objects.filter(pk=job.pk, status=Job.Status.RUNNING, lease_holder=holder).update(
            status=Job.Status.DONE, lease_holder="", lease_until=None, progress=1, error="", finished_at=timezone.now()
        )
        if not mine:
            return False
        training = Training.objects.get(digest=spec.training.digest)
        training.status = result.status
        training.reason = result.reason
        training.epochs = result.epochs
        training.final_reason = result.final_reason
        training.losses = dict(result.losses)
        training.curve = curve
        training.seconds = result.seconds
        training.provenance = dict(result.provenance)
        training.save()
        for epoch, artifact in kept.items():
            Checkpoint.objects.update_or_create(training=training, epoch=epoch, defaults={"artifact": artifact})
    forget(settings.EYEBALLOT_SCRATCH, training.digest)
    return True


def training_failed(*, job: Job, error: str) -> None:
    """A job that used up its attempts takes its training with it."""
    Training.objects.filter(job=job, status=Training.Status.PLANNED).update(status=Training.Status.FAILED, reason=error)


def network_inherit(render: Render) -> None:
    """A picture of a trained network says how its training ended: diverged, given up, or not at all."""
    training = render.training
    if training is None:
        return
    if render.status == Render.Status.FAILED and training.status == Training.Status.FAILED:
        render.reason = f"Its network could not be trained: {training.reason}"
    elif render.status == Render.Status.OK and (checkpoint := network_of(RenderSpec.from_json(render.spec))):
        render.network, render.steps = checkpoint.artifact, checkpoint.epoch
        # A picture on the way is what was asked for; the last one of a training that diverged is not.
        if training.status == Training.Status.NAN and checkpoint.epoch == training.epochs:
            render.status, render.reason = Render.Status.NAN, training.reason
        at_end = checkpoint.epoch == training.epochs
        render.final_step_reason = training.final_reason if at_end else f"epoch {checkpoint.epoch}"
    render.save()


def trainings_retry(*, trainings: set[int]) -> None:
    """Queue failed trainings again."""
    failed = Training.objects.filter(pk__in=trainings, status=Training.Status.FAILED)
    jobs = set(failed.values_list("job", flat=True))
    failed.update(status=Training.Status.PLANNED, reason="")
    Job.objects.filter(pk__in=jobs).update(status=Job.Status.QUEUED, attempts=0, error="", progress=0)
