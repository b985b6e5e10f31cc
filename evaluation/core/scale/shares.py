"""Votes per condition: the share of meetings it won against the field, with participant-clustered intervals (F1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core import words
from evaluation.core.ballots import Ballots
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray


@dataclass(frozen=True)
class WinShare:
    """How a condition fared. ``share`` is None where it was never shown; the bounds where people are too few."""

    condition: str
    share: float | None
    low: float | None
    high: float | None
    n_votes: int
    n_participants: int


def win_shares(votes: Ballots, *, level: float = 0.95) -> list[WinShare]:
    """Win share of each item: the mean over the rivals it met of its observed share against them.

    Rivals weigh the same whatever number of votes they drew, so a focused design does not bias the bars
    (specs/evaluation.md, E3b). SE by leaving out each participant who met the item, t(P - 1). Where an item won all or
    nothing the share has no spread: the bound is then the exact binomial one with participants as the units.
    """
    counts = votes.by_participant()
    pairs, k = counts.pairs, len(votes.items)
    cell = np.concatenate([counts.pair, counts.pair + len(pairs.first)])
    item = np.concatenate([pairs.first, pairs.second])
    person = np.concatenate([counts.participant, counts.participant])
    won, games = np.concatenate([counts.wins, counts.games - counts.wins]), np.concatenate([counts.games, counts.games])
    share = np.bincount(cell, weights=won) / np.bincount(cell, weights=games)
    mean = np.bincount(item, weights=share, minlength=k) / np.maximum(np.bincount(item, minlength=k), 1)
    off = without_each(person, cell, item, won, games, shape=(counts.n_participants, k)) - mean
    squares = np.nansum(off**2, axis=0)
    there = np.bincount(person * k + item[cell], minlength=off.size).reshape(off.shape) > 0
    n_votes = np.rint(pairs.both(pairs.games)).astype(int)
    return [
        _share(votes.items[i], float(mean[i]), float(squares[i]), int(n_votes[i]), int(there[:, i].sum()), level)
        for i in range(k)
    ]


def without_each(
    person: IntArray, cell: IntArray, group: IntArray, won: FloatArray, games: FloatArray, *, shape: tuple[int, int]
) -> FloatArray:
    """(P, G) mean over the cells of a group of the share of games won in each, leaving out one participant.

    Each (participant, cell) comes once, ``won`` of ``games``; ``group``: (C,) whose each cell is; ``shape``: (P, G).
    A cell that only this participant filled is gone; NaN where the group has none left. Their spread is the SE (CR3):
    residuals against shares that a vote or two have settled are too small for one (at 10 people and 9 conditions such
    an interval holds the truth in 93 of 100 studies, over cells of one scene in 72).
    """
    all_won, all_games = np.bincount(cell, weights=won), np.bincount(cell, weights=games)
    share, others = all_won / all_games, all_games[cell] - games
    stays = others > 0
    change = np.where(stays, (all_won[cell] - won) / np.where(stays, others, 1.0), 0.0) - share[cell]
    at, size = person * shape[1] + group[cell], shape[0] * shape[1]
    total = np.bincount(at, weights=change, minlength=size).reshape(shape)
    total += np.bincount(group, weights=share, minlength=shape[1])
    left = np.bincount(group, minlength=shape[1]) - np.bincount(at, weights=~stays, minlength=size).reshape(shape)
    return np.asarray(np.divide(total, left, out=np.full(shape, np.nan), where=left > 0))


def jackknife_se(squares: float, people: int) -> float:
    """SE from the ``squares`` of what leaving out each of ``people`` changes, summed: sqrt((P - 1)/P sum)."""
    return float(np.sqrt((people - 1) / people * squares))


def _share(item: str, share: float, squares: float, n_votes: int, people: int, level: float) -> WinShare:
    """``squares``: of what leaving out each participant changes, summed."""
    if n_votes == 0:
        return WinShare(item, None, None, None, 0, 0)
    if people < words.MIN_PARTICIPANTS:
        return WinShare(item, share, None, None, n_votes, people)
    se = jackknife_se(squares, people)
    tail = (1 - level) / 2
    if se == 0 and share in (0.0, 1.0):
        gap = 1 - tail ** (1 / people)
        return WinShare(item, share, max(0.0, share - gap), min(1.0, share + gap), n_votes, people)
    half = float(stats.t.ppf(1 - tail, people - 1)) * se
    return WinShare(item, share, max(0.0, share - half), min(1.0, share + half), n_votes, people)
