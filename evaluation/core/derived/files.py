"""The tables of one analysed question as CSV: the same result gives the same bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.core.dataset import StudyData
from evaluation.core.derived.columns import COLUMNS, WHERE_ROWS
from evaluation.core.derived.votes import NAME, votes_analysis
from generation.core.csv_text import csv_bytes, csv_cell

Json = Mapping[str, Any]


def files(result: Json, data: StudyData) -> dict[str, bytes]:
    """Path -> bytes of every table of ``result`` (one question of ``data``) and of its votes, as :func:`tables`."""
    return {f"derived/{name}.csv": content for name, content in tables(result).items()} | {
        NAME: votes_analysis(data, question=result["question"]["id"])
    }


def tables(result: Json) -> dict[str, bytes]:
    """Table -> bytes of every table of ``result`` (one question) but its votes.

    A table without rows has its header only, or is not there where it is one for special studies. Raises
    ``ValueError`` where a row has a column its table has not, or a number that is not finite: both are mistakes of the
    analysis.
    """
    rows: dict[str, Sequence[Json]] = dict.fromkeys(COLUMNS, ())
    rows |= result.get("tables", {}) | {"flow": result["flow"]}
    return {name: table_csv(name, own) for name, own in sorted(rows.items()) if own or name in COLUMNS}


def table_csv(name: str, rows: Sequence[Json]) -> bytes:
    """One table as CSV, its rows in the given order. Raises ``ValueError`` as :func:`tables` does."""
    known = list(COLUMNS.get(name) or WHERE_ROWS.get(name) or {})
    columns = known if name in COLUMNS else list(dict.fromkeys(column for row in rows for column in row))
    for row in rows:
        unknown = [column for column in row if column not in known]
        if unknown and known:
            raise ValueError(f"{name}.csv has no column {unknown[0]}; its columns are {', '.join(known)}.")
    return csv_bytes([columns, *([_cell(name, c, row.get(c)) for c in columns] for row in rows)])


def _cell(table: str, column: str, value: Any) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{table}.csv, column {column}: {value} is not a number. Give None and a reason.")
        value = float(value)  # of numpy's, whose repr names its type
    return csv_cell(value)
