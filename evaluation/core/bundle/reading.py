"""A study from CSV files: what the analysis could not stand on is refused with its file, line, column and mend; what
can be mended is used, and said."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.core.bundle import cells, filling, mending
from evaluation.core.bundle.filling import Fill, Params
from evaluation.core.bundle.mending import Rows
from evaluation.core.bundle.psychds import DESCRIPTION
from evaluation.core.bundle.tables import TABLES, BundleError, Table, table_named
from evaluation.core.bundle.text import Notes, Sheet, decode, sheet
from evaluation.core.dataset import Scalar, StudyData
from studyplatform.voting.core.claims import ALPHA, MARGIN
from studyplatform.voting.core.flags import Rules

HEAD = {
    "slug": str,
    "title": str,
    "simulated": bool,
    "networks": list,
    "primary_metric": str,
    "design_digest": str,
    "frozen_at": str,
    "alpha": float,
    "margin": float,
    "departures": list,
    "remarks": list,
}
#: Exports before these were stored lack them.
LATER: Mapping[str, Any] = {"frozen_at": "", "alpha": ALPHA, "margin": MARGIN, "departures": [], "remarks": []}
#: A million trials are 200 MB; a larger file is refused before it is read into memory.
MOST_BYTES = 2 * 10**9
#: Each table is read after those whose rows complete its own.
ORDER = ("questions", "conditions", "scenes", "stimuli", "metrics", "participants", "scores", "loss_curves",
         "erasures", "trials")  # fmt: skip


@dataclass(frozen=True)
class Loaded:
    """A study read from a bundle, and a sentence on everything that was mended on the way."""

    data: StudyData
    notes: tuple[str, ...]


def load(folder: Path) -> Loaded:
    """Read the bundle in ``folder``. Raises :class:`BundleError` with the file, line and column at fault."""
    if not folder.is_dir():
        wrong = "this is a file" if folder.exists() else "this folder is not there"
        raise BundleError(f"{wrong}. Name the folder of a bundle.")
    files = {}
    for name in ["study.json", *(table.path for table in TABLES)]:
        path = folder / name
        try:
            if not path.exists():
                continue
            if not path.is_file():
                raise BundleError(f"{name} is a folder and no file. Put the file of that name in its place.")
            if path.stat().st_size > MOST_BYTES:
                raise BundleError(f"{name} is larger than {MOST_BYTES // 10**6} MB: this is no table of a bundle.")
            files[name] = path.read_bytes()
        except OSError as error:
            raise BundleError(f"{name} cannot be read ({error.strerror}). Mend its permissions.") from error
    if not any(t.path in files for t in TABLES if t.needed) and (folder / DESCRIPTION).is_file():
        raise BundleError(
            "this is a Psych-DS layout, and only the bundle layout is read: export the study without --layout psychds."
        )
    return read(files, slug=folder.resolve().name)


def read(files: Mapping[str, bytes], *, slug: str = "study") -> Loaded:
    """The inverse of :func:`write`; ``slug`` is for a study whose files do not name it."""
    notes = Notes()
    head = _head(files, slug, notes)
    _check_there(files)
    tables: dict[str, Rows] = {}
    params: Params = {}
    absent = {table.name for table in TABLES if table.path not in files}
    for name in (name for name in ORDER if name not in absent):
        table = table_named(name)
        fill = filling.filler(name, tables)
        kept = params if name == "stimuli" and "conditions" in absent else None
        rows = _read_table(table, files[table.path], fill, kept, notes)
        mending.check_ids(table, rows, absent)
        tables[name] = mending.without_twins(table, rows, notes)
    for name in ("loss_curves", "erasures"):
        tables.setdefault(name, {})
    filling.derive(tables, params, simulated=head["simulated"])
    mending.check_configs(tables["metrics"])
    mending.check_references(tables)
    tables["scores"] = mending.scores(tables["scores"], notes)
    tables["trials"] = mending.trials(tables["trials"], tables["stimuli"], notes)
    known = {row.id for row in tables["metrics"].values()}
    if head["primary_metric"] and head["primary_metric"] not in known:
        raise BundleError(
            f"study.json: the primary_metric {head['primary_metric']!r} is not in data/metrics.csv. "
            "Name one of its metric_id, or leave it empty."
        )
    rows_of: dict[str, Any] = {t.field: tuple(tables[t.name].values()) for t in TABLES}
    return Loaded(StudyData(**head, **rows_of).canonical(), notes.sentences())


def _head(files: Mapping[str, bytes], name: str, notes: Notes) -> dict[str, Any]:
    if "study.json" not in files:
        slug = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "study"
        notes.add(
            "missing files",
            f"There is no study.json: the study is called {slug!r} after its folder, its votes are taken as people's, "
            "and no metric is declared the primary one.",
        )
        return {
            "slug": slug, "title": name or slug, "simulated": False, "networks": (), "primary_metric": "",
            "design_digest": "", "frozen_at": "", "alpha": ALPHA, "margin": MARGIN, "departures": (),
            "remarks": (),
            "screening": Rules(),
        }  # fmt: skip
    try:
        head = json.loads(decode("study.json", files["study.json"], notes))
    except json.JSONDecodeError as error:
        raise BundleError(
            f"study.json, line {error.lineno}: {error.msg}. It must be one JSON object as exported."
        ) from error
    except RecursionError as error:
        raise BundleError("study.json must be one JSON object as exported.") from error
    if not isinstance(head, dict):
        raise BundleError("study.json must be one JSON object as exported.")
    head = {**LATER, **head}
    for key, kind in HEAD.items():
        if not isinstance(head.get(key), kind):
            word = {str: "a text", bool: "true or false", list: "a list of texts", float: "a fraction"}[kind]
            raise BundleError(f"study.json: {key!r} is missing or not {word}. Take it from the export.")
    if not (0 < head["alpha"] < 1 and 0.5 < head["margin"] < 1):
        raise BundleError(
            "study.json: 'alpha' must lie between 0 and 1 and 'margin' between 0.5 and 1. Take them from the export."
        )
    lists = [name for key, kind in HEAD.items() if kind is list for name in head[key]]
    said = head.get("notes")  # what an import has to say of its votes
    for note in said if isinstance(said, list) else ():
        notes.add("such notes", str(note)[:1000])
    texts = [*(head[key] for key, kind in HEAD.items() if kind is str), *lists]
    if not all(cells.is_whole_text(text) for text in texts if isinstance(text, str)):
        raise BundleError(
            "study.json holds half of a character (a lone surrogate, such as \\ud800). Write the whole one."
        )
    for key in (key for key, kind in HEAD.items() if kind is list):
        if not all(isinstance(text, str) for text in head[key]):
            raise BundleError(f"study.json: {key!r} must be a list of texts. Take it from the export.")
    found = {key: tuple(head[key]) if kind is list else head[key] for key, kind in HEAD.items()}
    return found | {"screening": _screening(head.get("screening", {}))}


def _screening(said: Any) -> Rules:
    """The rules that flagged participants; those that an export does not name are the house's."""
    known = dataclasses.asdict(Rules())
    if not isinstance(said, dict) or set(said) - set(known) or any(type(v) not in (int, float) for v in said.values()):
        raise BundleError(
            f"study.json: 'screening' must be an object of numbers: {', '.join(known)}. Take it from the export."
        )
    return Rules(**said)


def _check_there(files: Mapping[str, bytes]) -> None:
    missing = [t.path for t in TABLES if t.needed and t.path not in files]
    if missing:
        raise BundleError(
            f"{missing[0]} is missing. A bundle holds {', '.join(t.path for t in TABLES if t.needed)} at least."
        )


def _read_table(table: Table, content: bytes, fill: Fill, params: Params | None, notes: Notes) -> Rows:
    page = sheet(table.path, decode(table.path, content, notes), [c.name for c in table.columns], notes)
    lacking = next((c.name for c in table.columns if c.needed and c.name not in page.header), None)
    if lacking is not None:
        needed = ", ".join(c.name for c in table.columns if c.needed)
        raise BundleError(
            f"{table.path}, line 1: there is no column {lacking}. The header needs {needed}; see docs/bundle.md."
        )
    _note_columns(table, page, notes)
    at = {name: i for i, name in enumerate(page.header)}
    plan = [(c, at[c.name], cells.reader(c, decimal_comma=page.decimal_comma)) for c in table.columns if c.name in at]
    settings = [(name.removeprefix("param_"), i) for name, i in at.items() if name.startswith("param_")]
    rows: Rows = {}
    for line, row in page.rows:
        values: dict[str, Any] = {}
        for column, i, cell in plan:
            try:
                value = cell(row[i])
            except ValueError as error:
                place = f"{table.path}, line {line}, column {column.name}: {error}"
                if not column.empty:
                    raise BundleError(f"{place} Mend the cell.") from error
                notes.add(f"such cells in {table.path}", f"{place} It is taken as missing.")
                value = None
                if table.name == "scores":
                    values["status"] = "nan"
            if value is not cells.LEAVE:
                values.setdefault(column.field, value)
        if table.name == "conditions":
            values["params"] = _params(settings, row, page, f"{table.path}, line {line}", notes)
        elif params is not None:
            own = _params(settings, row, page, f"{table.path}, line {line}", notes)
            if params.setdefault(values["condition"], own) != own:
                notes.add(
                    f"such lines in {table.path}",
                    f"{table.path}, line {line}: the parameters are not those of the condition's first line, which "
                    "count.",
                )
        fill(values)
        rows[line] = table.row(**values)
    return rows


def _note_columns(table: Table, page: Sheet, notes: Notes) -> None:
    known = {c.name for c in table.all_columns} | {""}
    for name in page.header:
        if name not in known and not (name.startswith("param_") and table.name in ("conditions", "stimuli")):
            notes.add(f"columns in {table.path}", f"{table.path}: the column {name[:80]!r} is not used.")
    if table.name == "metrics" and "direction" not in page.header:
        notes.add(
            "such columns", f"{table.path} has no column direction: of every metric the lower value is taken as better."
        )


def _params(
    settings: list[tuple[str, int]], row: list[str], page: Sheet, place: str, notes: Notes
) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for name, i in settings:
        if row[i] != "":
            try:
                found[name] = cells.parameter(row[i], decimal_comma=page.decimal_comma)
            except ValueError as error:
                raise BundleError(f"{place}, column param_{name}: {error} Mend the cell.") from error
            if found[name] == row[i]:
                notes.add("such parameters", f"{place}, column param_{name}: {row[i][:80]!r} is read as a text.")
    return found
