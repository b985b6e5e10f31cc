"""From trials to votes: the analysis set with its flow table, and the votes of one group as arrays.

specs/evaluation.md section 2.0. The order of the steps is fixed and each is counted, so that nobody leaves unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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


Step = tuple[str, str, Callable[[Trial], bool]]


def asks_which_is_real(data: StudyData, question: str) -> bool:
    """Whether it was asked about generated pictures beside the photograph, and never about two of the grid."""
    kinds = {t.kind for t in data.trials if t.question == question}
    return "real_fake" in kinds and "main" not in kinds


def analysis_set(data: StudyData, question: str) -> tuple[list[Trial], list[FlowStep]]:
    """Main votes of one question between grid images, and the flow that led to them; ``data`` in canonical order."""
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
    return _stepwise(data, question, ("main", "main trials (no practice, catch, repeat)"), between)


def real_or_fake_set(data: StudyData, question: str) -> tuple[list[Trial], list[FlowStep]]:
    """Votes of one question between one grid image and one that is none (the photograph), and the flow."""
    stimulus = data.stimulus
    one_generated: Step = (
        "one_generated",
        "of one image of the grid beside one that is not",
        lambda t: (stimulus[t.left].role == "grid") != (stimulus[t.right].role == "grid"),
    )
    kind = ("real_fake", "trials with the photograph (no practice, catch, repeat)")
    return _stepwise(data, question, kind, [one_generated])


def _stepwise(
    data: StudyData, question: str, kind: tuple[str, str], last: Sequence[Step]
) -> tuple[list[Trial], list[FlowStep]]:
    """The trials of one ``kind`` (name, words) that are left after the steps shared by all and the ``last`` ones."""
    people = {p.id: p for p in data.participants}
    trials = [t for t in data.trials if t.question == question]
    who: Step = (
        ("simulated_only", "cast by simulated participants", lambda t: people[t.participant].is_bot)
        if data.simulated
        else ("people_only", "answered by people, not by bots", lambda t: not people[t.participant].is_bot)
    )
    steps: list[Step] = [
        (
            "main_sessions",
            "outside previews and pilots",
            lambda t: not (people[t.participant].is_preview or people[t.participant].is_pilot),
        ),
        who,
        ("main_trials", kind[1], lambda t: t.kind == kind[0]),
        ("last_answer", "not replaced by a later answer (undo)", lambda t: not t.superseded),
        ("answered", "answered (no skip, no time-out)", lambda t: t.choice in SHARE_LEFT),
        ("included", "by participants who were not excluded", lambda t: not people[t.participant].exclusion_reason),
        *last,
    ]
    flow = [_count("presented", "pairs laid out for those who started", trials)]
    for name, words, keep in steps:
        trials = [t for t in trials if keep(t)]
        flow.append(_count(name, words, trials))
    return trials, flow


def grid_conditions(data: StudyData, scene: str) -> tuple[str, ...]:
    """Ids of the grid conditions that have a picture in ``scene``, in grid order (``data`` canonical)."""
    there = {s.condition for s in data.stimuli if s.scene == scene and s.role == "grid"}
    return tuple(c.id for c in data.conditions if c.id in there)


def _count(step: str, words: str, trials: Sequence[Trial]) -> FlowStep:
    return FlowStep(step, words, len(trials), len({t.participant for t in trials}))
