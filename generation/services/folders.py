"""A folder of pictures without a table becomes a grid: the names of the files say scene and condition.

``harbour__fast.png`` is the scene *harbour* under the condition *fast*; in a zip archive ``harbour/fast.png`` is the
same. A file whose condition is ``photograph`` is what the scene's other pictures were made of: no condition, but what
likeness is measured against.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, cast

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction

from generation.core import catalogue, images
from generation.core.archives import MAX_MEMBER, ArchiveError, is_archive, members
from generation.models import Grid, GridMetric, Metric
from generation.services.import_table import ImportRefused
from generation.services.imports import renders_import
from generation.services.measuring import metrics_add, metrics_named
from generation.services.planning import metric_row
from generation.services.sources import SUFFIXES

SEPARATOR, PHOTOGRAPH = "__", "photograph"
#: Scenes or conditions that a sentence names before it counts the rest.
NAMED = 5


@dataclass(frozen=True)
class _Picture:
    """One file, by what its name says. ``path``: unique among the files."""

    path: str
    scene: str
    condition: str
    data: bytes


def folder_import(*, owner: User, title: str, files: Iterable[UploadedFile[Any]]) -> Grid:
    """Store pictures as a finished grid without numbers. All or nothing.

    Raises ``ImportRefused`` with a sentence for each file that cannot be used.
    """
    found, problems = _pictures(files)
    if not problems:
        problems = _lacking(found)
    if problems:
        raise ImportRefused(" ".join(problems))
    photographs = {p.scene: p.path for p in found if p.condition == PHOTOGRAPH}
    table = io.StringIO()
    writer = csv.writer(table)
    writer.writerow(["file", "scene", "condition", "content"])
    for picture in sorted(found, key=lambda p: (p.scene, p.condition)):
        if picture.condition != PHOTOGRAPH:
            writer.writerow([picture.path, picture.scene, picture.condition, photographs.get(picture.scene, "")])
    data = {picture.path: picture.data for picture in found}
    return renders_import(owner=owner, title=title, table=table.getvalue(), read=data.__getitem__, columns=[])


def empty_cells(grid: Grid) -> list[tuple[str, str]]:
    """Scene and condition of every place of ``grid`` without a picture."""
    cells = set(grid.cells.values_list("scene__label", "condition"))
    labels = list(grid.conditions.values_list("condition", "label"))
    scenes = sorted({scene for scene, _ in cells})
    return [(scene, label) for scene in scenes for condition, label in labels if (scene, condition) not in cells]


def metrics_possible(grid: Grid) -> list[catalogue.PictureMetric]:
    """The metrics of the catalogue for which the scenes of ``grid`` have what they are taken against."""
    scenes = list(grid.cells.values_list("scene__content", "scene__style").distinct())
    has = {"content": any(c for c, _ in scenes), "style": any(s for _, s in scenes)}
    return [entry for entry in catalogue.entries() if has.get(entry.reference, True)]


@transaction.atomic
def grid_measure(*, grid: Grid, keys: Sequence[str], primary: str = "") -> int:
    """Let a finished grid be measured under metrics of the catalogue; returns how many jobs wait.

    ``primary``: the metric whose minimiser is put to the test, chosen once. Raises ``MeasureError`` as ``metrics_add``
    does, and ``ImportRefused`` for a primary metric that cannot be one.
    """
    specs = metrics_named(keys)
    waiting = metrics_add(grid=grid, metrics=specs)
    if primary:
        primary_choose(grid=grid, metric=next((metric_row(s) for s in specs if s.key == primary), None))
    return waiting


@transaction.atomic
def primary_choose(*, grid: Grid, metric: Metric | None) -> None:
    """Say once which metric's minimiser is put to the test; studies that are laid on the grid may count on it."""
    row = grid.metrics.filter(metric=metric).exclude(metric__role=Metric.Role.DESCRIPTOR).first() if metric else None
    if row is None:
        raise ImportRefused(
            "The metric that is put to the test is one of those that are measured, and none that only describes."
        )
    if grid.metrics.filter(is_primary=True).exclude(pk=row.pk).exists():
        raise ImportRefused("Which metric is put to the test was said before and stays.")
    GridMetric.objects.filter(pk=row.pk).update(is_primary=True)


def _pictures(files: Iterable[UploadedFile[Any]]) -> tuple[list[_Picture], list[str]]:
    """The pictures among loose files and archives, and a sentence for each that cannot be used."""
    found: list[_Picture] = []
    problems: list[str] = []
    for file in files:
        name = PurePosixPath(str(file.name or "").replace("\\", "/")).name
        packed = is_archive(file.read(8))
        file.seek(0)
        if not packed and (file.size or 0) > MAX_MEMBER:
            problems.append(f"{name!r} is larger than 100 MB. Scale it down first.")
            continue
        try:
            for path, data in members(cast(IO[bytes], file.file), name) if packed else [(name, file.read())]:
                if not path.lower().endswith(SUFFIXES):
                    if not packed:
                        problems.append(f"{path!r} is not called a picture (.png, .jpg, .webp).")
                    continue
                try:
                    images.decode(data, path)
                    found.append(_named(path, data))
                except (images.ImageError, ImportRefused) as error:
                    problems.append(str(error))
        except ArchiveError as error:
            problems.append(str(error))
    seen: dict[tuple[str, str], _Picture] = {}
    for picture in found:
        other = seen.setdefault((picture.scene, picture.condition), picture)
        if other is not picture:
            problems.append(f"{other.path!r} and {picture.path!r} are the same scene and condition.")
    return found, list(dict.fromkeys(problems))


def _named(path: str, data: bytes) -> _Picture:
    file = PurePosixPath(path)
    scene, separator, condition = file.stem.partition(SEPARATOR)
    if not separator:
        scene, condition = file.parent.name, file.stem
    scene, condition = scene.strip(), condition.strip()
    if not scene or not condition:
        raise ImportRefused(
            f"{path!r} does not say its scene and its condition. Call it scene__condition.png, or put it into a folder "
            "of a zip archive as scene/condition.png."
        )
    lower = condition.lower()
    return _Picture(path, scene, PHOTOGRAPH if lower == PHOTOGRAPH else condition, data)


def _lacking(found: Sequence[_Picture]) -> list[str]:
    conditions = {p.condition for p in found} - {PHOTOGRAPH}
    if len(conditions) < 2:
        return ["There is nothing to compare: the pictures show fewer than two conditions."]
    shown = {p.scene for p in found if p.condition != PHOTOGRAPH}
    alone = sorted({p.scene for p in found} - shown)[:NAMED]
    return [f"The scene {scene!r} has a photograph and no other picture." for scene in alone]
