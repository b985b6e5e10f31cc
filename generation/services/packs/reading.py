"""Read a pack: verified file by file, stored whole or not at all."""

import json
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from generation.core import images
from generation.core.spec import ConditionSpec, JobSpec, MetricSpec, RenderSpec, SceneSpec, digest, sha256_bytes
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
from generation.services.artifacts import artifact_known, artifact_store
from generation.services.packs.form import SCHEMA, PackError, file_name
from generation.services.planning import metric_row, scene_row, training_row


def pack_read(*, owner: User, folder: Path) -> Grid:
    """Read a pack into the database; a grid that is here already is returned as it is. Raises :class:`PackError`."""
    manifest = _manifest(folder)
    _check(manifest)
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
        for sha, data in blobs.items():
            artifact_store(data=data, kind=files[sha])
        for row in manifest["sources"]:
            _source_row(owner, row, sources[row["sha256"]])
        try:
            return _rows(owner, manifest, (folder / "grid.toml").read_text())
        except (KeyError, TypeError, OSError) as error:
            raise PackError(f"The pack does not hang together ({error}); nothing was read.") from None


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except OSError as error:
        raise PackError(f"{path}: {error.strerror}. A pack has a manifest.json beside its images.") from None
    except ValueError as error:
        raise PackError(f"{path} is not valid JSON: {error}.") from None
    if manifest.get("schema") != SCHEMA:
        raise PackError(f"{path}: schema {manifest.get('schema')!r} is not {SCHEMA}; it needs another version.")
    return manifest


def _check(manifest: dict[str, Any]) -> None:
    """Every condition and metric is what its digest says; what is missing is named."""
    try:
        missing = {"slug", "title", "task", "digest", "reference"} - set(manifest["grid"])
        if missing:
            raise PackError(f"manifest.json: the grid has no {min(missing)}.")
        for c in manifest["conditions"]:
            if ConditionSpec(c["method"], c["params"], c["role"]).digest != c["digest"]:
                raise PackError(f"manifest.json: the condition {c['label']!r} is not what its digest says.")
        for m in manifest["metrics"]:
            if MetricSpec.from_json(m["spec"]).digest != m["digest"]:
                raise PackError(f"manifest.json: the metric {m['spec']['label']!r} is not what its digest says.")
        for key in ("sources", "scenes", "jobs", "renders", "cells"):
            if not isinstance(manifest[key], list):
                raise PackError(f"manifest.json: {key} must be a list.")
    except (KeyError, TypeError) as error:
        raise PackError(f"manifest.json is not complete ({error}); nothing was read.") from None


def _verified(folder: Path, sha256: str, kind: str) -> bytes:
    path = folder / file_name(kind, sha256)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PackError(f"{path}: {error.strerror}. The pack is incomplete; nothing was read.") from None
    if sha256_bytes(data) != sha256:
        raise PackError(f"{path} is damaged: its content is not what its name says. Nothing was read.")
    if kind == "image":
        try:
            images.decode(data, path.name)
        except images.ImageError as error:
            raise PackError(f"{error} Nothing was read.") from None
    return data


def _source(folder: Path, row: dict[str, str]) -> bytes | None:
    """The bytes of a source, or ``None`` when it was withheld from the pack."""
    path = folder / row["file"]
    if not path.exists():
        return None
    data = path.read_bytes()
    if sha256_bytes(data) != row["sha256"]:
        raise PackError(f"{path} is not the picture the pack was made from (its SHA-256 differs). Nothing was read.")
    images.decode(data, row["file"])
    return data


def _source_row(owner: User, row: dict[str, str], data: bytes | None) -> None:
    kind = Artifact.Kind.IMAGE
    artifact = artifact_known(sha256=row["sha256"], kind=kind) if data is None else artifact_store(data=data, kind=kind)
    SourceImage.objects.get_or_create(
        owner=owner,
        artifact=artifact,
        defaults={k: row[k] for k in ("name", "title", "licence", "credit")},
    )


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
