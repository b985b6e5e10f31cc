"""The effects of one measure as a summary and rows of ``factors.csv``, and what two measures say of each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evaluation.core import words
from evaluation.core.evidence import Evidence
from evaluation.core.sections import Json
from evaluation.core.voters.layouts import Family
from evaluation.core.weights.factors.effects import (
    Effects,
    Seed,
    drawn_sizes,
    interval,
    range_interval,
    ranks,
    shares,
    sizes,
)
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray

EQUAL = words.reason("NC_NO_OVERLAP", needed="for one hyper-parameter to move more than another").to_json()


@dataclass(frozen=True)
class Told:
    """What one measure says of a family. ``drawn``: (B, F) sizes in draws of the factors ``names``, None where nothing
    is known of the noise."""

    summary: Json
    rows: list[Json]
    drawn: FloatArray | None
    names: list[str]


def told(evidence: Evidence, family: Family, effects: Effects, *, seed: Seed) -> Told:
    """Summary and rows of one measure."""
    factors, names = family.factors, [f.name for f in family.factors]
    size = sizes(factors, effects.values)
    rank = ranks(size)
    draws = evidence.options.draws
    drawn = None if effects.cov is None else drawn_sizes(factors, effects.values, effects.cov, seed=seed, draws=draws)
    chance = None if drawn is None else shares(ranks(drawn))
    rows: list[Json] = []
    for f, factor in enumerate(factors):
        common: Json = {"family": family.name, "factor": factor.name, "kind": effects.kind, "unit": effects.unit}
        common |= {"rank": int(rank[f]) + 1, "p_rank_first": None if chance is None else float(chance[f, 0])}
        for level, contrast in zip(factor.levels, factor.contrasts, strict=True):
            low, high = interval(effects, contrast)
            rows.append(_row(common, level, float(contrast @ effects.values), low, high, effects.reason))
        rows.append(_row(common, "", float(size[f]), *range_interval(effects, factor.contrasts), effects.reason))
    reason = words.reason_json(effects.reason, evidence.voice) if effects.reason else None
    return Told(_summary(names, size, effects.unit, chance, reason), rows, drawn, names)


def untold(evidence: Evidence, family: Family, kind: str, unit: str, reason: Reason, named: Json | None = None) -> Told:
    """A measure of which nothing can be said, with a row for each factor."""
    common: Json = {"family": family.name, "kind": kind, "unit": unit, "rank": None, "p_rank_first": None}
    rows = [_row(common | {"factor": f.name}, "", None, None, None, reason) for f in family.factors]
    said = {"order": [], "reason": words.reason_json(reason, evidence.voice)}
    return Told((named or {}) | said, rows, None, [f.name for f in family.factors])


def over_families(parts: Sequence[Told]) -> Told:
    """The mean size of each factor over the families that tell it; the probabilities of the ranks by their draws."""
    there = [part for part in parts if part.summary["order"]]
    named = {key: parts[0].summary[key] for key in ("id", "label") if key in parts[0].summary}
    if not there:
        return Told(parts[0].summary, [], None, parts[0].names)
    names = list(dict.fromkeys(name for part in there for name in part.names))
    size = np.array([np.mean([p.summary["sizes"][n] for p in there if n in p.names]) for n in names])
    draws = [p.drawn for p in there if p.drawn is not None]
    drawn = None
    if len(draws) == len(there):
        own = [[d[:, p.names.index(n)] for d, p in zip(draws, there, strict=True) if n in p.names] for n in names]
        drawn = np.stack([np.mean(each, axis=0) for each in own], axis=-1)
    chance = None if drawn is None else shares(ranks(drawn))
    reason = next((p.summary["reason"] for p in there if p.summary["reason"]), None)
    return Told(named | _summary(names, size, there[0].summary["unit"], chance, reason), [], drawn, names)


def agreement(metric: Told, people: Told) -> Json:
    """Kendall's tau-b of the two orders of the factors, and how probably the metric's first is also that of people."""
    if not people.summary["order"]:
        return {"tau": None, "same_first": None, "p_same_first": None, "tau_reason": people.summary["reason"]}
    both = [[told.summary["sizes"][name] for name in metric.names] for told in (metric, people)]
    tau = float(stats.kendalltau(*both).statistic) if all(np.ptp(x) > 0 for x in both) else None
    first = metric.summary["order"][0]
    at = people.names.index(first)
    return {
        "tau": tau,
        "same_first": first == people.summary["order"][0],
        "p_same_first": None if people.drawn is None else float(np.mean(ranks(people.drawn)[:, at] == 0)),
        "tau_reason": None if tau is not None else EQUAL,
    }


def sentence(evidence: Evidence, people: Json, metrics: Sequence[Json]) -> str:
    """Which factor matters most for the voters and for the primary metric, without a full stop; empty for neither."""
    voters = evidence.voice.voters
    parts = []
    if people["order"]:
        first = people["order"][0]
        text = f"{first} matters most for {voters} (range {people['sizes'][first]:.2f} logits"
        if people["p_rank"] is not None:
            text += f"; first with probability {people['p_rank'][first][0]:.2f}"
        parts.append(f"{text}; {words.C1_WORDS})")
    metric = next((m for m in metrics if m["id"] == evidence.primary and m["order"]), None)
    if metric is not None:
        first, name = metric["order"][0], words.metric_name(metric["label"])
        seeds = "; one seed per cell: this cannot be told from seed noise" if metric["p_rank"] is None else ""
        parts.append(f"{first} matters most for the {name} (range {metric['sizes'][first]:.2f} SD{seeds})")
    return "; ".join(parts)


def _summary(names: Sequence[str], size: FloatArray, unit: str, chance: FloatArray | None, reason: Json | None) -> Json:
    return {
        "order": [names[i] for i in np.argsort(ranks(size))],
        "sizes": {name: float(s) for name, s in zip(names, size, strict=True)},
        "unit": unit,
        "p_rank": None
        if chance is None
        else {name: [float(p) for p in row] for name, row in zip(names, chance, strict=True)},
        "reason": reason,
    }


def _row(
    common: Json, level: str, change: float | None, low: float | None, high: float | None, reason: Reason | None
) -> Json:
    """A row of ``factors.csv``; ``level`` is empty in the row of the whole factor (its range). A family that is alone
    has no name, and no column for it."""
    status = "ok" if reason is None else "not_computable" if change is None else "warning"
    family = {"family": common["family"]} if common["family"] else {}
    return family | {
        "factor": common["factor"], "level": level, "kind": common["kind"], "unit": common["unit"], "change": change,
        "ci_low": low, "ci_high": high, "rank": common["rank"], "p_rank_first": common["p_rank_first"],
        "status": status, "reason_code": reason.code if reason else "",
    }  # fmt: skip
