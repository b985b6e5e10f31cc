"""The rows of a bundle against each other: what must be refused, and what can be left out or mended, and is said."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from evaluation.core.bundle import cells
from evaluation.core.bundle.tables import ID, TABLES, BundleError, Table
from evaluation.core.bundle.text import Notes
from evaluation.core.dataset import Trial

#: Line of the file -> row.
Rows = dict[int, Any]


def check_ids(table: Table, rows: Rows, absent: Collection[str]) -> None:
    """Refuse ids that could not name a file: those of ``table``, and those that only it tells of ``absent`` tables."""
    columns = [c for c in table.columns if c.type == "s" and (c.field in table.key or c.to in absent)]
    good: set[str] = set()
    for line, row in rows.items():
        for column in columns:
            name = getattr(row, column.field)
            if name not in good and not ID.fullmatch(name):
                raise BundleError(
                    f"{table.path}, line {line}: {column.name} {name[:80]!r} is no id. "
                    "Ids are made of letters, digits and _ . : - and do not begin with a dot."
                )
            good.add(name)


def without_twins(table: Table, rows: Rows, notes: Notes) -> Rows:
    """The rows without those that repeat a key: the same row once more is dropped, of a trial the first submission
    counts, and anything else cannot be decided."""
    first: dict[tuple[str | int, ...], int] = {}
    kept: Rows = {}
    for line, row in rows.items():
        key = tuple(getattr(row, k) for k in table.key)
        if key not in first:
            first[key] = line
            kept[line] = row
            continue
        other = rows[first[key]]
        names = ", ".join(c.name for c in table.columns if c.field in table.key)
        place = f"{table.path}, line {line}: {names} {' '.join(map(str, key))!r} stands in line {first[key]} already"
        if _same(row, other):
            notes.add(f"such lines in {table.path}", f"{place} and says the same. It counts once.")
        elif table.name == "trials":
            if row.submitted_at and other.submitted_at and row.submitted_at < other.submitted_at:
                del kept[first[key]]
                first[key] = line
                kept[line] = row
            notes.add(f"such lines in {table.path}", f"{place} and says otherwise. The first submission counts.")
        else:
            raise BundleError(f"{place}. Remove one of the two.")
    return kept


def _same(row: Any, other: Any) -> bool:
    """Whether two rows say the same; their place may come from the file alone."""
    return bool(row == (replace(other, position=row.position) if hasattr(row, "position") else other))


def check_configs(metrics: Rows) -> None:
    """Refuse metrics whose settings are no JSON object."""
    for line, metric in metrics.items():
        try:
            cells.check_object(metric.config_json)
        except ValueError as error:
            raise BundleError(
                f"data/metrics.csv, line {line}, column config_json: {error} "
                'Write one as in {"style_weight": 1000}, or leave the cell empty.'
            ) from error


def check_references(tables: Mapping[str, Rows]) -> None:
    """Refuse rows that name what is not there, and a study with nothing to compare."""
    named = {column.to for table in TABLES for column in table.columns if column.to}
    ids = {name: {row.id for row in tables[name].values()} for name in named}
    for table in TABLES:
        for column in (c for c in table.columns if c.to):
            if (table.name, column.to) == ("trials", "scenes"):
                continue  # the stimuli tell the scene of a trial
            known = ids[column.to]
            for line, row in tables[table.name].items():
                if getattr(row, column.field) not in known:
                    raise BundleError(
                        f"{table.path}, line {line}, column {column.name}: {getattr(row, column.field)[:80]!r} is not "
                        f"in data/{column.to}.csv. Add it there or mend the id."
                    )
    for name in ("questions", "scenes"):
        if not tables[name]:
            raise BundleError(f"data/{name}.csv has no row: a study needs one at least.")
    if not any(s.role == "grid" for s in tables["stimuli"].values()):
        raise BundleError("data/stimuli.csv has no row of role 'grid': there is nothing to compare.")


def scores(rows: Rows, notes: Notes) -> Rows:
    """Scores whose status and value go together."""
    path = "data/scores.csv"
    kept: Rows = {}
    for line, score in rows.items():
        if score.status == "ok" and score.value is None:
            notes.add(
                f"such cells in {path}", f"{path}, line {line}: status 'ok' without a value. It is taken as missing."
            )
            score = replace(score, status="unavailable")
        elif score.status != "ok" and score.value is not None:
            notes.add(
                f"such cells in {path}",
                f"{path}, line {line}: a value with the status {score.status!r}. It is taken as missing.",
            )
            score = replace(score, value=None)
        kept[line] = score
    return kept


def trials(rows: Rows, stimuli: Rows, notes: Notes) -> Rows:
    """Trials of two different images of one scene, with that scene."""
    scene = {s.id: s.scene for s in stimuli.values()}
    path = "data/trials.csv"
    kept: dict[int, Trial] = {}
    for line, trial in rows.items():
        left = scene[trial.left]
        if trial.left == trial.right:
            notes.add(
                f"such lines in {path}",
                f"{path}, line {line}: an image cannot meet itself ({trial.left}). The trial is left out.",
            )
        elif left != scene[trial.right]:
            notes.add(
                f"such lines in {path}",
                f"{path}, line {line}: {trial.left} and {trial.right} are not of one scene (see data/stimuli.csv). "
                "The trial is left out.",
            )
        elif trial.scene != left:
            notes.add(
                f"such lines in {path}",
                f"{path}, line {line}: both stimuli are of the scene {left!r} and not of {trial.scene[:80]!r}. "
                "They decide.",
            )
            kept[line] = replace(trial, scene=left)
        else:
            kept[line] = trial
    return kept
