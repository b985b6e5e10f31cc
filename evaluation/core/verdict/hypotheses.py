"""H_min: is the loss minimiser the favourite? (specs/evaluation.md, E2, E3 and the bounds of E4.)

Refuting compares one fixed item with all its rivals (Dunnett 1955; Hsu 1984); confirming is an intersection-union test
(Berger 1982); equivalence bounds the largest regret. The verdict is never a plain yes or no.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core.scale.inference import Scale
from studyplatform.voting.core.claims import MARGIN, logit

#: logit(.55): 'no rival would win more than 55 of 100 meetings'.
DELTA = logit(MARGIN)


@dataclass(frozen=True)
class HeadToHead:
    """The minimiser against one rival. ``win``: probability that the minimiser wins, with its t(P-1) interval."""

    rival: str
    win: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class MinimumTests:
    """The three tests of one minimiser in one group; p-values one-sided, bounds in logits.

    ``p_equivalent``: of H0 'some rival beats the minimiser by the margin', so that the largest regret is below it.

    ``minimiser``: the one put to the test (the best of a tied set); ``rival``: the strongest condition outside the
    set (the one that carries the evidence, where the strongest does not and another refutes); ``rival_win`` with its
    two-sided interval: how often the rival would win against the minimiser. ``rival_bound``, ``own_bound``: lower
    bounds of how often the rival, or the minimiser, would win, which agree with the tests that refute and confirm.
    ``unbounded``: one of the two won every vote between them, so that ``rival_win`` is regularised.
    ``regret_low``, ``regret_high``: simultaneous lower and upper bound of max_j theta_j - theta_h, not below 0.
    """

    minimiser: str
    rival: str
    favourite: str
    p_refute: float
    p_confirm: float
    p_equivalent: float
    regret: float
    regret_low: float
    regret_high: float
    upper: float
    rival_win: float
    rival_win_low: float
    rival_win_high: float
    rival_bound: float
    own_bound: float
    unbounded: bool
    mean_win: float
    head_to_head: tuple[HeadToHead, ...]


def minimum_tests(scale: Scale, minimisers: Sequence[str], *, alpha: float, delta: float = DELTA) -> MinimumTests:
    """Run the three tests of E2 for the (tied) ``minimisers``, all of which must be items of ``scale``.

    Raises ``ValueError`` where nobody is left to compare them with.
    """
    at = {c: i for i, c in enumerate(scale.items)}
    tied = np.array(sorted(at[c] for c in minimisers), dtype=np.intp)
    rivals = np.setdiff1d(np.arange(len(scale.items)), tied)
    if len(rivals) == 0:
        raise ValueError("every condition shares the minimum")
    h = int(tied[np.argmax(scale.theta[tied])])
    p_refute, better = scale.p_some_rival_better(h, rivals), scale.bounds_rival_better(h, rivals, alpha)
    named = int(np.argmax(scale.theta[rivals]))
    if p_refute < alpha and better[named] <= 0:
        named = int(np.argmax(better))
    rival = int(rivals[named])
    d = scale.theta - scale.theta[h]
    se = scale.se_contrast[h]
    bound = float(stats.t.ppf(1 - alpha, scale.df))
    upper = float(np.max(d[rivals] + bound * se[rivals]))
    low, high = scale.interval(float(d[rival]), float(se[rival]))
    duels = tuple(_duel(scale, h, int(j)) for j in rivals)
    return MinimumTests(
        minimiser=scale.items[h],
        rival=scale.items[rival],
        favourite=scale.items[int(np.argmax(scale.theta))],
        p_refute=p_refute,
        p_confirm=max(float(scale.p_each_rival_worse(int(i), rivals).max()) for i in tied),
        p_equivalent=float(stats.t.cdf((d[rivals] - delta) / np.maximum(se[rivals], 1e-12), scale.df).max()),
        regret=max(0.0, float(d[rivals].max())),
        regret_low=max(0.0, float(better.max())),
        regret_high=max(0.0, upper),
        upper=upper,
        rival_win=sigma(float(d[rival])),
        rival_win_low=sigma(low),
        rival_win_high=sigma(high),
        rival_bound=sigma(float(better[named])),
        own_bound=sigma(float(scale.bounds_rival_worse(h, rivals, alpha)[named])),
        unbounded=bool(min(scale.p_unanimous[h, rival], scale.p_unanimous[rival, h]) < 1),
        mean_win=float(np.mean([duel.win for duel in duels])),
        head_to_head=duels,
    )


def verdict(p_refute: float, p_confirm: float, p_equivalent: float, *, alpha: float) -> str:
    """One of refuted, confirmed, equivalent, inconclusive, from the p-values of E2, adjusted where they are several."""
    if p_refute < alpha:
        return "refuted"
    if p_confirm < alpha:
        return "confirmed"
    return "equivalent" if p_equivalent < alpha else "inconclusive"


def sigma(logit: float) -> float:
    """Win probability of a difference in logits."""
    return float(np.exp(-np.logaddexp(0.0, -logit)))


def _duel(scale: Scale, h: int, j: int) -> HeadToHead:
    d, se = float(scale.theta[h] - scale.theta[j]), float(scale.se_contrast[h, j])
    low, high = scale.interval(d, se)
    p = float(2 * stats.t.sf(abs(d) / max(se, 1e-12), scale.df))
    return HeadToHead(scale.items[j], sigma(d), sigma(low), sigma(high), p)
