"""Many fits of resampled votes at once."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

from studyplatform.voting.core.bradley_terry.newton import (
    MAX_STEPS,
    RIDGE,
    SAFE_RANGE,
    TOLERANCE,
    climb,
    logistic,
    sparse_solver,
)
from studyplatform.voting.core.bradley_terry.pairs import SMALL, BoolArray, FloatArray, IntArray, Pairs

#: A replicate whose maximum exists converges from a warm start in far fewer steps; where it does not exist the
#: strengths walk off by more than a logit a step.
STEPS_TO_TRUST = 15


def fit_many(wins: FloatArray, *, ridge: float = RIDGE, start: FloatArray | None = None) -> FloatArray:
    """Fit a stack of tables at once, for resampling.

    ``wins``: (B, n, n). Returns (B, n) strengths, mean zero over the items. The ridge must be positive: a resampled
    table may well be separated or disconnected, and each of them has to have an answer.
    """
    if ridge <= 0:
        raise ValueError("resampled tables need a positive ridge")
    batch, n = wins.shape[0], wins.shape[-1]
    first, second = np.triu_indices(n, 1)
    begin = np.zeros((batch, n)) if start is None else np.broadcast_to(start, (batch, n)).copy()
    theta, _ = _newton(n, first, second, wins[:, first, second], wins[:, second, first], begin, ridge, MAX_STEPS)
    return theta


def fit_replicates(
    pairs: Pairs, wins: FloatArray, losses: FloatArray, *, start: FloatArray, ridge: float = 0.0
) -> FloatArray:
    """Fit B sets of counts on the pairs of ``pairs``: strengths (B, n), mean zero over the items.

    ``wins``, ``losses``: (B, E) counts in place of those of ``pairs``; ``start``: (n,) the fit of the whole. Replicates
    whose maximum does not exist under ``ridge`` 0 are fitted with :data:`RIDGE`, as the whole would be; parts that no
    longer meet in a replicate keep the distance of ``start``.
    """
    if pairs.n_items > SMALL:
        return np.stack([_sparse(pairs, w, lost, start, ridge) for w, lost in zip(wins, losses, strict=True)])
    begin = np.broadcast_to(start, (len(wins), pairs.n_items)).copy()
    steps = STEPS_TO_TRUST if ridge == 0 else MAX_STEPS
    theta, done = _newton(pairs.n_items, pairs.first, pairs.second, wins, losses, begin, ridge, steps)
    if not done.all():
        again = ~done
        theta[again], _ = _newton(
            pairs.n_items, pairs.first, pairs.second, wins[again], losses[again], begin[again], RIDGE, MAX_STEPS
        )
    return theta


def _sparse(pairs: Pairs, wins: FloatArray, losses: FloatArray, start: FloatArray, ridge: float) -> FloatArray:
    met = wins + losses > 0
    own = Pairs(pairs.n_items, pairs.first[met], pairs.second[met], wins[met], losses[met])
    whole = np.zeros(pairs.n_items, dtype=np.intp)
    theta, converged, _ = climb(own, start, ridge, sparse_solver(own, whole, ridge), STEPS_TO_TRUST)
    if not converged:
        theta, _, _ = climb(own, start, RIDGE, sparse_solver(own, whole, RIDGE))
    return np.asarray(theta - theta.mean())


def _newton(
    n: int,
    first: IntArray,
    second: IntArray,
    wins: FloatArray,
    losses: FloatArray,
    theta: FloatArray,
    ridge: float,
    max_steps: int,
) -> tuple[FloatArray, BoolArray]:
    """Newton's method on a batch: (B, n) strengths and which of them converged. Those that have are left alone."""
    games = wins + losses
    pair = np.arange(len(first))
    minus = csr_array((np.ones(len(pair)), (pair, second)), shape=(len(pair), n))
    plus = csr_array((np.ones(len(pair)), (pair, first)), shape=(len(pair), n))
    net, both = plus - minus, plus + minus
    # Without a ridge a resampled Hessian may be singular; this much on its diagonal changes a step, not where it ends.
    slack = 1e-9 * max(1.0, float(games.sum(axis=1).max(initial=0.0)) / n) if ridge == 0 else 0.0
    fixed = np.full((n, n), 1.0 / n) + (ridge + slack) * np.eye(n)
    open_ = np.arange(len(theta))
    for _ in range(max_steps):
        if len(open_) == 0:
            break
        here, played = theta[open_], games[open_]
        win = logistic(here[:, first] - here[:, second])
        gradient = (wins[open_] - played * win) @ net - ridge * here
        weight = played * (win * (1.0 - win))
        hessian = np.empty((len(open_), n, n))
        hessian[:] = fixed
        hessian[:, first, second] -= weight
        hessian[:, second, first] -= weight
        hessian[:, np.arange(n), np.arange(n)] += weight @ both
        step = np.linalg.solve(hessian, gradient[..., None])[..., 0]
        reach = np.ptp(step, axis=1, keepdims=True)
        step *= np.where(reach <= SAFE_RANGE, 1.0, np.maximum(SAFE_RANGE, np.log1p(reach)) / np.maximum(reach, 1.0))
        theta[open_] = here + step
        open_ = open_[np.abs(step).max(axis=1) >= TOLERANCE]
    done = np.ones(len(theta), dtype=bool)
    done[open_] = False
    return theta - theta.mean(axis=1, keepdims=True), done
