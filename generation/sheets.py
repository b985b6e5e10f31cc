"""The sheets of a grid for an appendix: per condition the grey input, the output and the photograph of every scene.

Drawn by ``generation.core.colorization.sheets`` on the first look and kept until a row of the condition changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from django.db.models import QuerySet

from generation import kept
from generation.core import images, tasks
from generation.core.colorization.sheets import Row, sheet
from generation.core.drawing.numbers import short
from generation.core.protocols import read_curve
from generation.core.spec import digest
from generation.models import Cell, Grid, Training
from generation.selectors import condition_labels
from generation.services.artifacts import artifact_bytes

#: Part of what a stored sheet is known by; a change of how it is drawn or said is a new one.
VERSION = 1
#: Scenes on a sheet, unless more are asked for.
MOST_SCENES = 36
#: A preview in px: a page of A4, from its top.
PREVIEW = (320, 452)
SHEET, SMALL = "sheet.png", "preview.webp"


class NoSheets(LookupError):  # noqa: N818  (reads as what it says)
    """There are no sheets of that grid, or none of that seed; the text says why."""


@dataclass(frozen=True)
class Triplet:
    """A row of a sheet: SHA-256 of the photograph and of the output, and what is said of it."""

    name: str
    photograph: str
    output: str
    note: str


@dataclass(frozen=True)
class Plan:
    """What stands on the sheet of a condition. ``name``: of its file, without the ending."""

    name: str
    title: str
    caption: str
    rows: tuple[Triplet, ...]


def has_sheets(grid: Grid) -> bool:
    """Whether networks of the grid learn to colour photographs."""
    return _coloured(grid).exists()


def plans(grid: Grid, *, seed: int | None = None, scenes: int = MOST_SCENES) -> list[Plan]:
    """A sheet per condition of the grid, in its order, with the first ``scenes`` of its scenes; controls have none.
    Models with equally many conditions take turns, as in the appendix of Lee, Liu and Trukhin.

    ``seed``: of the networks, the grid's first where it is None. A picture that is not made yet is missing in its
    sheet, and the caption says so; ``rows`` may be empty. Raises :class:`NoSheets` with a sentence.
    """
    cells = _cells(grid)
    if not cells:
        raise NoSheets(
            f"Nothing is trained in “{grid.title}” that colours: a sheet shows what a trained network made of grey "
            "photographs."
        )
    seeds = list(dict.fromkeys(cell.render.seed for cell in cells))
    if seed is not None and seed not in seeds:
        raise NoSheets(f"“{grid.title}” has no seed {seed}. It has {', '.join(map(str, sorted(seeds)))}.")
    chosen = seeds[0] if seed is None else seed
    labels = condition_labels(grid)
    by_condition: dict[int, list[Cell]] = {pk: [] for pk in labels}
    for cell in cells:
        if cell.render.seed == chosen:
            by_condition[cell.condition_id].append(cell)
    there = _taking_turns([(labels[pk], found) for pk, found in by_condition.items() if found])
    digits = max(2, len(str(len(there))))
    return [
        _plan(f"{number:0{digits}d}_{_slug(label)}", label, found[:scenes], len(found), chosen)
        for number, (label, found) in enumerate(there, 1)
    ]


def _taking_turns(conditions: list[tuple[str, list[Cell]]]) -> list[tuple[str, list[Cell]]]:
    """The first condition of each model, the second of each, ...; as they stand where one model has more of them."""
    models: dict[str, list[tuple[str, list[Cell]]]] = {}
    for label, cells in conditions:
        models.setdefault(str(cells[0].render.spec["params"].get("model", "")), []).append((label, cells))
    if len({len(own) for own in models.values()}) > 1:
        return conditions
    return [condition for turn in zip(*models.values(), strict=True) for condition in turn]


def drawn(grid: Grid, plan: Plan) -> bytes:
    """The sheet as PNG. Raises ``ArtifactMissing`` where a picture is away."""
    return kept.read(f"{_folder(grid, plan)}/{SHEET}") or b""


def preview(grid: Grid, plan: Plan) -> bytes:
    """The upper part of the sheet as WebP, :data:`PREVIEW` large."""
    return kept.read(f"{_folder(grid, plan)}/{SMALL}") or b""


def _cells(grid: Grid) -> list[Cell]:
    """The cells whose pictures are coloured by trained networks, scene by scene; one per scene, condition and seed."""
    rows = _coloured(grid).select_related("scene", "render__training").prefetch_related("render__scores__metric")
    return list(rows.order_by("position"))


def _coloured(grid: Grid) -> QuerySet[Cell]:
    methods = tasks.get(grid.task).methods if grid.task in tasks.names() else {}
    training = [name for name, method in methods.items() if method.trainer and not method.trainer.grey]
    return grid.cells.filter(condition__role="grid", condition__method__in=training)


def _plan(name: str, label: str, cells: Sequence[Cell], scenes: int, seed: int) -> Plan:
    rows = tuple(
        Triplet(cell.scene.label, cell.scene.content_id or "", cell.render.image_id or "", _note(cell))
        for cell in cells
        if cell.render.image_id and cell.scene.content_id
    )
    training = cells[0].render.training
    words = [_losses(training, cells[0].render.steps)] if training else []
    words += [f"seed {seed}"]
    words += [f"{len(cells) - len(rows)} of {len(cells)} pictures are not made yet"] if len(rows) < len(cells) else []
    words += [f"the first {len(cells)} of {scenes} scenes"] if len(cells) < scenes else []
    return Plan(name, label, " · ".join(words), rows)


def _losses(training: Training, epoch: int) -> str:
    """The losses of the network that made the pictures, on the paper's scale and in Lab units."""
    if training.status == Training.Status.PLANNED:
        return "the network is not trained yet"
    if training.status == Training.Status.FAILED:
        return f"the network could not be trained: {training.reason.rstrip('.')}"
    losses: Mapping[str, float] = training.losses
    if epoch and epoch < training.epochs and training.curve_id:
        losses = {
            name: float(values[epoch - 1]) for name, values in read_curve(artifact_bytes(training.curve_id)).items()
        }
    words = [f"diverged: {training.reason.rstrip('.')}"] if training.status == Training.Status.NAN else []
    if "g" in losses:
        parts = [f"{n} {short(losses[k], 4)}" for k, n in (("g_gan", "G_GAN"), ("g_l1", "G_L1")) if k in losses]
        total = f"G {short(losses['g'], 4)}"
        words.append(f"{total} = {' + '.join(parts)}" if parts else total)
    places = (("ab_error", "in training"), ("val_ab_error", "kept apart"))
    errors = [f"{short(losses[key], 4)} {where}" for key, where in places if key in losses]
    words += [f"colour error {', '.join(errors)} (Lab units)"] if errors else []
    return " · ".join([*words, f"epoch {epoch or training.epochs}"])


def _note(cell: Cell) -> str:
    score = next((s for s in cell.render.scores.all() if s.metric.key == "ab_error"), None)
    return f"colour error {short(score.value, 3)}" if score and score.value is not None else ""


def _slug(label: str) -> str:
    """A label as part of a file's name."""
    return re.sub(r"[^a-z0-9.]+", "_", label.lower()).strip("_.")[:60] or "condition"


def _folder(grid: Grid, plan: Plan) -> str:
    """Where the sheet and its preview lie; they are drawn unless they are there."""
    folder = f"grid-sheets/{grid.slug}/{plan.name}"
    return kept.kept(folder, digest([VERSION, asdict(plan)]), lambda: _files(plan), last=SMALL)


def _files(plan: Plan) -> dict[str, bytes]:
    png = sheet([_row(row) for row in plan.rows], plan.title, plan.caption)
    return {SHEET: png, SMALL: _small(images.decode(png))}


def _row(row: Triplet) -> Row:
    output = images.decode(artifact_bytes(row.output))
    truth = images.resize_to(images.decode(artifact_bytes(row.photograph)), *output.shape[:2])
    return Row(row.name, luminance(truth), output, truth, row.note)


def luminance(image: images.Image) -> images.Image:
    """The grey picture with the L* of ``image`` (uint8, H x W x 3, sRGB): what a colouriser is given to see.

    IEC 61966-2-1 there and back, Y between; luma (``images.grey``) would show saturated colours darker or lighter.
    """
    encoded = image / 255.0
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    y = linear @ np.array([0.2126, 0.7152, 0.0722])
    grey = np.where(y <= 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)
    return np.repeat(np.rint(255 * grey).astype(np.uint8)[:, :, None], 3, axis=2)


def _small(image: images.Image) -> bytes:
    width, height = PREVIEW
    scaled = images.resize_to(image, max(1, round(image.shape[0] * width / image.shape[1])), width)[:height]
    page = np.full((height, width, 3), 255, dtype=np.uint8)
    page[: scaled.shape[0]] = scaled
    return images.thumbnail(page, max(PREVIEW))
