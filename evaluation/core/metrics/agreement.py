"""E6: how often does the preferred image have the lower metric?

Same credit as LPIPS (Zhang et al. 2018, score_2afc_dataset), with participants as the sampling unit and on three
levels of claim (:mod:`evaluation.core.metrics.claims`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import numpy as np

from evaluation.core import clusters, words
from evaluation.core.evidence import POOLED, BoolArray, Evidence, MetricValues, VoteTable
from evaluation.core.metrics import claims, likelihood
from evaluation.core.metrics.ceilings import Ceilings, held_out_credit
from evaluation.core.metrics.ceilings import ceilings as bracket_of
from evaluation.core.metrics.claims import CHANCE_MARGIN, Agreement, Permuted, TwoWay
from evaluation.core.metrics.discrimination import different_votes
from evaluation.core.metrics.likelihood import OneParameter
from evaluation.core.sections import Json, Section, Test
from evaluation.core.words import Reason
from studyplatform.voting.core.bradley_terry import FloatArray


@dataclass(frozen=True)
class Found:
    """What one metric's votes say; a part that was refused is its reason.

    ``normalised``: (A - .5)/(loo - .5), agreement between chance (0) and the held-out consensus (1). It has no
    interval: the consensus moves with the same votes, and none that was tried (bootstrap, Fieller, t) held the ratio of
    such studies in 95 of 100; they held it in 72 to 93.
    """

    share: Agreement
    two_way: TwoWay | Reason
    permuted: Permuted | Reason
    model: OneParameter
    ceilings: Ceilings
    normalised: float | Reason
    n_conditions: int
    reason: Reason | None = None


def credit(votes: VoteTable, metric: MetricValues) -> tuple[FloatArray, BoolArray]:
    """(V,) credit of each vote (ties of votes and of the metric are half), and which votes count (V,): those of the
    scenes in which the metric is complete."""
    use = metric.usable[votes.scene] & ~np.isnan(metric.difference)
    toward = np.where(use, -np.sign(np.where(use, metric.difference, 0.0)), 0.0)
    return 0.5 + toward * (votes.y - 0.5), use


def agreement_of(
    evidence: Evidence,
    metric: MetricValues,
    *,
    held_out: FloatArray,
    full: FloatArray,
    among: BoolArray | None = None,
    conditions: BoolArray | None = None,
    by_votes: bool = False,
) -> Found | Reason:
    """E6 of one metric over the votes ``among`` (V,) (default: all). ``held_out``, ``full``: (V,) of
    :func:`held_out_credit` and :func:`likelihood.saturated`. ``conditions``: (K,) those the votes are between, whose
    labels are permuted (default: all). ``by_votes``: ``among`` was chosen by the votes themselves; then there are
    estimates but no intervals and no p."""
    votes, options = evidence.votes, evidence.options
    earned, every = credit(votes, metric)
    use = every
    if among is not None:
        use = use & among
    if conditions is not None:
        use = use & conditions[votes.left] & conditions[votes.right]
    if not use.any():
        pooled = metric.minima[POOLED]
        asked = words.reason("NC_NO_VOTES", group="These pairs" if use is not every else "All scenes")
        return pooled if isinstance(pooled, Reason) else asked
    if not np.any(metric.difference[use]):
        return words.reason("NC_CONSTANT_METRIC", metric=metric.info.label, group="the pictures that met")
    part, earned, held_out = votes.where(use), earned[use], held_out[use]
    people, who = np.unique(part.person, return_inverse=True)
    seed, draws = options.seed, options.draws
    scenes = np.unique(part.scene)
    share = claims.clustered_share(earned, who, len(people), len(scenes), seed=seed, draws=draws)
    bracket = bracket_of(part, held_out)
    x = likelihood.standardised(part, _of(metric, use))
    model = likelihood.explained(x, part.y, full[use])
    there = votes.there[scenes] if conditions is None else votes.there[scenes] & conditions
    n_conditions = int(there.any(axis=0).sum())
    if share.p is None or by_votes:
        why = words.reason("NC_SELECTED") if by_votes else words.few_participants(len(people))
        bare = replace(share, se=None, low=None, high=None, p=None, p_chance=None, deff=None)
        bracket = replace(bracket, se=None, low=None, high=None)
        return Found(bare, why, why, model, bracket, why, n_conditions, why)
    wins = part.wins()[scenes]
    scaled: float | Reason = words.reason("NC_NO_AGREEMENT")
    if bracket.agreed and bracket.loo is not None:
        scaled = (share.accuracy - 0.5) / (bracket.loo - 0.5)
    return Found(
        share=share,
        two_way=claims.two_way_share(earned, part.person, part.scene),
        permuted=claims.permuted_share(wins, metric.cells[scenes], there, share.p, seed=seed, draws=draws),
        model=model,
        ceilings=bracket,
        normalised=scaled,
        n_conditions=n_conditions,
    )


def _of(metric: MetricValues, use: BoolArray) -> MetricValues:
    return MetricValues(metric.info, metric.left[use], metric.right[use], metric.cells, metric.minima, metric.usable)


def agreement_section(evidence: Evidence) -> Section:
    """Every metric's agreement. Summary: metric id -> the fields of :class:`~evaluation.core.metrics.claims.Agreement`,
    'reason', 'sentence', 'level', 'c2', 'c3', 'normalised', 'likelihood', 'ceilings' (of the same votes), and
    'different_pairs': the same over the pairs that differ significantly."""
    votes = evidence.votes
    held_out = held_out_credit(votes)
    full = likelihood.saturated(votes)
    different = different_votes(evidence)
    summary: Json = {}
    tests: list[Test] = []
    for metric in evidence.metrics:
        found = agreement_of(evidence, metric, held_out=held_out, full=full)
        clear = agreement_of(evidence, metric, held_out=held_out, full=full, among=different, by_votes=True)
        summary[metric.info.id] = agreement_json(evidence, metric, found)
        if different.any():
            row = agreement_json(evidence, metric, clear, "Among pairs whose scores differ significantly")
            summary[metric.info.id]["different_pairs"] = {k: row[k] for k in row if k not in ("c2", "c3", "normalised")}
        else:
            reason = words.reason_json(words.reason("NC_NO_DIFFERENT"), evidence.voice)
            summary[metric.info.id]["different_pairs"] = {"accuracy": None, "reason": reason} | {
                "sentence": reason["sentence"]
            }
        if isinstance(found, Found):
            tests += agreement_tests(evidence, metric, found, summary[metric.info.id])
    return Section(summary, {}, tuple(tests))


def agreement_json(evidence: Evidence, metric: MetricValues, found: Found | Reason, where: str = "") -> Json:
    """One metric's entry of the summary; ``where``: beginning of its sentence, for a part of the votes."""
    voice, info = evidence.voice, metric.info
    if isinstance(found, Reason):
        return {"accuracy": None} | _refusal(evidence, found)
    share = found.share
    extreme = "higher" if info.direction == "higher_better" else "lower"
    sentence = (
        f"the image with the {extreme} {words.metric_name(info.label)} won {100 * share.accuracy:.0f} of 100 votes"
    )
    sentence = f"{where}, {sentence}" if where else f"T{sentence[1:]}"
    row: Json = asdict(share) | {
        "reason": None,
        "level": None,
        "c2": _c2(evidence, found.two_way),
        "c3": _c3(evidence, found.permuted),
        "normalised": _normalised(evidence, found.normalised),
        "likelihood": asdict(found.model),
        "ceilings": asdict(found.ceilings),
    }
    if share.low is None or share.high is None or share.p is None:
        reason = None if found.reason is None else words.reason_json(found.reason, voice)
        return row | {"reason": reason, "sentence": voice.say(f"{sentence}.")}
    sentence += f" (95 % CI {100 * share.low:.0f}–{100 * share.high:.0f}; {words.p_text(share.p)}, {words.C1_WORDS})."
    return row | {"sentence": voice.say(sentence), "level": words.C1_WORDS}


def _refusal(evidence: Evidence, reason: Reason) -> Json:
    said = words.reason_json(reason, evidence.voice)
    return {"reason": said, "sentence": said["sentence"]}


def _c2(evidence: Evidence, found: TwoWay | Reason) -> Json:
    if isinstance(found, Reason):
        return dict.fromkeys(("se", "low", "high", "p", "df")) | _refusal(evidence, found)
    sentence = (
        f"Over scenes of this kind the interval is {100 * found.low:.0f}–{100 * found.high:.0f} of 100 "
        f"({words.p_text(found.p)}, {words.C2_WORDS})."
    )
    return asdict(found) | {"reason": None, "sentence": evidence.voice.say(sentence)}


def _c3(evidence: Evidence, found: Permuted | Reason) -> Json:
    if isinstance(found, Reason):
        return dict.fromkeys(Permuted.__dataclass_fields__) | _refusal(evidence, found)
    how = "the same order in every scene" if found.joint else "each scene by itself"
    sentence = (
        f"The same values in another order of the conditions ({how}) agree as much or more often: "
        f"{words.p_text(found.p)}, the larger of this and the participants' p ({words.C3_WORDS})."
    )
    return asdict(found) | {"reason": None, "sentence": evidence.voice.say(sentence)}


def _normalised(evidence: Evidence, found: float | Reason) -> Json:
    if isinstance(found, Reason):
        return {"value": None} | _refusal(evidence, found)
    head = "This is" if found >= 0 else "It goes the wrong way:"
    sentence = f"{head} {100 * found:.0f} % of the way from chance to what the consensus of the others reaches."
    return {"value": found, "reason": None, "sentence": evidence.voice.say(sentence)}


def agreement_tests(
    evidence: Evidence, metric: MetricValues, found: Found, said: Json, *, subset: str = ""
) -> list[Test]:
    """C1, C2, C3 and TOST rows: Holm where the design was frozen and names the metric, else Benjamini-Hochberg.
    ``subset``: name of a part of the votes, which is a family of its own and never confirmatory."""
    share, options = found.share, evidence.options
    if share.p is None:
        return []
    named = evidence.confirmatory and metric.info.id == evidence.primary and not subset
    family, adjustment = ("F2", "holm") if named else (f"F2 exploratory {subset}".strip(), "bh")
    common: Json = {
        "confirmatory": named, "metric_id": metric.info.id, "estimate": share.accuracy, "unit": "share of votes",
        "null_value": 0.5, "adjustment": adjustment, "n_votes": share.n_votes,
        "n_participants": share.n_participants, "n_scenes": share.n_scenes, "n_conditions": found.n_conditions,
    }  # fmt: skip
    people = share.n_participants
    tests = [
        Test(
            hypothesis="agreement", family=f"{family} agreement C1", claim_level="C1", se=share.se, ci_low=share.low,
            ci_high=share.high, ci_level=0.95, df=people - 1, p_raw=share.p, method="participant sign-flip; t interval",
            n_resamples=clusters.sign_draws(people, options.draws), rng_seed=options.seed,
            message=said["sentence"], **common,
        ),
        Test(
            hypothesis="agreement_equiv", family=f"{family} equivalence", claim_level="C1", margin=CHANCE_MARGIN,
            se=share.se, df=people - 1, p_raw=share.p_chance, method="two one-sided t tests",
            verdict="equivalent" if (share.p_chance or 0) < options.alpha else "inconclusive",
            message=_chance_sentence(evidence, metric, share.p_chance or 0.0), **common,
        ),
    ]  # fmt: skip
    c2, c3 = said["c2"], said["c3"]
    refused = {level: _status(part["reason"]) for level, part in (("C2", c2), ("C3", c3))}
    tests.append(
        Test(
            hypothesis="agreement", family=f"{family} agreement C2", claim_level="C2", se=c2["se"], ci_low=c2["low"],
            ci_high=c2["high"], ci_level=None if c2["low"] is None else 0.95, df=c2["df"], p_raw=c2["p"],
            method="two-way Cameron-Gelbach-Miller variance, t", message=c2["sentence"], **refused["C2"], **common,
        )
    )  # fmt: skip
    tests.append(
        Test(
            hypothesis="agreement", family=f"{family} agreement C3", claim_level="C3", p_raw=c3["p"],
            n_resamples=c3["n_permutations"], rng_seed=options.seed,
            method="larger of sign-flip and label permutation", message=c3["sentence"], **refused["C3"], **common,
        )
    )  # fmt: skip
    return tests


def _chance_sentence(evidence: Evidence, metric: MetricValues, p: float) -> str:
    sentence = (
        f"Agreement with {words.metric_name(metric.info.label)} is chance, within 45–55 of 100: {words.p_text(p)}."
    )
    return evidence.voice.say(sentence)


def _status(reason: Mapping[str, str] | None) -> Json:
    if reason is None:
        return {"status": "ok", "reason_code": ""}
    return {"status": "not_computable", "reason_code": reason["code"]}
