"""The study as CSV files anyone can re-analyse, and back (specs/evaluation.md 3.1 and 3.2).

UTF-8, comma, LF, RFC 4180 quoting, missing = empty, booleans true/false, floats with repr precision, rows sorted by
primary key: two exports of the same data are byte-identical. Free text that a spreadsheet would run as a formula gets a
leading apostrophe, which reading takes off again.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.core.dataset import (
    Condition,
    MetricInfo,
    Participant,
    Question,
    Scene,
    Score,
    Stimulus,
    StudyData,
    Trial,
)

#: A cell that starts with one of these may be run by a spreadsheet (OWASP, CSV injection). The apostrophe is guarded
#: too, so that taking one off on reading is always right.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "'")


class BundleError(ValueError):
    """A bundle that cannot be read; the text names the file, the row and the column."""


@dataclass(frozen=True)
class Column:
    """A column: its name in the file, the field it holds, its type (s, i, f, b) and whether people wrote it."""

    name: str
    field: str
    type: str = "s"
    free: bool = False


@dataclass(frozen=True)
class Table:
    """A file: its name, the rows it holds in the study, their class, and its columns."""

    name: str
    field: str
    row: Callable[..., Any]
    columns: tuple[Column, ...]
    key: tuple[str, ...]


def _c(name: str, field: str = "", type: str = "s", *, free: bool = False) -> Column:  # noqa: A002
    return Column(name, field or name, type, free)


TABLES = (
    Table(
        "questions", "questions", Question,
        (_c("question_id", "id"), _c("text", free=True), _c("position", type="i")),
        ("id",),
    ),
    Table(
        "scenes", "scenes", Scene,
        (_c("scene_id", "id"), _c("scene_label", "label", free=True), _c("position", type="i"), _c("task"),
         _c("content_image_sha256"), _c("style_image_sha256")),
        ("id",),
    ),
    Table(
        "conditions", "conditions", Condition,
        (_c("condition_id", "id"), _c("condition_label", "label", free=True), _c("position", type="i"), _c("method"),
         _c("role"), _c("is_default", type="b"), _c("objective_id")),
        ("id",),
    ),
    Table(
        "stimuli", "stimuli", Stimulus,
        (_c("stimulus_id", "id"), _c("scene_id", "scene"), _c("condition_id", "condition"), _c("replicate", type="i"),
         _c("role"), _c("seed", type="i"), _c("width_px", type="i"), _c("height_px", type="i"), _c("image_sha256"),
         _c("image_path"), _c("n_steps", type="i")),
        ("id",),
    ),
    Table(
        "metrics", "metrics", MetricInfo,
        (_c("metric_id", "id"), _c("key"), _c("label", free=True), _c("direction"), _c("role"), _c("comparable_within"),
         _c("reference"), _c("unit", free=True), _c("version"), _c("weights_sha256"), _c("config_json")),
        ("id",),
    ),
    Table(
        "scores", "scores", Score,
        (_c("stimulus_id", "stimulus"), _c("metric_id", "metric"), _c("value", type="f"), _c("status")),
        ("stimulus", "metric"),
    ),
    Table(
        "participants", "participants", Participant,
        (_c("participant_id", "id"), _c("is_bot", type="b"), _c("is_pilot", type="b"), _c("is_preview", type="b"),
         _c("design_digest"), _c("started_at"), _c("finished_at"), _c("exclusion_reason", free=True)),
        ("id",),
    ),
    Table(
        "trials", "trials", Trial,
        (_c("trial_id", "id"), _c("participant_id", "participant"), _c("question_id", "question"),
         _c("trial_index", "position", "i"), _c("kind"), _c("scene_id", "scene"), _c("stimulus_left", "left"),
         _c("stimulus_right", "right"), _c("choice"), _c("expected_choice", "expected"), _c("rt_ms", type="i"),
         _c("shown_at"), _c("submitted_at"), _c("late", type="b"), _c("superseded", type="b"),
         _c("design", "strategy"), _c("design_prob", type="f")),
        ("id",),
    ),
)  # fmt: skip


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
        "data_digest": data.digest,
    }
    files = {"study.json": (json.dumps(head, indent=2, ensure_ascii=False) + "\n").encode()}
    for table in TABLES:
        files[f"data/{table.name}.csv"] = table_csv(data, table.name)
    return files


def table_csv(data: StudyData, name: str) -> bytes:
    """One table of ``data`` as CSV. ``KeyError`` for an unknown name."""
    table = _table(name)
    params = sorted({p for c in data.conditions for p in c.params}) if name == "conditions" else []
    extra = ["condition_left", "condition_right"] if name == "trials" else []
    lines: list[list[str]] = [[c.name for c in table.columns] + [f"param_{p}" for p in params] + extra]
    rows = sorted(getattr(data, table.field), key=lambda r: tuple(getattr(r, k) for k in table.key))
    stimulus = data.stimulus if extra else {}
    for row in rows:
        cells = [csv_cell(getattr(row, c.field), free=c.free) for c in table.columns]
        # A parameter is written as JSON, so that 1, 1.0, true and "1" come back as what they were.
        cells += [json.dumps(row.params[p], ensure_ascii=False) if p in row.params else "" for p in params]
        if extra:
            cells += [stimulus[row.left].condition, stimulus[row.right].condition]
        lines.append(cells)
    return csv_bytes(lines)


def save(data: StudyData, folder: Path) -> None:
    """Write a bundle into ``folder`` (made if it is not there)."""
    for name, content in write(data).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def load(folder: Path) -> StudyData:
    """Read a bundle written by :func:`save`. Raises :class:`BundleError` with the file, row and column at fault."""
    return read({str(p.relative_to(folder).as_posix()): p.read_bytes() for p in folder.rglob("*") if p.is_file()})


def read(files: Mapping[str, bytes]) -> StudyData:
    """The inverse of :func:`write`."""
    if "study.json" not in files:
        raise BundleError("study.json is missing: this is not a bundle.")
    head = json.loads(files["study.json"])
    tables = {table.field: _read_table(table, files) for table in TABLES}
    return StudyData(
        slug=head["slug"],
        title=head["title"],
        simulated=head["simulated"],
        networks=tuple(head["networks"]),
        primary_metric=head["primary_metric"],
        design_digest=head["design_digest"],
        **tables,
    ).canonical()


def csv_bytes(lines: Iterable[Sequence[str]]) -> bytes:
    """Lines of cells as UTF-8 CSV with LF. (``csv.writer`` would leave a lone carriage return unquoted.)"""
    return "".join(",".join(map(_quoted, line)) + "\n" for line in lines).encode()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\r\n') else cell


def csv_cell(value: Any, *, free: bool = True) -> str:
    """A value as a cell: empty for None, true/false, repr for floats; free text guarded against formulas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return repr(value)
    text = str(value)
    return f"'{text}" if free and isinstance(value, str) and text.startswith(_DANGEROUS) else text


def _table(name: str) -> Table:
    return next((t for t in TABLES if t.name == name), None) or _unknown(name)


def _unknown(name: str) -> Table:
    raise KeyError(f"There is no table {name!r}. Tables: {', '.join(t.name for t in TABLES)}.")


def _read_table(table: Table, files: Mapping[str, bytes]) -> tuple[Any, ...]:
    path = f"data/{table.name}.csv"
    if path not in files:
        raise BundleError(f"{path} is missing from the bundle.")
    reader = csv.DictReader(io.StringIO(files[path].decode(), newline=""))
    missing = [c.name for c in table.columns if c.name not in (reader.fieldnames or [])]
    if missing:
        raise BundleError(f"{path} has no column {missing[0]}.")
    return tuple(_read_row(table, path, number, row) for number, row in enumerate(reader, start=2))


def _read_row(table: Table, path: str, number: int, row: Mapping[str, str]) -> Any:
    values: dict[str, Any] = {}
    for column in table.columns:
        try:
            values[column.field] = _parse(column, row[column.name])
        except ValueError as error:
            raise BundleError(f"{path}, line {number}, column {column.name}: {error}") from error
    if table.name == "conditions":
        values["params"] = {k.removeprefix("param_"): json.loads(v) for k, v in _params(row.items()) if v != ""}
    return table.row(**values)


def _params(items: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(k, v) for k, v in items if k.startswith("param_")]


def _parse(column: Column, text: str) -> Any:
    if column.type == "s":
        return text[1:] if column.free and text.startswith("'") else text
    if column.type == "b":
        if text not in ("true", "false"):
            raise ValueError(f"{text!r} is neither true nor false.")
        return text == "true"
    if text == "":
        return None
    return int(text) if column.type == "i" else float(text)
