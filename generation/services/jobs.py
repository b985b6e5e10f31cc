"""From planned renders to jobs: batches, fixed from the moment they are queued.

Renders are cut into batches scene by scene, because conditions of one scene share its targets. What is post-processed
is given the picture it is made from, or waits for it. What a trained network makes waits for its training, and is cut
into batches by network: the scenes of one are coloured as soon as it is there, whatever becomes of the others.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from django.conf import settings

from generation.core import tasks
from generation.core.postprocess import unprocessed
from generation.core.spec import JobItem, JobSpec, RenderSpec, Scalar, canonical_json
from generation.core.train_spec import TrainSpec
from generation.models import Job, Render, Training
from generation.services.layout import GridLayout, method_of
from generation.services.training import lacking, network_of, training_queue

T = TypeVar("T")


def grid_jobs_queue(layout: GridLayout) -> None:
    """Queue what no job holds yet, in batches that are fixed from now on: of one scene, or of one network."""
    together: dict[str, list[RenderSpec]] = {}
    for number in range(len(layout.file.scenes)):
        spec = layout.scene(number)
        for condition in layout.file.conditions:
            for seed in layout.seeds(condition):
                render = layout.render(spec, condition, seed)
                together.setdefault(render.training or spec.digest, []).append(render)
    for wanted in together.values():
        digests = [w.digest for w in wanted]
        planned = Render.objects.filter(digest__in=digests, status=Render.Status.PLANNED, job=None)
        free = set(planned.values_list("digest", flat=True))
        waiting = [w for w in wanted if w.digest in free]
        if waiting and waiting[0].training:
            _training_queue(waiting)
        for batch in _run_batches(waiting):
            job_queue(JobSpec(tuple(_item(render) for render in batch), layout.metrics, engine_settings()))


def _training_queue(renders: Sequence[RenderSpec]) -> None:
    """Queue the training of the one network that makes ``renders``, with the epochs at which they ask for it."""
    trainer = method_of(tasks.get(renders[0].task), renders[0].method).trainer
    epochs = {trainer.epoch(render.params) for render in renders} if trainer else set()
    training_queue(digest=renders[0].training, epochs=epochs - {0}, engine=engine_settings())


def trainings_ahead(layout: GridLayout) -> list[TrainSpec]:
    """The networks that laying ``layout`` would have trained here, once more or for the first time."""
    asked: dict[str, tuple[TrainSpec, set[int], set[str]]] = {}
    for number in range(len(layout.file.scenes)):
        scene = layout.scene(number)
        for condition in layout.file.conditions:
            trainer = method_of(layout.file.task, condition.method).trainer
            for seed in layout.seeds(condition) if trainer else ():
                spec, render = layout.training(scene, condition, seed), layout.render(scene, condition, seed)
                if spec and trainer:
                    _, epochs, renders = asked.setdefault(spec.digest, (spec, set(), set()))
                    epochs.add(trainer.epoch(condition.params))
                    renders.add(render.digest)
    rows = {row.digest: row for row in Training.objects.filter(digest__in=asked)}
    ahead = []
    for digest, (spec, epochs, renders) in asked.items():
        there = Render.objects.filter(digest__in=renders).exclude(status=Render.Status.PLANNED).count() == len(renders)
        if digest not in rows or (not there and lacking(rows[digest], epochs - {0})):
            ahead.append(spec)
    return ahead


def job_queue(spec: JobSpec) -> bool:
    """Put a job into the queue unless the same one is there; its renders are planned under it. True when it is new."""
    job, created = Job.objects.get_or_create(
        digest=spec.digest, defaults={"task": spec.items[0].render.task, "spec": spec.to_json()}
    )
    made = [item.render for item in spec.items if item.image is None]
    Render.objects.filter(digest__in=[render.digest for render in made], job=None).update(job=job)
    # What is post-processed waits for the picture it is made from, if another job makes that.
    bases = [unprocessed(render).digest for render in made]
    job.depends_on.add(
        *Job.objects.filter(renders__digest__in=bases, renders__status=Render.Status.PLANNED).exclude(pk=job.pk),
        *Job.objects.filter(trainings__digest__in={r.training for r in made if r.training}).distinct(),
    )
    return created


def engine_settings() -> dict[str, Scalar]:
    """The settings of the engine that may change pixels; part of every job."""
    plain: dict[str, Scalar] = {"dtype": settings.EYEBALLOT_DTYPE, "memory_format": "channels_last"}
    return plain | ({"deterministic": True} if settings.EYEBALLOT_DETERMINISTIC else {})


def _item(spec: RenderSpec) -> JobItem:
    """A render that only wants post-processing of one that is there is given that one's picture."""
    if spec.training:
        return JobItem(spec)
    before = unprocessed(spec)
    if before == spec:
        return JobItem(spec)
    base = Render.objects.filter(digest=before.digest, image__isnull=False).first()
    return JobItem(spec, base=base.image_id if base else None)


def based(spec: JobSpec) -> JobSpec:
    """The job with what is there by now: stored pictures for items that only want post-processing, trained networks."""
    return dataclasses.replace(spec, items=tuple(_with_network(i) for i in map(_with_base, spec.items)))


def _with_base(item: JobItem) -> JobItem:
    return item if item.image or item.base else _item(item.render)


def _with_network(item: JobItem) -> JobItem:
    """A picture that is there is judged by the network that made it, whatever was trained since."""
    if not item.render.training:
        return item
    if item.image is not None:
        return dataclasses.replace(item, network=Render.objects.get(digest=item.render.digest).network_id)
    checkpoint = network_of(item.render)
    return dataclasses.replace(item, network=checkpoint.artifact_id if checkpoint else None)


def _run_batches(specs: Sequence[RenderSpec]) -> Iterator[list[RenderSpec]]:
    """Batches of whole runs: what is taken from one run is planned, and kept or lost, together."""
    runs: dict[str, list[RenderSpec]] = {}
    for spec in specs:
        method = method_of(tasks.get(spec.task), spec.method)
        key = canonical_json([spec.method, spec.seed, dict(method.run(spec.params))])
        runs.setdefault(key, []).append(spec)
    for batch in batches(runs.values()):
        yield [spec for members in batch for spec in members]


def batches(items: Iterable[T]) -> Iterator[list[T]]:
    """As many at a time as one job holds."""
    left = iter(items)
    while batch := list(islice(left, settings.EYEBALLOT_BATCH)):
        yield batch
