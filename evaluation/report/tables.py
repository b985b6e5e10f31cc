"""Rows of an analysis as tables for readers: chosen columns, heads in words, a number or a reason in every cell.

A reason that is a sentence stands once under its table, with a mark in the cells it explains.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evaluation.core.words import LEVELS, why_missing
from evaluation.report.numbers import chance, plain
from evaluation.report.sentences import plainly

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Column:
    """A column: its head, and what a row shows in it (None: the reason of the row)."""

    head: str
    show: Callable[[Json], str | None]
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """What stands in a cell. ``mark``: the note under the table that explains a missing number."""

    head: str
    text: str
    numeric: bool
    mark: str = ""


@dataclass(frozen=True)
class Table:
    """A table for the template; the first cell of a row is its heading. ``notes``: (mark, sentence)."""

    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    notes: Sequence[tuple[str, str]]
    caption: str = ""


def table_of(rows: Iterable[Json], columns: Sequence[Column], *, title: str, caption: str = "") -> Table | None:
    """``rows`` as a table; columns without any value are left out, and no rows give None."""
    rows = list(rows)
    texts = [[column.show(row) for column in columns] for row in rows]
    used = [i for i in range(len(columns)) if any(line[i] is not None for line in texts)]
    if not rows or not used:
        return None
    marks: dict[str, str] = {}

    def cell(row: Json, column: Column, text: str | None) -> Cell:
        if text is not None:
            return Cell(column.head, text, column.numeric)
        sentence = plainly(why_missing(row))
        mark = marks.setdefault(sentence, _mark(len(marks)))
        return Cell(column.head, "–", column.numeric, mark)

    body = [[cell(row, columns[i], line[i]) for i in used] for row, line in zip(rows, texts, strict=True)]
    notes = [(mark, sentence) for sentence, mark in marks.items()]
    return Table(title, [columns[i] for i in used], body, notes, caption)


def number(head: str, key: str, show: Callable[[Any], str | None] = plain) -> Column:
    """A column of numbers."""
    return Column(head, lambda row: show(row.get(key)))


def span(head: str, low: str, high: str, show: Callable[[Any, Any], str | None]) -> Column:
    """A column of intervals."""
    return Column(head.replace(" %", "\u00a0%"), lambda row: show(row.get(low), row.get(high)))


def p_value(key: str, level: str) -> Column:
    """A column of p-values under the words of their claim level."""
    return Column(f"p: {LEVELS[level]}", lambda row: chance(row.get(key)))


def words(head: str, key: str, names: Mapping[str, str] | None = None) -> Column:
    """A column of texts; ``names`` turns ids into labels."""
    return Column(head, lambda row: (names or {}).get(row.get(key) or "", row.get(key)) or None, numeric=False)


def _mark(number: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[number] if number < 26 else str(number - 25)
