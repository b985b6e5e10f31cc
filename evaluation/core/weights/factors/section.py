"""The part of the analysis: sizes of the hyper-parameters for people and for each metric, and whether they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.core import words
from evaluation.core.evidence import POOLED, Evidence
from evaluation.core.scale.inference import Scale
from evaluation.core.sections import Json, Section
from evaluation.core.voters.layouts import Family, layout
from evaluation.core.weights.factors.effects import Effects, Seed
from evaluation.core.weights.factors.measured import family_effects, metric_effects
from evaluation.core.weights.factors.telling import Told, agreement, over_families, sentence, told, untold
from evaluation.core.words import Reason


@dataclass(frozen=True)
class _Part:
    """What a family says. ``metrics``: in the order of the evidence."""

    family: Family
    people: Told
    metrics: list[Told]

    def rows(self) -> list[Json]:
        return [row for each in (self.people, *self.metrics) for row in each.rows]


def factors_section(evidence: Evidence) -> Section:
    """Sizes of the hyper-parameters for people and for each metric that may be compared, and whether they agree."""
    voice, scale, votes = evidence.voice, evidence.scales[POOLED], evidence.votes
    names = list(
        scale.items if isinstance(scale, Scale) else [votes.conditions[i] for i in np.flatnonzero(votes.shared)]
    )
    found = layout([evidence.data.condition[c] for c in names])
    if isinstance(found, Reason):
        why = words.reason_json(found, voice)
        return Section({"design": None, "factors": [], "reason": why, "sentence": why["sentence"]}, {"factors": []})
    several = len(found.families) > 1
    parts = [_part(evidence, names, family, i if several else None) for i, family in enumerate(found.families)]
    families = [_summary(evidence, names, part) for part in parts]
    rows = [row for part in parts for row in part.rows()]
    head: Json = {"design": found.design, "factors": found.names, "reason": None}
    if not several:
        return Section(head | families[0] | {"sentence": voice.say(f"{families[0]['sentence']}.")}, {"factors": rows})
    people = over_families([part.people for part in parts])
    metrics = [over_families(list(each)) for each in zip(*(part.metrics for part in parts), strict=True)]
    both = _both(people, metrics)
    said = [f"in {part.family.name}, {own['sentence']}" for part, own in zip(parts, families, strict=True)]
    together = sentence(evidence, *both)
    if together:
        said.append(f"over the {len(parts)} families together, by the mean of their ranges, {together}")
    return Section(
        head
        | {"base": None, "people": both[0], "metrics": both[1]}
        | {"families": [{"family": p.family.name} | own for p, own in zip(parts, families, strict=True)]}
        | {"sentence": " ".join(voice.say(f"{_upper_first(s)}.") for s in said)},
        {"factors": rows},
    )


def _part(evidence: Evidence, names: list[str], family: Family, number: int | None) -> _Part:
    """``number``: of the family among several, None where it is alone."""
    options, scale = evidence.options, evidence.scales[POOLED]
    if isinstance(scale, Scale):
        # One seed for all families: they share one covariance, and one draw is of all of them.
        people = told(evidence, family, _people(scale), seed=options.seed)
    else:
        people = untold(evidence, family, "people", "logit", scale.reason)
    seed: Seed = options.seed if number is None else [options.seed, number]
    at = np.array([evidence.votes.conditions.index(c) for c in names], dtype=np.intp)
    metrics: list[Told] = []
    for metric in evidence.metrics:
        named: Json = {"id": metric.info.id, "label": metric.info.label}
        own = family if number is None else family.within()
        measured = (
            metric_effects(evidence.data, metric, evidence.votes, at, family.base)
            if number is None
            else family_effects(evidence, metric, names, family)
        )
        if isinstance(measured, Reason):
            metrics.append(untold(evidence, family, metric.info.id, "z", measured, named))
            continue
        in_z, raw, floor = measured
        first = told(evidence, own, in_z, seed=seed)
        more = told(evidence, own, raw, seed=seed)
        metrics.append(
            Told(first.summary | named | {"noise_floor_z": floor}, [*first.rows, *more.rows], first.drawn, first.names)
        )
    return _Part(family, people, metrics)


def _summary(evidence: Evidence, names: Sequence[str], part: _Part) -> Json:
    people, metrics = _both(part.people, part.metrics)
    said = sentence(evidence, people, metrics) or words.reason("NC_NO_METRIC").sentence.rstrip(".")
    base = part.family.base
    return {
        "base": names[base] if base >= 0 else None,
        "people": people,
        "metrics": metrics,
        "sentence": said,
    }


def _both(people: Told, metrics: Sequence[Told]) -> tuple[Json, list[Json]]:
    """The summaries, with the agreement of each metric's order with that of people."""
    return people.summary, [m.summary | (agreement(m, people) if m.summary["order"] else {}) for m in metrics]


def _people(scale: Scale) -> Effects:
    # The floor of the house (decision 6), for a whole covariance: the larger of the clustered and the model's.
    cov = scale.cov if np.trace(scale.cov) >= np.trace(scale.cov_model) else scale.cov_model
    if not scale.testable:
        return Effects("people", "logit", scale.theta, None, scale.df, words.few_participants(scale.n_participants))
    return Effects("people", "logit", scale.theta, cov, scale.df, None)


def _upper_first(text: str) -> str:
    return text[:1].upper() + text[1:]
