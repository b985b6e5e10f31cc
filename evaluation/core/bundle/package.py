"""A bundle that explains itself: Frictionless data package, Croissant, manifest, checksums and a page to read first.

Frictionless Table Schema: https://datapackage.org/standard/table-schema/ (types, constraints, keys).
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import platform
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy
import scipy

from evaluation.core.bundle.croissant import croissant
from evaluation.core.bundle.tables import TABLES, Table
from evaluation.core.dataset import StudyData

Json = dict[str, Any]
SCHEMA_VERSION = 1
TYPES = {"s": "string", "i": "integer", "f": "number", "b": "boolean"}
#: Columns of a file -> their types; and the columns that tell its rows apart.
Schema = tuple[Mapping[str, str], Sequence[str]]


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
    package = _package(files, data, schemas)
    found = dict(files) | {
        "README.md": _readme(data, package).encode(),
        "datapackage.json": _json(package),
        "croissant.json": _json(croissant(package)),
    }
    found["manifest.json"] = _json(_manifest(found, data, options, created_at))
    sums = "".join(f"{hashlib.sha256(found[name]).hexdigest()}  {name}\n" for name in sorted(found))
    return found | {"checksums.sha256": sums.encode()}


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _package(files: Mapping[str, bytes], data: StudyData, schemas: Mapping[str, Schema]) -> Json:
    paths = [path for path in sorted(files) if path.endswith(".csv")]
    known = {table.path: table for table in TABLES}
    names = {path: _name(path) for path in paths}
    resources: list[Json] = []
    for path in paths:
        if path in known:
            schema = _table_schema(known[path], files[path], names)
        else:
            schema = _free_schema(files[path], *schemas.get(path, ({}, ())))
        resources.append(
            {
                "name": names[path],
                "path": path,
                "format": "csv",
                "mediatype": "text/csv",
                "encoding": "utf-8",
                "bytes": len(files[path]),
                "hash": f"sha256:{hashlib.sha256(files[path]).hexdigest()}",
                "profile": "tabular-data-resource",
                "schema": schema,
            }
        )
    return {
        "name": re.sub(r"[^a-z0-9._-]+", "-", data.slug.lower()) or "study",
        "title": data.title,
        "description": _about(data),
        "profile": "tabular-data-package",
        "resources": resources,
    }


def _name(path: str) -> str:
    """A resource's name: of data/scores.csv it is scores."""
    stem = path.removesuffix(".csv").removeprefix("data/").removeprefix("derived/")
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-")


def _table_schema(table: Table, content: bytes, names: Mapping[str, str]) -> Json:
    columns = {c.name: c for c in table.columns}
    fields: list[Json] = []
    for name, kind in _typed(content, {c.name: TYPES[c.type] for c in table.columns}).items():
        column = columns.get(name)
        rules: Json = {}
        if column and (column.field in table.key or column.to or (column.type != "s" and not column.empty)):
            rules["required"] = True
        if column and any(column.among):
            rules["enum"] = [word for word in column.among if word]
        fields.append({"name": name, "type": kind} | ({"constraints": rules} if rules else {}))
    schema: Json = {"fields": fields, "missingValues": [""]}
    schema["primaryKey"] = [c.name for c in table.columns if c.field in table.key]
    targets = {other.name: (other, names[other.path]) for other in TABLES if other.path in names}
    keys = [
        {"fields": [c.name], "reference": {"resource": targets[c.to][1], "fields": [targets[c.to][0].columns[0].name]}}
        for c in table.columns
        if c.to in targets
    ]
    return schema | ({"foreignKeys": keys} if keys else {})


def _free_schema(content: bytes, types: Mapping[str, str], key: Sequence[str]) -> Json:
    found = _typed(content, {name: TYPES[kind] for name, kind in types.items()})
    fields = [{"name": name, "type": kind} for name, kind in found.items()]
    return {"fields": fields, "missingValues": [""]} | ({"primaryKey": list(key)} if key else {})


def _typed(content: bytes, known: Mapping[str, str]) -> dict[str, str]:
    """Every column of a CSV and its type: the one ``known``, else the narrowest that holds all its cells."""
    reader = csv.reader(io.StringIO(content.decode(), newline=""))
    header = next(reader)
    asked = {i: set[str]() for i, name in enumerate(header) if name not in known}
    kind = cache(_kind)  # cells repeat
    for row in reader if asked else ():
        for i, kinds in asked.items():
            if row[i]:
                kinds.add(kind(row[i]))
    return {name: _widest(asked[i]) if i in asked else known[name] for i, name in enumerate(header)}


def _kind(cell: str) -> str:
    if cell in ("true", "false"):
        return "boolean"
    if re.fullmatch(r"-?\d+", cell):
        return "integer"
    return "number" if re.fullmatch(r"-?\d+(\.\d+)?(e[-+]?\d+)?", cell) else "string"


def _widest(kinds: set[str]) -> str:
    if len(kinds) == 1:
        return next(iter(kinds))
    return "number" if kinds == {"integer", "number"} else "string"


def _about(data: StudyData) -> str:
    asked = " / ".join(f"“{q.text}”" for q in data.questions)
    who = "SIMULATED: the votes were drawn by a program. " if data.simulated else ""
    return f"{who}Pairwise votes on images and the losses of those images. Asked: {asked}"


def _manifest(files: Mapping[str, bytes], data: StudyData, options: Json | None, created_at: str | None) -> Json:
    """What made these files (specs/evaluation.md 3.4). Nothing here depends on the time unless it is given."""
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
            "data_digest": data.digest,
        },
        "rows": {table.name: len(getattr(data, table.field)) for table in TABLES},
        "files": {name: hashlib.sha256(files[name]).hexdigest() for name in sorted(files)},
    }
    if options is not None:
        text = json.dumps(options, sort_keys=True, separators=(",", ":"), allow_nan=False)
        found["options"] = options
        found["options_sha256"] = hashlib.sha256(text.encode()).hexdigest()
        found["command"] = f"manage.py evaluate --bundle DIR --out DIR --seed {options['seed']}"
    if created_at is not None:
        found["created_at"] = created_at
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "unreleased"


def _readme(data: StudyData, package: Json) -> str:
    tables = "\n".join(
        f"- `{r['path']}`: {', '.join(f['name'] for f in r['schema']['fields'][:6])}"
        f"{', …' if len(r['schema']['fields']) > 6 else ''}"
        for r in package["resources"]
    )
    again = "Analyse them again, without any database: `manage.py evaluate --bundle DIR --out DIR`.\n"
    return f"""# {data.title}

{package["description"]}

{len(data.participants)} participants, {len(data.trials)} trials, {len(data.stimuli)} stimuli, {len(data.conditions)} \
conditions, {len(data.scenes)} scenes, {len(data.metrics)} metrics.

{tables}

UTF-8, commas, missing = empty, a leading apostrophe guards text that a spreadsheet would run. `datapackage.json` gives
every column its type and keys (`frictionless validate datapackage.json`), `manifest.json` the versions and options that
made these files, `checksums.sha256` their digests (`sha256sum -c checksums.sha256`).
{again if any(r["path"].startswith("data/") for r in package["resources"]) else ""}"""
