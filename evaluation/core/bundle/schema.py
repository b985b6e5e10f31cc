"""The columns of written files in Frictionless' words, and what else is told of a file.

Frictionless Table Schema: https://datapackage.org/standard/table-schema/ (types, constraints, keys).
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from evaluation.core.bundle.kinds import TYPES, kind, widest
from evaluation.core.bundle.tables import TABLES, Column

Json = dict[str, Any]
#: Columns that are known of a file beyond the tables of a bundle; and those that tell its rows apart.
Schema = tuple[Sequence[Column], Sequence[str]]


@dataclass(frozen=True)
class Fact:
    """What is told of a written file: its size in bytes and its SHA-256; of a table its columns -> their types, in
    order, with what is known of them."""

    size: int
    sha256: str
    types: Mapping[str, str] | None = None
    schema: Schema = ((), ())


def fact(path: str, content: bytes, schema: Schema = ((), ())) -> Fact:
    """Of a file that is at hand."""
    known = {c.name: c.type for c in schema[0] or of_table(path)}
    types = types_of(content, known) if path.endswith(".csv") else None
    return Fact(len(content), hashlib.sha256(content).hexdigest(), types, schema)


def of_table(path: str) -> tuple[Column, ...]:
    """The columns of a table of the bundle; none for another file."""
    return next((table.all_columns for table in TABLES if table.path == path), ())


def types_of(content: bytes, known: Mapping[str, str]) -> dict[str, str]:
    """Every column of a CSV and its type: the one ``known``, else the narrowest that holds all its cells."""
    reader = csv.reader(io.StringIO(content.decode(), newline=""))
    header = next(reader)
    asked = {i: set[str]() for i, name in enumerate(header) if name not in known}
    found = cache(kind)  # cells repeat
    for row in reader if asked else ():
        for i, kinds in asked.items():
            if row[i]:
                kinds.add(found(row[i]))
    return {name: widest(asked[i]) if i in asked else known[name] for i, name in enumerate(header)}


def resources(facts: Mapping[str, Fact]) -> list[Json]:
    """The tables among ``facts`` as resources of a data package, by path."""
    names = {path: _name(path) for path in sorted(facts) if facts[path].types is not None}
    return [
        {
            "name": name,
            "path": path,
            "format": "csv",
            "mediatype": "text/csv",
            "encoding": "utf-8",
            "bytes": facts[path].size,
            "hash": f"sha256:{facts[path].sha256}",
            "profile": "tabular-data-resource",
            "schema": _table_schema(path, facts[path], names) or _free_schema(facts[path]),
        }
        for path, name in names.items()
    ]


def _name(path: str) -> str:
    """A resource's name: of data/scores.csv it is scores."""
    stem = path.removesuffix(".csv").removeprefix("data/").removeprefix("derived/")
    return re.sub(r"[^a-z0-9._-]+", "-", stem.lower()).strip("-")


def _table_schema(path: str, fact: Fact, names: Mapping[str, str]) -> Json:
    table = next((table for table in TABLES if table.path == path), None)
    if table is None:
        return {}
    fields = _fields(fact, table.all_columns)
    for field in fields:
        column = next((c for c in table.all_columns if c.name == field["name"]), None)
        rules: Json = {}
        numeric = column is not None and column.type not in ("s", "t") and not column.empty
        if column and (column.field in table.key or column.to or numeric):
            rules["required"] = True
        if column and any(column.among):
            rules["enum"] = [word for word in column.among if word]
        if rules:
            field["constraints"] = rules
    schema: Json = {"fields": fields, "missingValues": [""]}
    schema["primaryKey"] = [c.name for c in table.columns if c.field in table.key]
    targets = {other.name: (other, names[other.path]) for other in TABLES if other.path in names}
    keys = [
        {"fields": [c.name], "reference": {"resource": targets[c.to][1], "fields": [targets[c.to][0].columns[0].name]}}
        for c in table.columns
        if c.to in targets
    ]
    return schema | ({"foreignKeys": keys} if keys else {})


def _free_schema(fact: Fact) -> Json:
    columns, key = fact.schema
    return {"fields": _fields(fact, columns), "missingValues": [""]} | ({"primaryKey": list(key)} if key else {})


def _fields(fact: Fact, columns: Iterable[Column]) -> list[Json]:
    known = {c.name: c for c in columns}
    fields: list[Json] = []
    for name, letter in (fact.types or {}).items():
        field: Json = {"name": name, "type": TYPES[letter]}
        if name in known:
            field["description"] = known[name].about
            if known[name].unit:
                field["unit"] = known[name].unit
        fields.append(field)
    return fields
