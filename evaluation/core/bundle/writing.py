"""The study as CSV files; the same study gives the same bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from evaluation.core.bundle.tables import TABLES, table_named
from evaluation.core.dataset import StudyData, Trial
from generation.core import tasks
from generation.core.csv_text import csv_bytes, csv_cell
from studyplatform.voting.core.quality import quality


def write(data: StudyData) -> dict[str, bytes]:
    """File name -> bytes of a bundle: ``study.json`` and ``data/<table>.csv`` for every table."""
    data = data.canonical()
    head = {
        "schema": 1,
        "slug": data.slug,
        "title": data.title,
        "simulated": data.simulated,
        "networks": list(data.networks),
        "primary_metric": data.primary_metric,
        "design_digest": data.design_digest,
        "frozen_at": data.frozen_at,
        "data_digest": data.digest,
    }
    files = {"study.json": (json.dumps(head, indent=2, ensure_ascii=False) + "\n").encode()}
    for table in TABLES:
        files[f"data/{table.name}.csv"] = table_csv(data, table.name)
    return files


def table_csv(data: StudyData, name: str) -> bytes:
    """One table of ``data`` as CSV. ``KeyError`` for an unknown name."""
    table = table_named(name)
    params = sorted({p for c in data.conditions for p in c.params}) if name == "conditions" else []
    extra, derived = _derived(data, name)
    lines: list[list[str]] = [[c.name for c in table.columns] + [f"param_{p}" for p in params] + extra]
    rows = sorted(getattr(data, table.field), key=lambda r: tuple(getattr(r, k) for k in table.key))
    for row in rows:
        cells = [csv_cell(getattr(row, c.field), free=c.free) for c in table.columns]
        # A parameter is written as JSON, so that 1, 1.0, true and "1" come back as what they were.
        cells += [
            json.dumps(row.params[p], ensure_ascii=False) if row.params.get(p) is not None else "" for p in params
        ]
        lines.append(cells + [csv_cell(value, free=False) for value in derived(row)])
    return csv_bytes(lines)


def _derived(data: StudyData, name: str) -> tuple[list[str], Callable[[Any], Sequence[Any]]]:
    """Columns that only repeat or sum up what other tables say, with their cells; reading passes them over."""
    if name == "trials":
        stimulus = data.stimulus
        return ["simulated", "condition_left", "condition_right"], lambda trial: (
            data.simulated, stimulus[trial.left].condition, stimulus[trial.right].condition,
        )  # fmt: skip
    if name == "participants":
        answered: dict[str, list[Trial]] = {}
        for trial in sorted(data.trials, key=lambda t: t.position):
            if trial.choice and not trial.superseded:
                answered.setdefault(trial.participant, []).append(trial)
        return ["left_rate", "longest_run", "median_rt_ms", "share_fast"], lambda p: _habits(answered.get(p.id, []))
    if name == "conditions":
        values = {c.id: tasks.derived(c.method, c.params) for c in data.conditions}
        columns = sorted({column for found in values.values() for column in found})
        return columns, lambda row: [values[row.id].get(column) for column in columns]
    if name == "loss_curves":
        return ["weighted_value"], lambda p: (None if p.raw is None else p.raw * p.weight,)
    return [], lambda row: ()


def _habits(trials: Sequence[Trial]) -> tuple[float | int | None, ...]:
    """How one participant answered, every question and kind of trial taken together (specs/evaluation.md, E15)."""
    found = quality([t.choice for t in trials], [t.rt_ms for t in trials])
    # Durations are integers (3.1); halves are rounded to even.
    rt = None if found.median_rt_ms is None else round(found.median_rt_ms)
    return found.left_rate, found.longest_run if trials else None, rt, found.fast_share


def export_name(slug: str, *, simulated: bool) -> str:
    """What an export is called: a rehearsal carries its mark in every file name."""
    return f"{slug}_SIMULATED" if simulated else slug


def save(data: StudyData, folder: Path) -> None:
    """Write a bundle into ``folder`` (made if it is not there)."""
    for name, content in write(data).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
