"""A study from CSV files. Whatever the analysis could not stand on is a sentence that names file, row and column."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from evaluation.core.bundle.tables import (
    ID,
    TABLES,
    BundleError,
    Column,
    Table,
)
from evaluation.core.dataset import (
    StudyData,
)


def load(folder: Path) -> StudyData:
    """Read a bundle written by :func:`save`. Raises :class:`BundleError` with the file, row and column at fault."""
    names = ["study.json", *(f"data/{table.name}.csv" for table in TABLES)]
    return read({name: (folder / name).read_bytes() for name in names if (folder / name).is_file()})


def read(files: Mapping[str, bytes]) -> StudyData:
    """The inverse of :func:`write`. Raises :class:`BundleError` for whatever the analysis could not stand on."""
    head = _read_head(files)
    tables = {table.name: _read_table(table, files) for table in TABLES}
    _check_keys(tables)
    _check_references(tables)
    _check_trials(tables)
    known = {row.id for row in tables["metrics"].values()}
    if head["primary_metric"] and head["primary_metric"] not in known:
        raise BundleError(
            f"study.json: the primary_metric {head['primary_metric']!r} is not in data/metrics.csv. "
            "Name one of its metric_id, or leave it empty."
        )
    rows: dict[str, Any] = {t.field: tuple(tables[t.name].values()) for t in TABLES}
    return StudyData(**head, **rows).canonical()


#: Line of the file -> row.
Rows = Mapping[int, Any]


def _read_head(files: Mapping[str, bytes]) -> dict[str, Any]:
    if "study.json" not in files:
        raise BundleError("study.json is missing: this is not a bundle.")
    try:
        head = json.loads(_text("study.json", files["study.json"]))
    except json.JSONDecodeError as error:
        raise BundleError(
            f"study.json, line {error.lineno}: {error.msg}. It must be one JSON object as exported."
        ) from error
    if not isinstance(head, dict):
        raise BundleError("study.json must be one JSON object as exported.")
    kinds = {
        "slug": str,
        "title": str,
        "simulated": bool,
        "networks": list,
        "primary_metric": str,
        "design_digest": str,
    }
    for key, kind in kinds.items():
        if not isinstance(head.get(key), kind):
            word = {str: "a text", bool: "true or false", list: "a list of texts"}[kind]
            raise BundleError(f"study.json: {key!r} is missing or not {word}. Take it from the export.")
    if not all(isinstance(name, str) for name in head["networks"]):
        raise BundleError("study.json: 'networks' must be a list of texts. Take it from the export.")
    return {key: head[key] for key in kinds} | {"networks": tuple(head["networks"])}


def _text(path: str, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")  # spreadsheets put a mark of order in front of their UTF-8
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BundleError(f"{path}, line {line}: this is not UTF-8. Save the file as “CSV UTF-8”.") from error


def _check_keys(tables: Mapping[str, Rows]) -> None:
    for table in TABLES:
        seen: dict[tuple[Any, ...], int] = {}
        names = ", ".join(c.name for c in table.columns if c.field in table.key)
        for line, row in tables[table.name].items():
            key = tuple(getattr(row, k) for k in table.key)
            if not all(ID.fullmatch(part) for part in key):
                raise BundleError(
                    f"data/{table.name}.csv, line {line}: {names} {' '.join(key)!r} is no id. "
                    "Ids are made of letters, digits and _ . : - and do not begin with a dot."
                )
            if key in seen:
                raise BundleError(
                    f"data/{table.name}.csv, line {line}: {names} {' '.join(key)!r} stands in line {seen[key]} "
                    "already. Remove one of the two."
                )
            seen[key] = line


def _check_references(tables: Mapping[str, Rows]) -> None:
    ids = {name: {row.id for row in rows.values()} for name, rows in tables.items() if name != "scores"}
    for table in TABLES:
        for column in (c for c in table.columns if c.to):
            for line, row in tables[table.name].items():
                if getattr(row, column.field) not in ids[column.to]:
                    raise BundleError(
                        f"data/{table.name}.csv, line {line}, column {column.name}: "
                        f"{getattr(row, column.field)!r} is not in data/{column.to}.csv. Add it there or mend the id."
                    )
    for name in ("questions", "scenes"):
        if not tables[name]:
            raise BundleError(f"data/{name}.csv has no row: a study needs one at least.")
    if not any(s.role == "grid" for s in tables["stimuli"].values()):
        raise BundleError("data/stimuli.csv has no row of role 'grid': there is nothing to compare.")
    for line, score in tables["scores"].items():
        if (score.status == "ok") != (score.value is not None):
            raise BundleError(
                f"data/scores.csv, line {line}: status 'ok' goes with a value and every other status with an empty "
                "cell. Mend one of the two."
            )


def _check_trials(tables: Mapping[str, Rows]) -> None:
    scene = {s.id: s.scene for s in tables["stimuli"].values()}
    for line, trial in tables["trials"].items():
        if not scene[trial.left] == scene[trial.right] == trial.scene:
            raise BundleError(
                f"data/trials.csv, line {line}: the two stimuli are not both of the scene {trial.scene!r} "
                "(see data/stimuli.csv). Mend scene_id or the stimuli."
            )
        if trial.left == trial.right:
            raise BundleError(f"data/trials.csv, line {line}: an image cannot meet itself. Mend one of the stimuli.")


def _read_table(table: Table, files: Mapping[str, bytes]) -> Rows:
    path = f"data/{table.name}.csv"
    if path not in files:
        raise BundleError(f"{path} is missing from the bundle.")
    reader = csv.DictReader(io.StringIO(_text(path, files[path]), newline=""), strict=True)
    rows: dict[int, Any] = {}
    try:
        missing = [c.name for c in table.columns if c.name not in (reader.fieldnames or [])]
        if missing:
            raise BundleError(f"{path} has no column {missing[0]}. Take the header line from an export.")
        for row in reader:
            rows[reader.line_num] = _read_row(table, path, reader.line_num, row)
    except csv.Error as error:
        raise BundleError(f"{path}, line {reader.line_num}: {error}. Save it as CSV with commas and quotes.") from error
    return rows


def _read_row(table: Table, path: str, number: int, row: Mapping[str | None, Any]) -> Any:
    if None in row or None in row.values():
        few = "fewer" if None in row.values() else "more"
        raise BundleError(f"{path}, line {number}: {few} cells than the header has. Each row needs a cell per column.")
    values: dict[str, Any] = {}
    cells: dict[str, str] = {str(name): cell for name, cell in row.items()}
    for column in table.columns:
        try:
            values[column.field] = _parse(column, cells[column.name])
        except ValueError as error:
            raise BundleError(f"{path}, line {number}, column {column.name}: {error}") from error
    if table.name == "conditions":
        values["params"] = {
            name.removeprefix("param_"): _param(text, f"{path}, line {number}, column {name}")
            for name, text in _params(cells.items()) if text != ""
        }  # fmt: skip
    return table.row(**values)


def _param(text: str, place: str) -> Any:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise BundleError(f'{place}: {text!r} is not JSON. Write a text in quotes, like "adam".') from error
    if not isinstance(value, str | int | float) or (isinstance(value, float) and not math.isfinite(value)):
        raise BundleError(f"{place}: {text!r} is not a text, a finite number, true or false.")
    return value


def _params(items: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(k, v) for k, v in items if k.startswith("param_")]


def _parse(column: Column, text: str) -> Any:
    if column.among and text not in column.among:
        words = ", ".join(word or "(empty)" for word in column.among)
        raise ValueError(f"{text!r} is none of {words}.")
    if column.type == "s":
        return text[1:] if column.free and text.startswith("'") else text
    if column.type == "b":
        if text not in ("true", "false"):
            raise ValueError(f"{text!r} is neither true nor false.")
        return text == "true"
    if text == "" and column.empty:
        return None
    try:
        number = int(text) if column.type == "i" else float(text)
    except ValueError as error:
        kind = "a whole number" if column.type == "i" else "a number"
        raise ValueError(f"{text!r} is not {kind}.") from error
    if not math.isfinite(number):
        raise ValueError(f"{text} is not finite. Leave the cell empty{' and say why in status' * column.empty}.")
    return number
