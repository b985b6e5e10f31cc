"""From trials to votes: the analysis set with its flow table, and the votes of one group as arrays.

specs/evaluation.md section 2.0. The order of the steps is fixed and each is counted, so that nobody leaves unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evaluation.core.dataset import StudyData, Trial
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray, Pairs, sum_votes

#: Share of the vote that goes to the left picture; a tie is half a win to each side.
SHARE_LEFT = {"left": 1.0, "right": 0.0, "tie": 0.5}


@dataclass(frozen=True)
class FlowStep:
    """What was left after a step of the analysis set."""

    step: str
    words: str
    n_trials: int
    n_participants: int


@dataclass(frozen=True)
class ParticipantPairs:
    """Counts of N (participant, pair) cells that hold a vote, in the order of the participants, then of the pairs.

    ``pairs``: counts of everybody together on the E pairs. Arrays of length N: ``participant`` (0..P-1), ``pair``
    (0..E-1), ``wins`` (of the pair's first item; a tie is half a win) and ``games``.
    """

    pairs: Pairs
    n_participants: int
    participant: IntArray
    pair: IntArray
    wins: FloatArray
    games: FloatArray

    @classmethod
    def summed(
        cls,
        n_items: int,
        n_participants: int,
        participant: IntArray,
        cell: IntArray,
        wins: FloatArray,
        games: FloatArray,
    ) -> ParticipantPairs:
        """From (N,) cells first x n_items + second with first < second; ``participant`` sorted."""
        met, pair = np.unique(cell, return_inverse=True)
        won = np.bincount(pair, weights=wins, minlength=len(met)).astype(np.float64)
        lost = np.bincount(pair, weights=games - wins, minlength=len(met)).astype(np.float64)
        pairs = Pairs(n_items, met // n_items, met % n_items, won, lost)
        return cls(pairs, n_participants, participant, pair.astype(np.intp), wins, games)

    @cached_property
    def starts(self) -> IntArray:
        """(P + 1,) where each participant's cells begin."""
        count = np.bincount(self.participant, minlength=self.n_participants)
        return np.concatenate([[0], np.cumsum(count)]).astype(np.intp)

    def among(self, items: IntArray) -> ParticipantPairs:
        """The same among ``items`` (ascending numbers) only, renumbered, without those who did not compare them."""
        number = np.full(self.pairs.n_items, -1, dtype=np.intp)
        number[items] = np.arange(len(items))
        first, second = number[self.pairs.first[self.pair]], number[self.pairs.second[self.pair]]
        kept = (first >= 0) & (second >= 0)
        who, participant = np.unique(self.participant[kept], return_inverse=True)
        cell = (first * len(items) + second)[kept]
        return self.summed(len(items), len(who), participant.astype(np.intp), cell, self.wins[kept], self.games[kept])


@dataclass(frozen=True)
class Ballots:
    """Votes among the same ``items`` (condition ids in grid order): one scene, or scenes pooled by condition.

    Arrays of length V: ``participant`` (0..P-1), ``left`` and ``right`` (item numbers), ``y`` (share that goes left).
    """

    items: tuple[str, ...]
    n_participants: int
    participant: IntArray
    left: IntArray
    right: IntArray
    y: FloatArray

    @property
    def n_votes(self) -> int:
        """Number of votes."""
        return len(self.y)

    @property
    def votes_on(self) -> IntArray:
        """(K,) votes in which each item took part."""
        both = np.concatenate([self.left, self.right])
        return np.bincount(both, minlength=len(self.items)).astype(np.intp)

    def by_participant(self) -> ParticipantPairs:
        """The votes as counts on the pairs that each participant met."""
        k = len(self.items)
        turned = self.left > self.right
        pair = np.where(turned, self.right * k + self.left, self.left * k + self.right)
        share = np.where(turned, 1.0 - self.y, self.y)
        shape = (self.n_participants, k * k)
        participant, cell, wins, games = sum_votes(self.participant, pair, shape, share, np.ones(self.n_votes))
        return ParticipantPairs.summed(k, self.n_participants, participant, cell, wins, games)


#: A step: its name, what is left after it in words, and which trials are.
Step = tuple[str, str, Callable[[Trial], bool]]
PRESENTED = ("presented", "pairs laid out for those who started")


def asks_which_is_real(data: StudyData, question: str) -> bool:
    """Whether it was asked about generated pictures beside the photograph, and never about two of the grid."""
    kinds = {t.kind for t in data.trials if t.question == question}
    return "real_fake" in kinds and "main" not in kinds


def analysis_steps(data: StudyData) -> list[Step]:
    """What leads from the trials laid out to main votes between images of the grid, in order."""
    stimulus = data.stimulus
    between: list[Step] = [
        (
            "grid_pairs",
            "between two images of the grid (no control picture)",
            lambda t: stimulus[t.left].role == stimulus[t.right].role == "grid",
        ),
        (
            "different_conditions",
            "between two different conditions",
            lambda t: stimulus[t.left].condition != stimulus[t.right].condition,
        ),
    ]
    return _steps(data, ("main", "main trials (no practice, catch, repeat)"), between)


def real_or_fake_steps(data: StudyData) -> list[Step]:
    """The same to votes between one image of the grid and one that is none (the photograph)."""
    stimulus = data.stimulus
    one_generated: Step = (
        "one_generated",
        "of one image of the grid beside one that is not",
        lambda t: (stimulus[t.left].role == "grid") != (stimulus[t.right].role == "grid"),
    )
    return _steps(data, ("real_fake", "trials with the photograph (no practice, catch, repeat)"), [one_generated])


def analysis_set(data: StudyData, question: str) -> tuple[list[Trial], list[FlowStep]]:
    """Main votes of one question between grid images, and the flow that led to them; ``data`` in canonical order."""
    return _stepwise(data, question, analysis_steps(data))


def real_or_fake_set(data: StudyData, question: str) -> tuple[list[Trial], list[FlowStep]]:
    """Votes of one question between one grid image and one that is none (the photograph), and the flow."""
    return _stepwise(data, question, real_or_fake_steps(data))


def _steps(data: StudyData, kind: tuple[str, str], last: Sequence[Step]) -> list[Step]:
    """The steps for trials of one ``kind`` (name, words): those shared by all, and the ``last`` ones."""
    people = {p.id: p for p in data.participants}
    who: Step = (
        ("simulated_only", "cast by simulated participants", lambda t: people[t.participant].is_bot)
        if data.simulated
        else ("people_only", "answered by people, not by bots", lambda t: not people[t.participant].is_bot)
    )
    return [
        (
            "main_sessions",
            "outside previews and pilots",
            lambda t: not (people[t.participant].is_preview or people[t.participant].is_pilot),
        ),
        who,
        ("main_trials", kind[1], lambda t: t.kind == kind[0]),
        ("last_answer", "not replaced by a later answer (undo, asked again)", lambda t: not t.superseded),
        ("answered", "answered (no skip, no time-out)", lambda t: t.choice in SHARE_LEFT),
        ("included", "by participants who were not excluded", lambda t: not people[t.participant].exclusion_reason),
        *last,
    ]


def _stepwise(data: StudyData, question: str, steps: Sequence[Step]) -> tuple[list[Trial], list[FlowStep]]:
    """The trials of a question that are left after the ``steps``, and how many after each."""
    trials = [t for t in data.trials if t.question == question]
    flow = [_count(*PRESENTED, trials)]
    for name, words, keep in steps:
        trials = [t for t in trials if keep(t)]
        flow.append(_count(name, words, trials))
    return trials, flow


def repeated(trials: Iterable[Trial]) -> list[tuple[Trial, Trial]]:
    """The first and the second answer to every pair that somebody answered twice; ``trials``: all of some people."""
    trials = list(trials)
    answered = {t.id: t for t in trials if t.choice in SHARE_LEFT and not t.superseded}
    again = [t for t in answered.values() if t.kind == "repeat"]
    # Of an answer that was taken back the repeat still names the trial; what replaced it has its place.
    asked = {t.repeat_of for t in again}
    where = {t.id: (t.participant, t.place) for t in trials if t.superseded and t.id in asked}
    places = set(where.values())
    there = {(t.participant, t.place): t.id for t in answered.values() if (t.participant, t.place) in places}
    first = {name: there[place] for name, place in where.items() if place in there}
    found = [(answered.get(first.get(t.repeat_of, t.repeat_of)), t) for t in again]
    return [(one, t) for one, t in found if one is not None]


def grid_conditions(data: StudyData, scene: str) -> tuple[str, ...]:
    """Ids of the grid conditions that have a picture in ``scene``, in grid order (``data`` canonical)."""
    there = {s.condition for s in data.stimuli if s.scene == scene and s.role == "grid"}
    return tuple(c.id for c in data.conditions if c.id in there)


def _count(step: str, words: str, trials: Sequence[Trial]) -> FlowStep:
    return FlowStep(step, words, len(trials), len({t.participant for t in trials}))
