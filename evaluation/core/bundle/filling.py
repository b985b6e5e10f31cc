"""What a bundle leaves out and its other files tell: labels, places, and whole tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from evaluation.core.bundle.mending import Rows
from evaluation.core.bundle.tables import BundleError
from evaluation.core.dataset import Condition, Participant, Question, Scalar, Scene

#: Asked in a bundle that does not say what was asked.
UNKNOWN_QUESTION = "Which image is preferred? (The words of the question are not in the bundle.)"
QUESTION = "question"

#: Condition id -> its parameters.
Params = dict[str, dict[str, Scalar]]
#: Completes the values of a row with what its file leaves out; called once per row, in the order of the file.
Fill = Callable[[dict[str, Any]], None]


def filler(table: str, tables: Mapping[str, Rows]) -> Fill:
    """What completes the rows of ``table``; ``tables`` holds those read before it."""
    if table == "trials":
        return _trial_filler(tables)
    place = count()

    def fill(values: dict[str, Any]) -> None:
        if table in ("scenes", "conditions", "metrics"):
            values.setdefault("label", values["id"])
        if table in ("questions", "scenes", "conditions"):
            values.setdefault("position", next(place))
        if table == "questions":
            values.setdefault("text", UNKNOWN_QUESTION)
        if table == "metrics":
            values.setdefault("key", values["id"])
        if table == "scores":
            values.setdefault("status", "unavailable" if values["value"] is None else "ok")

    return fill


def derive(tables: dict[str, Rows], params: Params, *, simulated: bool) -> None:
    """Add the tables that are not there, in the order in which the others first name their rows.

    ``params``: of each condition, as the stimuli tell them. The participants of a ``simulated`` study are programs.
    """
    stimuli, trials = list(tables["stimuli"].values()), tables["trials"].values()
    if "questions" not in tables:
        asked = dict.fromkeys(t.question for t in trials) or {QUESTION: None}
        tables["questions"] = _rows([Question(q, UNKNOWN_QUESTION, i) for i, q in enumerate(asked)])
    if "scenes" not in tables:
        scenes = dict.fromkeys(s.scene for s in stimuli)
        tables["scenes"] = _rows([Scene(name, name, i) for i, name in enumerate(scenes)])
    if "conditions" not in tables:
        role = {s.condition: s.role for s in reversed(stimuli)}
        conditions = dict.fromkeys(s.condition for s in stimuli)
        tables["conditions"] = _rows(
            [Condition(c, c, i, role=role[c], params=params.get(c, {})) for i, c in enumerate(conditions)]
        )
    if "participants" not in tables:
        people = dict.fromkeys(t.participant for t in trials)
        tables["participants"] = _rows([Participant(name, is_bot=simulated) for name in people])


def _rows(rows: list[Any]) -> Rows:
    return dict(enumerate(rows))


def _trial_filler(tables: Mapping[str, Rows]) -> Fill:
    scene = {s.id: s.scene for s in tables["stimuli"].values()}
    asked = [q.id for q in tables["questions"].values()] if "questions" in tables else [QUESTION]
    turn: Counter[str] = Counter()

    def fill(values: dict[str, Any]) -> None:
        if "question" not in values:
            if len(asked) != 1:
                raise BundleError(
                    f"data/trials.csv leaves out question_id and data/questions.csv has {len(asked)} rows. "
                    "Say in each trial which question it answers."
                )
            values["question"] = asked[0]
        values.setdefault("scene", scene.get(values["left"], ""))
        values.setdefault("position", turn[values["participant"]])
        turn[values["participant"]] += 1

    return fill
