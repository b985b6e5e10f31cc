"""From a grid file to rows: sources, scenes, conditions, cells, renders and the jobs that make them.

Everything is laid in one transaction or not at all. A render that exists (or is planned) is taken over, whoever asked
for it first; the rest is cut into batches, scene by scene, because conditions of one scene share its targets.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from generation.core import grid as gridfile
from generation.core import images, tasks, weights
from generation.core.grid import GridError, GridFile
from generation.core.photo import COMMON_METHODS
from generation.core.postprocess import unprocessed
from generation.core.spec import (
    ConditionSpec,
    JobItem,
    JobSpec,
    MetricSpec,
    RenderSpec,
    Scalar,
    SceneSpec,
    canonical_json,
    digest,
    sha256_bytes,
)
from generation.models import Cell, Condition, Grid, GridCondition, GridMetric, Job, Metric, Render, Scene, Score
from generation.services.artifacts import source_add

T = TypeVar("T")

# The order in which "auto" looks for a backbone: the smallest download first, the one that needs none last.
AUTO_ORDER = ("squeezenet1_1", "vgg19", "vgg16", "random-shallow")


@dataclass(frozen=True)
class GridLayout:
    """A checked grid file with its pictures read and its weights found: all that is needed to plan or to lay it.

    ``notes`` are sentences for people (a backbone that fell back, a metric that will be unavailable).
    """

    file: GridFile
    sources: Mapping[str, bytes]
    weights: Mapping[str, str]
    metrics: tuple[MetricSpec, ...]
    notes: tuple[str, ...]

    def scene(self, number: int) -> SceneSpec:
        """The scene spec at a place of the file's list, its sources named by hash."""
        names = self.file.scenes[number]
        sha = {name: sha256_bytes(data) for name, data in self.sources.items()}
        return SceneSpec(
            self.file.task.name, names.label, sha[names.content], sha[names.style] if names.style else None
        )

    def render(self, scene: SceneSpec, condition: ConditionSpec, seed: int) -> RenderSpec:
        """The spec of one cell. Controls do not depend on the seed and need no weights."""
        method = method_of(self.file.task, condition.method)
        needed = {network: self.weights[network] for network in method.networks(condition.params)}
        return RenderSpec(
            task=scene.task,
            method=condition.method,
            content=scene.content,
            style=scene.style,
            params=condition.params,
            seed=seed if condition.role == "grid" else 0,
            weights=needed,
        )


def method_of(task: tasks.Task, name: str) -> tasks.Method:
    """A method of the task, or one that every task offers."""
    return task.methods[name] if name in task.methods else COMMON_METHODS[name]


def grid_layout(*, text: str, read: Callable[[str], bytes]) -> GridLayout:
    """Check a grid file, read its pictures through ``read(file)``, find its weights. Writes nothing.

    Raises ``GridError`` (also for a picture that is missing or cannot be read) and ``weights.WeightsMissing``.
    """
    notes: list[str] = []
    file = gridfile.parse(text, resolve_auto=lambda name, param: _auto(name, param, notes))
    sources = {name: _source_bytes(source, read) for name, source in file.sources.items() if _used(file, name)}
    notes += file.notes
    layers: dict[str, set[str]] = {}
    for condition in file.conditions:
        for network, of_it in method_of(file.task, condition.method).networks(condition.params).items():
            layers.setdefault(network, set()).update(of_it)
    needed = {network: weights.find(network, layers=sorted(of_it)).sha256 for network, of_it in layers.items()}
    found = dict(needed)
    for network, of_it in file.task.networks(file.reference).items():
        if network not in found or set(of_it) - layers.get(network, set()):
            try:
                found[network] = weights.find(network, layers=of_it).sha256
            except weights.WeightsError as error:
                notes.append(f"Metrics that need {network} will say that it is missing. {error}")
    notes += _small_styles(file, sources, layers)
    metrics = tuple(file.task.metrics(file.reference, found))
    return GridLayout(file, sources, needed, metrics, tuple(notes))


def _small_styles(file: GridFile, sources: Mapping[str, bytes], layers: Mapping[str, set[str]]) -> list[str]:
    """Style pictures that show the deepest layer less than it looks at: scaling them up adds no texture."""
    fields = [weights.receptive_field(n.partition("/")[0], sorted(of_it)) for n, of_it in layers.items() if of_it]
    if not fields:
        return []
    said = []
    for name in sorted({scene.style for scene in file.scenes if scene.style}):
        height, width = images.decode(sources[name], name).shape[:2]
        if min(height, width) < max(fields):
            said.append(
                f"The style picture {name!r} has {width} x {height} pixels, less than the {max(fields)} on a side that "
                "one position of the deepest layer sees. Its large shapes are not there to be carried over; take "
                "a larger scan or earlier layers."
            )
    return said


def _auto(name: str, param: tasks.Param, notes: list[str]) -> Scalar:
    reasons: list[str] = []
    for choice in (c for c in AUTO_ORDER if c in param.choices):
        try:
            weights.find(choice)
        except weights.WeightsError as error:
            reasons.append(str(error))
            continue
        if reasons:
            notes.append(f"{name} = {choice}: no pretrained network could be had.")
        return choice
    raise GridError(f'[parameters] {name} = "auto": none of {", ".join(param.choices)} can be had. {" ".join(reasons)}')


def _used(file: GridFile, name: str) -> bool:
    return any(name in (scene.content, scene.style) for scene in file.scenes)


def _source_bytes(source: gridfile.Source, read: Callable[[str], bytes]) -> bytes:
    where = f"[sources.{source.name}] file = {source.file!r}"
    try:
        data = read(source.file)
    except OSError as error:
        raise GridError(f"{where}: {error.strerror or error}. Put the picture there or correct the path.") from None
    try:
        images.decode(data, source.file)
    except images.ImageError as error:
        raise GridError(f"{where}: {error}") from None
    if source.sha256 and sha256_bytes(data) != source.sha256:
        raise GridError(f"{where}: the file is not the one the grid names (its SHA-256 differs).")
    return data


@transaction.atomic
def grid_lay(*, owner: User, layout: GridLayout) -> Grid:
    """Lay the grid's rows and queue its jobs; the same file again gives the same grid and queues only what is missing.

    Raises ``GridError`` when the slug is taken by another design.
    """
    file = layout.file
    plan_digest = digest(_design(layout))
    grid = Grid.objects.filter(slug=file.slug).first()
    if grid is None:
        grid = _grid_create(owner=owner, layout=layout, plan_digest=plan_digest)
    elif grid.owner_id != owner.pk:
        raise GridError(f"The slug {file.slug!r} belongs to a grid of another researcher. Choose another slug.")
    elif grid.digest != plan_digest:
        raise GridError(
            f"The slug {file.slug!r} belongs to a grid with another design (or other weights). "
            f"Give the new design a slug of its own; a laid grid is frozen."
        )
    _metrics_refresh(grid, layout)
    _jobs_queue(layout)
    return grid


def _metrics_refresh(grid: Grid, layout: GridLayout) -> None:
    """A metric of the design that gave no number yet is measured with the file that is there now."""
    for metric in layout.metrics:
        row = grid.metrics.filter(metric__key=metric.key).exclude(metric__digest=metric.digest).first()
        if row and not row.metric.scores.filter(render__cells__grid=grid, status=Score.Status.OK).exists():
            GridMetric.objects.filter(pk=row.pk).update(metric=metric_row(metric))


def _design(layout: GridLayout) -> dict[str, object]:
    file = layout.file
    return {
        "task": file.task.name,
        "scenes": [layout.scene(i).digest for i in range(len(file.scenes))],
        "conditions": [c.digest for c in file.conditions],
        "seeds": list(file.seeds),
        # Without the files they are measured with: one that comes later makes a number possible, not another design.
        "metrics": [dataclasses.replace(m, weights_sha256="").digest for m in layout.metrics],
        "weights": dict(layout.weights),
    }


def _grid_create(*, owner: User, layout: GridLayout, plan_digest: str) -> Grid:
    file = layout.file
    grid = Grid.objects.create(
        owner=owner,
        slug=file.slug,
        title=file.title,
        task=file.task.name,
        toml=file.text,
        digest=plan_digest,
        reference=dict(file.reference),
        preset=file.preset,
        notes=list(file.notes),
        frozen=True,
    )
    for name, data in layout.sources.items():
        source = file.sources[name]
        source_add(
            owner=owner,
            data=data,
            name=name,
            title=source.title,
            licence=source.licence,
            credit=source.credit,
        )
    for position, metric in enumerate(layout.metrics):
        GridMetric.objects.create(
            grid=grid,
            metric=metric_row(metric),
            position=position,
            is_primary=metric.key == file.task.primary_metric,
        )
    conditions = [condition_row(spec) for spec in file.conditions]
    for position, (spec, row) in enumerate(zip(file.conditions, conditions, strict=True)):
        GridCondition.objects.create(
            grid=grid,
            condition=row,
            position=position,
            label=spec.label,
            is_default=spec.is_default,
            factor=spec.factor,
        )
    position = 0
    for number in range(len(file.scenes)):
        scene_spec = layout.scene(number)
        scene = scene_row(scene_spec)
        for condition_spec, condition in zip(file.conditions, conditions, strict=True):
            for replicate, seed in enumerate(file.seeds if condition_spec.role == "grid" else file.seeds[:1]):
                render_spec = layout.render(scene_spec, condition_spec, seed)
                render, _ = Render.objects.get_or_create(
                    digest=render_spec.digest,
                    defaults={
                        "scene": scene,
                        "condition": condition,
                        "seed": render_spec.seed,
                        "spec": render_spec.to_json(),
                    },
                )
                Cell.objects.create(
                    grid=grid, scene=scene, condition=condition, replicate=replicate, render=render, position=position
                )
                position += 1
    return grid


def scene_row(spec: SceneSpec) -> Scene:
    """The row of a scene; its sources are artifacts already."""
    row, _ = Scene.objects.get_or_create(
        digest=spec.digest,
        defaults={"task": spec.task, "label": spec.label, "content_id": spec.content, "style_id": spec.style},
    )
    return row


def condition_row(spec: ConditionSpec) -> Condition:
    """The row of a condition."""
    row, _ = Condition.objects.get_or_create(
        digest=spec.digest, defaults={"method": spec.method, "params": dict(spec.params), "role": spec.role}
    )
    return row


def metric_row(spec: MetricSpec) -> Metric:
    """The row of a metric."""
    row, _ = Metric.objects.get_or_create(digest=spec.digest, defaults=spec.to_json())
    return row


def metric_spec(row: Metric) -> MetricSpec:
    """The metric of a row; the inverse of :func:`metric_row`."""
    return MetricSpec(**{name: getattr(row, name) for name in MetricSpec.__dataclass_fields__})


def _jobs_queue(layout: GridLayout) -> None:
    """Queue what no job holds yet, one scene at a time, in batches that are fixed from now on."""
    for number in range(len(layout.file.scenes)):
        spec = layout.scene(number)
        wanted = [
            layout.render(spec, condition, seed)
            for condition in layout.file.conditions
            for seed in (layout.file.seeds if condition.role == "grid" else layout.file.seeds[:1])
        ]
        digests = [w.digest for w in wanted]
        free = set(
            Render.objects.filter(digest__in=digests, status=Render.Status.PLANNED, job=None).values_list(
                "digest", flat=True
            )
        )
        for batch in _run_batches([w for w in wanted if w.digest in free]):
            job_queue(JobSpec(tuple(_item(render) for render in batch), layout.metrics, engine_settings()))


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
        *Job.objects.filter(renders__digest__in=bases, renders__status=Render.Status.PLANNED).exclude(pk=job.pk)
    )
    return created


def engine_settings() -> dict[str, Scalar]:
    """The settings of the engine that may change pixels; part of every job."""
    plain: dict[str, Scalar] = {"dtype": settings.EYEBALLOT_DTYPE, "memory_format": "channels_last"}
    return plain | ({"deterministic": True} if settings.EYEBALLOT_DETERMINISTIC else {})


def _item(spec: RenderSpec) -> JobItem:
    """A render that only wants post-processing of one that is there is given that one's picture."""
    before = unprocessed(spec)
    if before == spec:
        return JobItem(spec)
    base = Render.objects.filter(digest=before.digest, image__isnull=False).first()
    return JobItem(spec, base=base.image_id if base else None)


def based(spec: JobSpec) -> JobSpec:
    """The job with the stored pictures that are there by now, for items that only want post-processing."""
    return dataclasses.replace(spec, items=tuple(i if i.image or i.base else _item(i.render) for i in spec.items))


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
