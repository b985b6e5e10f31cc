"""Write a grid into a folder."""

import json
import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

from generation.models import Artifact, Grid, Job, Render, SourceImage, Training
from generation.services.artifacts import artifact_bytes
from generation.services.packs.form import SCHEMA, PackError, file_name
from generation.services.planning import metric_spec


def pack_write(*, grid: Grid, folder: Path, withhold: frozenset[str] = frozenset()) -> int:
    """Write ``grid`` into ``folder``; sources named in ``withhold`` are left out and known by hash only.

    Trained networks are left out: the pack has their recipe, losses and curves.

    Returns the number of bytes written. Raises :class:`PackError` for a grid that is not finished.
    """
    renders = list(Render.objects.filter(cells__grid=grid).distinct().order_by("cells__position"))
    renders = list({r.pk: r for r in renders}.values())
    if any(r.status == Render.Status.PLANNED for r in renders):
        raise PackError(f"The grid {grid.slug} is not rendered yet: run manage.py render first.")
    size = 0
    trainings = list(Training.objects.filter(renders__in=renders).distinct())
    kept = [a for r in renders for a in (r.image, r.curve) if a] + [t.curve for t in trainings if t.curve]
    for artifact in kept:
        size += _write(folder / file_name(artifact.kind, artifact.sha256), artifact_bytes(artifact.sha256))
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
        "sources": _sources(grid, withhold),
        "scenes": [
            {"task": s.task, "label": s.label, "content": s.content_id, "style": s.style_id}
            | ({"mask": s.mask_id} if s.mask_id else {})
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
            {"digest": m.metric.digest, "is_primary": m.is_primary, "spec": metric_spec(m.metric).to_json()}
            for m in grid.metrics.select_related("metric")
        ],
        "jobs": [j.spec for j in Job.objects.filter(renders__in=renders).distinct().order_by("pk")],
        "trainings": [_training_json(t) for t in trainings],
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


def _place(file: str, name: str, withheld: bool) -> str:
    """Where a source lies in the pack: as in the grid file, unless that would be written outside the pack."""
    path = PurePosixPath(file)
    leads_out = not file or path.is_absolute() or ".." in path.parts
    return f"sources/{name}" if leads_out and not withheld else file or f"sources/{name}"


def _sources(grid: Grid, withhold: frozenset[str]) -> list[dict[str, str]]:
    scenes = [cell.scene for cell in grid.cells.select_related("scene")]
    used = {sha for scene in scenes for sha in scene.source_ids}
    # Only the places of the sources are read: an earlier version's file may name parameters that are gone since.
    # Imported renders have no grid file, and their sources no place in it.
    files = {name: source["file"] for name, source in tomllib.loads(grid.toml).get("sources", {}).items()}
    return [
        {
            "name": s.name,
            "file": _place(files.get(s.name, ""), s.name, s.name in withhold),
            "sha256": s.artifact_id,
            "title": s.title,
            "licence": s.licence,
            "credit": s.credit,
        }
        for s in SourceImage.objects.filter(owner=grid.owner, artifact__in=used).order_by("name")
    ]


def _training_json(training: Training) -> dict[str, Any]:
    fields = ("spec", "status", "reason", "epochs", "final_reason", "losses", "seconds", "provenance")
    return {name: getattr(training, name) for name in fields} | {"curve": training.curve_id}


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
