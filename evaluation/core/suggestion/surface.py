"""Preference as a smooth function of the numeric parameters: a quadratic in their logarithms.

Fitted to the pooled scores of the conditions by generalised least squares, weighted by the votes' information (the
minimum-distance estimator that equals the conditional logit for large samples); its covariance is the scores' own.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core.scale.inference import Scale
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Points per axis where the surface is searched for its peak.
FINE = {1: 201, 2: 41}
SCATTERED = 4000
DRAWS = 999


@dataclass(frozen=True)
class Axis:
    """A numeric parameter: its tested ``levels`` (rising), whether it is whole, and its limits."""

    name: str
    levels: tuple[float, ...]
    whole: bool = False
    minimum: float = -np.inf
    maximum: float = np.inf

    @property
    def log(self) -> bool:
        """Whether the axis is logarithmic."""
        return self.levels[0] > 0

    def place(self, value: float) -> float:
        """A value on the axis from -1 (lowest tested) to 1 (highest tested)."""
        low, high, x = (np.log10(v) if self.log else v for v in (self.levels[0], self.levels[-1], value))
        return float(2 * (x - low) / (high - low) - 1)

    def value(self, place: float) -> float | int:
        """The value at a place, to two digits that matter and within the limits."""
        low, high = (np.log10(v) if self.log else v for v in (self.levels[0], self.levels[-1]))
        x = low + (place + 1) / 2 * (high - low)
        x = float(10**x) if self.log else float(x)
        tested = next((v for v in self.levels if abs(self.place(v) - place) < 1e-9), None)
        rounded = tested if tested is not None else float(f"{x:.2g}")
        kept = float(np.clip(rounded, self.minimum, self.maximum))
        return round(kept) if self.whole else kept


@dataclass(frozen=True)
class Surface:
    """theta at places z (N, d), up to a constant. ``coef``: (q,), ``cov``: (q, q). ``items``: (n,) those of ``scale``
    it was fitted to, ``centre``: (q,) mean of their terms, ``solve``: (q, n) coefficients from their scores. ``low``,
    ``high``: (d,) borders of their places. ``local``: they are the neighbourhood of the favourite, because one
    quadratic did not describe the whole grid."""

    axes: tuple[Axis, ...]
    terms: tuple[tuple[int, ...], ...]
    coef: FloatArray
    cov: FloatArray
    scale: Scale
    items: IntArray
    centre: FloatArray
    solve: FloatArray
    low: FloatArray
    high: FloatArray
    local: bool

    def basis(self, z: FloatArray) -> FloatArray:
        """(N, q) value of every term."""
        return np.column_stack([np.prod(z[:, list(t)], axis=1) for t in self.terms])

    def lead(self, z: FloatArray, base: int) -> tuple[float, float, float]:
        """theta at z (d,) by the curve less the score of item ``base`` as measured, with its 95 % bounds.

        The curve is not asked about ``base``: it may lie far from where it was fitted.
        """
        scale, n = self.scale, len(self.items)
        weight = np.zeros(len(scale.items))
        weight[self.items] = (self.basis(z[None])[0] - self.centre) @ self.solve + 1 / n
        weight[base] -= 1.0
        se = np.sqrt(max(0.0, float(weight @ scale.cov @ weight), float(weight @ scale.cov_model @ weight)))
        mean, half = float(weight @ scale.theta), float(stats.t.ppf(0.975, scale.df) * se)
        return mean, mean - half, mean + half

    def peak(self, low: FloatArray, high: FloatArray, seed: int) -> tuple[FloatArray, FloatArray]:
        """(d,) the best place between ``low`` and ``high`` (d,), and (draws, d) where it lies in draws of the fit."""
        d, rng = len(self.axes), np.random.default_rng(seed)
        if d in FINE:
            lines = [np.linspace(a, b, FINE[d]) for a, b in zip(low, high, strict=True)]
            places = np.array(list(itertools.product(*lines)))
        else:
            places = rng.uniform(low, high, size=(SCATTERED, d))
        basis = self.basis(places)
        drawn = rng.multivariate_normal(self.coef, self.cov, size=DRAWS, method="eigh")
        return places[np.argmax(basis @ self.coef)], places[np.argmax(basis @ drawn.T, axis=0)]


def fit(scale: Scale, axes: Sequence[Axis], params: Sequence[Mapping[str, float]], items: IntArray) -> Surface:
    """The surface over ``items`` of ``scale`` (whose parameters are ``params``), near the favourite if it must be."""
    surface, misfit = _fit(scale, axes, params, items, local=False)
    if misfit is None or misfit >= 0.05:
        return surface
    best = params[int(np.argmax(np.where(np.isin(np.arange(len(params)), items), scale.theta, -np.inf)))]
    near = np.array([i for i in items if all(_beside(axis, params[i][axis.name], best[axis.name]) for axis in axes)])
    enough = all(len({params[i][a.name] for i in near}) >= min(3, len(a.levels)) for a in axes)
    return _fit(scale, axes, params, near, local=True)[0] if enough else surface


def _beside(axis: Axis, value: float, best: float) -> bool:
    """Whether a level is next to the favourite's; from an end the two next ones are."""
    at = axis.levels.index(best)
    reach = 2 if at in (0, len(axis.levels) - 1) else 1
    return abs(axis.levels.index(value) - at) <= reach


def _fit(
    scale: Scale, axes: Sequence[Axis], params: Sequence[Mapping[str, float]], items: IntArray, *, local: bool
) -> tuple[Surface, float | None]:
    """The surface and the p of its lack of fit (None where nothing is left to judge by)."""
    z = np.array([[a.place(params[i][a.name]) for a in axes] for i in items])
    curved = [i for i in range(len(axes)) if len(np.unique(z[:, i])) >= 3]
    terms: list[tuple[int, ...]] = [(i,) for i in range(len(axes))] + [(i, i) for i in curved]
    crossed = list(itertools.combinations(range(len(axes)), 2))
    if len(items) - 1 >= len(terms) + len(crossed) + 1:
        terms += crossed
    terms = terms[: max(1, len(items) - 1)]
    centre = np.eye(len(items)) - 1 / len(items)
    model = centre @ scale.cov_model[np.ix_(items, items)] @ centre
    clustered = centre @ scale.cov[np.ix_(items, items)] @ centre
    theta = centre @ scale.theta[items]
    weight = np.linalg.pinv(model, hermitian=True, rcond=1e-8)
    basis = np.column_stack([np.prod(z[:, list(t)], axis=1) for t in terms])
    x = centre @ basis
    solve = np.linalg.pinv(x.T @ weight @ x, hermitian=True, rcond=1e-10) @ x.T @ weight
    # The larger of the two errors as a whole, as elsewhere contrast by contrast.
    effect = max(1.0, float(np.trace(clustered) / np.trace(model)))
    cov = clustered if effect > 1 else model
    coef = solve @ theta
    rest = theta - x @ coef
    free = len(items) - 1 - len(terms)
    p = float(stats.chi2.sf(rest @ weight @ rest / effect, free)) if free > 0 else None
    surface = Surface(
        tuple(axes), tuple(terms), coef, solve @ cov @ solve.T, scale, items, basis.mean(axis=0), solve @ centre,
        z.min(axis=0), z.max(axis=0), local,
    )  # fmt: skip
    return surface, p
