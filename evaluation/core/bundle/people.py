"""Participants and their trials as lines of CSV, one participant after the other: a study of a million trials is
written without ever being in memory."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from scipy import special

from evaluation.core.ballots import PRESENTED, SHARE_LEFT, FlowStep, analysis_steps, real_or_fake_steps, repeated
from evaluation.core.bundle.tables import Column, table_named
from evaluation.core.dataset import Participant, StudyData, Trial
from generation.core.csv_text import csv_cell
from studyplatform.voting.core.quality import quality

#: The steps before the one that looks at the kind are the same for every trial.
BEFORE_KIND = 2


class People:
    """Lines of participants.csv and trials.csv, and the flow of every question, from participants in order of id.

    ``sealed``: without the columns that tell which picture was chosen.
    """

    def __init__(self, data: StudyData, *, sealed: bool = False) -> None:
        """``data`` in canonical order; its trials are not looked at."""
        self._data = data
        self._condition = {s.id: s.condition for s in data.stimuli}
        self._person = {p.id: p for p in data.participants}
        self._steps = {"main": analysis_steps(data), "real_fake": real_or_fake_steps(data)}
        self._flows = {q.id: _Flow({kind: len(steps) for kind, steps in self._steps.items()}) for q in data.questions}
        self._columns = {name: columns(name, sealed=sealed) for name in ("participants", "trials")}
        self.rows = 0
        self.first_vote_at = ""

    def header(self, table: str) -> list[str]:
        """Names of the columns of ``participants`` or ``trials``."""
        return [c.name for c in self._columns[table]]

    def lines(self, person: Participant, trials: Sequence[Trial]) -> tuple[list[str], list[list[str]], list[Trial]]:
        """The line of ``person``, those of all their ``trials`` (in order of id), and the main votes to analyse."""
        votes, lines = [], []
        reached: dict[tuple[str, str], int] = {}
        for trial in trials:
            depth, reason = self._judged(trial)
            kind = "real_fake" if trial.kind == "real_fake" else "main"
            flow = self._flows[trial.question]
            flow.kinds.add(trial.kind)
            for other in self._steps:
                met = depth if other == kind else min(depth, BEFORE_KIND)
                flow.trials[other][met] += 1
                who = (trial.question, other)
                reached[who] = max(met, reached.get(who, 0))
            if not reason:
                if kind == "main":
                    votes.append(trial)
                if not self.first_vote_at or trial.submitted_at < self.first_vote_at:
                    self.first_vote_at = trial.submitted_at
            lines.append(self._trial(trial, reason))
        for (question, kind), depth in reached.items():
            self._flows[question].people[kind][depth] += 1
        self.rows += len(lines)
        found = _summary(person, trials, self._data.simulated)
        return _cells(self._columns["participants"], person, found), lines, votes

    def flow(self, question: str) -> list[FlowStep]:
        """How many trials and participants were left after each step towards the votes of a question."""
        flow = self._flows[question]
        kind = "real_fake" if "real_fake" in flow.kinds and "main" not in flow.kinds else "main"
        words = [PRESENTED, *((name, said) for name, said, _ in self._steps[kind])]
        counts = zip(_left(flow.trials[kind]), _left(flow.people[kind]), strict=True)
        return [FlowStep(*said, *count) for said, count in zip(words, counts, strict=True)]

    def _judged(self, trial: Trial) -> tuple[int, str]:
        """How many steps a trial passes, and what keeps it out of the analysis."""
        steps = self._steps["real_fake" if trial.kind == "real_fake" else "main"]
        for depth, (name, _, keep) in enumerate(steps):
            if not keep(trial):
                return depth, self._person[trial.participant].exclusion_reason if name == "included" else name
        return len(steps), ""

    def _trial(self, trial: Trial, reason: str) -> list[str]:
        winner = {"left": trial.left, "right": trial.right}.get(trial.choice, "")
        found = {
            "session_id": trial.participant, "winner_stimulus_id": winner, "included": not reason,
            "exclusion_reason": reason, "simulated": self._data.simulated,
            "condition_left": self._condition[trial.left], "condition_right": self._condition[trial.right],
        }  # fmt: skip
        return _cells(self._columns["trials"], trial, found)


class _Flow:
    """How many trials and participants get exactly so far, by kind of analysis; and the kinds that were met."""

    def __init__(self, steps: dict[str, int]) -> None:
        self.kinds: set[str] = set()
        self.trials = {kind: [0] * (n + 1) for kind, n in steps.items()}
        self.people = {kind: [0] * (n + 1) for kind, n in steps.items()}


def columns(table: str, *, sealed: bool) -> tuple[Column, ...]:
    """The columns of a table as they are written: those that are read, then those made from them."""
    found = table_named(table)
    return tuple(c for c in (*found.columns, *found.made) if not (sealed and c.sealed))


def _cells(wanted: Iterable[Column], row: Any, made: dict[str, Any]) -> list[str]:
    return [csv_cell(made[c.name] if c.made else getattr(row, c.field), free=c.free) for c in wanted]


def _left(at: Sequence[int]) -> list[int]:
    """From how many get exactly so far to how many get at least so far."""
    return [sum(at[i:]) for i in range(len(at))]


def _summary(person: Participant, trials: Sequence[Trial], simulated: bool) -> dict[str, Any]:
    """How one participant answered, every question and kind of trial taken together (specs/evaluation.md, E15)."""
    answered = sorted((t for t in trials if t.choice and not t.superseded), key=lambda t: t.place)
    kinds = [t.kind for t in answered if t.choice in SHARE_LEFT]
    found = quality([t.choice for t in answered], [t.rt_ms for t in answered])
    sided = [t.choice for t in answered if t.choice in ("left", "right")]
    caught = [t for t in answered if t.kind == "catch" and t.choice in SHARE_LEFT]
    again = repeated(trials)
    same = sum(_picture(one) == _picture(other) for one, other in again)
    return {
        "included": not (person.is_preview or person.is_pilot or person.exclusion_reason)
        and person.is_bot == simulated,
        "n_presented": len(trials),
        "n_main": kinds.count("main") + kinds.count("real_fake"),
        "n_catch": len(caught),
        "n_catch_failed": sum(t.choice != t.expected for t in caught),
        "n_repeat": len(again),
        "repeat_consistency": same / len(again) if again else None,
        "left_rate": found.left_rate,
        "left_p": _half(sided.count("left"), len(sided)) if sided else None,
        "longest_run": found.longest_run if answered else None,
        # Durations are integers (3.1); halves are rounded to even.
        "median_rt_ms": None if found.median_rt_ms is None else round(found.median_rt_ms),
        "share_fast": found.fast_share,
    }


def _half(successes: int, n: int) -> float:
    """Two-sided exact binomial p against one half."""
    return min(1.0, 2 * float(special.bdtr(min(successes, n - successes), n, 0.5)))


def _picture(trial: Trial) -> str:
    return {"left": trial.left, "right": trial.right}.get(trial.choice, "")
