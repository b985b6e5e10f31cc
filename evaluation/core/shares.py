"""Votes per condition: the share of meetings it won against the field, with participant-clustered intervals (F1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core import words
from evaluation.core.ballots import Ballots
from studyplatform.voting.core.bradley_terry import FloatArray


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
    (specs/evaluation.md, E3b). SE of the ratio with participants as clusters, t(P - 1). Where an item won all or
    nothing the ratio has no spread: the bound is then the exact binomial one with participants as the units.
    """
    by_person = votes.wins_by_participant()
    total = by_person.sum(axis=0)
    games = total + total.T
    return [_share(votes.items, by_person, total, games, i, level) for i in range(len(votes.items))]


def _share(
    items: tuple[str, ...], by_person: FloatArray, total: FloatArray, games: FloatArray, i: int, level: float
) -> WinShare:
    met = games[i] > 0
    n_votes = int(np.rint(games[i].sum()))
    own = by_person[:, i, :] + by_person[:, :, i]
    people = int((own.sum(axis=1) > 0).sum())
    if not met.any():
        return WinShare(items[i], None, None, None, 0, 0)
    against = total[i, met] / games[i, met]
    share = float(against.mean())
    if people < words.MIN_PARTICIPANTS:
        return WinShare(items[i], share, None, None, n_votes, people)
    residual = ((by_person[:, i, met] - against * own[:, met]) / games[i, met]).mean(axis=1)
    se = float(np.sqrt(people / (people - 1) * np.sum(residual**2)))
    tail = (1 - level) / 2
    if se == 0 and share in (0.0, 1.0):
        gap = 1 - tail ** (1 / people)
        return WinShare(items[i], share, max(0.0, share - gap), min(1.0, share + gap), n_votes, people)
    half = float(stats.t.ppf(1 - tail, people - 1)) * se
    return WinShare(items[i], share, max(0.0, share - half), min(1.0, share + half), n_votes, people)
