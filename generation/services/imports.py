"""Images made elsewhere: a folder and a scores.csv become a grid like any other.

Columns ``file``, ``scene`` and ``condition`` are required; ``content`` (file of the photograph) and ``seed``
may be there. Every other column is declared by the caller as a parameter or as a metric with its direction and scope:
whether lower is better, and within what two numbers may be compared, is never guessed.
"""

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db import transaction
from django.utils.text import slugify

from generation.core import images
from generation.core.spec import ConditionSpec, MetricSpec, RenderSpec, Scalar, digest, sha256_bytes
from generation.models import Artifact, Cell, Grid, GridCondition, GridMetric, Metric, Render, Scene, Score
from generation.services.artifacts import artifact_store
from generation.services.planning import condition_row, metric_row

REQUIRED = ("file", "scene", "condition")
OPTIONAL = ("content", "seed")


class ImportRefused(ValueError):  # noqa: N818  (reads as what it says)
    """A folder or table that cannot be imported; the text names the row or column and the mend."""


@dataclass(frozen=True)
class Column:
    """What a column means. ``kind``: ``parameter`` or ``metric``; direction, scope and role are a metric's."""

    name: str
    kind: str
    direction: str = ""
    scope: str = ""
    role: str = "independent"

    def __post_init__(self) -> None:
        """Refuse a metric whose direction or scope nobody stated."""
        if self.kind == "metric":
            if self.direction not in Metric.Direction.values:
                raise ImportRefused(f"Column {self.name!r}: say whether lower_better or higher_better.")
            if self.scope not in Metric.Scope.values:
                raise ImportRefused(
                    f"Column {self.name!r}: say within what it is comparable (all, scene, objective, run)."
                )
            if self.role not in Metric.Role.values:
                raise ImportRefused(f"Column {self.name!r}: its role is one of {', '.join(Metric.Role.values)}.")
        elif self.kind != "parameter":
            raise ImportRefused(f"Column {self.name!r} is either a parameter or a metric.")


@dataclass(frozen=True)
class Row:
    """One line of the table, with the bytes of its pictures."""

    line: int
    scene: str
    condition: str
    seed: int
    image: bytes
    content: bytes | None
    cells: Mapping[str, str]


def table_columns(text: str) -> list[str]:
    """The columns of a scores table that must be declared. Raises :class:`ImportRefused` when a required one lacks."""
    header = csv.DictReader(io.StringIO(text.lstrip("\ufeff"))).fieldnames or []
    for name in REQUIRED:
        if name not in header:
            raise ImportRefused(f"The table has no column {name!r}. It needs {', '.join(REQUIRED)}; it has {header}.")
    twice = [name for name in header if list(header).count(name) > 1]
    if twice:
        raise ImportRefused(f"The table has the column {twice[0]!r} twice.")
    return [name for name in header if name not in (*REQUIRED, *OPTIONAL)]


def renders_import(
    *, owner: User, title: str, table: str, read: Callable[[str], bytes], columns: Sequence[Column], primary: str
) -> Grid:
    """Store the images and numbers of ``table`` (CSV text) as a finished grid called ``title``. All or nothing.

    ``read(file)`` gives the bytes of a picture; ``primary`` names the metric whose minimiser is put to the test.
    """
    declared = {c.name: c for c in columns}
    lacking = [name for name in table_columns(table) if name not in declared]
    if lacking:
        raise ImportRefused(f"Column {lacking[0]!r} is not declared: is it a parameter or a metric?")
    if primary not in {c.name for c in columns if c.kind == "metric"}:
        raise ImportRefused(f"The primary metric {primary!r} is not one of the metric columns.")
    rows = _rows(table, read, [c.name for c in columns])
    slug = slugify(title)
    if not slug:
        raise ImportRefused("Give the grid a title with letters or digits.")
    if Grid.objects.filter(slug=slug).exists():
        raise ImportRefused(f"There is a grid called {slug!r} already. Choose another title.")
    with transaction.atomic():
        return _store(owner, title, slug, rows, columns, primary)


def _rows(table: str, read: Callable[[str], bytes], names: Sequence[str]) -> list[Row]:
    rows: list[Row] = []
    seen: dict[tuple[str, str, int], int] = {}
    for line, entry in enumerate(csv.DictReader(io.StringIO(table.lstrip("\ufeff"))), 2):
        if None in entry or None in entry.values():
            raise ImportRefused(f"Line {line} has another number of cells than the header.")
        cells = {k: v.strip() for k, v in entry.items()}
        for name in REQUIRED:
            if not cells[name]:
                raise ImportRefused(f"Line {line}: {name} is empty.")
        try:
            seed = int(cells.get("seed") or 0)
        except ValueError:
            raise ImportRefused(f"Line {line}: seed {cells['seed']!r} is not a whole number.") from None
        key = (cells["scene"], cells["condition"], seed)
        if key in seen:
            raise ImportRefused(f"Lines {seen[key]} and {line} are the same scene, condition and seed.")
        seen[key] = line
        content = cells.get("content")
        rows.append(
            Row(
                line=line,
                scene=cells["scene"],
                condition=cells["condition"],
                seed=seed,
                image=_picture(line, cells["file"], read),
                content=_picture(line, content, read) if content else None,
                cells={name: cells[name] for name in names},
            )
        )
    if not rows:
        raise ImportRefused("The table has a header and no rows.")
    return rows


def _picture(line: int, file: str, read: Callable[[str], bytes]) -> bytes:
    """The picture, re-encoded from its pixels: what people will see is exactly this PNG."""
    try:
        data = read(file)
    except OSError as error:
        raise ImportRefused(f"Line {line}: {file}: {error.strerror or error}.") from None
    try:
        return images.encode_png(images.decode(data, file))
    except images.ImageError as error:
        raise ImportRefused(f"Line {line}: {error}") from None


def _store(owner: User, title: str, slug: str, rows: Sequence[Row], columns: Sequence[Column], primary: str) -> Grid:
    grid = Grid.objects.create(owner=owner, slug=slug, title=title, task="imported", frozen=True, digest=digest(slug))
    metrics: dict[str, Metric] = {}
    for position, column in enumerate(c for c in columns if c.kind == "metric"):
        spec = MetricSpec(
            key=slugify(column.name) or f"metric-{position}",
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
        image = artifact_store(data=row.image, kind=Artifact.Kind.IMAGE)
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
    return grid


def _scene(slug: str, row: Row) -> Scene:
    content = artifact_store(data=row.content, kind=Artifact.Kind.IMAGE) if row.content else None
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
    params = {**condition.condition.params, "grid": slug, "image": image.sha256}
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
        status, reason = Score.Status.UNAVAILABLE, "The imported table has no value here."
    elif not math.isfinite(value):
        value, status, reason = None, Score.Status.NAN, f"The imported table says {text}."
    else:
        status, reason = Score.Status.OK, ""
    Score.objects.get_or_create(
        render=render, metric=metric, run="", defaults={"value": value, "status": status, "reason": reason}
    )
