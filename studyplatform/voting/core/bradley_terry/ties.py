"""Strengths where ties have a place of their own, and where the side a picture stands on may matter.

With d = theta_left - theta_right + gamma (gamma: the side effect, above 0 where the left is favoured; Davidson and
Beaver 1977, Biometrics 33):

- half-wins: P(left) = sigma(d), a tie counts as half a win to each side;
- Davidson (1970, J. Amer. Stat. Assoc. 65): left : tie : right = exp(d/2) : nu : exp(-d/2);
- Rao and Kupper (1967, J. Amer. Stat. Assoc. 62): P(left) = sigma(d - eta), P(right) = sigma(-d - eta), the rest ties.

Each likelihood is concave in (theta, gamma, log nu or eta). Newton's method on at most n^2 ordered pairs, whatever the
number of votes; dense in the items.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from studyplatform.voting.core.bradley_terry.newton import MAX_STEPS, RIDGE, TOLERANCE, logistic
from studyplatform.voting.core.bradley_terry.pairs import (
    BoolArray,
    FloatArray,
    IntArray,
    connectivity,
    count_pairs,
    gauge_matrix,
)

#: Nothing finite lies further out, in logits: estimates that pass it are on their way to infinity.
FAR = 30.0


@dataclass(frozen=True)
class TieFit:
    """Strengths of one model. Parameters are in the order items, side, tie; those that are None have no column.

    ``theta``: (n,) logits, mean zero per component. ``side``: gamma in logits. ``tie``: log nu (Davidson) or eta
    (Rao-Kupper); None for half-wins and where nothing was tied. ``cov_model``, ``cov_clustered``: (q, q), the latter
    CR1 with the given clusters, None without. ``separated``, ``ridge``, ``component``: as in :class:`Fit`.
    """

    theta: FloatArray
    side: float | None
    tie: float | None
    cov_model: FloatArray
    cov_clustered: FloatArray | None
    component: IntArray
    separated: BoolArray
    ridge: float
    converged: bool
    steps: int
    log_likelihood: float

    def se(self, contrast: FloatArray) -> float:
        """Standard error of ``contrast`` (q,) times the parameters: the larger of clustered and model-based."""
        found = [float(contrast @ cov @ contrast) for cov in (self.cov_model, self.cov_clustered) if cov is not None]
        return float(np.sqrt(max(0.0, *found)))

    def difference(self, i: int, j: int) -> tuple[float, float]:
        """theta_i - theta_j and its standard error."""
        contrast = np.zeros(len(self.cov_model))
        contrast[i] += 1.0
        contrast[j] -= 1.0
        return float(self.theta[i] - self.theta[j]), self.se(contrast)

    @property
    def se_side(self) -> float | None:
        """Standard error of the side effect."""
        return None if self.side is None else self.se(np.eye(len(self.cov_model))[len(self.theta)])


def fit_half_wins(
    n_items: int, left: IntArray, right: IntArray, y: FloatArray, *, cluster: IntArray | None = None, side: bool = False
) -> TieFit:
    """Bradley-Terry with ties as half-wins.

    ``left``, ``right``: (V,) item numbers; ``y``: (V,) 1 where the left was chosen, 0 the right, 1/2 a tie;
    ``cluster``: (V,) whose vote it is, 0..P-1, for clustered errors; ``side``: whether to estimate the side effect.
    Raises ``ValueError`` for votes that are none of the three, where every vote is a tie and the model has a tie
    parameter, and where the side effect cannot be told from the strengths.
    """
    return _fit(_half_wins, None, n_items, left, right, y, cluster, side)


def fit_davidson(
    n_items: int, left: IntArray, right: IntArray, y: FloatArray, *, cluster: IntArray | None = None, side: bool = False
) -> TieFit:
    """Davidson's model of ties; arguments and errors as :func:`fit_half_wins`."""
    return _fit(
        _davidson, lambda rate: float(np.log(2.0 * rate / (1.0 - rate))), n_items, left, right, y, cluster, side
    )


def fit_rao_kupper(
    n_items: int, left: IntArray, right: IntArray, y: FloatArray, *, cluster: IntArray | None = None, side: bool = False
) -> TieFit:
    """Rao and Kupper's model of ties; arguments and errors as :func:`fit_half_wins`."""
    return _fit(_rao_kupper, lambda rate: float(2.0 * np.arctanh(rate)), n_items, left, right, y, cluster, side)


@dataclass(frozen=True)
class _Slopes:
    """Log-likelihood of each row, its slopes in d and in the tie parameter, and minus its curvatures."""

    value: FloatArray
    d: FloatArray
    tie: FloatArray
    d_d: FloatArray
    d_tie: FloatArray
    tie_tie: FloatArray


#: Takes d (R,), the tie parameter and counts (R, 3) of left, tie and right.
_Model = Callable[[FloatArray, float, FloatArray], _Slopes]


def _half_wins(d: FloatArray, _tie: float, counts: FloatArray) -> _Slopes:
    n, won, p = counts.sum(axis=1), counts[:, 0] + 0.5 * counts[:, 1], logistic(d)
    none = np.zeros_like(d)
    value = -won * np.logaddexp(0.0, -d) - (n - won) * np.logaddexp(0.0, d)
    return _Slopes(value, won - n * p, none, n * p * (1.0 - p), none, none)


def _davidson(d: FloatArray, tie: float, counts: FloatArray) -> _Slopes:
    log = np.column_stack([0.5 * d, np.full_like(d, tie), -0.5 * d])
    log -= np.logaddexp.reduce(log, axis=1)[:, None]
    n, p = counts.sum(axis=1), np.exp(log)
    lean, none = 0.5 * (p[:, 0] - p[:, 2]), p[:, 1]
    return _Slopes(
        value=(counts * log).sum(axis=1),
        d=0.5 * (counts[:, 0] - counts[:, 2]) - n * lean,
        tie=counts[:, 1] - n * none,
        d_d=n * (0.25 * (1.0 - none) - lean**2),
        d_tie=-n * lean * none,
        tie_tie=n * none * (1.0 - none),
    )


def _rao_kupper(d: FloatArray, tie: float, counts: FloatArray) -> _Slopes:
    # P(tie) = (exp(2 eta) - 1) P(left) P(right), so a tie counts for both sides.
    p, q = logistic(d - tie), logistic(-d - tie)
    ties, for_left, for_right = counts[:, 1], counts[:, 0] + counts[:, 1], counts[:, 2] + counts[:, 1]
    width = -np.expm1(-2.0 * tie)
    value = -for_left * np.logaddexp(0.0, tie - d) - for_right * np.logaddexp(0.0, tie + d)
    a, b = for_left * p * (1.0 - p), for_right * q * (1.0 - q)
    return _Slopes(
        value=value + ties * (2.0 * tie + np.log(width)),
        d=for_left * (1.0 - p) - for_right * (1.0 - q),
        tie=2.0 * ties / width - for_left * (1.0 - p) - for_right * (1.0 - q),
        d_d=a + b,
        d_tie=b - a,
        tie_tie=a + b + 4.0 * ties * (1.0 - width) / width**2,
    )


@dataclass(frozen=True)
class _Design:
    """Ordered pairs that met (R,), how they were judged (R, 3), and which parameters there are."""

    n_items: int
    left: IntArray
    right: IntArray
    counts: FloatArray
    side: bool
    tied: bool

    @property
    def size(self) -> int:
        return self.n_items + self.side + self.tied

    def along(self, parameters: FloatArray) -> tuple[FloatArray, float]:
        """d (R,) and the tie parameter."""
        theta = parameters[: self.n_items]
        d = theta[self.left] - theta[self.right] + (parameters[self.n_items] if self.side else 0.0)
        return np.asarray(d), float(parameters[-1]) if self.tied else 0.0

    def sums(self, row: IntArray, n_rows: int, d: FloatArray, tie: FloatArray, rows_of: IntArray) -> FloatArray:
        """(n_rows, q) slopes ``d``, ``tie`` (V,) of votes on the ordered pairs ``rows_of`` summed by ``row`` (V,)."""
        n = self.n_items
        flat = np.bincount(row * n + self.left[rows_of], weights=d, minlength=n_rows * n)
        flat = flat - np.bincount(row * n + self.right[rows_of], weights=d, minlength=n_rows * n)
        columns = [flat.reshape(n_rows, n)]
        columns += [np.bincount(row, weights=d, minlength=n_rows)[:, None]] if self.side else []
        columns += [np.bincount(row, weights=tie, minlength=n_rows)[:, None]] if self.tied else []
        return np.hstack(columns)

    def information(self, slopes: _Slopes) -> FloatArray:
        """(q, q) minus the second derivatives."""
        n, every = self.n_items, np.arange(len(self.left))
        none = np.zeros(len(every), dtype=np.intp)
        matrix = np.zeros((self.size, self.size))
        cells = np.bincount(self.left * n + self.right, weights=slopes.d_d, minlength=n * n).reshape(n, n)
        both = cells + cells.T
        matrix[:n, :n] = np.diag(both.sum(axis=1)) - both
        if self.side:
            matrix[n] = matrix[:, n] = self.sums(none, 1, slopes.d_d, slopes.d_tie, every)[0]
        if self.tied:
            matrix[-1] = matrix[:, -1] = self.sums(none, 1, slopes.d_tie, slopes.tie_tie, every)[0]
        return matrix


def _fit(
    model: _Model,
    tie_start: Callable[[float], float] | None,
    n_items: int,
    left: IntArray,
    right: IntArray,
    y: FloatArray,
    cluster: IntArray | None,
    side: bool,
) -> TieFit:
    if not np.isin(y, (0.0, 0.5, 1.0)).all():
        raise ValueError("a vote is 1 (left), 0 (right) or 1/2 (tie)")
    pairs = count_pairs(n_items, left, right, y)
    component, separated = connectivity(pairs)
    rate = float(np.mean(y == 0.5)) if len(y) else 0.0
    tied = tie_start is not None and rate > 0
    if not tied:
        model = _half_wins  # where nothing was tied both models of ties are Bradley and Terry's
    elif rate == 1:
        raise ValueError("every vote is a tie: how easily people tie cannot be told from how alike the items are")
    answer = (2.0 * (1.0 - y)).astype(np.intp)
    table = np.bincount((left * n_items + right) * 3 + answer, minlength=3 * n_items**2).reshape(-1, 3)
    met = np.flatnonzero(table.any(axis=1))
    design = _Design(n_items, met // n_items, met % n_items, table[met].astype(np.float64), side, tied)
    gauge = np.zeros((design.size, design.size))
    gauge[:n_items, :n_items] = gauge_matrix(component)
    if side:
        _check_side(design, gauge[:n_items, :n_items])
    ridge = RIDGE if separated.any() else 0.0
    penalty = np.zeros(design.size)
    penalty[:n_items] = ridge
    start = np.zeros(design.size)
    if tied and tie_start is not None:
        start[-1] = tie_start(rate)
    at, converged, steps = _climb(model, design, start, penalty, gauge)
    slopes = model(*design.along(at), design.counts)
    centre = np.eye(design.size) - gauge
    inverse = np.linalg.pinv(design.information(slopes) + np.diag(penalty) + gauge, hermitian=True)
    clustered = None
    if cluster is not None:
        row_of = np.searchsorted(met, left * n_items + right)
        clustered = centre @ inverse @ _meat(model, design, at, row_of, answer, cluster) @ inverse @ centre
    theta = (centre @ at)[:n_items]
    return TieFit(
        theta=theta,
        side=float(at[n_items]) if side else None,
        tie=float(at[-1]) if tied else None,
        cov_model=centre @ inverse @ centre,
        cov_clustered=clustered,
        component=component,
        separated=separated,
        ridge=ridge,
        converged=converged,
        steps=steps,
        log_likelihood=float(slopes.value.sum()),
    )


def _climb(
    model: _Model, design: _Design, start: FloatArray, penalty: FloatArray, gauge: FloatArray
) -> tuple[FloatArray, bool, int]:
    """Newton's method with step halving: parameters, whether it converged, steps."""
    every = np.arange(len(design.left))
    none = np.zeros(len(every), dtype=np.intp)

    def height(parameters: FloatArray) -> float:
        d, tie = design.along(parameters)
        if model is _rao_kupper and design.tied and tie <= 0:
            return -np.inf
        return float(model(d, tie, design.counts).value.sum() - 0.5 * penalty @ parameters**2)

    at, value = start, height(start)
    for steps in range(1, MAX_STEPS + 1):
        slopes = model(*design.along(at), design.counts)
        gradient = design.sums(none, 1, slopes.d, slopes.tie, every)[0] - penalty * at
        curvature = design.information(slopes) + np.diag(penalty) + gauge
        step = np.linalg.lstsq(curvature, gradient, rcond=None)[0]
        slack = 1e-12 * (1.0 + abs(value))
        while (proposed := height(at + step)) < value - slack and np.abs(step).max() > TOLERANCE:
            step /= 2.0
        at, value = at + step, proposed
        if np.abs(step).max() < TOLERANCE:
            return at, True, steps
        if np.abs(at).max() > FAR:
            return at, False, steps
    return at, False, MAX_STEPS


def _meat(
    model: _Model, design: _Design, at: FloatArray, row_of: IntArray, answer: IntArray, cluster: IntArray
) -> FloatArray:
    """(q, q) sum over clusters of the outer product of their summed slopes about their mean, times P/(P - 1) (CR1)."""
    d, tie = design.along(at)
    # One vote of each answer on each ordered pair; every vote is one of these.
    kinds = [model(d, tie, np.tile(one, (len(d), 1))) for one in np.eye(3)]
    slope_d = np.column_stack([kind.d for kind in kinds])[row_of, answer]
    slope_tie = np.column_stack([kind.tie for kind in kinds])[row_of, answer]
    people = int(cluster.max()) + 1
    sums = design.sums(cluster, people, slope_d, slope_tie, row_of)
    sums -= sums.mean(axis=0)
    return np.asarray(sums.T @ sums * (people / max(1, people - 1)))


def _check_side(design: _Design, gauge: FloatArray) -> None:
    """The side effect is a strength in disguise where strengths alone can make every left picture win by one logit."""
    n = design.counts.sum(axis=1)
    plain = _Design(design.n_items, design.left, design.right, design.counts, False, False)
    none = np.zeros_like(n)
    laplacian = plain.information(_Slopes(none, none, none, n, none, none)) + gauge
    target = plain.sums(np.zeros(len(n), dtype=np.intp), 1, n, none, np.arange(len(n)))[0]
    theta = np.linalg.solve(laplacian, target)
    left_over = 1.0 - (theta[design.left] - theta[design.right])
    if np.sum(n * left_over**2) < 1e-8 * n.sum():
        raise ValueError("the side effect cannot be told from the strengths: show pairs on both sides")
