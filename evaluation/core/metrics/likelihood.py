"""E6, likelihood: does the size of a metric's difference say how sure people are?

Accuracy asks for the sign only; the one-parameter model P(left wins) = sigma(-b dz) uses the size too (Hepburn et al.,
arXiv 2403.10390), with dz the difference in units of the metric's spread within the scene.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.core.evidence import MetricValues, VoteTable
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import RIDGE, FloatArray

MAX_STEPS = 50


@dataclass(frozen=True)
class OneParameter:
    """``slope``: b, logits per standard deviation, positive where lower is preferred. ``log_loss``: nats per vote.
    ``explained``: share of the deviance between 'no preferences' and a Bradley-Terry model of every scene; None where
    that model explains nothing either."""

    slope: float
    log_loss: float
    explained: float | None


def one_parameter(x: FloatArray, y: FloatArray) -> tuple[float, FloatArray]:
    """Slope b and log-likelihoods (V,) of P(left) = sigma(-b x), by Newton. Where all votes go one way the slope is
    unbounded, and the house's ridge keeps it finite."""
    toward = x * (0.5 - y)
    ridge = RIDGE if np.all(toward >= 0) or np.all(toward <= 0) else 0.0
    b = 0.0
    for _ in range(MAX_STEPS):
        p = np.exp(-np.logaddexp(0.0, b * x))
        gradient = float(np.sum(-x * (y - p))) - ridge * b
        information = float(np.sum(x**2 * p * (1 - p))) + ridge
        if information <= 0:
            break
        step = gradient / information
        b += float(np.clip(step, -2.0, 2.0))
        if abs(step) < 1e-10:
            break
    return b, -y * np.logaddexp(0.0, b * x) - (1 - y) * np.logaddexp(0.0, -b * x)


def saturated(votes: VoteTable) -> FloatArray:
    """(V,) log-likelihood of each vote under the Bradley-Terry model of its scene (ridge where it is separated)."""
    found = np.full(votes.n_votes, np.log(0.5))
    for s in range(len(votes.scenes)):
        here = np.flatnonzero(votes.scene == s)
        if len(here) == 0:
            continue
        left, right, y = votes.left[here], votes.right[here], votes.y[here]
        theta = bradley_terry.fit(bradley_terry.count_wins(len(votes.conditions), left, right, y)).theta
        lead = theta[left] - theta[right]
        found[here] = -y * np.logaddexp(0.0, -lead) - (1 - y) * np.logaddexp(0.0, lead)
    return found


def standardised(votes: VoteTable, metric: MetricValues) -> FloatArray:
    """(V,) difference left - right in standard deviations (population) of the scene's conditions; 0 where the metric
    is constant, NaN outside its usable scenes."""
    spread = np.full(len(votes.scenes), np.nan)
    for s in np.flatnonzero(metric.usable):
        spread[s] = metric.cells[s][~np.isnan(metric.cells[s])].std()
    unit = spread[votes.scene]
    return np.where(unit > 0, metric.difference / np.where(unit > 0, unit, 1.0), np.where(np.isnan(unit), np.nan, 0.0))


def explained(x: FloatArray, y: FloatArray, full: FloatArray) -> OneParameter:
    """The one-parameter model of votes ``y`` (V,) on differences ``x`` (V,), beside the ``full`` model's (V,)."""
    slope, own = one_parameter(x, y)
    gain = float(np.sum(full) - len(y) * np.log(0.5))
    share = (float(np.sum(own)) - len(y) * np.log(0.5)) / gain if gain > 1e-9 * len(y) else None
    return OneParameter(slope, -float(np.mean(own)), share)
