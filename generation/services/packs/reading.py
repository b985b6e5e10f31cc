"""Read a pack: verified file by file, stored whole or not at all."""

import io
import os
from pathlib import Path, PurePosixPath
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction

from generation.core import images
from generation.core.archives import ArchiveError, members
from generation.core.spec import JobSpec, MetricSpec, RenderSpec, SceneSpec, digest, sha256_bytes
from generation.core.train_spec import TrainSpec
from generation.models import (
    Artifact,
    Cell,
    Condition,
    Grid,
    GridCondition,
    GridMetric,
    Job,
    Metric,
    Render,
    Scene,
    Score,
    SourceImage,
    Training,
)
from generation.services.artifacts import artifact_known, artifact_store, source_names
from generation.services.packs.form import PackError, file_name, read_file
from generation.services.packs.manifest import manifest_read
from generation.services.planning import metric_row, scene_row, training_row


def pack_read(*, owner: User, folder: Path) -> Grid:
    """Read a pack into the database; a grid that is here already is returned as it is. Raises :class:`PackError`."""
    try:
        return _read(owner, folder)
    except PackError:
        raise
    except (LookupError, TypeError, AttributeError, ValueError, OSError, RecursionError, DatabaseError) as error:
        raise PackError(f"The pack does not hang together ({error}); nothing was read.") from None


def _read(owner: User, folder: Path) -> Grid:
    manifest = manifest_read(folder)
    head = manifest["grid"]
    existing = Grid.objects.filter(slug=head["slug"]).first()
    if existing is not None:
        if existing.digest != head["digest"] or existing.owner_id != owner.pk:
            raise PackError(
                f"The slug {head['slug']!r} belongs to another grid here (or to an earlier version of this one); "
                "nothing was read. Read the pack into a database of its own; for the demo, make clean takes away what "
                "was made."
            )
        return existing
    files = {r[kind]: kind for r in manifest["renders"] for kind in ("image", "curve") if r[kind]}
    files |= {t["curve"]: "curve" for t in manifest.get("trainings", ()) if t["curve"]}  # earlier packs have none
    blobs = {sha: _verified(folder, sha, kind) for sha, kind in files.items()}
    sources = {s["sha256"]: _source(folder, s) for s in manifest["sources"]}
    with transaction.atomic():
        for sha, kind in files.items():
            artifact_known(sha256=sha, kind=kind)
        for row in manifest["sources"]:
            _source_row(owner, row)
        grid = _rows(owner, manifest, read_file(folder, "grid.toml").decode())
        # Files come last: a pack that is refused leaves none.
        for sha, data in blobs.items():
            artifact_store(data=data, kind=files[sha])
        for picture in filter(None, sources.values()):
            artifact_store(data=picture, kind=Artifact.Kind.IMAGE)
    return grid


def _verified(folder: Path, sha256: str, kind: str) -> bytes:
    place = file_name(kind, sha256)
    data = read_file(folder, place)
    if sha256_bytes(data) != sha256:
        raise PackError(f"{folder / place} is damaged: its content is not what its name says. Nothing was read.")
    try:
        if kind == "image":
            images.decode(data, PurePosixPath(place).name)
        else:
            for _ in members(io.BytesIO(data), place):  # arrays in a zip archive
                pass
    except (images.ImageError, ArchiveError) as error:
        raise PackError(f"{error} Nothing was read.") from None
    return data


def _source(folder: Path, row: dict[str, str]) -> bytes | None:
    """The bytes of a source, or ``None`` when it was withheld from the pack."""
    if "\0" not in row["file"] and not os.path.lexists(folder / row["file"]):
        return None
    data = read_file(folder, row["file"])
    if sha256_bytes(data) != row["sha256"]:
        raise PackError(
            f"{folder / row['file']} is not the picture the pack was made from (its SHA-256 differs). Nothing was read."
        )
    try:
        images.decode(data, row["file"])
    except images.ImageError as error:
        raise PackError(f"{error} Nothing was read.") from None
    return data


def _source_row(owner: User, row: dict[str, str]) -> None:
    artifact = artifact_known(sha256=row["sha256"], kind=Artifact.Kind.IMAGE)
    if SourceImage.objects.filter(owner=owner, artifact=artifact).exists():
        return
    words = {k: row[k] for k in ("title", "licence", "credit")}
    source = SourceImage(owner=owner, artifact=artifact, name=next(source_names(owner, row["name"])), **words)
    try:
        source.full_clean()
    except ValidationError as error:
        reasons = " ".join(f"{field}: {' '.join(why)}" for field, why in error.message_dict.items())
        raise PackError(f"manifest.json: the source {row['name'][:80]!r}: {reasons} Nothing was read.") from None
    source.save()


def _rows(owner: User, manifest: dict[str, Any], toml: str) -> Grid:
    # Packs of earlier versions say neither preset nor notes: the row then has none.
    grid = Grid.objects.create(owner=owner, toml=toml, frozen=True, **manifest["grid"])
    scenes: dict[str, Scene] = {}
    for s in manifest["scenes"]:
        scene_spec = SceneSpec(**s)
        scenes[scene_spec.digest] = scene_row(scene_spec)
    conditions: dict[str, Condition] = {}
    for position, c in enumerate(manifest["conditions"]):
        known, _ = Condition.objects.get_or_create(
            digest=c["digest"], defaults={k: c[k] for k in ("method", "params", "role")}
        )
        conditions[known.digest] = known
        words = {k: c[k] for k in ("label", "is_default", "factor")}
        GridCondition.objects.create(grid=grid, condition=known, position=position, **words)
    metrics: dict[str, Metric] = {}
    for position, m in enumerate(manifest["metrics"]):
        metric = metrics[m["digest"]] = metric_row(MetricSpec.from_json(m["spec"]))
        GridMetric.objects.create(grid=grid, metric=metric, position=position, is_primary=m["is_primary"])
    for entry in manifest.get("trainings", ()):
        _training_row(entry)
    jobs = {item["render"]: job for job, items in map(_job_row, manifest["jobs"]) for item in items}
    by_digest = {digest(r["spec"]): r for r in manifest["renders"]}
    renders: dict[str, Render] = {}
    for place, (scene, condition, replicate, name) in enumerate(manifest["cells"]):
        if name not in by_digest:
            raise PackError(f"manifest.json: cell {place} names a render that is not in it. Nothing was read.")
        if name not in renders:
            renders[name] = _render_row(by_digest[name], name, scenes[scene], conditions[condition], jobs, metrics)
        Cell.objects.create(
            grid=grid,
            scene=scenes[scene],
            condition=conditions[condition],
            replicate=replicate,
            render=renders[name],
            position=place,
        )
    return grid


def _job_row(spec: dict[str, Any]) -> tuple[Job, list[dict[str, str]]]:
    job = JobSpec.from_json(spec)
    row, _ = Job.objects.get_or_create(
        digest=job.digest,
        defaults={
            "task": job.items[0].render.task,
            "spec": job.to_json(),
            "status": Job.Status.DONE,
            "progress": 1,
        },
    )
    return row, [{"render": item.render.digest} for item in job.items if item.image is None]


def _training_row(entry: dict[str, Any]) -> None:
    spec = TrainSpec.from_json(entry["spec"])
    artifact_known(sha256=spec.data, kind=Artifact.Kind.DATA)
    if spec.style:  # a style picture of the grid is there already, under its own kind
        artifact_known(sha256=spec.style, kind=Artifact.Kind.DATA)
    words = {k: v for k, v in entry.items() if k not in ("spec", "curve")}
    row = training_row(spec)
    if row.status == Training.Status.PLANNED:
        Training.objects.filter(pk=row.pk).update(**words, curve=entry["curve"])


def _render_row(
    entry: dict[str, Any],
    name: str,
    scene: Scene,
    condition: Condition,
    jobs: dict[str, Job],
    metrics: dict[str, Metric],
) -> Render:
    spec = RenderSpec.from_json(entry["spec"])
    fields = {k: entry[k] for k in ("status", "reason", "steps", "final_step_reason", "seconds", "provenance")}
    render, _ = Render.objects.get_or_create(
        digest=name,
        defaults={
            **fields,
            "scene": scene,
            "condition": condition,
            "seed": spec.seed,
            "spec": entry["spec"],
            "training": Training.objects.filter(digest=spec.training).first(),
            "job": jobs.get(name),
            "image_id": entry["image"],
            "curve_id": entry["curve"],
        },
    )
    for score in entry["scores"]:
        Score.objects.get_or_create(
            render=render,
            metric=metrics[score["metric"]],
            run=score["run"],
            defaults={k: score[k] for k in ("value", "status", "reason")},
        )
    return render
