"""The study as CSV files anyone can re-analyse, and back (specs/evaluation.md 3.1 and 3.2).

UTF-8, comma, LF, RFC 4180 quoting, missing = empty, booleans true/false, floats with repr precision, rows sorted by
primary key: two exports of the same data are byte-identical. Free text that a spreadsheet would run as a formula gets a
leading apostrophe, which reading takes off again.
"""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.core.ballots import SHARE_LEFT
from evaluation.core.dataset import (
    METRIC_ROLES,
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
from studyplatform.voting.core.quality import quality

#: Ids name files too, so they hold nothing a path could be made of (specs/evaluation.md 3.1).
_ID = re.compile(r"(?!\.)[A-Za-z0-9_.:-]+")
#: A cell that starts with one of these may be run by a spreadsheet (OWASP, CSV injection). The apostrophe is guarded
#: too, so that taking one off on reading is always right.
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "'")


class BundleError(ValueError):
    """A bundle that cannot be read; the text names the file, the row and the column, and what would mend it."""


@dataclass(frozen=True)
class Column:
    """A column: its name in the file, the field it holds, its type (s, i, f, b) and whether people wrote it.

    ``among``: the only words allowed. ``to``: the table whose ids it holds. ``empty``: whether a number may be missing.
    """

    name: str
    field: str
    type: str = "s"
    free: bool = False
    among: tuple[str, ...] = ()
    to: str = ""
    empty: bool = False


@dataclass(frozen=True)
class Table:
    """A file: its name, the rows it holds in the study, their class, and its columns."""

    name: str
    field: str
    row: Callable[..., Any]
    columns: tuple[Column, ...]
    key: tuple[str, ...]


def _c(name: str, field: str = "", type: str = "s", **more: Any) -> Column:  # noqa: A002
    return Column(name, field or name, type, **more)


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
         _c("role", among=("grid", "control")), _c("is_default", type="b"), _c("objective_id")),
        ("id",),
    ),
    Table(
        "stimuli", "stimuli", Stimulus,
        (_c("stimulus_id", "id"), _c("scene_id", "scene", to="scenes"),
         _c("condition_id", "condition", to="conditions"), _c("replicate", type="i"),
         _c("role", among=("grid", "control", "catch")), _c("seed", type="i"), _c("width_px", type="i"),
         _c("height_px", type="i"), _c("image_sha256"), _c("image_path"), _c("n_steps", type="i"), _c("network")),
        ("id",),
    ),
    Table(
        "metrics", "metrics", MetricInfo,
        (_c("metric_id", "id"), _c("key"), _c("label", free=True),
         _c("direction", among=("lower_better", "higher_better")), _c("role", among=METRIC_ROLES),
         _c("comparable_within", among=("all", "scene", "objective", "run")), _c("reference"), _c("unit", free=True),
         _c("version"), _c("weights_sha256"), _c("config_json"), _c("network")),
        ("id",),
    ),
    Table(
        "scores", "scores", Score,
        (_c("stimulus_id", "stimulus", to="stimuli"), _c("metric_id", "metric", to="metrics"),
         _c("value", type="f", empty=True), _c("status", among=("ok", "nan", "failed", "unavailable"))),
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
        (_c("trial_id", "id"), _c("participant_id", "participant", to="participants"),
         _c("question_id", "question", to="questions"), _c("trial_index", "position", "i"),
         _c("kind", among=("main", "catch", "repeat", "practice", "real_fake")), _c("scene_id", "scene", to="scenes"),
         _c("stimulus_left", "left", to="stimuli"), _c("stimulus_right", "right", to="stimuli"),
         _c("choice", among=(*SHARE_LEFT, "skip", "timeout", "")),
         _c("expected_choice", "expected", among=("left", "right", "")), _c("rt_ms", type="i", empty=True),
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
    extra, derived = _derived(data, name)
    lines: list[list[str]] = [[c.name for c in table.columns] + [f"param_{p}" for p in params] + extra]
    rows = sorted(getattr(data, table.field), key=lambda r: tuple(getattr(r, k) for k in table.key))
    for row in rows:
        cells = [csv_cell(getattr(row, c.field), free=c.free) for c in table.columns]
        # A parameter is written as JSON, so that 1, 1.0, true and "1" come back as what they were.
        cells += [json.dumps(row.params[p], ensure_ascii=False) if p in row.params else "" for p in params]
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
            if not all(_ID.fullmatch(part) for part in key):
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
