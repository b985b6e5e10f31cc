"""The manifest of a pack: read, and held against its own digests."""

import json
from pathlib import Path
from typing import Any

from generation.core.spec import ConditionSpec, MetricSpec
from generation.services.packs.form import SCHEMA, PackError, read_file


def manifest_read(folder: Path) -> dict[str, Any]:
    """The manifest of the pack in ``folder``. Raises :class:`PackError` for one that cannot be read or is not sound."""
    path = folder / "manifest.json"
    if not path.exists():
        raise PackError(f"{path}: No such file or directory. A pack has a manifest.json beside its images.")
    try:
        data = read_file(folder, "manifest.json")
        manifest: dict[str, Any] = json.loads(data)
    except ValueError as error:
        if isinstance(error, PackError):
            raise
        raise PackError(f"{path} is not valid JSON: {error}.") from None
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        schema = manifest.get("schema") if isinstance(manifest, dict) else None
        raise PackError(f"{path}: schema {schema!r} is not {SCHEMA}; it needs another version.")
    if b"\\u0000" in data:
        raise PackError(f"{path} holds NUL characters, which no database keeps. Nothing was read.")
    _check(manifest)
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
