"""From a grid file to rows: sources, scenes, conditions, cells, renders and the jobs that make them.

Everything is laid in one transaction or not at all. A render that exists (or is planned) is taken over, whoever asked
for it first; the rest goes to :mod:`generation.services.jobs`.
"""

import dataclasses

from django.contrib.auth.models import User
from django.db import transaction

from generation.core.grid import GridError
from generation.core.spec import ConditionSpec, MetricSpec, SceneSpec, digest
from generation.core.train_spec import TrainSpec
from generation.models import Cell, Condition, Grid, GridCondition, GridMetric, Metric, Render, Scene, Score, Training
from generation.services.artifacts import source_add
from generation.services.jobs import grid_jobs_queue
from generation.services.layout import GridLayout


@transaction.atomic
def grid_lay(*, owner: User, layout: GridLayout, draft: Grid | None = None) -> Grid:
    """Lay the grid's rows and queue its jobs; the same file again gives the same grid and queues only what is missing.

    ``draft``: the row to fill, of a file that was written in a page; a draft of the owner's that says the same as the
    file (an imported study leaves such) is filled too. Raises ``GridError`` when the slug is taken by another design.
    """
    file = layout.file
    plan_digest = digest(_design(layout))
    grid = Grid.objects.filter(slug=file.slug).first()
    if draft is None and grid is not None and not grid.frozen:
        same = Grid.objects.select_for_update().filter(pk=grid.pk, owner=owner, frozen=False, toml=file.text)
        draft = same.first()
    if grid is None or (draft is not None and grid.pk == draft.pk):
        grid = _grid_create(draft or Grid(owner=owner), layout=layout, plan_digest=plan_digest)
    elif draft is not None:
        raise GridError(f"The slug {file.slug!r} belongs to another grid. Give this one a slug of its own.")
    elif grid.owner_id != owner.pk:
        raise GridError(f"The slug {file.slug!r} belongs to a grid of another researcher. Choose another slug.")
    elif not grid.frozen:
        raise GridError(f"The slug {file.slug!r} belongs to a draft. Launch or delete it in the admin.")
    elif grid.digest != plan_digest:
        raise GridError(
            f"The slug {file.slug!r} belongs to a grid with another design (or other weights). "
            f"Give the new design a slug of its own; a laid grid is frozen."
        )
    _metrics_refresh(grid, layout)
    grid_jobs_queue(layout)
    return grid


def _metrics_refresh(grid: Grid, layout: GridLayout) -> None:
    """A metric of the design that gave no number yet is measured with the file that is there now."""
    for metric in layout.metrics:
        row = grid.metrics.filter(metric__key=metric.key).exclude(metric__digest=metric.digest).first()
        if row and not row.metric.scores.filter(render__cells__grid=grid, status=Score.Status.OK).exists():
            GridMetric.objects.filter(pk=row.pk).update(metric=metric_row(metric))


def _design(layout: GridLayout) -> dict[str, object]:
    file = layout.file
    design: dict[str, object] = {
        "task": file.task.name,
        "scenes": [layout.scene(i).digest for i in range(len(file.scenes))],
        "conditions": [c.digest for c in file.conditions],
        "seeds": list(file.seeds),
        # Without the files they are measured with: one that comes later makes a number possible, not another design.
        "metrics": [dataclasses.replace(m, weights_sha256="").digest for m in layout.metrics],
        "weights": dict(layout.weights),
    }
    packs = {"data": layout.data, "styles": layout.styles}
    return design | {
        name: {str(side): pack.sha256 for side, pack in of_side.items()} for name, of_side in packs.items() if of_side
    }


def _grid_create(grid: Grid, *, layout: GridLayout, plan_digest: str) -> Grid:
    file = layout.file
    owner = grid.owner
    grid.slug, grid.title, grid.task, grid.toml = file.slug, file.title, file.task.name, file.text
    grid.digest, grid.reference, grid.preset = plan_digest, dict(file.reference), file.preset
    grid.notes = [*file.notes, *(note for pack in layout.packs for note in pack.notes)]
    grid.frozen = True
    grid.save()
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
            for replicate, seed in enumerate(layout.seeds(condition_spec)):
                render_spec = layout.render(scene_spec, condition_spec, seed)
                training = layout.training(scene_spec, condition_spec, seed)
                render, _ = Render.objects.get_or_create(
                    digest=render_spec.digest,
                    defaults={
                        "scene": scene,
                        "condition": condition,
                        "seed": render_spec.seed,
                        "spec": render_spec.to_json(),
                        "training": training_row(training) if training else None,
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
        defaults={
            "task": spec.task,
            "label": spec.label,
            "content_id": spec.content,
            "style_id": spec.style,
            "mask_id": spec.mask or None,
        },
    )
    return row


def condition_row(spec: ConditionSpec) -> Condition:
    """The row of a condition."""
    row, _ = Condition.objects.get_or_create(
        digest=spec.digest, defaults={"method": spec.method, "params": dict(spec.params), "role": spec.role}
    )
    return row


def training_row(spec: TrainSpec) -> Training:
    """The row of a trained network; its pack of photographs and its style are artifacts already."""
    row, _ = Training.objects.get_or_create(
        digest=spec.digest,
        defaults={
            "task": spec.task,
            "spec": spec.to_json(),
            "data_id": spec.data,
            "style_id": spec.style or None,
        },
    )
    return row


def metric_row(spec: MetricSpec) -> Metric:
    """The row of a metric."""
    row, _ = Metric.objects.get_or_create(digest=spec.digest, defaults=spec.to_json())
    return row


def metric_spec(row: Metric) -> MetricSpec:
    """The metric of a row; the inverse of :func:`metric_row`."""
    return MetricSpec(**{name: getattr(row, name) for name in MetricSpec.__dataclass_fields__})
