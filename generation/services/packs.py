"""A grid as a folder: the grid file, the pictures, curves, losses and provenance, each file under its hash.

A pack made on one machine is read on another without rendering anything again; what is read is verified (every file
against its SHA-256, every render and metric against the digest of its spec) and stored whole or not at all.
"""

import json
import tomllib
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from generation.core import images
from generation.core.spec import ConditionSpec, JobSpec, MetricSpec, RenderSpec, SceneSpec, digest, sha256_bytes
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
)
from generation.services.artifacts import artifact_bytes, artifact_known, artifact_store
from generation.services.planning import metric_row, scene_row

SCHEMA = 1
_FOLDERS = {"image": ("images", "png"), "curve": ("curves", "npz")}


class PackError(ValueError):
    """A pack that cannot be read (or a grid that cannot be packed); the text names the file and the mend."""


def pack_write(*, grid: Grid, folder: Path, withhold: frozenset[str] = frozenset()) -> int:
    """Write ``grid`` into ``folder``; sources named in ``withhold`` are left out and known by hash only.

    Returns the number of bytes written. Raises :class:`PackError` for a grid that is not finished.
    """
    renders = list(Render.objects.filter(cells__grid=grid).distinct().order_by("cells__position"))
    renders = list({r.pk: r for r in renders}.values())
    if any(r.status == Render.Status.PLANNED for r in renders):
        raise PackError(f"The grid {grid.slug} is not rendered yet: run manage.py render first.")
    size = 0
    for render in renders:
        for artifact in filter(None, (render.image, render.curve)):
            size += _write(folder / _file(artifact), artifact_bytes(artifact.sha256))
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "grid": {
            "slug": grid.slug,
            "title": grid.title,
            "task": grid.task,
            "digest": grid.digest,
            "reference": grid.reference,
            "preset": grid.preset,
            "notes": grid.notes,
        },
        "sources": _sources(grid),
        "scenes": [
            {"task": s.task, "label": s.label, "content": s.content_id, "style": s.style_id}
            for s in _distinct(c.scene for c in grid.cells.select_related("scene"))
        ],
        "conditions": [
            {
                "digest": c.condition.digest,
                "method": c.condition.method,
                "params": c.condition.params,
                "role": c.condition.role,
                "label": c.label,
                "is_default": c.is_default,
                "factor": c.factor,
            }
            for c in grid.conditions.select_related("condition")
        ],
        "metrics": [
            {"digest": m.metric.digest, "is_primary": m.is_primary, "spec": _metric_spec(m.metric).to_json()}
            for m in grid.metrics.select_related("metric")
        ],
        "jobs": [j.spec for j in Job.objects.filter(renders__in=renders).distinct().order_by("pk")],
        "renders": [_render_json(r) for r in renders],
        "cells": [
            [c.scene.digest, c.condition.digest, c.replicate, c.render.digest]
            for c in grid.cells.select_related("scene", "condition", "render")
        ],
    }
    for source in manifest["sources"]:
        if source["name"] not in withhold and Artifact.objects.get(pk=source["sha256"]).stored:
            size += _write(folder / source["file"], artifact_bytes(source["sha256"]))
    size += _write(folder / "manifest.json", (json.dumps(manifest, indent=1, sort_keys=True) + "\n").encode())
    return size + _write(folder / "grid.toml", grid.toml.encode())


def _distinct(rows: Any) -> list[Any]:
    return list({row.pk: row for row in rows}.values())


def _write(path: Path, data: bytes) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return len(data)


def _file(artifact: Artifact) -> str:
    folder, suffix = _FOLDERS[artifact.kind]
    return f"{folder}/{artifact.sha256}.{suffix}"


def _sources(grid: Grid) -> list[dict[str, str]]:
    used = {s for cell in grid.cells.select_related("scene") for s in (cell.scene.content_id, cell.scene.style_id) if s}
    # Only the places of the sources are read: an earlier version's file may name parameters that are gone since.
    # Imported renders have no grid file, and their sources no place in it.
    files = {name: source["file"] for name, source in tomllib.loads(grid.toml).get("sources", {}).items()}
    return [
        {
            "name": s.name,
            "file": files.get(s.name, f"sources/{s.name}"),
            "sha256": s.artifact_id,
            "title": s.title,
            "licence": s.licence,
            "credit": s.credit,
        }
        for s in SourceImage.objects.filter(owner=grid.owner, artifact__in=used).order_by("name")
    ]


def _metric_spec(metric: Metric) -> MetricSpec:
    return MetricSpec(
        key=metric.key,
        label=metric.label,
        direction=metric.direction,
        role=metric.role,
        comparable_within=metric.comparable_within,
        reference=metric.reference,
        unit=metric.unit,
        version=metric.version,
        weights_sha256=metric.weights_sha256,
        config=metric.config,
    )


def _render_json(render: Render) -> dict[str, Any]:
    return {
        "spec": render.spec,
        "status": render.status,
        "reason": render.reason,
        "image": render.image_id,
        "curve": render.curve_id,
        "steps": render.steps,
        "final_step_reason": render.final_step_reason,
        "seconds": render.seconds,
        "provenance": render.provenance,
        "scores": [
            {"metric": s.metric.digest, "value": s.value, "status": s.status, "reason": s.reason, "run": s.run}
            for s in render.scores.select_related("metric").order_by("metric__key")
        ],
    }


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
    directory, suffix = _FOLDERS[kind]
    path = folder / directory / f"{sha256}.{suffix}"
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
