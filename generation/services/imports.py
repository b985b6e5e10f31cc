"""Images made elsewhere: a folder and a scores.csv become a grid like any other.

Columns ``file``, ``scene`` and ``condition`` are required; ``content`` (file of the photograph) and ``seed``
may be there. Every other column is declared by the caller as a parameter or as a metric with its direction and scope:
whether lower is better, and within what two numbers may be compared, is never guessed.
"""

import math
from collections.abc import Callable, Sequence

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.text import slugify

from generation.core.spec import ConditionSpec, MetricSpec, RenderSpec, Scalar, digest, sha256_bytes
from generation.models import Artifact, Cell, Grid, GridCondition, GridMetric, Metric, Render, Scene, Score
from generation.services.artifacts import artifact_known, artifact_store
from generation.services.import_table import Column, ImportRefused, Row, table_columns, table_rows
from generation.services.planning import condition_row, metric_row


def renders_import(
    *, owner: User, title: str, table: str, read: Callable[[str], bytes], columns: Sequence[Column], primary: str = ""
) -> Grid:
    """Store the images and numbers of ``table`` (CSV text) as a finished grid called ``title``. All or nothing.

    ``read(file)`` gives the bytes of a picture; ``primary`` names the metric whose minimiser is put to the test;
    it may be left out where no column is a metric.
    """
    declared = {c.name: c for c in columns}
    lacking = [name for name in table_columns(table) if name not in declared]
    if lacking:
        raise ImportRefused(f"Column {lacking[0]!r} is not declared: is it a parameter or a metric?")
    metrics = {c.name for c in columns if c.kind == "metric"}
    if primary not in metrics and (metrics or primary):
        raise ImportRefused(f"The primary metric {primary!r} is not one of the metric columns.")
    rows = table_rows(table, read, [c.name for c in columns])
    slug = slugify(title)[:80]
    if len(title) > 200:
        raise ImportRefused("The title has more than 200 characters.")
    if not slug:
        raise ImportRefused("Give the grid a title with letters or digits.")
    if Grid.objects.filter(slug=slug).exists():
        raise ImportRefused(f"There is a grid called {slug!r} already. Choose another title.")
    with transaction.atomic():
        return _store(owner, title, slug, rows, columns, primary)


def _store(owner: User, title: str, slug: str, rows: Sequence[Row], columns: Sequence[Column], primary: str) -> Grid:
    grid = Grid.objects.create(owner=owner, slug=slug, title=title, task="imported", frozen=True, digest=digest(slug))
    metrics: dict[str, Metric] = {}
    for position, column in enumerate(c for c in columns if c.kind == "metric"):
        spec = MetricSpec(
            key=f"{slugify(column.name)[:50] or 'metric'}-{position}",
            label=column.name,
            direction=column.direction,
            comparable_within=column.scope,
            role=column.role,
            config={"imported_with": slug},
        )
        metrics[column.name] = metric_row(spec)
        GridMetric.objects.create(
            grid=grid, metric=metrics[column.name], position=position, is_primary=column.name == primary
        )
    parameters = [c.name for c in columns if c.kind == "parameter"]
    labels: dict[str, GridCondition] = {}
    scenes: dict[str, Scene] = {}
    replicates: dict[tuple[str, str], int] = {}
    for position, row in enumerate(rows):
        scene = scenes.setdefault(row.scene, _scene(slug, row))
        condition = _condition(grid, labels, row, parameters)
        image = artifact_known(sha256=sha256_bytes(row.image), kind=Artifact.Kind.IMAGE)
        render = _render(scene, condition, row, image, slug)
        for name, metric in metrics.items():
            _score(render, metric, row, name)
        replicate = replicates.get((row.scene, row.condition), 0)
        replicates[row.scene, row.condition] = replicate + 1
        Cell.objects.create(
            grid=grid,
            scene=scene,
            condition=condition.condition,
            replicate=replicate,
            render=render,
            position=position,
        )
    # Files come last: what is refused leaves none.
    for picture in (p for row in rows for p in (row.image, row.content) if p):
        artifact_store(data=picture, kind=Artifact.Kind.IMAGE)
    return grid


def _scene(slug: str, row: Row) -> Scene:
    content = (
        artifact_known(sha256=sha256_bytes(row.content), kind=Artifact.Kind.IMAGE) if row.content is not None else None
    )
    scene, _ = Scene.objects.get_or_create(
        digest=digest({"task": "imported", "grid": slug, "scene": row.scene}),
        defaults={"task": "imported", "label": row.scene, "content": content},
    )
    return scene


def _condition(grid: Grid, labels: dict[str, GridCondition], row: Row, parameters: Sequence[str]) -> GridCondition:
    params: dict[str, Scalar] = {name: _scalar(row.cells[name]) for name in parameters}
    known = labels.get(row.condition)
    if known is not None:
        if known.condition.params != {"condition": row.condition, **params}:
            raise ImportRefused(f"Line {row.line}: condition {row.condition!r} has other parameters than before.")
        return known
    spec = ConditionSpec("imported", {"condition": row.condition, **params}, label=row.condition)
    labels[row.condition] = GridCondition.objects.create(
        grid=grid, condition=condition_row(spec), position=len(labels), label=row.condition
    )
    return labels[row.condition]


def _scalar(text: str) -> Scalar:
    try:
        value = float(text)
    except ValueError:
        return text
    return value if math.isfinite(value) else text


def _render(scene: Scene, condition: GridCondition, row: Row, image: Artifact, slug: str) -> Render:
    content = sha256_bytes(row.content) if row.content else ""
    params = {**condition.condition.params, "grid": slug, "scene": row.scene, "image": image.sha256}
    spec = RenderSpec("imported", "imported", content or image.sha256, None, params, row.seed)
    render, _ = Render.objects.get_or_create(
        digest=spec.digest,
        defaults={
            "scene": scene,
            "condition": condition.condition,
            "seed": row.seed,
            "spec": spec.to_json(),
            "status": Render.Status.OK,
            "image": image,
            "provenance": {"imported": "made elsewhere; how is not known here"},
        },
    )
    return render


def _score(render: Render, metric: Metric, row: Row, name: str) -> None:
    text = row.cells[name]
    try:
        value: float | None = float(text) if text else None
    except ValueError:
        raise ImportRefused(f"Line {row.line}: {name} = {text!r} is not a number.") from None
    if value is None:
        status, reason = Score.Status.UNAVAILABLE, "no value in the imported table"
    elif not math.isfinite(value):
        value, status, reason = None, Score.Status.NAN, f"no finite number: the imported table says {text}"
    else:
        status, reason = Score.Status.OK, ""
    Score.objects.get_or_create(
        render=render, metric=metric, run="", defaults={"value": value, "status": status, "reason": reason}
    )
