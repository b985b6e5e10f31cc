"""How little would have changed the winner: votes to flip, and participants to leave out (pooled scores).

A fragility index as in Walsh et al. (2014), for the leader of a paired comparison: first the votes (or participants)
that one Newton step says weigh most, then the number is made exact by fitting again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evaluation.core import words
from evaluation.core.ballots import Ballots
from evaluation.core.evidence import POOLED, Evidence
from evaluation.core.scale.groups import SAME_SCORE
from evaluation.core.scale.inference import NotEstimated, Scale
from evaluation.core.sections import Json, Section
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray


@dataclass(frozen=True)
class Blocks:
    """Votes in the order in which they are changed. Arrays of length B: a ``winner`` that had the votes, the ``loser``
    that gets them, how many there are (``n``) and how many wins each carries over (``size``: 1, or 1/2 of a tie)."""

    winner: IntArray
    loser: IntArray
    n: IntArray
    size: FloatArray


def flips_section(evidence: Evidence) -> Section:
    """The smallest changes after which another condition leads over all scenes."""
    scale, voice = evidence.scales[POOLED], evidence.voice
    empty: Json = {"votes": None, "share": None, "participants": None, "favourite": None, "rival": None}
    if isinstance(scale, NotEstimated):
        said = words.reason_json(scale.reason, voice)
        return _section(empty | {"reason": said, "sentence": said["sentence"]})
    order = np.argsort(-scale.theta, kind="stable")
    leader, rival = int(order[0]), int(order[1])
    if scale.theta[leader] - scale.theta[rival] <= SAME_SCORE:
        both = words.joined([evidence.labels[scale.items[i]] for i in (leader, rival)])
        said = words.reason_json(words.reason("NC_NO_LEADER", items=both), voice)
        return _section(empty | {"reason": said, "sentence": said["sentence"]})
    box = _ballots(evidence, scale)
    # Whoever comes second need not be the nearest in votes: few meetings are turned by few votes.
    rivals = [int(i) for i in order[1:]]
    votes, rival = _fewest([(votes_to_flip(box, leader, r), r) for r in rivals])
    people, _ = _fewest([(participants_to_flip(box, scale, leader, r), r) for r in rivals])
    firm = words.reason("NC_NO_FLIP", item=evidence.labels[scale.items[leader]])
    names = evidence.labels[scale.items[leader]], evidence.labels[scale.items[rival]]
    return _section(
        {
            "votes": votes,
            "share": None if votes is None else votes / box.n_votes,
            "participants": people,
            "favourite": scale.items[leader],
            "rival": scale.items[rival],
            "n_votes": box.n_votes,
            "n_participants": box.n_participants,
            "reason": None if None not in (votes, people) else words.reason_json(firm, voice),
            "sentence": voice.say(_sentence(box, votes, people, *names)),
        }
    )


def _section(summary: Json) -> Section:
    """The summary, and the same as the one row of ``votes_to_flip``."""
    reason = summary["reason"] or {"code": "", "sentence": ""}
    row = {name: value for name, value in summary.items() if name not in ("reason", "sentence")}
    row |= {"status": "ok" if summary["votes"] is not None else "not_computable", "reason_code": reason["code"]}
    return Section(summary, {"votes_to_flip": [row | {"message": reason["sentence"]}]})


def _fewest(found: list[tuple[int | None, int]]) -> tuple[int | None, int]:
    """The smallest number and its rival; of equal ones, and where there is none, the first."""
    return min(found, key=lambda pair: float("inf") if pair[0] is None else pair[0])


def votes_to_flip(votes: Ballots, leader: int, rival: int) -> int | None:
    """Fewest votes that must go to ``rival`` instead of ``leader`` until another item leads; None where all do not do.

    Their direct meetings change first, then those of either with the rest, heaviest first (one Newton step).
    """
    k = len(votes.items)
    wins = bradley_terry.count_wins(k, votes.left, votes.right, votes.y)
    fit = bradley_terry.fit(wins)
    blocks = _blocks(votes, fit, leader, rival)
    ends = np.cumsum(blocks.n)

    def flipped(changed: int) -> bool:
        used = np.clip(changed - (ends - blocks.n), 0, blocks.n) * blocks.size
        moved = wins.copy()
        np.add.at(moved, (blocks.winner, blocks.loser), -used)
        np.add.at(moved, (blocks.loser, blocks.winner), used)
        return _another_leads(moved, leader, fit)

    return _least(flipped, int(ends[-1]) if len(ends) else 0)


def participants_to_flip(votes: Ballots, scale: Scale, leader: int, rival: int) -> int | None:
    """How many participants must be left out until another item leads, those who lift ``leader`` over ``rival`` most
    first; None where no number of them does it."""
    push = scale.influence[:, leader] - scale.influence[:, rival]
    order = np.argsort(-push, kind="stable")
    rank = np.empty(len(order), dtype=np.intp)
    rank[order] = np.arange(len(order))
    when = rank[votes.participant]
    k = len(votes.items)
    fit = bradley_terry.fit(bradley_terry.count_wins(k, votes.left, votes.right, votes.y))

    def flipped(gone: int) -> bool:
        stay = when >= gone
        return _another_leads(
            bradley_terry.count_wins(k, votes.left[stay], votes.right[stay], votes.y[stay]), leader, fit
        )

    return _least(flipped, int(np.sum(push > 0)))


def _another_leads(wins: FloatArray, leader: int, before: bradley_terry.Fit) -> bool:
    again = bradley_terry.fit(wins, start=before.theta, ridge=before.ridge or None)
    # Across components no score can be told from another.
    same = again.component == again.component[leader]
    return bool(np.max(again.theta[same]) > again.theta[leader] + SAME_SCORE)


def _least(flipped: Callable[[int], bool], most: int) -> int | None:
    """Smallest number up to ``most`` that flips, by bisection: more of the same only pushes further."""
    if most == 0 or not flipped(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if flipped(middle) else (middle, high)
    return high


def _blocks(votes: Ballots, fit: bradley_terry.Fit, leader: int, rival: int) -> Blocks:
    k = len(votes.items)
    won = np.where(votes.y == 1, votes.left, votes.right)
    lost = np.where(votes.y == 1, votes.right, votes.left)
    decided = votes.y != 0.5
    wins = np.bincount(won[decided] * k + lost[decided], minlength=k * k).reshape(k, k)
    level = np.bincount(won[~decided] * k + lost[~decided], minlength=k * k).reshape(k, k)
    level = level + level.T
    gauge = bradley_terry.gauge_matrix(fit.component)
    inverse = np.linalg.inv(fit.information + fit.ridge * np.eye(k) + gauge)
    pull = inverse[:, rival] - inverse[:, leader]
    rest = np.setdiff1d(np.arange(k), [leader, rival])
    winner = np.concatenate([[leader], np.full(len(rest), leader), rest]).astype(np.intp)
    loser = np.concatenate([[rival], rest, np.full(len(rest), rival)]).astype(np.intp)
    rows = []
    for a, b in zip(winner.tolist(), loser.tolist(), strict=True):
        direct = (a, b) == (leader, rival)
        for n, size in ((wins[a, b], 1.0), (level[a, b], 0.5)):
            if n:
                rows.append((not direct, -size * float(pull[b] - pull[a]), a, b, int(n), size))
    rows.sort()
    return Blocks(
        winner=np.array([r[2] for r in rows], dtype=np.intp),
        loser=np.array([r[3] for r in rows], dtype=np.intp),
        n=np.array([r[4] for r in rows], dtype=np.intp),
        size=np.array([r[5] for r in rows], dtype=np.float64),
    )


def _ballots(evidence: Evidence, scale: Scale) -> Ballots:
    votes = evidence.votes
    items = np.array([votes.conditions.index(c) for c in scale.items], dtype=np.intp)
    return votes.group(np.arange(len(votes.scenes)), items)


def _sentence(box: Ballots, votes: int | None, people: int | None, leader: str, rival: str) -> str:
    if votes is None:
        text = f"No change of the votes on {leader} and {rival} alone would take the lead from {leader}."
    else:
        share = 100 * votes / box.n_votes
        text = (
            f"If {votes} of {box.n_votes} votes ({share:.1f} %) had gone to {rival} instead, {leader} would no longer "
            "lead."
        )
    if people is None:
        return f"{text} Leaving out participants would not change who leads."
    who = "one participant" if people == 1 else f"{people} participants"
    return f"{text} Leaving out {who} of {box.n_participants} (those who lift it most) would do the same."
