"""Votes that were gathered elsewhere: a table of battles in the arena format (``model_a``, ``model_b``, ``winner``) and
a table of numbers per scene and model become a study.

The format is that of chatbot arenas (Chiang et al. 2024, lmarena's arena-rank): ``winner`` is model_a, model_b, tie, or
"tie (bothbad)", which counts as a tie there and here.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from evaluation.core.bundle.columns import BundleError
from evaluation.core.bundle.text import Notes, decode, sheet
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

CHOICES = {"model_a": "left", "model_b": "right", "tie": "tie"}
BOTH_BAD = ("both_bad", "bothbad", "tie (bothbad)", "tie (both_bad)")
QUESTION = "Which is preferred?"
INDEPENDENT = (
    "The judges are not named: each vote counts as a person of its own, and every interval and p value assumes that "
    "the votes are independent. If some people gave several, the intervals are too narrow."
)
#: An id that needs no change; a colon stands between the two of a stimulus.
PLAIN = re.compile(r"(?!\.)[A-Za-z0-9_.-]+")
Row = Mapping[str, str]
#: Line of the file and its cells by column.
Rows = list[tuple[int, Row]]


@dataclass(frozen=True)
class Names:
    """What the columns are called; empty for what a file does not have. ``higher``: metrics of which a higher value is
    the better one. ``title``, ``question``: of the study, where the votes name no questions."""

    scene: str = "scene"
    judge: str = "judge"
    question: str = "question"
    time: str = "timestamp"
    higher: Sequence[str] = ()
    title: str = "Imported votes"
    asked: str = QUESTION


@dataclass(frozen=True)
class Imported:
    """The study, sentences on what its reader should know, and one on every line that is not in it."""

    data: StudyData
    notices: tuple[str, ...]
    left_out: tuple[str, ...]


@dataclass
class _Ids:
    """Names of people's choosing -> ids that may name files."""

    known: dict[str, str] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    last: dict[str, int] = field(default_factory=dict)

    def __call__(self, name: str) -> str:
        if name not in self.known:
            plain = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip(".-") or "item"
            found = name if PLAIN.fullmatch(name) else plain
            while found in self.taken:
                self.last[plain] = self.last.get(plain, 1) + 1
                found = f"{plain}-{self.last[plain]}"
            self.taken.add(found)
            self.known[name] = found
        return self.known[name]


def imported(votes: tuple[str, bytes], losses: tuple[str, bytes], names: Names, *, slug: str) -> Imported:
    """A study from two files (name and bytes each): the votes as CSV or JSON lines, the numbers as CSV.

    Raises :class:`BundleError` with a sentence where a file cannot be read as what it should be.
    """
    said: list[str] = []
    measured, numbers = _losses(losses, names, said)
    rows = _rows(votes, ("model_a", "model_b", "winner"), said)
    left_out: list[str] = []
    battles = list(_battles(votes[0], rows, names, left_out))
    if not battles:
        raise BundleError(f"{votes[0]} has no vote that can be read. {' '.join(left_out[:3])}".strip())
    scene, model, question, judge = _Ids(), _Ids(), _Ids(), _Ids()
    met = dict.fromkeys((b["scene"], b[side]) for b in battles for side in ("model_a", "model_b"))
    missing = [pair for pair in met if pair not in numbers]
    for place, name in missing:
        said.append(f"{losses[0]} has no row for {name!r}{_in(place)}: its votes stay in, its numbers are missing.")
    cells = [*numbers, *missing]
    _told_apart({c[0] for c in cells}, "all", "scenes", names.scene)
    _told_apart({b["question"] for b in battles}, "question", "questions", names.question)
    if not any(b["judge"] for b in battles):
        said.append(INDEPENDENT)
    bad = sum(b["both_bad"] == "yes" for b in battles)
    if bad:
        said.append(f"{bad} votes call both bad; they count as ties, as in arenas.")
    stimulus = {cell: f"{scene(cell[0] or 'all')}:{model(cell[1])}" for cell in cells}
    data = StudyData(
        slug=slug,
        title=names.title,
        simulated=False,
        questions=tuple(
            Question(question(text or "question"), text or names.asked, i)
            for i, text in enumerate(dict.fromkeys(b["question"] for b in battles))
        ),
        scenes=tuple(
            Scene(scene(text or "all"), text or "all", i) for i, text in enumerate(dict.fromkeys(c[0] for c in cells))
        ),
        conditions=tuple(
            Condition(model(text), text, i) for i, text in enumerate(dict.fromkeys(c[1] for c in cells))
        ),
        stimuli=tuple(Stimulus(stimulus[c], scene(c[0] or "all"), model(c[1])) for c in cells),
        metrics=tuple(
            MetricInfo(key, key, label, direction="higher_better" if label in names.higher else "lower_better")
            for label, key in measured.items()
        ),
        scores=tuple(
            Score(stimulus[cell], key, value, "ok" if value is not None else "unavailable")
            for cell in cells
            for label, key in measured.items()
            for value in [numbers.get(cell, {}).get(label)]
        ),
        participants=tuple(Participant(judge(b["judge"] or b["id"])) for b in {_who(b): b for b in battles}.values()),
        trials=tuple(
            Trial(
                id=b["id"], participant=judge(b["judge"] or b["id"]), question=question(b["question"] or "question"),
                position=i, scene=scene(b["scene"] or "all"), left=stimulus[b["scene"], b["model_a"]],
                right=stimulus[b["scene"], b["model_b"]], choice=b["choice"], submitted_at=b["time"],
            )
            for i, b in enumerate(battles)
        ),
    )  # fmt: skip
    return Imported(data.canonical(), tuple(said), tuple(left_out))


def _who(battle: Row) -> str:
    return battle["judge"] or battle["id"]


def _told_apart(found: Collection[str], unnamed: str, what: str, column: str) -> None:
    """Refuse a name that is the one of those which have none."""
    if "" in found and unnamed in found:
        raise BundleError(
            f"Some {what} have no name and others are called {unnamed!r}, which is what those would be called. "
            f"Fill the empty cells of the column {column}."
        )


def _in(scene: str) -> str:
    return f" in {scene!r}" if scene else ""


def _battles(path: str, rows: Rows, names: Names, left_out: list[str]) -> Iterator[Row]:
    """The votes that can be read; each of the others gets its sentence."""
    for line, row in rows:
        a, b, winner = (row.get(name, "").strip() for name in ("model_a", "model_b", "winner"))
        bad = winner.lower() in BOTH_BAD
        wrong = ""
        if not a or not b:
            wrong = f"model_{'a' if not a else 'b'} is empty."
        elif a == b:
            wrong = f"{a[:80]!r} cannot meet itself."
        elif not bad and winner not in CHOICES:
            wrong = f"winner {winner[:80]!r} is none of model_a, model_b, tie, both_bad."
        if wrong:
            left_out.append(f"{path}, line {line}: {wrong} The vote is left out.")
            continue
        yield {
            "id": f"line{line:07d}", "model_a": a, "model_b": b, "choice": "tie" if bad else CHOICES[winner],
            "both_bad": "yes" if bad else "", "scene": row.get(names.scene, "").strip(),
            "judge": row.get(names.judge, "").strip(), "question": row.get(names.question, "").strip(),
            "time": row.get(names.time, "").strip(),
        }  # fmt: skip


def _losses(
    file: tuple[str, bytes], names: Names, said: list[str]
) -> tuple[dict[str, str], dict[tuple[str, str], dict[str, float | None]]]:
    """Metric -> its id; (scene, model) -> metric -> number."""
    path, ids = file[0], _Ids()
    rows = _rows(file, ("model",), said)
    if not rows:
        raise BundleError(f"{path} has no row. Give one per scene and model.")
    # A line of JSON need not have every key.
    columns = dict.fromkeys(name for _, row in rows for name in row)
    measured = {name: ids(name) for name in columns if name not in ("model", names.scene, "")}
    if not measured:
        raise BundleError(f"{path} has no column of numbers beside model and {names.scene}. Give one per metric.")
    unknown = [name for name in names.higher if name not in measured]
    if unknown:
        raise BundleError(f"{path} has no column {unknown[0]}. Its metrics are {', '.join(measured)}.")
    found: dict[tuple[str, str], dict[str, float | None]] = {}
    for line, row in rows:
        cell = (row.get(names.scene, "").strip(), row.get("model", "").strip())
        if not cell[1] or cell in found:
            what = "model is empty" if not cell[1] else f"{cell[1]!r}{_in(cell[0])} stands above already"
            raise BundleError(f"{path}, line {line}: {what}. Give each scene and model one row.")
        found[cell] = {name: _number(path, line, name, row.get(name, "")) for name in measured}
    return measured, found


def _number(path: str, line: int, column: str, text: str) -> float | None:
    if not text.strip():
        return None
    try:
        value = float("" if "_" in text else text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BundleError(
            f"{path}, line {line}, column {column}: {text[:80]!r} is no number. Leave it empty if missing."
        )
    return value


def _rows(file: tuple[str, bytes], needed: Sequence[str], said: list[str]) -> Rows:
    """The rows of a CSV, or of JSON lines, with the line of each."""
    path, content = file
    notes = Notes()
    text = decode(path, content, notes)
    if text.lstrip()[:1] == "{":
        found: Rows = [(n, _object(path, n, line)) for n, line in enumerate(text.splitlines(), start=1) if line.strip()]
        header: Sequence[str] = list(dict.fromkeys(name for _, row in found for name in row))
    else:
        page = sheet(path, text, needed, notes)
        header = page.header
        found = [(line, dict(zip(header, cells, strict=True))) for line, cells in page.rows]
    said += notes.sentences()
    lacking = next((name for name in needed if name not in header), None)
    if lacking is not None:
        raise BundleError(f"{path} has no column {lacking}; it needs {', '.join(needed)}. It has {', '.join(header)}.")
    return found


def _object(path: str, number: int, line: str) -> Row:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise BundleError(f"{path}, line {number}: {error.msg}. Each line must be one JSON object.") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or brackets as deep
        raise BundleError(
            f"{path}, line {number}: a number is too long or brackets are too deep. Each line must be one JSON object."
        ) from error
    if not isinstance(value, dict):
        raise BundleError(f"{path}, line {number}: this is no JSON object. Each line must be one.")
    return {name: "" if cell is None else str(cell) for name, cell in value.items()}
