"""The ways to fit a Bradley-Terry model that evaluation.py measures: ours, and what others would do with their package.

Each takes vote arrays and returns strengths in logits; what a package needs the votes to be turned into is on its bill.
In the bootstrap loops it is not: the lists are made once and the replicates differ by weights where a package has any.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

from studyplatform.voting.core import bradley_terry as bt


@dataclass(frozen=True)
class Votes:
    """V votes of ``people`` participants between ``items`` items; without ties, which not every peer knows."""

    items: int
    people: int
    person: np.ndarray
    left: np.ndarray
    right: np.ndarray
    y: np.ndarray

    @cached_property
    def tuples(self) -> list[tuple[int, int]]:
        """(winner, loser), as choix wants it."""
        return _tuples(self)

    @cached_property
    def lists(self) -> tuple[list[int], list[int], list[Any]]:
        """Left, right and winner, as evalica wants it."""
        return _lists(self)


def _tuples(v: Votes) -> list[tuple[int, int]]:
    winners, losers = np.where(v.y == 1, v.left, v.right), np.where(v.y == 1, v.right, v.left)
    return list(zip(winners.tolist(), losers.tolist(), strict=True))


def _lists(v: Votes) -> tuple[list[int], list[int], list[Any]]:
    from evalica import Winner

    return v.left.tolist(), v.right.tolist(), [Winner.X if share else Winner.Y for share in v.y.tolist()]


def simulated(items: int, votes: int, people: int, seed: int = 1) -> Votes:
    """Utilities of SD 1, random pairs, random participants."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(size=items)
    left = rng.integers(0, items, votes)
    right = (left + rng.integers(1, items, votes)) % items
    person = np.concatenate([np.arange(people), rng.integers(0, people, votes - people)])
    y = (rng.random(votes) < expit(theta[left] - theta[right])).astype(float)
    return Votes(items, people, person, left, right, y)


def ours(v: Votes) -> np.ndarray:
    return bt.fit_pairs(bt.count_pairs(v.items, v.left, v.right, v.y)).theta


def lbfgs(v: Votes) -> np.ndarray:
    pairs = bt.count_pairs(v.items, v.left, v.right, v.y)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        d = theta[pairs.first] - theta[pairs.second]
        value = pairs.wins @ np.logaddexp(0, -d) + pairs.losses @ np.logaddexp(0, d)
        return value, -pairs.net(pairs.wins - pairs.games * expit(d))

    stop = {"ftol": 1e-15, "gtol": 1e-9, "maxiter": 2000, "maxfun": 4000}
    return minimize(loss, np.zeros(v.items), jac=True, method="L-BFGS-B", options=stop).x


def evalica(v: Votes, lists: Any = None, weights: list[float] | None = None) -> np.ndarray:
    from evalica import bradley_terry

    scores = bradley_terry(*(lists or _lists(v)), weights=weights).scores
    return np.log(scores.sort_index().to_numpy())


def fastchat(v: Votes, weight: np.ndarray | None = None) -> np.ndarray:
    """As FastChat's fit_bt since 2024: unique (match-up, outcome) rows with weights, L-BFGS-B at gtol 1e-6."""
    schedule = np.column_stack([v.left, v.right, v.y.astype(np.int64)])
    rows, place = np.unique(schedule, axis=0, return_inverse=True)
    weights = np.bincount(place.ravel(), weights=weight, minlength=len(rows))
    first, second, outcome = rows[:, 0], rows[:, 1], rows[:, 2].astype(float)

    def loss(theta: np.ndarray) -> tuple[float, np.ndarray]:
        p = expit(theta[first] - theta[second])
        value = -(weights * (np.log(p) * outcome + np.log(1 - p) * (1 - outcome))).sum()
        flow = -weights * (outcome - p)
        slope = np.bincount(first, weights=flow, minlength=v.items)
        return value, slope - np.bincount(second, weights=flow, minlength=v.items)

    stop = {"maxiter": 100, "gtol": 1e-6}
    return minimize(loss, np.zeros(v.items), jac=True, method="L-BFGS-B", options=stop).x


def choix(v: Votes, data: list[tuple[int, int]] | None = None) -> np.ndarray:
    from choix import ilsr_pairwise

    return ilsr_pairwise(v.items, data or _tuples(v))


def statsmodels_counts(v: Votes) -> np.ndarray:
    import statsmodels.api as sm

    pairs = bt.count_pairs(v.items, v.left, v.right, v.y)
    design = np.zeros((len(pairs.first), v.items))
    row = np.arange(len(pairs.first))
    design[row, pairs.first], design[row, pairs.second] = 1, -1
    answer = np.column_stack([pairs.wins, pairs.losses])
    return np.concatenate([[0], sm.GLM(answer, design[:, 1:], family=sm.families.Binomial()).fit().params])


def statsmodels_votes(v: Votes) -> np.ndarray:
    import statsmodels.api as sm

    design = np.zeros((len(v.y), v.items))
    row = np.arange(len(v.y))
    design[row, v.left], design[row, v.right] = 1, -1
    return np.concatenate([[0], sm.GLM(v.y, design[:, 1:], family=sm.families.Binomial()).fit().params])


@dataclass(frozen=True)
class Peer:
    """``package``: what must be installed; ``up_to``: the most items it is asked for, since it takes minutes beyond."""

    name: str
    fit: Callable[[Votes], np.ndarray]
    package: str = "numpy"
    up_to: int = 5_000

    @property
    def installed(self) -> bool:
        return importlib.util.find_spec(self.package) is not None


PEERS = [
    Peer("ours", ours),
    Peer("scipy L-BFGS on our counts", lbfgs),
    Peer("evalica (Rust)", evalica, "evalica"),
    Peer("FastChat's way", fastchat),
    Peer("choix ilsr_pairwise", choix, "choix", 500),
    Peer("statsmodels GLM, counts", statsmodels_counts, "statsmodels", 500),
    Peer("statsmodels GLM, votes", statsmodels_votes, "statsmodels", 50),
]


def redraw(v: Votes, rng: np.random.Generator) -> np.ndarray:
    """(V,) how often each vote is in a bootstrap sample of participants."""
    return np.bincount(rng.integers(0, v.people, v.people), minlength=v.people)[v.person].astype(float)


#: One replicate of the participant bootstrap as a loop around a package would do it.
LOOPS: dict[str, tuple[str, Callable[[Votes, np.random.Generator], np.ndarray]]] = {
    "evalica (Rust)": ("evalica", lambda v, rng: evalica(v, v.lists, redraw(v, rng).tolist())),
    "FastChat's way": ("numpy", lambda v, rng: fastchat(v, redraw(v, rng))),
    "choix ilsr_pairwise": (
        "choix",
        lambda v, rng: choix(v, [v.tuples[i] for i in np.repeat(np.arange(len(v.y)), redraw(v, rng).astype(int))]),
    ),
}
