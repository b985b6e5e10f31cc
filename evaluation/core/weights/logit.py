"""Binomial logit of votes on what differs between the two pictures, with errors that know participants and scenes.

The model of a vote is logit P(left) = gamma + b'(x_left - x_right): antisymmetric in the two sides but for gamma, the
side bias. Votes are fractional (a tie is 1/2). Covariances are sandwiches: participants as clusters (CR1, Liang and
Zeger 1986), or participants and scenes (Cameron, Gelbach and Miller 2011), equal to R's ``sandwich::vcovCL``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats
from scipy.special import expit

from evaluation.core.clusters import cluster_sums, meat, two_way_meat
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Belsley, Kuh and Welsch (1980): above this condition number of the standardised design, weights are not separated.
COLLINEAR_ABOVE = 30.0
#: Up to this many groups one Newton step is too rough for leaving one out; the model is fitted again instead.
REFIT_UP_TO = 12
TOLERANCE = 1e-9
MAX_STEPS = 30


@dataclass(frozen=True)
class Logit:
    """A fitted model. ``design``: (V, q), ``y``: (V,), ``coef``: (q,), in the units of the design.

    ``converged`` is False where no finite maximum was found: the votes are separated by the design.
    """

    design: FloatArray
    y: FloatArray
    coef: FloatArray
    converged: bool

    @cached_property
    def residual(self) -> FloatArray:
        """(V,) observed less fitted."""
        return np.asarray(self.y - expit(self.design @ self.coef))

    @cached_property
    def weight(self) -> FloatArray:
        """(V,) variance p (1 - p) of a vote under the model."""
        p = expit(self.design @ self.coef)
        return np.asarray(p * (1 - p))

    @cached_property
    def information(self) -> FloatArray:
        """(q, q) expected information."""
        return np.asarray((self.design * self.weight[:, None]).T @ self.design)

    @cached_property
    def bread(self) -> FloatArray:
        """(q, q) inverse information: the covariance if all votes were independent."""
        return inverse(self.information)

    @cached_property
    def scores(self) -> FloatArray:
        """(V, q) what each vote adds to the gradient."""
        return np.asarray(self.design * self.residual[:, None])

    def by_participant(self, person: IntArray) -> FloatArray:
        """(q, q) CR1 covariance with participants as clusters."""
        return np.asarray(self.bread @ meat(self.scores, person) @ self.bread)

    def by_both(self, person: IntArray, scene: IntArray) -> FloatArray:
        """(q, q) two-way covariance: participants and scenes. With few clusters it may not be positive definite; then
        the sum of the two one-way covariances, which bounds it from above."""
        both = np.asarray(self.bread @ two_way_meat(self.scores, person, scene) @ self.bread)
        variance = np.diag(both)
        if variance.min() > 0:
            size = np.sqrt(variance)
            if np.linalg.eigvalsh(both / np.outer(size, size)).min() > 1e-6:
                return both
        return self.by_participant(person) + self.by_participant(scene)

    def contrast_se(self, contrast: FloatArray, person: IntArray, scene: IntArray) -> float:
        """Two-way SE of ``contrast`` (q,) of the coefficients, never below a one-way one."""
        own = self.scores @ (self.bread @ contrast)
        return float(np.sqrt(two_way_meat(own, person, scene)[0, 0]))

    def influence(self, groups: IntArray) -> FloatArray:
        """(G, q) what each group adds to the coefficients; G/(G - 1) times its outer product is CR1."""
        return np.asarray(cluster_sums(self.scores, groups, int(groups.max()) + 1) @ self.bread)

    def without(self, groups: IntArray) -> FloatArray:
        """(G, q) coefficients without each group: fitted again where there are few groups, else one Newton step."""
        n = int(groups.max()) + 1
        if n <= REFIT_UP_TO:
            parts = [fit(self.design[groups != g], self.y[groups != g], start=self.coef).coef for g in range(n)]
            return np.array(parts)
        own = information_by_group(self.design, self.weight, groups, n)
        step = np.linalg.pinv(self.information - own, hermitian=True) @ cluster_sums(self.scores, groups, n)[..., None]
        return np.asarray(self.coef - step[..., 0])


def antisymmetric(*differences: FloatArray) -> FloatArray:
    """(V, 1 + m) design: ones (the side bias) and the differences left minus right, each (V,)."""
    return np.column_stack([np.ones(len(differences[0])), *differences])


def fit(design: FloatArray, y: FloatArray, *, start: FloatArray | None = None) -> Logit:
    """Maximum likelihood by Newton's method with step halving; ``design`` (V, q), ``y`` (V,) in [0, 1]."""
    # In units of each column's size, so that losses of any magnitude meet the same tolerance.
    size = np.sqrt(np.mean(design**2, axis=0))
    size = np.where(size > 0, size, 1.0)
    x = design / size
    b = np.zeros(x.shape[1]) if start is None else start * size
    eta = x @ b
    value, converged = log_likelihood(eta, y), False
    for _ in range(MAX_STEPS):
        p = expit(eta)
        gradient = x.T @ (y - p)
        step = inverse((x * (p * (1 - p))[:, None]).T @ x) @ gradient
        scale = 1.0
        while (proposed := log_likelihood(eta + scale * (x @ step), y)) < value - 1e-12 * (1 + abs(value)):
            scale /= 2
            if scale < 1e-10:
                break
        b, value = b + scale * step, proposed
        eta = x @ b
        if np.max(np.abs(step), initial=0.0) < TOLERANCE:
            converged = True
            break
    return Logit(design, y, b / size, converged)


def log_likelihood(eta: FloatArray, y: FloatArray) -> float:
    """Sum over votes of y log p + (1 - y) log(1 - p), p = sigma(eta)."""
    return float(np.sum(y * eta - np.logaddexp(0.0, eta)))


def log_loss(eta: FloatArray, y: FloatArray) -> FloatArray:
    """(V,) negative log-likelihood of each vote, in nats."""
    return np.asarray(np.logaddexp(0.0, eta) - y * eta)


def inverse(matrix: FloatArray) -> FloatArray:
    """Inverse of a symmetric matrix, scaled to a unit diagonal first; directions without information give zero."""
    size = np.sqrt(np.maximum(np.diag(matrix), 0.0))
    unit = np.where(size > 0, 1 / np.where(size > 0, size, 1.0), 0.0)
    scaled = matrix * np.outer(unit, unit)
    return np.asarray(np.linalg.pinv(scaled, rcond=1e-12, hermitian=True) * np.outer(unit, unit))


def information_by_group(design: FloatArray, weight: FloatArray, groups: IntArray, n: int) -> FloatArray:
    """(n, q, q) information of each group's votes."""
    q = design.shape[1]
    own = np.empty((n, q, q))
    for a in range(q):
        for b in range(a, q):
            own[:, a, b] = own[:, b, a] = np.bincount(groups, design[:, a] * design[:, b] * weight, minlength=n)
    return own


def wald(coef: FloatArray, cov: FloatArray, df: float) -> tuple[float, float]:
    """(F, p) of 'all of ``coef`` (r,) are zero', F = Wald / r against F(r, df)."""
    statistic = float(coef @ inverse(cov) @ coef) / len(coef)
    return statistic, float(stats.f.sf(statistic, len(coef), df))


def score_test(nuisance: FloatArray, extra: FloatArray, y: FloatArray, groups: IntArray) -> tuple[float, float, int]:
    """(t, two-sided p, df) of 'the column ``extra`` (V,) adds nothing to ``nuisance`` (V, q)', groups as units.

    The group's contributions to the efficient score (the part of ``extra`` that the nuisance does not explain) have
    mean zero under the null: a one-sample t of theirs, which does not need the alternative to be fitted.
    """
    null = fit(nuisance, y)
    slope = null.bread @ ((nuisance * null.weight[:, None]).T @ extra)
    own = np.bincount(groups, (extra - nuisance @ slope) * null.residual)
    n = len(own)
    spread = float(own.std(ddof=1)) if n > 1 else 0.0
    if spread == 0:
        return 0.0, 1.0, n - 1
    t = float(own.mean() / (spread / np.sqrt(n)))
    return t, float(2 * stats.t.sf(abs(t), n - 1)), n - 1


def condition_number(columns: FloatArray) -> float:
    """Largest over smallest singular value of ``columns`` (V, m) at unit length; infinite for a column of zeros."""
    length = np.sqrt(np.sum(columns**2, axis=0))
    if not length.all():
        return float("inf")
    return float(np.sqrt(np.linalg.cond((columns / length).T @ (columns / length))))


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Pearson's r of two columns (V,)."""
    return float(np.atleast_2d(np.corrcoef(a, b))[0, 1])


def vif(columns: FloatArray) -> FloatArray:
    """(m,) variance inflation of each of ``columns`` (V, m): the diagonal of the inverse correlation matrix."""
    if columns.shape[1] == 1:
        return np.ones(1)
    return np.asarray(np.diag(np.linalg.pinv(np.corrcoef(columns, rowvar=False), hermitian=True)))


def count(groups: IntArray) -> int:
    """How many groups there are; a count by bins, since sorting a million votes is what would take the time."""
    return int(np.count_nonzero(np.bincount(groups)))


def renumbered(groups: IntArray) -> IntArray:
    """The same groups as 0, 1, 2, ... without gaps, in the same order."""
    number = np.cumsum(np.bincount(groups) > 0) - 1
    return np.asarray(number[groups], dtype=np.intp)


def own_slopes(fitted: Logit, column: int, groups: IntArray) -> tuple[float, FloatArray]:
    """How much groups differ in one slope: its SD, and (G,) their own shrunken slopes.

    Method of moments on the groups' efficient scores u and informations i: a group with slope b + d has E u = i d and
    Var u = i, so that the variance of d is sum(u^2 - i) / sum(i^2); its best linear prediction is var u / (1 + var i).
    """
    others = np.delete(np.arange(fitted.design.shape[1]), column)
    x, nuisance = fitted.design[:, column], fitted.design[:, others]
    information = fitted.information
    clean = x - nuisance @ (inverse(information[np.ix_(others, others)]) @ information[others, column])
    u = np.bincount(groups, clean * fitted.residual)
    i = np.bincount(groups, clean**2 * fitted.weight)
    variance = max(0.0, float(np.sum(u**2 - i) / max(np.sum(i**2), 1e-300)))
    return float(np.sqrt(variance)), fitted.coef[column] + variance * u / (1 + variance * i)
