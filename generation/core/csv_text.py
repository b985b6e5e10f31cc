"""Values as cells of a CSV file, the same wherever the project writes one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

#: A cell that starts with one of these may be run by a spreadsheet (OWASP, CSV injection). The apostrophe is guarded
#: too, so that taking one off on reading is always right.
DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "'")
#: A cell with one of these stands in quotes (RFC 4180).
TO_QUOTE = re.compile(r'[,"\r\n]')


def csv_table(rows: Iterable[Iterable[object]]) -> bytes:
    """Rows of values as a CSV file, all texts guarded against formulas."""
    return csv_bytes([csv_cell(value) for value in row] for row in rows)


def csv_bytes(lines: Iterable[Sequence[str]]) -> bytes:
    """Lines of cells as UTF-8 CSV with LF. (``csv.writer`` would leave a lone carriage return unquoted.)"""
    return "".join(csv_line(line) + "\n" for line in lines).encode()


def csv_line(cells: Iterable[str]) -> str:
    """Cells as a line of CSV, without its end."""
    return ",".join(map(_quoted, cells))


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if TO_QUOTE.search(cell) else cell


def csv_cell(value: object, *, free: bool = True) -> str:
    """A value as a cell: empty for None, true/false, repr for floats; free text guarded against formulas."""
    if isinstance(value, str):
        return f"'{value}" if free and value.startswith(DANGEROUS) else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)
