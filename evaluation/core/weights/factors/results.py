"""What a loss says of the factors, as plain data: sizes beside the range that seeds alone would show."""

from __future__ import annotations

from dataclasses import dataclass

from evaluation.core.dataset import MetricInfo
from evaluation.core.words import Reason

#: Pure noise passes the yardstick in one of 20 grids.
LEVEL = 0.05
FROM_DEFAULT, POOLED, GIVEN = "default", "pooled", "given"


@dataclass(frozen=True)
class Noise:
    """The spread of one run. ``sd``: in units of the loss; ``df``: degrees of freedom, infinite where it was given;
    ``source``: :data:`FROM_DEFAULT`, :data:`POOLED` over all conditions or :data:`GIVEN`; ``seeds``: of the default."""

    sd: float
    df: float
    source: str
    seeds: int


@dataclass(frozen=True)
class LevelChange:
    """A level of a factor: the mean over ``n`` seeds and their ``sd`` (None for one seed; both None in a crossed grid,
    where a level is many conditions), and the change it makes with its 95 % interval."""

    level: str
    mean: float | None
    n: int | None
    sd: float | None
    change: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class FactorSize:
    """A factor: the range ``size`` over its levels with its 95 % interval, also as a ``share`` of the default.

    ``rank``: 1 the largest; ``p_first``: probability of that rank. ``expected`` and ``most``: the range under pure
    noise, on average and in all but one of 20 grids; ``p_noise``: share of such grids with a range as large.
    ``p_pooled``: the same share by the noise pooled over all conditions, where the default's own is the yardstick.
    ``withstands``: the relative SD of a run below which the size would be beyond the yardstick.
    """

    factor: str
    levels: tuple[LevelChange, ...]
    size: float
    low: float | None
    high: float | None
    share: float | None
    rank: int
    p_first: float | None
    expected: float | None
    most: float | None
    p_noise: float | None
    p_pooled: float | None
    withstands: float | None

    @property
    def beyond_noise(self) -> bool:
        """Whether it is larger than seeds alone would make it."""
        return self.p_noise is not None and self.p_noise <= LEVEL

    @property
    def beyond_pooled(self) -> bool:
        """The same by the noise pooled over all conditions."""
        return self.p_pooled is not None and self.p_pooled <= LEVEL


@dataclass(frozen=True)
class LossFamily:
    """A family: its default's label (empty in a crossed grid without one), the loss there (else its mean), the noise
    (None: one seed per cell) and the factors, the largest first. ``pooled``: the noise over the seeds of all
    conditions, where the default's own is the yardstick: three seeds know little of their spread."""

    name: str
    base: str
    middle: float
    noise: Noise | None
    pooled: Noise | None
    factors: tuple[FactorSize, ...]


@dataclass(frozen=True)
class MeanSize:
    """A factor over the families: the mean of its shares, and the probability to be the first."""

    factor: str
    share: float
    p_first: float | None


@dataclass(frozen=True)
class LossFactors:
    """What a loss says. ``means``: over the families, empty for one. ``refused``: family and why its values cannot be
    compared. ``missing``: labels of conditions without a value; ``unreached``: of those that change several
    hyper-parameters at once."""

    metric: MetricInfo
    design: str
    families: tuple[LossFamily, ...]
    means: tuple[MeanSize, ...]
    refused: tuple[tuple[str, Reason], ...]
    missing: tuple[str, ...]
    unreached: tuple[str, ...]
