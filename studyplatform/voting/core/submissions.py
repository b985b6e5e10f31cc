"""What a panel says was handed in: pasted lines, or the table that it exports.

Columns are known by their names: Prolific's export of submissions ("Participant id", "Status", "Completion code"), the
result files of Mechanical Turk ("WorkerId", "AssignmentStatus", "Answer.surveycode"), CloudResearch Connect
("ParticipantId", "CompletionCode") and SONA ("survey_code").
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

_IDS = ("participantid", "prolificpid", "workerid", "surveycode", "sonacode")
_CODES = ("completioncode", "enteredcode", "answersurveycode", "code")
_STATUS = ("status", "submissionstatus", "assignmentstatus")
#: No code and no id is longer: a quotation mark that is never closed swallows what follows.
LONGEST_CELL = 10_000
#: Words of panels for what was begun and not handed in.
NOT_HANDED_IN = ("returned", "timedout", "active", "reserved", "screenedout", "abandoned", "started")


@dataclass(frozen=True)
class Submission:
    """One line: who, with which code; either may be empty."""

    who: str
    code: str


@dataclass(frozen=True)
class Submissions:
    """What was handed in, and how the text was read, in a sentence."""

    handed_in: tuple[Submission, ...]
    read_as: str


def decoded(data: bytes, name: str) -> str:
    """The text of a file: UTF-8, or UTF-16 with its mark, as spreadsheets save it. Raises ``ValueError`` with a
    sentence for what is no text, and for a file with nothing in it."""
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = str(data, "utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"The file “{name}” is no text. Save the table as CSV in UTF-8.") from error
    if not text.strip():
        raise ValueError(f"The file “{name}” is empty. Export it again from the panel; nothing was compared.")
    return text


def read(text: str, *, ids: bool) -> Submissions:
    """Read ``text``: a table with known columns, or one word on each line: an id of the panel (``ids``) or a code.

    Raises ``ValueError`` with a sentence for a table none of whose columns is known, or that is none.
    """
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    if not lines:
        raise ValueError("Nothing was handed in. Paste the lines, or choose the file that the panel exports.")
    mark = max(",;\t", key=lines[0].count)
    if mark not in lines[0]:
        # A single column with its name above the lines is a table too.
        if (name := _plain(lines[0])) in (*_IDS, *_CODES):
            ids, lines = name in _IDS, lines[1:]
        words = [line.strip().strip('"') for line in lines]
        found = tuple(Submission(w, "") if ids else Submission("", w) for w in words)
        return Submissions(found, f"{_n(len(found))} with {'an id' if ids else 'a code'} on each.")
    # csv has a limit of its own, which any library of the process may move; a cell past ours is refused either way.
    long = ValueError(
        f"A cell of this table has more than {LONGEST_CELL} characters, which no code and no id has; "
        "look for a quotation mark that is never closed. Or paste the codes or ids, one on each line."
    )
    try:
        rows = list(csv.reader(lines, delimiter=mark))
    except csv.Error as error:
        raise long from error
    if any(len(cell) > LONGEST_CELL for row in rows for cell in row):
        raise long
    names = [_plain(name) for name in rows[0]]
    who, code, status = (_place(names, known) for known in (_IDS, _CODES, _STATUS))
    if who is None and code is None:
        raise ValueError(
            f"No column of this table is known: {', '.join(rows[0][:8])}. One should be called “Participant id” or "
            "“Completion code”."
        )
    kept = [row for row in rows[1:] if _plain(_cell(row, status)) not in NOT_HANDED_IN]
    found = tuple(Submission(_cell(row, who), _cell(row, code)) for row in kept)
    found = tuple(s for s in found if s.who or s.code)
    columns = " and ".join(f"“{rows[0][place].strip()}”" for place in (who, code) if place is not None)
    left = len(rows) - 1 - len(kept)
    more = f" {left} that were returned or never finished are left aside." if left else ""
    return Submissions(found, f"{_n(len(found))} of a table, by {columns}.{more}")


def _plain(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _place(names: Sequence[str], known: Sequence[str]) -> int | None:
    return next((names.index(name) for name in known if name in names), None)


def _cell(row: Sequence[str], place: int | None) -> str:
    return row[place].strip() if place is not None and place < len(row) else ""


def _n(lines: int) -> str:
    return "1 line" if lines == 1 else f"{lines} lines"
