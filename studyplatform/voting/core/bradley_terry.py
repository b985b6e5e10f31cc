"""Bradley-Terry strengths by maximum likelihood, from a table of wins.

The model (Zermelo 1929; Bradley and Terry 1952): item i beats item j with probability sigma(theta_i - theta_j). A tie
counts as half a win to each side. Strengths have no natural zero, so they are given with mean zero in each connected
component of the comparison graph. The maximum exists if and only if that component is strongly connected as a graph of
wins (Ford 1957); where it is not, a ridge keeps the numbers finite and the result says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

#: The penalty ridge/2 * sum theta^2 used where an item won or lost everything (specs/evaluation.md, NC_SEPARATED).
RIDGE = 0.05
#: Newton stops when no strength moves by more than this many logits.
TOLERANCE = 1e-8
MAX_STEPS = 100


@dataclass(frozen=True)
class Fit:
    """Strengths and what one must know before quoting them.

    ``theta``: (n,) logits, mean zero per component. ``information``: (n, n) observed information, a graph Laplacian
    (rows sum to zero; the ridge is not in it). ``component``: (n,) label of each item's connected component.
    ``separated``: (n,) items whose maximum-likelihood strength is infinite relative to part of their component.
    ``ridge``: the penalty in force, 0 where the estimate is plain maximum likelihood.
    """

    theta: FloatArray
    information: FloatArray
    component: IntArray
    separated: npt.NDArray[np.bool_]
    ridge: float
    converged: bool
    steps: int

    @property
    def connected(self) -> bool:
        """Whether every item can be compared with every other, directly or through others."""
        return bool(self.component.max(initial=0) == 0)


def count_wins(
    n_items: int, left: IntArray, right: IntArray, y: FloatArray, weight: FloatArray | None = None
) -> FloatArray:
    """Table of wins (n_items, n_items): entry (i, j) is how often i beat j.

    ``left``, ``right``: (V,) item numbers; ``y``: (V,) share of the vote that goes left (1, 0, or 1/2 for a tie);
    ``weight``: (V,) optional multiplicities. Raises ``ValueError`` for an item compared with itself or ``y`` outside
    [0, 1].
    """
    if np.any(left == right):
        raise ValueError("an item cannot be compared with itself")
    if np.any((y < 0) | (y > 1)):
        raise ValueError("the share that goes left lies between 0 and 1")
    w = np.ones_like(y) if weight is None else weight
    size = n_items * n_items
    flat: FloatArray = np.zeros(size)
    flat += np.bincount(left * n_items + right, weights=w * y, minlength=size)
    flat += np.bincount(right * n_items + left, weights=w * (1.0 - y), minlength=size)
    return flat.reshape(n_items, n_items)


def comparison_components(wins: FloatArray) -> IntArray:
    """Label (n,) of each item's connected component in the graph of comparisons, whoever won."""
    labels = connected_components(csr_array(wins + wins.T > 0), directed=False)[1]
    return np.asarray(labels, dtype=np.intp)


def strong_components(wins: FloatArray) -> IntArray:
    """Label (n,) of each item's strongly connected component in the directed graph 'beat at least once'."""
    labels = connected_components(csr_array(wins > 0), directed=True, connection="strong")[1]
    return np.asarray(labels, dtype=np.intp)


def fit(wins: FloatArray, *, start: FloatArray | None = None, ridge: float | None = None) -> Fit:
    """Fit the model to a table of wins by Newton's method with step halving.

    ``wins``: (n, n) non-negative counts (half-wins allowed), zero diagonal. ``start``: (n,) warm start. ``ridge``:
    None means 0 where the maximum exists and :data:`RIDGE` where it does not; a number is used as given. Raises
    ``ValueError`` for a table that is not square, has negative or non-finite counts, or an item against itself.
    """
    wins = _checked(wins)
    n = len(wins)
    component = comparison_components(wins)
    strong = strong_components(wins)
    separated = _separated(component, strong)
    penalty = ridge if ridge is not None else (RIDGE if separated.any() else 0.0)
    games = wins + wins.T
    gauge = gauge_matrix(component)
    theta = np.zeros(n) if start is None else _centred(np.asarray(start, dtype=np.float64), component)
    value = _objective(theta, wins, penalty)
    converged, steps = n == 1, 0
    while not converged and steps < MAX_STEPS:
        steps += 1
        step = np.linalg.solve(
            _information(theta, games) + penalty * np.eye(n) + gauge, _gradient(theta, wins, games) - penalty * theta
        )
        # A full Newton step can overshoot far from the maximum; the log-likelihood is concave, so halving ends.
        scale, slack = 1.0, 1e-12 * (1.0 + abs(value))
        while (proposed := _objective(theta + scale * step, wins, penalty)) < value - slack and scale > 1e-10:
            scale /= 2.0
        theta, value = theta + scale * step, proposed
        converged = bool(np.max(np.abs(scale * step)) < TOLERANCE)
    theta = _centred(theta, component)
    return Fit(theta, _information(theta, games), component, separated, penalty, converged, steps)


def fit_many(wins: FloatArray, *, ridge: float = RIDGE, start: FloatArray | None = None) -> FloatArray:
    """Fit a stack of tables at once, for resampling.

    ``wins``: (B, n, n). Returns (B, n) strengths, mean zero over the items. The ridge must be positive: a resampled
    table may well be separated or disconnected, and each of them has to have an answer.
    """
    if ridge <= 0:
        raise ValueError("resampled tables need a positive ridge")
    batch, n = wins.shape[0], wins.shape[-1]
    games = wins + wins.transpose(0, 2, 1)
    theta = np.zeros((batch, n)) if start is None else np.broadcast_to(start, (batch, n)).copy()
    for _ in range(MAX_STEPS):
        hessian = _information(theta, games) + ridge * np.eye(n)
        step = np.linalg.solve(hessian, (_gradient(theta, wins, games) - ridge * theta)[..., None])[..., 0]
        # Bounding the step replaces the line search: in the bounded region Newton contracts for this likelihood.
        step *= np.minimum(1.0, 2.0 / np.maximum(np.abs(step).max(axis=-1, keepdims=True), 1e-300))
        theta = theta + step
        if np.max(np.abs(step), initial=0.0) < TOLERANCE:
            break
    return np.asarray(theta - theta.mean(axis=-1, keepdims=True))


def win_probability(theta: FloatArray) -> FloatArray:
    """Matrix (..., n, n) of the probability that row beats column, from strengths (..., n) in logits."""
    difference = theta[..., :, None] - theta[..., None, :]
    return np.asarray(np.exp(-np.logaddexp(0.0, -difference)))


def gauge_matrix(component: IntArray) -> FloatArray:
    """The (n, n) matrix that makes a comparison Laplacian invertible without moving its solutions of mean zero."""
    same = component[:, None] == component[None, :]
    return np.asarray(same / same.sum(axis=1, keepdims=True))


def _checked(wins: FloatArray) -> FloatArray:
    table = np.asarray(wins, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) == 0:
        raise ValueError("a table of wins is square and not empty")
    if not np.all(np.isfinite(table)) or np.any(table < 0):
        raise ValueError("counts of wins are finite and not negative")
    if np.any(np.diag(table) != 0):
        raise ValueError("an item cannot be compared with itself")
    return table


def _separated(component: IntArray, strong: IntArray) -> npt.NDArray[np.bool_]:
    """Items outside the largest strong component of their connected component."""
    separated = np.zeros(len(component), dtype=bool)
    for label in np.unique(component):
        members = np.flatnonzero(component == label)
        names, sizes = np.unique(strong[members], return_counts=True)
        if len(names) > 1:
            separated[members] = strong[members] != names[np.argmax(sizes)]
    return separated


def _centred(theta: FloatArray, component: IntArray) -> FloatArray:
    return theta - gauge_matrix(component) @ theta


def _objective(theta: FloatArray, wins: FloatArray, ridge: float) -> float:
    difference = theta[:, None] - theta[None, :]
    return float(-np.sum(wins * np.logaddexp(0.0, -difference)) - ridge / 2.0 * theta @ theta)


def _gradient(theta: FloatArray, wins: FloatArray, games: FloatArray) -> FloatArray:
    return np.asarray((wins - games * win_probability(theta)).sum(axis=-1))


def _information(theta: FloatArray, games: FloatArray) -> FloatArray:
    p = win_probability(theta)
    weight = games * p * (1.0 - p)
    n = weight.shape[-1]
    return np.asarray(weight.sum(axis=-1)[..., None] * np.eye(n) - weight)
