"""A bundle that explains itself: Frictionless data package, Croissant, manifest, checksums and a page to read first."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy
import scipy

from evaluation.core.bundle.croissant import croissant
from evaluation.core.bundle.schema import Fact, Json, Schema, fact, resources
from evaluation.core.bundle.tables import TABLES
from evaluation.core.dataset import StudyData

SCHEMA_VERSION = 2


def described(
    files: Mapping[str, bytes],
    data: StudyData,
    schemas: Mapping[str, Schema],
    *,
    options: Json | None = None,
    created_at: str | None = None,
) -> dict[str, bytes]:
    """``files`` with README.md, datapackage.json, croissant.json, manifest.json and checksums.sha256.

    ``schemas``: path -> what is known of the columns of a CSV beyond the tables of a bundle; other columns are typed
    by their cells. ``options``: of the analysis, where one was made. The same input gives the same bytes.
    """
    facts = {path: fact(path, content, schemas.get(path, ((), ()))) for path, content in files.items()}
    rows = {table.name: len(getattr(data, table.field)) for table in TABLES}
    told: Json = (
        {} if options is None else {"command": f"manage.py evaluate --bundle DIR --out DIR --seed {options['seed']}"}
    )
    more = explained(facts, data, rows, digest=data.digest, options=options, created_at=created_at, told=told)
    return dict(files) | more


def explained(
    facts: Mapping[str, Fact],
    data: StudyData,
    rows: Mapping[str, int],
    *,
    digest: str,
    options: Json | None = None,
    created_at: str | None = None,
    told: Json | None = None,
    remarks: Sequence[str] = (),
) -> dict[str, bytes]:
    """The five files that explain those of ``facts``; of ``data`` only what is no table is looked at.

    ``rows``: table -> how many. ``digest``: of the data. ``told``: what else the manifest says. ``remarks``: paragraphs
    of the page to read first.
    """
    package: Json = {
        "name": re.sub(r"[^a-z0-9._-]+", "-", data.slug.lower()) or "study",
        "title": data.title,
        "description": _about(data),
        "profile": "tabular-data-package",
        "resources": resources(facts),
    }
    found = {
        "README.md": _readme(data, package, rows, remarks).encode(),
        "datapackage.json": as_json(package),
        "croissant.json": as_json(croissant(package)),
    }
    sums = {path: fact.sha256 for path, fact in facts.items()} | {path: sha256(c) for path, c in found.items()}
    manifest = _manifest(data, rows, digest, sums, options) | (told or {})
    if created_at is not None:
        manifest["created_at"] = created_at
    found["manifest.json"] = as_json(manifest)
    sums["manifest.json"] = sha256(found["manifest.json"])
    found["checksums.sha256"] = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()
    return found


def sha256(content: bytes) -> str:
    """Of a file, as hex digits."""
    return hashlib.sha256(content).hexdigest()


def as_json(value: Any) -> bytes:
    """A file of JSON for people and programs. ``ValueError`` for a number that is not finite."""
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _about(data: StudyData) -> str:
    asked = " / ".join(f"“{q.text}”" for q in data.asked)
    who = "SIMULATED: the votes were drawn by a program. " if data.simulated else ""
    return f"{who}Pairwise votes on images and the losses of those images. Asked: {asked}"


def _manifest(
    data: StudyData, rows: Mapping[str, int], digest: str, sums: Mapping[str, str], options: Json | None
) -> Json:
    """What made these files (specs/evaluation.md 3.4). Nothing here depends on the time."""
    found: Json = {
        "schema_version": SCHEMA_VERSION,
        "versions": {
            "eyeballot": _version("eyeballot"),
            "python": platform.python_version(),
            "numpy": numpy.__version__,
            "scipy": scipy.__version__,
        },
        "study": {
            "slug": data.slug,
            "simulated": data.simulated,
            "design_digest": data.design_digest,
            "frozen_at": data.frozen_at,
            "data_digest": digest,
        },
        "rows": dict(rows),
        "files": {name: sums[name] for name in sorted(sums)},
    }
    if options is not None:
        text = json.dumps(options, sort_keys=True, separators=(",", ":"), allow_nan=False)
        found["options"] = options
        found["options_sha256"] = sha256(text.encode())
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unreleased"


def _readme(data: StudyData, package: Json, rows: Mapping[str, int], remarks: Sequence[str]) -> str:
    tables = "\n".join(
        f"- `{r['path']}`: {', '.join(f['name'] for f in r['schema']['fields'][:6])}"
        f"{', …' if len(r['schema']['fields']) > 6 else ''}"
        for r in package["resources"]
    )
    again = "Analyse them again, without any database: `manage.py evaluate --bundle DIR --out DIR`.\n"
    counts = ", ".join(
        f"{rows[name]} {name}" for name in ("participants", "trials", "stimuli", "conditions", "scenes", "metrics")
    )
    said = "".join(f"{remark}\n\n" for remark in remarks)
    return f"""# {data.title}

{package["description"]}

{counts}.

{said}{tables}

UTF-8, commas, missing = empty, a leading apostrophe guards text that a spreadsheet would run. `datapackage.json` gives
every column its meaning, unit, type and keys (`frictionless validate datapackage.json`), `manifest.json` the versions
and options that made these files, `checksums.sha256` their digests (`sha256sum -c checksums.sha256`).
{again if any("choice" in [f["name"] for f in r["schema"]["fields"]] for r in package["resources"]) else ""}"""
