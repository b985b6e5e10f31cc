"""Which hyper-parameter matters for a loss, without any votes: the loss side of E17 alone.

A number per condition and seed (the training loss of a run, a mean over scenes) is held against the spread between
seeds. Its yardstick is the range that the levels of a factor would show if nothing but the seed differed between them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from evaluation.core import words
from evaluation.core.dataset import Condition, MetricInfo, StudyData
from evaluation.core.options import Options
from evaluation.core.verdict.minimiser import out_of_scope
from evaluation.core.voters.layouts import Factor, Family, layout
from evaluation.core.weights.factors.effects import (
    Effects,
    drawn_sizes,
    interval,
    range_interval,
    ranks,
    replicates,
    shares,
    sizes,
)
from evaluation.core.weights.factors.results import (
    FROM_DEFAULT,
    GIVEN,
    LEVEL,
    POOLED,
    FactorSize,
    LevelChange,
    LossFactors,
    LossFamily,
    MeanSize,
    Noise,
)
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray

#: Fewer seeds of the default say next to nothing of its spread: then those of all conditions are pooled.
ENOUGH_SEEDS = 3


def loss_factors(
    conditions: Sequence[Condition],
    values: Sequence[Sequence[float]],
    metric: MetricInfo,
    *,
    noise: float | None = None,
    options: Options | None = None,
) -> LossFactors | Reason:
    """Sizes of the factors for ``metric``, or why there are none. ``values``: of each condition a number per seed, none
    where it has no value. ``noise``: the SD of a run relative to the default, taken from elsewhere; it replaces the
    seeds' own.

    Raises ``ValueError`` for a noise that is not above zero.
    """
    if noise is not None and noise <= 0:
        raise ValueError(f"A relative noise of {noise} is not above zero: give for instance 0.04 for 4 %.")
    options = options or Options()
    there = [i for i, own in enumerate(values) if len(own)]
    if not there:
        n = len(conditions)
        return words.reason("NC_MISSING_SCORE", metric=metric.label, missing=n, total=n, group="the grid")
    known, own = [conditions[i] for i in there], [np.asarray(values[i], dtype=np.float64) for i in there]
    found = layout(known)
    if isinstance(found, Reason):
        return found
    refused = [(family.name, _out_of_scope(known, metric, family)) for family in found.families]
    why = tuple((name, reason) for name, reason in refused if reason is not None)
    if len(why) == len(refused):
        return why[0][1]
    told = [
        _family(known, own, family, noise, options, number)
        for number, family in enumerate(found.families)
        if refused[number][1] is None
    ]
    used = {i for f in found.families for c in f.factors for i in np.flatnonzero(c.contrasts.any(axis=0)).tolist()}
    return LossFactors(
        metric=metric,
        design=found.design,
        families=tuple(family for family, _ in told),
        means=_means(told) if len(told) > 1 else (),
        refused=why,
        missing=tuple(c.label for i, c in enumerate(conditions) if i not in there),
        unreached=tuple(c.label for i, c in enumerate(known) if i not in used),
    )


def _out_of_scope(conditions: Sequence[Condition], metric: MetricInfo, family: Family) -> Reason | None:
    bare = StudyData(
        slug="", title="", simulated=False, questions=(), scenes=(), conditions=tuple(conditions), stimuli=(),
        metrics=(metric,), scores=(), participants=(), trials=(),
    )  # fmt: skip
    return out_of_scope(bare, metric, [conditions[i].id for i in family.items])


def _family(
    conditions: Sequence[Condition],
    values: Sequence[FloatArray],
    whole: Family,
    noise: float | None,
    options: Options,
    number: int,
) -> tuple[LossFamily, dict[str, FloatArray]]:
    """The family, and the (B,) shares of each factor in draws from the noise, where it is known."""
    family, items, seed = whole.within(), whole.items.tolist(), [options.seed, number]
    own, base = [values[i] for i in items], family.base
    mean = np.array([v.mean() for v in own])
    middle = float(mean[base] if base >= 0 else mean.mean())
    effects, spread, pooled = _effects(own, mean, middle, base, noise)
    size, unit = sizes(family.factors, mean), abs(middle)
    rank = ranks(size)
    drawn = (
        None if effects.cov is None else drawn_sizes(family.factors, mean, effects.cov, seed=seed, draws=options.draws)
    )
    chance = None if drawn is None else shares(ranks(drawn))
    # The ranges of the factors where nothing but the seed differs, by an SD of 1 between runs.
    one = np.diag([1 / len(v) for v in own])
    alone = drawn_sizes(family.factors, np.zeros(len(own)), one, seed=[*seed, 1], draws=options.draws)
    factors = []
    for f, factor in enumerate(family.factors):
        low, high = range_interval(effects, factor.contrasts)
        expected, most, p_noise = _yardstick(float(size[f]), alone[:, f], spread, seed)
        factors.append(
            FactorSize(
                factor=factor.name,
                levels=tuple(_levels(factor, own, effects, base)),
                size=float(size[f]),
                low=low,
                high=high,
                share=float(size[f]) / unit if unit else None,
                rank=int(rank[f]) + 1,
                p_first=None if chance is None else float(chance[f, 0]),
                expected=expected,
                most=most,
                p_noise=p_noise,
                p_pooled=_yardstick(float(size[f]), alone[:, f], pooled, seed)[2],
                withstands=float(size[f] / np.quantile(alone[:, f], 1 - LEVEL)) / unit if unit else None,
            )
        )
    name = conditions[items[base]].label if base >= 0 else ""
    told = LossFamily(family.name, name, middle, spread, pooled, tuple(sorted(factors, key=lambda f: f.rank)))
    shared = {} if drawn is None or not unit else {f.name: drawn[:, i] / unit for i, f in enumerate(family.factors)}
    return told, shared


def _effects(
    values: Sequence[FloatArray], mean: FloatArray, middle: float, base: int, noise: float | None
) -> tuple[Effects, Noise | None, Noise | None]:
    """The means over seeds with their noise: the one given, else that of the seeds, None where there is one a cell; and
    beside the default's own noise the pooled one."""
    n = np.array([[len(v) for v in values]], dtype=np.intp)
    seeds = int(n[0, base]) if base >= 0 else 0
    if noise is not None:
        sd = noise * abs(middle)
        given = Effects("loss", "raw", mean, np.diag(sd**2 / n[0]), np.inf, None)
        return given, Noise(sd, np.inf, GIVEN, seeds), None
    variance = np.array([[np.var(v, ddof=1) if len(v) > 1 else 0.0 for v in values]])
    found, every = (replicates(n, variance, i, least=ENOUGH_SEEDS) for i in (base, -1))
    effects = found.effects("loss", "raw", mean[None], np.ones(1))
    if effects.cov is None:
        return effects, None, None
    pooled = Noise(float(np.sqrt(every.floor(np.ones(1)))), every.df, POOLED, seeds)
    if base < 0 or found.measured.sum() > found.measured[0, base]:
        return effects, pooled, None
    own = Noise(float(np.sqrt(found.floor(np.ones(1)))), found.df, FROM_DEFAULT, seeds)
    return effects, own, pooled if every.df > found.df else None


def _yardstick(
    size: float, alone: FloatArray, noise: Noise | None, seed: Sequence[int]
) -> tuple[float | None, float | None, float | None]:
    """The range under pure noise, on average and in all but one of 20 grids, and how often it is as large as ``size``.

    An SD estimated from few seeds may be too small: the last two divide it by draws of its own error (chi-square), as
    the studentised range does.
    """
    if noise is None:
        return None, None, None
    ranges = alone * noise.sd
    tail = ranges
    if np.isfinite(noise.df):
        chi = np.random.default_rng([*seed, 2]).chisquare(noise.df, size=len(alone))
        tail = ranges * np.sqrt(noise.df / chi)
    return (
        float(ranges.mean()),
        float(np.quantile(tail, 1 - LEVEL)),
        float((1 + np.sum(tail >= size)) / (1 + len(tail))),
    )


def _levels(factor: Factor, values: Sequence[FloatArray], effects: Effects, base: int) -> Iterator[LevelChange]:
    """The levels of a factor: the default and its changes, or those of a crossed grid, each of many conditions."""
    single = not factor.contrasts[0].any()
    for i, (level, contrast) in enumerate(zip(factor.levels, factor.contrasts, strict=True)):
        own = values[int(np.argmax(contrast)) if i else base] if single else None
        low, high = interval(effects, contrast)
        yield LevelChange(
            level=level,
            mean=None if own is None else float(own.mean()),
            n=None if own is None else len(own),
            sd=float(np.std(own, ddof=1)) if own is not None and len(own) > 1 else None,
            change=float(contrast @ effects.values),
            low=low,
            high=high,
        )


def _means(told: Sequence[tuple[LossFamily, dict[str, FloatArray]]]) -> tuple[MeanSize, ...]:
    """The factors over the families, the largest first; none where a share is not known (a default of 0)."""
    found = [f for family, _ in told for f in family.factors]
    if any(f.share is None for f in found):
        return ()
    names = list(dict.fromkeys(f.factor for f in found))
    share = {n: float(np.mean([f.share for f in found if f.factor == n])) for n in names}
    chance: dict[str, float] = {}
    if all(drawn for _, drawn in told):
        each = [np.mean([drawn[n] for _, drawn in told if n in drawn], axis=0) for n in names]
        chance = dict(zip(names, shares(ranks(np.stack(each, axis=-1)))[:, 0].tolist(), strict=True))
    return tuple(MeanSize(n, share[n], chance.get(n)) for n in sorted(names, key=lambda n: -share[n]))
