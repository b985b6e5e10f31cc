"""The study as CSV files; the same study gives the same bytes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from evaluation.core.bundle.people import People, columns
from evaluation.core.bundle.tables import TABLES, table_named
from evaluation.core.dataset import StudyData
from generation.core import tasks
from generation.core.csv_text import csv_bytes, csv_cell

#: Lines that become bytes together.
CHUNK = 10_000
#: How the columns are made that follow from others of their row.
MADE: dict[str, Callable[[Any], Any]] = {
    "weighted_value": lambda point: None if point.raw is None else point.raw * point.weight,
}


def write(data: StudyData) -> dict[str, bytes]:
    """File name -> bytes of a bundle: ``study.json`` and ``data/<table>.csv`` for every table."""
    data = data.canonical()
    files = {"study.json": study_json(data, data.digest)}
    for table in TABLES:
        files[table.path] = table_csv(data, table.name)
    return files


def study_json(data: StudyData, digest: str) -> bytes:
    """What is said once of a study; ``digest``: of its data."""
    head = {
        "schema": 1,
        "slug": data.slug,
        "title": data.title,
        "simulated": data.simulated,
        "networks": list(data.networks),
        "primary_metric": data.primary_metric,
        "design_digest": data.design_digest,
        "frozen_at": data.frozen_at,
        "alpha": data.alpha,
        "margin": data.margin,
        "screening": dataclasses.asdict(data.screening),
        "departures": list(data.departures),
        "remarks": list(data.remarks),
        "data_digest": digest,
    }
    return (json.dumps(head, indent=2, ensure_ascii=False) + "\n").encode()


def table_csv(data: StudyData, name: str, *, sealed: bool = False) -> bytes:
    """One table of ``data`` as CSV; ``sealed``: without what tells which picture was chosen. ``KeyError`` for an
    unknown name."""
    return b"".join(table_chunks(data, name, sealed=sealed))


def table_chunks(data: StudyData, name: str, *, sealed: bool = False) -> Iterator[bytes]:
    """The same, piece by piece."""
    lines = _of_people(data.canonical(), name, sealed) if name in ("participants", "trials") else _plain(data, name)
    yield from chunks(lines)


def chunks(lines: Iterator[list[str]]) -> Iterator[bytes]:
    """Lines of cells as pieces of CSV."""
    held: list[list[str]] = []
    for line in lines:
        held.append(line)
        if len(held) == CHUNK:
            yield csv_bytes(held)
            held.clear()
    if held:
        yield csv_bytes(held)


def _of_people(data: StudyData, name: str, sealed: bool) -> Iterator[list[str]]:
    people = People(data, sealed=sealed)
    yield people.header(name)
    # By id, a participant's trials need not stand together: their ids may come from elsewhere.
    of = {p: list(own) for p, own in groupby(sorted(data.trials, key=lambda t: t.participant), lambda t: t.participant)}
    trials: list[tuple[str, list[str]]] = []
    for person in data.participants:
        own = of.get(person.id, [])
        line, lines, _ = people.lines(person, own)
        if name == "participants":
            yield line
        trials += [(t.id, cells) for t, cells in zip(own, lines, strict=True)]
    if name == "trials":
        yield from (cells for _, cells in sorted(trials))


def _plain(data: StudyData, name: str) -> Iterator[list[str]]:
    table = table_named(name)
    written = columns(name, sealed=False)
    found = _params(data) if name in ("conditions", "stimuli") else {}
    params = sorted({p for own in found.values() for p in own})
    ratios = {c.id: tasks.derived(c.method, c.params) for c in data.conditions} if name == "conditions" else {}
    named = sorted({column for own in ratios.values() for column in own})
    yield [c.name for c in written] + [f"param_{p}" for p in params] + named
    for row in sorted(getattr(data, table.field), key=lambda r: tuple(getattr(r, k) for k in table.key)):
        cells = [csv_cell(MADE[c.name](row) if c.made else getattr(row, c.field), free=c.free) for c in written]
        own = found.get(row.id if name == "conditions" else row.condition, {}) if found else {}
        cells += [json.dumps(own[p], ensure_ascii=False) if own.get(p) is not None else "" for p in params]
        yield cells + [csv_cell(ratios[row.id].get(column), free=False) for column in named]


def _params(data: StudyData) -> dict[str, dict[str, Any]]:
    return {c.id: dict(c.params) for c in data.conditions}


def export_name(slug: str, *, simulated: bool) -> str:
    """What an export is called: a rehearsal carries its mark in every file name."""
    return f"{slug}_SIMULATED" if simulated else slug


def save(data: StudyData, folder: Path) -> None:
    """Write a bundle into ``folder`` (made if it is not there)."""
    for name, content in write(data).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
