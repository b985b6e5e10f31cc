"""The votes of a question as other tools read them: pwcmp (MATLAB), arena-rank and choix (Python).

Of these only arena-rank knows ties. For the other two a tie is a vote each way, and so that it weighs no more than a
vote, every other vote is then written twice: the scores stay those of half-wins. Neither file can be used for an error
that counts its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evaluation.core.ballots import analysis_set
from evaluation.core.dataset import StudyData, Trial
from generation.core.csv_text import csv_bytes, csv_cell

#: Trial, condition left, condition right (ids).
Vote = tuple[Trial, str, str]


def pwcmp(data: StudyData, question: str) -> dict[str, bytes]:
    """``pwcmp.csv``: a row per vote as pwcmp's readme describes it; group by ``scene`` when scaling."""
    rows = [
        (t.participant, "1", t.scene, left, right, "1" if first else "0")
        for (t, left, right), first in _decided(_votes(data, question))
    ]
    head = ("observer", "session", "scene", "condition_A", "condition_B", "is_A_selected")
    return {"pwcmp.csv": csv_bytes([head, *rows])}


def arena(data: StudyData, question: str) -> dict[str, bytes]:
    """``arena.csv``: a row per vote with model_a, model_b and winner (model_a, model_b or tie), scenes pooled."""
    words = {"left": "model_a", "right": "model_b", "tie": "tie"}
    rows = [(left, right, words[t.choice], t.scene, t.participant) for t, left, right in _votes(data, question)]
    return {"arena.csv": csv_bytes([("model_a", "model_b", "winner", "scene", "judge"), *rows])}


def choix(data: StudyData, question: str) -> dict[str, bytes]:
    """``choix.csv``: scene, winner, loser by number; ``choix_items.csv``: what the numbers stand for."""
    items = [c for c in data.conditions if c.role == "grid"]
    number = {c.id: str(i) for i, c in enumerate(items)}
    rows = [
        (t.scene, number[left if first else right], number[right if first else left])
        for (t, left, right), first in _decided(_votes(data, question))
    ]
    names = [(number[c.id], c.id, csv_cell(c.label)) for c in items]
    return {
        "choix.csv": csv_bytes([("scene_id", "winner", "loser"), *rows]),
        "choix_items.csv": csv_bytes([("number", "condition_id", "condition_label"), *names]),
    }


FORMATS: dict[str, Callable[[StudyData, str], dict[str, bytes]]] = {"pwcmp": pwcmp, "arena": arena, "choix": choix}


def _votes(data: StudyData, question: str) -> list[Vote]:
    condition = {s.id: s.condition for s in data.stimuli}
    return [(t, condition[t.left], condition[t.right]) for t in analysis_set(data, question)[0]]


def _decided(votes: Sequence[Vote]) -> list[tuple[Vote, bool]]:
    """Each vote with whether the left won; where there are ties, twice."""
    ways = (True, False) if any(t.choice == "tie" for t, _, _ in votes) else (True,)
    return [(vote, way if vote[0].choice == "tie" else vote[0].choice == "left") for vote in votes for way in ways]
