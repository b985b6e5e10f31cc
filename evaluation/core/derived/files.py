"""The tables of one analysed question as CSV: the same result gives the same bytes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.core.dataset import StudyData
from evaluation.core.derived.columns import COLUMNS
from evaluation.core.derived.votes import NAME, votes_analysis
from generation.core.csv_text import csv_bytes, csv_cell

Json = Mapping[str, Any]


def files(result: Json, data: StudyData) -> dict[str, bytes]:
    """Path -> bytes of every table of ``result`` (one question of ``data``) and of its votes.

    A table of the dictionary without rows has its header only; another without rows is not written. Raises
    ``ValueError`` where a row has a column its table has not, or a number that is not finite: both are mistakes of the
    analysis.
    """
    tables: dict[str, Sequence[Json]] = dict.fromkeys(COLUMNS, ())
    tables |= result.get("tables", {}) | {"flow": result["flow"]}
    found = {
        f"derived/{name}.csv": table_csv(name, rows) for name, rows in sorted(tables.items()) if rows or name in COLUMNS
    }
    return found | {NAME: votes_analysis(data, question=result["question"]["id"])}


def table_csv(name: str, rows: Sequence[Json]) -> bytes:
    """One table as CSV, its rows in the given order. Raises ``ValueError`` as :func:`files` does."""
    columns = list(COLUMNS.get(name) or dict.fromkeys(column for row in rows for column in row))
    for row in rows:
        unknown = [column for column in row if column not in columns]
        if unknown:
            raise ValueError(f"{name}.csv has no column {unknown[0]}; its columns are {', '.join(columns)}.")
    return csv_bytes([columns, *([_cell(name, c, row.get(c)) for c in columns] for row in rows)])


def _cell(table: str, column: str, value: Any) -> str:
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{table}.csv, column {column}: {value} is not a number. Give None and a reason.")
        value = float(value)  # of numpy's, whose repr names its type
    return csv_cell(value)
