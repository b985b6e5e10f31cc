"""From the bytes of a file to its lines of cells, whatever spreadsheet saved them; and the notes on what was mended."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from evaluation.core.bundle.tables import BundleError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
#: A longer line is no row of a table; it is refused before its cells are taken apart.
LONGEST_LINE = 1_000_000
#: So many sentences of one kind are printed; the others are counted.
SPOKEN = 3


class Notes:
    """Sentences on what was mended while reading; of many of a kind a few, and how many more."""

    def __init__(self) -> None:
        """Nothing noted yet."""
        self._kinds: dict[str, list[str]] = {}
        self._more: dict[str, int] = {}

    def add(self, kind: str, sentence: str) -> None:
        """Note ``sentence``; ``kind`` ends the sentence 'and n more ...'."""
        said = self._kinds.setdefault(kind, [])
        if len(said) < SPOKEN:
            said.append(sentence)
        else:
            self._more[kind] = self._more.get(kind, 0) + 1

    def sentences(self) -> tuple[str, ...]:
        """What to print, in the order of first notice."""
        found: list[str] = []
        for kind, said in self._kinds.items():
            found += said
            if kind in self._more:
                found.append(f"… and {self._more[kind]} more {kind}.")
        return tuple(found)


@dataclass(frozen=True)
class Sheet:
    """A table as text: the names in its header, and per row its line in the file and its cells.

    ``decimal_comma``: whether 3,5 may be meant for 3.5 (the comma does not separate the cells).
    """

    header: tuple[str, ...]
    rows: Iterator[tuple[int, list[str]]]
    decimal_comma: bool


def decode(path: str, content: bytes, notes: Notes) -> str:
    """The text of a file: UTF-8, UTF-16 with its mark, or (noted) Windows-1252. :class:`BundleError` otherwise."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            text = content.decode("utf-16")
        except UnicodeDecodeError as error:
            raise BundleError(f"{path} begins like UTF-16 and is not. Save the file as “CSV UTF-8”.") from error
        notes.add("files in UTF-16", f"{path} is in UTF-16 and was read so.")
        return text
    if b"\0" in content:
        raise BundleError(f"{path} holds zero bytes: it is no text file. Save the table as “CSV UTF-8”.")
    try:
        return content.decode("utf-8-sig")  # spreadsheets put a mark of order in front of their UTF-8
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            text = "\1"
        if any(text.find(chr(code)) >= 0 for code in range(32) if chr(code) not in "\t\n\r"):
            raise BundleError(
                f"{path}, line {line}: this is neither UTF-8 nor Windows-1252. Save the file as “CSV UTF-8”."
            ) from error
        notes.add(
            "files in Windows-1252",
            f"{path}, line {line}: this is not UTF-8; the file was read as Windows-1252. Look at its accents.",
        )
        return text


def sheet(path: str, text: str, known: Collection[str], notes: Notes) -> Sheet:
    """The rows of a table whose header names some of the ``known`` columns; :class:`BundleError` for what is none."""
    if not text.strip():
        raise BundleError(f"{path} is empty. It needs a line with the names of its columns, and a line for each row.")
    first = next(_lines(path, text))
    separator = max(SEPARATORS, key=lambda s: len(set(_header(path, first, s)) & set(known)))
    if separator != ",":
        point = "" if separator == "\t" else ", and a decimal comma as a point"
        notes.add(
            "files with other separators",
            f"{path} separates its cells with {SEPARATORS[separator]} and was read so{point}.",
        )
    header = _header(path, first, separator)
    twice = next((name for i, name in enumerate(header) if name and name in header[:i]), None)
    if twice is not None:
        raise BundleError(f"{path}, line 1: the column {twice} is there twice. Remove one of the two.")
    return Sheet(tuple(header), _rows(path, text, separator, len(header)), separator != ",")


def _header(path: str, line: str, separator: str) -> list[str]:
    try:
        return [name.strip() for name in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error as error:
        raise BundleError(f"{path}, line 1: {error}. Save it as CSV with commas and quotes.") from error


def _rows(path: str, text: str, separator: str, width: int) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(_lines(path, text), delimiter=separator, strict=True)
    try:
        next(reader)
        for cells in reader:
            if len(cells) != width:
                while len(cells) > width and not cells[-1]:  # a spreadsheet may end every line with separators
                    cells.pop()
                if not any(cells):
                    continue
                if len(cells) != width:
                    few = "fewer" if len(cells) < width else "more"
                    raise BundleError(
                        f"{path}, line {reader.line_num}: {few} cells than the header has. Each row needs a cell per "
                        "column."
                    )
            elif not any(cells):
                continue
            yield reader.line_num, cells
    except csv.Error as error:
        raise BundleError(f"{path}, line {reader.line_num}: {error}. Save it as CSV with commas and quotes.") from error


def _lines(path: str, text: str) -> Iterator[str]:
    stream = io.StringIO(text, newline="")
    number = 0
    while line := stream.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            raise BundleError(
                f"{path}, line {number} is longer than {LONGEST_LINE} characters: this is no table of a bundle."
            )
        yield line
