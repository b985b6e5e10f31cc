"""E6: how often does the preferred image have the lower metric, and how often could any metric be right?

Same credit as LPIPS (Zhang et al. 2018, score_2afc_dataset), with participants as the sampling unit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core import words
from evaluation.core.ballots import SHARE_LEFT, ballots, grid_conditions
from evaluation.core.clusters import sign_flip
from evaluation.core.dataset import MetricInfo, StudyData, Trial
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import FloatArray

#: Agreement between 45 and 55 % counts as chance (TOST margin).
CHANCE_MARGIN = 0.05


@dataclass(frozen=True)
class Agreement:
    """Share of votes that agree with the metric. Bounds and p are None where participants are too few.

    ``p``: participant sign-flip, two-sided, claim level C1. ``p_chance``: TOST p of 'agreement is within 45-55 %'.
    """

    accuracy: float
    se: float | None
    low: float | None
    high: float | None
    p: float | None
    p_chance: float | None
    n_votes: int
    n_participants: int
    n_scenes: int


@dataclass(frozen=True)
class Ceilings:
    """What the votes themselves allow. ``loo``: the others' consensus predicts a held-out person (from below);
    ``majority``: the in-sample majority (from above); ``human``: another person (a reference, not a ceiling)."""

    loo: float | None
    majority: float | None
    human: float | None


def agreement(
    data: StudyData, votes: Sequence[Trial], metric: MetricInfo, scenes: Sequence[str], *, seed: int, draws: int
) -> Agreement | None:
    """Agreement of a metric with the votes of ``scenes`` (those where it is complete); None without votes."""
    value = {s.stimulus: metric.sign * s.value for s in data.scores if s.metric == metric.id and s.value is not None}
    inside = set(scenes)
    used = [t for t in votes if t.scene in inside]
    if not used:
        return None
    credit = np.array([_credit(value[t.left], value[t.right], SHARE_LEFT[t.choice]) for t in used])
    people = sorted({t.participant for t in used})
    number = {p: i for i, p in enumerate(people)}
    who = np.array([number[t.participant] for t in used])
    n_scenes = len({t.scene for t in used})
    return clustered_share(credit, who, len(people), n_scenes, seed=seed, draws=draws)


def clustered_share(
    credit: FloatArray, who: np.typing.NDArray[np.intp], people: int, n_scenes: int, *, seed: int, draws: int
) -> Agreement:
    """Mean of ``credit`` (V,) given by participants ``who`` (V,), its t(P-1) interval, sign-flip p against 1/2."""
    n = np.bincount(who, minlength=people).astype(float)
    earned = np.bincount(who, weights=credit, minlength=people)
    accuracy = float(earned.sum() / n.sum())
    if people < words.MIN_PARTICIPANTS:
        return Agreement(accuracy, None, None, None, None, None, len(credit), people, n_scenes)
    se = float(np.sqrt(people / (people - 1) * np.sum((earned - accuracy * n) ** 2)) / n.sum())
    half = float(stats.t.ppf(0.975, people - 1)) * se
    low, high = max(0.0, accuracy - half), min(1.0, accuracy + half)
    p = sign_flip(earned - n / 2, seed=seed, draws=draws)
    return Agreement(accuracy, se, low, high, p, _tost(accuracy, se, people - 1), len(credit), people, n_scenes)


def ceilings(data: StudyData, votes: Sequence[Trial], scenes: Sequence[str]) -> Ceilings:
    """The bracket of ceilings over the votes of ``scenes`` (E6)."""
    right = total = majority = pairs_same = pairs_all = 0.0
    for scene in scenes:
        group = ballots(data, [t for t in votes if t.scene == scene], grid_conditions(data, scene))
        if group.n_votes == 0:
            continue
        by_person = group.wins_by_participant()
        wins = by_person.sum(axis=0)
        if group.n_participants > 1:
            others = bradley_terry.fit_many(wins - by_person)
            lead = others[group.participant, group.left] - others[group.participant, group.right]
            right += float(np.sum(np.where(np.abs(lead) < 1e-9, 0.5, np.where(lead > 0, group.y, 1 - group.y))))
        total += group.n_votes
        majority += float(np.triu(np.maximum(wins, wins.T), 1).sum())
        same, every = _other_people(by_person)
        pairs_same, pairs_all = pairs_same + same, pairs_all + every
    return Ceilings(
        loo=right / total if total and right else None,
        majority=majority / total if total else None,
        human=pairs_same / pairs_all if pairs_all else None,
    )


def _other_people(by_person: FloatArray) -> tuple[float, float]:
    """Agreeing and all ordered pairs of votes on the same pair by two different people."""
    wins = by_person.sum(axis=0)
    games = wins + wins.T
    own = by_person + by_person.transpose(0, 2, 1)
    same = np.triu(wins * wins + wins.T * wins.T, 1).sum()
    same -= np.triu(by_person**2 + by_person.transpose(0, 2, 1) ** 2, 1).sum()
    return float(same), float(np.triu(games * games, 1).sum() - np.triu(own * own, 1).sum())


def _credit(left: float, right: float, y: float) -> float:
    return 0.5 if left == right else (y if left < right else 1.0 - y)


def _tost(accuracy: float, se: float, df: int) -> float:
    if se == 0:
        return 0.0 if abs(accuracy - 0.5) < CHANCE_MARGIN else 1.0
    above = float(stats.t.sf((accuracy - (0.5 - CHANCE_MARGIN)) / se, df))
    below = float(stats.t.cdf((accuracy - (0.5 + CHANCE_MARGIN)) / se, df))
    return max(above, below)
