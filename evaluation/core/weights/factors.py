"""E17: which hyper-parameter matters, for the loss and for people?

In a grid that crosses its hyper-parameters a level is its marginal mean against the mean of all; in one that changes
them one at a time it is the change from the default. The size of a hyper-parameter is the range over its levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core import words
from evaluation.core.dataset import StudyData
from evaluation.core.evidence import POOLED, Evidence, MetricValues
from evaluation.core.scale.inference import Scale
from evaluation.core.sections import Json, Section
from evaluation.core.voters.layouts import Factor, Layout, layout
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

EQUAL = words.reason("NC_NO_OVERLAP", needed="for one hyper-parameter to move more than another").to_json()


@dataclass(frozen=True)
class Effects:
    """What one measure says of the factors.

    ``kind``: 'people', the id of a metric (within-scene z), or that id and ':raw'. ``values``: (K,) of the conditions.
    ``cov``: (K, K) of ``values``, None where nothing is known of their noise. ``df``: of the t in intervals.
    ``reason``: why intervals are missing.
    """

    kind: str
    unit: str
    values: FloatArray
    cov: FloatArray | None
    df: float
    reason: Reason | None


def sizes(factors: Sequence[Factor], values: FloatArray) -> FloatArray:
    """(..., F) range over the levels of each factor, of ``values`` (..., K)."""
    return np.stack([np.ptp(values @ f.contrasts.T, axis=-1) for f in factors], axis=-1)


def rank_probabilities(factors: Sequence[Factor], effects: Effects, *, seed: int, draws: int) -> FloatArray | None:
    """(F, F) probability of factor (row) to have the rank (column, largest first), by draws from the covariance."""
    drawn = _drawn_ranks(factors, effects, seed=seed, draws=draws)
    if drawn is None:
        return None
    return np.array([[np.mean(drawn[:, f] == r) for r in range(len(factors))] for f in range(len(factors))])


def _drawn_ranks(factors: Sequence[Factor], effects: Effects, *, seed: int, draws: int) -> IntArray | None:
    """(B, F) rank of each factor, 0 the largest."""
    if effects.cov is None:
        return None
    variance, axes = np.linalg.eigh(effects.cov)
    noise = np.random.default_rng(seed).normal(size=(draws, len(variance))) * np.sqrt(np.maximum(variance, 0.0))
    size = sizes(factors, effects.values + noise @ axes.T)
    return np.asarray(np.argsort(np.argsort(-size, axis=1, kind="stable"), axis=1))


def factors_section(evidence: Evidence) -> Section:
    """Sizes of the hyper-parameters for people and for each metric that may be compared, and whether they agree."""
    voice, scale, votes = evidence.voice, evidence.scales[POOLED], evidence.votes
    names = scale.items if isinstance(scale, Scale) else [votes.conditions[i] for i in np.flatnonzero(votes.shared)]
    found = layout([evidence.data.condition[c] for c in names])
    if isinstance(found, Reason):
        said = words.reason_json(found, voice)
        return Section({"design": None, "factors": [], "reason": said, "sentence": said["sentence"]}, {"factors": []})
    at = np.array([votes.conditions.index(c) for c in names], dtype=np.intp)
    rows: list[Json] = []
    people: Json = {"order": [], "reason": None}
    ranks: IntArray | None = None
    options = evidence.options
    if isinstance(scale, Scale):
        effects = _people(scale)
        ranks = _drawn_ranks(found.factors, effects, seed=options.seed, draws=options.draws)
        people, more = _told(evidence, found, effects)
        rows += more
    else:
        people["reason"] = words.reason_json(scale.reason, voice)
        rows += _missing(found, "people", "logit", scale.reason)
    metrics: list[Json] = []
    for metric in evidence.metrics:
        measured = metric_effects(evidence.data, metric, evidence, at, found.base)
        if isinstance(measured, Reason):
            metrics.append({"id": metric.info.id, "label": metric.info.label, "order": [],
                            "reason": words.reason_json(measured, voice)})  # fmt: skip
            rows += _missing(found, metric.info.id, "z", measured)
            continue
        in_z, raw, floor = measured
        summary, more = _told(evidence, found, in_z)
        rows += more + _told(evidence, found, raw)[1]
        summary |= {"id": metric.info.id, "label": metric.info.label, "noise_floor_z": floor}
        metrics.append(summary | _agreement(found, summary, people, ranks))
    return Section(
        {
            "design": found.design,
            "base": names[found.base] if found.base >= 0 else None,
            "factors": [f.name for f in found.factors],
            "people": people,
            "metrics": metrics,
            "reason": None,
            "sentence": voice.say(_sentence(evidence, people, metrics)),
        },
        {"factors": rows},
    )


def _people(scale: Scale) -> Effects:
    # The floor of the house (decision 6), for a whole covariance: the larger of the clustered and the model's.
    cov = scale.cov if np.trace(scale.cov) >= np.trace(scale.cov_model) else scale.cov_model
    if not scale.testable:
        return Effects("people", "logit", scale.theta, None, scale.df, words.few_participants(scale.n_participants))
    return Effects("people", "logit", scale.theta, cov, scale.df, None)


def metric_effects(
    data: StudyData, metric: MetricValues, evidence: Evidence, items: IntArray, base: int
) -> tuple[Effects, Effects, float | None] | Reason:
    """Means over the usable scenes of the within-scene z-scores and of the raw values of ``items`` (numbers), as
    printed, and the SD of one render in z: the spread of replicate seeds, of the default where it has them."""
    pooled = metric.minima[POOLED]
    scenes = np.flatnonzero(metric.usable & ~np.isnan(metric.cells[:, items]).any(axis=1))
    if isinstance(pooled, Reason) and (pooled.code == "NC_SCOPE" or not len(scenes)):
        return pooled
    if not len(scenes):
        return words.reason("NC_NO_OVERLAP", needed=f"with {metric.info.label} in a whole scene")
    raw = metric.cells[np.ix_(scenes, items)]
    z = metric.z[np.ix_(scenes, items)]
    spread = np.array([np.nanstd(metric.cells[s]) for s in scenes])
    spread = np.where(spread > 0, spread, 1.0)
    n, variance = _replicates(data, metric, evidence, scenes, items)
    measured = n > 1
    if base >= 0 and measured[:, base].any():
        measured &= np.arange(len(items)) == base
    df = float(np.sum((n - 1)[measured]))
    sign, name = metric.info.sign, metric.info.id
    if df == 0:
        alone = words.reason("NC_ONE_SEED")
        return (
            Effects(name, "z", sign * z.mean(axis=0), None, 0.0, alone),
            Effects(f"{name}:raw", "raw", sign * raw.mean(axis=0), None, 0.0, alone),
            None,
        )
    weight = (n - 1) * measured / df
    floor = float(np.sum(weight * variance / spread[:, None] ** 2))
    # Of the mean over scenes: each cell is a mean of n renders.
    share = np.sum(1 / n, axis=0) / len(scenes) ** 2
    return (
        Effects(name, "z", sign * z.mean(axis=0), np.diag(floor * share), df, None),
        Effects(
            f"{name}:raw", "raw", sign * raw.mean(axis=0), np.diag(float(np.sum(weight * variance)) * share), df, None
        ),
        float(np.sqrt(floor)),
    )


def _replicates(
    data: StudyData, metric: MetricValues, evidence: Evidence, scenes: IntArray, items: IntArray
) -> tuple[IntArray, FloatArray]:
    """(S, K) how many renders each cell has, and the variance of the metric over them (0 for one)."""
    at_scene = {evidence.votes.scenes[s]: i for i, s in enumerate(scenes.tolist())}
    at = {evidence.votes.conditions[c]: i for i, c in enumerate(items.tolist())}
    value = {s.stimulus: s.value for s in data.scores if s.metric == metric.info.id and s.value is not None}
    cells: dict[tuple[int, int], list[float]] = {}
    for s in data.stimuli:
        if s.role == "grid" and s.scene in at_scene and s.condition in at and s.id in value:
            cells.setdefault((at_scene[s.scene], at[s.condition]), []).append(value[s.id])
    n, variance = np.ones((len(scenes), len(items)), dtype=np.intp), np.zeros((len(scenes), len(items)))
    for cell, values in cells.items():
        n[cell] = len(values)
        variance[cell] = np.var(values, ddof=1) if len(values) > 1 else 0.0
    return n, variance


def _told(evidence: Evidence, found: Layout, effects: Effects) -> tuple[Json, list[Json]]:
    """Summary and rows of one measure."""
    options, factors = evidence.options, found.factors
    size = sizes(factors, effects.values)
    rank = np.argsort(np.argsort(-size, kind="stable"))
    chance = rank_probabilities(factors, effects, seed=options.seed, draws=options.draws)
    rows: list[Json] = []
    for f, factor in enumerate(factors):
        common = {"factor": factor.name, "kind": effects.kind, "unit": effects.unit, "rank": int(rank[f]) + 1}
        common["p_rank_first"] = None if chance is None else float(chance[f, 0])
        for level, contrast in zip(factor.levels, factor.contrasts, strict=True):
            low, high = _interval(effects, contrast)
            rows.append(_row(common, level, float(contrast @ effects.values), low, high, effects.reason))
        rows.append(_row(common, "", float(size[f]), *range_interval(effects, factor.contrasts), effects.reason))
    order = [factors[i].name for i in np.argsort(rank)]
    return {
        "order": order,
        "sizes": {f.name: float(s) for f, s in zip(factors, size, strict=True)},
        "unit": effects.unit,
        "p_rank": None
        if chance is None
        else {f.name: [float(p) for p in row] for f, row in zip(factors, chance, strict=True)},
        "reason": words.reason_json(effects.reason, evidence.voice) if effects.reason else None,
    }, rows


def _interval(effects: Effects, contrast: FloatArray) -> tuple[float | None, float | None]:
    if effects.cov is None:
        return None, None
    half = float(stats.t.ppf(0.975, effects.df)) * float(np.sqrt(contrast @ effects.cov @ contrast))
    middle = float(contrast @ effects.values)
    return middle - half, middle + half


def range_interval(effects: Effects, contrasts: FloatArray) -> tuple[float | None, float | None]:
    """95 % interval of the range over levels with ``contrasts`` (L, K).

    From the intervals of all differences of two levels at once (Bonferroni): the range is no smaller than the lowest
    size that any of them allows, and no larger than the highest. The interval of the highest less the lowest level,
    chosen by the votes themselves, misses a true range of zero in up to 12 of 100 studies.
    """
    if effects.cov is None:
        return None, None
    i, j = np.triu_indices(len(contrasts), 1)
    each = contrasts[i] - contrasts[j]
    se = np.sqrt(np.maximum(0.0, np.sum((each @ effects.cov) * each, axis=1)))
    size, half = np.abs(each @ effects.values), float(stats.t.ppf(1 - 0.025 / len(i), effects.df)) * se
    return max(0.0, float(np.max(size - half))), float(np.max(size + half))


def _row(
    common: Json, level: str, change: float | None, low: float | None, high: float | None, reason: Reason | None
) -> Json:
    """A row of ``factors.csv``; ``level`` is empty in the row of the whole factor (its range)."""
    status = "ok" if reason is None else "not_computable" if change is None else "warning"
    return {
        "factor": common["factor"], "level": level, "kind": common["kind"], "unit": common["unit"], "change": change,
        "ci_low": low, "ci_high": high, "rank": common["rank"], "p_rank_first": common["p_rank_first"],
        "status": status, "reason_code": reason.code if reason else "",
    }  # fmt: skip


def _missing(found: Layout, kind: str, unit: str, reason: Reason) -> list[Json]:
    common: Json = {"kind": kind, "unit": unit, "rank": None, "p_rank_first": None}
    return [_row(common | {"factor": f.name}, "", None, None, None, reason) for f in found.factors]


def _agreement(found: Layout, metric: Json, people: Json, ranks: IntArray | None) -> Json:
    """Kendall's tau-b of the two orders of the factors, and how probably the metric's first is also that of people."""
    if not people["order"]:
        return {"tau": None, "same_first": None, "p_same_first": None, "tau_reason": people["reason"]}
    names = [f.name for f in found.factors]
    both = [[m["sizes"][name] for name in names] for m in (metric, people)]
    tau = float(stats.kendalltau(*both).statistic) if all(np.ptp(x) > 0 for x in both) else None
    first = names.index(metric["order"][0])
    return {
        "tau": tau,
        "same_first": metric["order"][0] == people["order"][0],
        "p_same_first": None if ranks is None else float(np.mean(ranks[:, first] == 0)),
        "tau_reason": None if tau is not None else EQUAL,
    }


def _sentence(evidence: Evidence, people: Json, metrics: Sequence[Json]) -> str:
    voters = evidence.voice.voters
    parts = []
    if people["order"]:
        first = people["order"][0]
        text = f"{first} matters most for {voters} (range {people['sizes'][first]:.2f} logits"
        if people["p_rank"] is not None:
            text += f"; first with probability {people['p_rank'][first][0]:.2f}"
        parts.append(f"{text}; {words.C1_WORDS})")
    told = next((m for m in metrics if m["id"] == evidence.primary and m["order"]), None)
    if told is not None:
        first, name = told["order"][0], words.metric_name(told["label"])
        seeds = "; one seed per cell: this cannot be told from seed noise" if told["p_rank"] is None else ""
        parts.append(f"{first} matters most for the {name} (range {told['sizes'][first]:.2f} SD{seeds})")
    return f"{'; '.join(parts)}." if parts else words.reason("NC_NO_METRIC").sentence
