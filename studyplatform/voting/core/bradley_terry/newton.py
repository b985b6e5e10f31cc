"""The maximum-likelihood fit: Newton's method, with dense algebra for few items and sparse algebra for many.

Sparse: conjugate gradients on the weighted comparison Laplacian, Jacobi-preconditioned, solved only as far as the step
deserves (inexact Newton; Dembo, Eisenstat and Steihaug 1982). Comparisons that hang together by a thread (a chain of
neighbours) stall conjugate gradients; a sparse factorisation is cheap just there and takes over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg.lapack import dposv
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import splu

from studyplatform.voting.core.bradley_terry.pairs import (
    SMALL,
    BoolArray,
    FloatArray,
    IntArray,
    Pairs,
    centred,
    comparison_components,
    connectivity,
    gauge_matrix,
    pairs_of_table,
)

#: The penalty ridge/2 * sum theta^2 used where an item won or lost everything (specs/evaluation.md, NC_SEPARATED).
RIDGE = 0.05
#: Newton stops when no strength would move by more than this many logits.
TOLERANCE = 1e-8
MAX_STEPS = 100
#: Conjugate gradients give up after so many products.
MAX_PRODUCTS = 200
#: A Newton step that changes no difference by more than this cannot overshoot the maximum: (e^R - R - 1)/R^2 < 1.
SAFE_RANGE = 1.75


@dataclass(frozen=True)
class Fit:
    """Strengths and what one must know before quoting them.

    ``theta``: (n,) logits, mean zero per component. ``pairs``: the counts it was fitted to. ``component``: (n,) label
    of each item's connected component. ``separated``: (n,) items whose maximum-likelihood strength is infinite
    relative to part of their component. ``ridge``: the penalty in force, 0 where the estimate is plain maximum
    likelihood.
    """

    theta: FloatArray
    pairs: Pairs
    component: IntArray
    separated: BoolArray
    ridge: float
    converged: bool
    steps: int

    @property
    def connected(self) -> bool:
        """Whether every item can be compared with every other, directly or through others."""
        return bool(self.component.max(initial=0) == 0)

    @cached_property
    def win(self) -> FloatArray:
        """(E,) fitted probability that the first item of each pair beats the second."""
        return _win(self.pairs, self.theta)

    @cached_property
    def weight(self) -> FloatArray:
        """(E,) information on each pair: games p (1 - p)."""
        return self.pairs.games * self.win * (1.0 - self.win)

    @cached_property
    def information(self) -> FloatArray:
        """(n, n) observed information, a graph Laplacian (rows sum to zero; the ridge is not in it). Dense."""
        return _laplacian(self.pairs, self.weight)


def fit(wins: FloatArray, *, start: FloatArray | None = None, ridge: float | None = None) -> Fit:
    """Fit the model to a dense table of wins: :func:`fit_pairs` of its pairs.

    ``wins``: (n, n) non-negative counts (half-wins allowed), zero diagonal. Raises ``ValueError`` for a table that is
    not square, has negative or non-finite counts, or an item against itself.
    """
    return fit_pairs(pairs_of_table(_checked(wins)), start=start, ridge=ridge)


def fit_pairs(pairs: Pairs, *, start: FloatArray | None = None, ridge: float | None = None) -> Fit:
    """Fit the model to counts on pairs; time and memory are linear in the pairs beyond :data:`SMALL` items.

    ``start``: (n,) warm start; the default begins at the log-odds of each item's share of wins. ``ridge``: None means 0
    where the maximum exists and :data:`RIDGE` where it does not; a number is used as given.
    """
    component, separated = connectivity(pairs)
    penalty = ridge if ridge is not None else (RIDGE if separated.any() else 0.0)
    begin = centred(_log_odds(pairs) if start is None else np.asarray(start, dtype=np.float64), component)
    solver = dense_solver if pairs.n_items <= SMALL else sparse_solver
    theta, converged, steps = climb(pairs, begin, penalty, solver(pairs, component, penalty))
    return Fit(centred(theta, component), pairs, component, separated, penalty, converged, steps)


#: Takes the weights on the pairs (E,), the gradient (n,) and the relative accuracy that is enough; gives the step (n,)
#: and the accuracy it has, 0 for an exact one.
Solver = Callable[[FloatArray, FloatArray, float], tuple[FloatArray, float]]


def climb(
    pairs: Pairs, start: FloatArray, ridge: float, solve: Solver, max_steps: int = MAX_STEPS
) -> tuple[FloatArray, bool, int]:
    """Newton's method from ``start``: strengths, whether it converged, steps.

    No line search: a step is cut to the length at which the likelihood is sure to grow (generalised self-concordance
    of the logistic likelihood; Bach 2010, Electronic J. Statistics 4, proposition 1).
    """
    theta, size, left, steps = start, 1.0, 1.0, 0
    while left >= TOLERANCE and steps < max_steps:
        steps += 1
        win = _win(pairs, theta)
        gradient = pairs.net(pairs.wins - pairs.games * win) - ridge * theta
        step, accuracy = solve(pairs.games * (win * (1.0 - win)), gradient, min(0.1, size))
        step *= safe_length(float(np.ptp(step)))
        theta = theta + step
        size = float(np.abs(step).max())
        # Newton squares the error of each difference, and a strength may be the sum of n of them.
        left = min(size, pairs.n_items * size * (size + accuracy))
    return theta, left < TOLERANCE, steps


def safe_length(reach: float) -> float:
    """Share of a Newton step to take when it changes differences by up to ``reach`` logits."""
    return 1.0 if reach <= SAFE_RANGE else max(SAFE_RANGE, float(np.log1p(reach))) / reach


def dense_solver(pairs: Pairs, component: IntArray, ridge: float) -> Solver:
    """Newton steps by a Cholesky factorisation of the (n, n) information."""
    n = pairs.n_items
    fixed = gauge_matrix(component)
    fixed.flat[:: n + 1] += ridge
    upper = pairs.first * n + pairs.second

    def solve(weight: FloatArray, gradient: FloatArray, _enough: float) -> tuple[FloatArray, float]:
        matrix = fixed.copy()
        matrix.flat[:: n + 1] += pairs.both(weight)
        matrix.reshape(-1)[upper] -= weight
        # LAPACK reads columns first: the upper triangle of ours is the lower one of its.
        step, failed = dposv(matrix.T, gradient, lower=1)[1:]
        if failed:  # singular to working precision, far from the maximum
            step = np.linalg.lstsq(_laplacian(pairs, weight) + fixed, gradient, rcond=None)[0]
        return np.asarray(step, dtype=np.float64), 0.0

    return solve


def sparse_solver(pairs: Pairs, component: IntArray, ridge: float) -> Solver:
    """Newton steps by conjugate gradients, or by a sparse factorisation where those stall."""
    n = pairs.n_items
    # Only the upper triangle is kept: its rows are the pairs in their order, and the transpose is a view of it.
    upper = csr_array((pairs.games.copy(), pairs.second.astype(np.int32), pairs.row_starts), shape=(n, n))
    lower = upper.T

    def solve(weight: FloatArray, gradient: FloatArray, enough: float) -> tuple[FloatArray, float]:
        upper.data[:] = weight
        diagonal = pairs.both(weight) + ridge
        diagonal[diagonal == 0] = 1.0  # an item without votes stays where it is
        step = _conjugate_gradients(lambda x: diagonal * x - upper @ x - lower @ x, diagonal, gradient, enough)
        if step is None:
            # With one item per component held, the solution is the same up to the component's mean.
            held = np.zeros(n)
            held[np.unique(comparison_components(pairs), return_index=True)[1]] = 1.0
            whole = diags_array(diagonal + (held if ridge == 0 else 0.0)) - upper - lower
            step, enough = splu(whole.tocsc()).solve(gradient), 0.0
        return (centred(step, component) if ridge == 0 else step), enough

    return solve


def _conjugate_gradients(
    multiply: Callable[[FloatArray], FloatArray], diagonal: FloatArray, target: FloatArray, enough: float
) -> FloatArray | None:
    """Solve to a relative residual ``enough`` in the norm of 1/diagonal; None where that takes too many products."""
    x, residual = np.zeros_like(target), target.copy()
    scaled = residual / diagonal
    direction = scaled.copy()
    size = residual @ scaled
    # Below the second bound no strength moves by more than rounding would move it.
    stop = max(enough**2 * size, (1e-3 * TOLERANCE) ** 2 * diagonal.min())
    for _ in range(MAX_PRODUCTS):
        if size <= stop:
            return x
        image = multiply(direction)
        length = size / (direction @ image)
        x += length * direction
        residual -= length * image
        scaled = residual / diagonal
        before, size = size, residual @ scaled
        direction = scaled + size / before * direction
    return None


def win_probability(theta: FloatArray) -> FloatArray:
    """Matrix (..., n, n) of the probability that row beats column, from strengths (..., n) in logits."""
    difference = theta[..., :, None] - theta[..., None, :]
    return np.asarray(np.exp(-np.logaddexp(0.0, -difference)))


def logistic(logit: FloatArray) -> FloatArray:
    """1 / (1 + exp(-logit)) without overflow."""
    return np.asarray(0.5 + 0.5 * np.tanh(0.5 * logit))


def _win(pairs: Pairs, theta: FloatArray) -> FloatArray:
    return logistic(theta[pairs.first] - theta[pairs.second])


def _log_odds(pairs: Pairs) -> FloatArray:
    lost = pairs.both(pairs.games)
    won = 0.5 * (lost + pairs.net(pairs.wins - pairs.losses))
    return np.asarray(np.log((won + 0.5) / (lost - won + 0.5)))


def _laplacian(pairs: Pairs, weight: FloatArray) -> FloatArray:
    matrix = np.zeros((pairs.n_items, pairs.n_items))
    matrix[pairs.first, pairs.second] = -weight
    matrix[pairs.second, pairs.first] = -weight
    matrix.flat[:: pairs.n_items + 1] = pairs.both(weight)
    return matrix


def _checked(wins: FloatArray) -> FloatArray:
    table = np.asarray(wins, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or len(table) == 0:
        raise ValueError("a table of wins is square and not empty")
    if not np.all(np.isfinite(table)) or np.any(table < 0):
        raise ValueError("counts of wins are finite and not negative")
    if np.any(np.diag(table) != 0):
        raise ValueError("an item cannot be compared with itself")
    return table
