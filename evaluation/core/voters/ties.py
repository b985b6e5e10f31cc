"""Does the answer hang on how ties are counted, and does the side a picture stood on matter? (E1, sensitivity.)

Three models of the same votes: ties as half-wins (the house's plain option), Davidson's model (the default of this
section where ties are common) and Rao and Kupper's. Participants are the sampling unit: CR1 errors, never below the
model's own, with t(P - 1) intervals (specs/pairwise.md, section 6).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.core import words
from evaluation.core.clusters import t_interval, t_p
from evaluation.core.evidence import POOLED, Evidence
from evaluation.core.scale.inference import NotEstimated
from evaluation.core.sections import Json, Section, Test
from evaluation.core.verdict.hypotheses import sigma
from evaluation.core.verdict.minimiser import Minimum
from evaluation.core.words import Reason
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray, TieFit

#: Above this share of ties a model of its own is the better description of them.
COMMON = 0.05
MODELS = {
    "half_wins": ("ties as half-wins", bradley_terry.fit_half_wins),
    "davidson": ("Davidson", bradley_terry.fit_davidson),
    "rao_kupper": ("Rao-Kupper", bradley_terry.fit_rao_kupper),
}


@dataclass(frozen=True)
class PooledVotes:
    """Votes of scenes pooled by condition, among the ``items`` (K,) that hang together; ``person`` is 0..P-1."""

    items: tuple[str, ...]
    person: IntArray
    left: IntArray
    right: IntArray
    y: FloatArray

    @property
    def people(self) -> int:
        """Participants."""
        return int(self.person.max()) + 1

    @property
    def tie_rate(self) -> float:
        """Share of ties."""
        return float(np.mean(self.y == 0.5))


def ties_section(evidence: Evidence) -> Section:
    """Tie rate, the contrast that carries the verdict under three models of ties, and the side effect."""
    scale = evidence.scales[POOLED]
    if isinstance(scale, NotEstimated):
        return _refused(evidence, scale.reason)
    metric = evidence.metric(evidence.primary) if evidence.primary is not None else None
    found = metric.minima[POOLED] if metric is not None else words.reason("NC_NO_METRIC")
    scenes = found.scenes if isinstance(found, Minimum) else evidence.votes.scenes
    votes = pooled_votes(evidence, scenes)
    if len(votes.y) == 0:
        return _refused(evidence, words.reason("NC_NO_VOTES", group="All scenes of the primary metric"))
    default = "davidson" if votes.tie_rate > COMMON else "half_wins"
    pair = _verdict_pair(evidence, votes, found)
    models = [_model_json(evidence, votes, name, pair) for name in MODELS]
    side, test = _side(evidence, votes, default, len(scenes))
    labels = evidence.labels
    return Section(
        summary={
            "tie_rate": votes.tie_rate,
            "n_ties": int(np.sum(votes.y == 0.5)),
            "n_votes": len(votes.y),
            "n_participants": votes.people,
            "default": default,
            "minimiser": None if isinstance(pair, Reason) else votes.items[pair[1]],
            "minimiser_label": None if isinstance(pair, Reason) else labels[votes.items[pair[1]]],
            "rival": None if isinstance(pair, Reason) else votes.items[pair[0]],
            "rival_label": None if isinstance(pair, Reason) else labels[votes.items[pair[0]]],
            "models": models,
            "same": _same(models),
            "side": side,
            "reason": words.reason_json(pair, evidence.voice) if isinstance(pair, Reason) else None,
            "sentence": evidence.voice.say(_sentence(evidence, votes, pair, models)),
        },
        tests=(test,),
    )


def pooled_votes(evidence: Evidence, scenes: Sequence[str]) -> PooledVotes:
    """Votes of ``scenes`` (ids) among the conditions that all scenes share: the largest part that hangs together."""
    votes = evidence.votes
    numbers = np.array([s for s, scene in enumerate(votes.scenes) if scene in set(scenes)], dtype=np.intp)
    box = votes.group(numbers, np.flatnonzero(votes.shared))
    component = bradley_terry.comparison_components(
        bradley_terry.count_pairs(len(box.items), box.left, box.right, box.y)
    )
    inside = component == np.argmax(np.bincount(component))
    kept = inside[box.left]
    number = np.cumsum(inside) - 1
    return PooledVotes(
        items=tuple(c for c, there in zip(box.items, inside, strict=True) if there),
        person=np.unique(box.participant[kept], return_inverse=True)[1].astype(np.intp),
        left=number[box.left[kept]],
        right=number[box.right[kept]],
        y=box.y[kept],
    )


def fit_model(votes: PooledVotes, name: str, *, side: bool = False) -> TieFit | Reason:
    """One of :data:`MODELS`, clustered by participant, or why these votes have no finite estimate of it."""
    try:
        fit = MODELS[name][1](len(votes.items), votes.left, votes.right, votes.y, cluster=votes.person, side=side)
    except ValueError:
        return words.reason("NC_NO_SIDE" if side else "NC_ALL_TIES")
    if not fit.converged:
        return words.reason("NC_NO_SIDE" if side else "NC_ALL_TIES")
    return fit


def _verdict_pair(evidence: Evidence, votes: PooledVotes, found: Minimum | Reason) -> tuple[int, int] | Reason:
    """Numbers of the strongest rival and of the (best) minimiser under half-wins: the pair the verdict is about."""
    if isinstance(found, Reason):
        return found
    at = {c: i for i, c in enumerate(votes.items)}
    away = [evidence.labels[c] for c in found.items if c not in at]
    if away:
        there = words.joined([evidence.labels[c] for c in votes.items])
        items = f"{words.joined(away)} {'was' if len(away) == 1 else 'were'}"
        return words.reason("NC_DISCONNECTED", items=items, component=there)
    tied = [at[c] for c in found.items]
    rivals = np.setdiff1d(np.arange(len(votes.items)), tied)
    if len(rivals) == 0:
        return words.reason("NC_ONE_CONDITION", group="all scenes")
    pairs = bradley_terry.count_pairs(len(votes.items), votes.left, votes.right, votes.y)
    theta = bradley_terry.fit_pairs(pairs).theta
    return int(rivals[np.argmax(theta[rivals])]), int(tied[int(np.argmax(theta[tied]))])


def _model_json(evidence: Evidence, votes: PooledVotes, name: str, pair: tuple[int, int] | Reason) -> Json:
    row: Json = {"model": name, "label": MODELS[name][0]}
    row |= dict.fromkeys(
        ("favourite", "favourite_label", "tie", "ridge", "estimate", "se", "low", "high", "conclusion", "reason")
    )
    fit = fit_model(votes, name)
    if isinstance(fit, Reason):
        return row | {"reason": words.reason_json(fit, evidence.voice)}
    favourite = votes.items[int(np.argmax(fit.theta))]
    row |= {"favourite": favourite, "favourite_label": evidence.labels[favourite], "tie": fit.tie, "ridge": fit.ridge}
    if isinstance(pair, Reason):
        return row | {"reason": words.reason_json(pair, evidence.voice)}
    estimate, se = fit.difference(*pair)
    row |= {"estimate": estimate}
    if votes.people < words.MIN_PARTICIPANTS:
        return row | {"reason": words.reason_json(words.few_participants(votes.people), evidence.voice)}
    low, high = t_interval(estimate, se, votes.people - 1)
    # The rival is the best of several by these votes: to be ahead it must be so after Bonferroni.
    clear = t_interval(estimate, se, votes.people - 1, 1 - 0.05 / max(1, len(votes.items) - 1))[0]
    conclusion = "rival ahead" if clear > 0 else "minimiser ahead" if high < 0 else "open"
    return row | {"se": se, "low": low, "high": high, "conclusion": conclusion}


def _same(models: Sequence[Json]) -> bool | None:
    """Whether the models that could be fitted name one favourite and draw one conclusion; None for fewer than two."""
    fitted = [(m["favourite"], m["conclusion"]) for m in models if m["favourite"] is not None]
    return len(set(fitted)) == 1 if len(fitted) > 1 else None


def _side(evidence: Evidence, votes: PooledVotes, model: str, n_scenes: int) -> tuple[Json, Test]:
    voice = evidence.voice
    counts: Json = {
        "n_votes": len(votes.y), "n_participants": votes.people, "n_conditions": len(votes.items),
        "n_scenes": n_scenes,
    }  # fmt: skip
    fit: TieFit | Reason = fit_model(votes, model, side=True)
    if votes.people < words.MIN_PARTICIPANTS:
        fit = words.few_participants(votes.people)
    if isinstance(fit, Reason):
        return _no_side(evidence, fit, counts)
    gamma, se, df = float(fit.side or 0.0), float(fit.se_side or 0.0), votes.people - 1
    low, high = t_interval(gamma, se, df)
    p = t_p(gamma, se, df)
    share, least, most = (100 * sigma(x) for x in (gamma, low, high))
    decided = " that are decided" if model == "davidson" else ""
    sentence = voice.say(
        f"Of two pictures that are liked equally, the left one would win {share:.0f} of 100 meetings{decided} "
        f"(95 % CI {least:.0f}–{most:.0f}; {words.p_text(p)}, {words.C1_WORDS})."
    )
    test = Test(
        hypothesis="side_bias", estimate=gamma, unit="logit", null_value=0.0, se=se, ci_low=low, ci_high=high,
        ci_level=0.95, statistic=gamma / se if se > 0 else None, df=float(df), p_raw=p,
        method=f"{MODELS[model][0]} with a side effect, CR1, t(P-1)", message=sentence, **counts,
    )  # fmt: skip
    row: Json = {"gamma": gamma, "se": se, "low": low, "high": high, "p": p, "share_left": share / 100, "model": model}
    return row | {"level": words.C1_WORDS, "reason": None, "sentence": sentence}, test


def _no_side(evidence: Evidence, why: Reason, counts: Json) -> tuple[Json, Test]:
    said = words.reason_json(why, evidence.voice)
    test = Test(hypothesis="side_bias", unit="logit", null_value=0.0, status="not_computable", reason_code=why.code,
                message=said["sentence"], **counts)  # fmt: skip
    row: Json = dict.fromkeys(("gamma", "se", "low", "high", "p", "share_left", "model", "level"))
    return row | {"reason": said, "sentence": said["sentence"]}, test


def _sentence(evidence: Evidence, votes: PooledVotes, pair: tuple[int, int] | Reason, models: Sequence[Json]) -> str:
    if votes.tie_rate == 0:
        return "No vote was a tie, so nothing depends on how ties are counted."
    share = 100 * votes.tie_rate
    rate = "Fewer than 1 of 100 votes were ties" if share < 1 else f"{share:.0f} of 100 votes were ties"
    fitted = [m for m in models if m["favourite"] is not None]
    if isinstance(pair, Reason) or len(fitted) < 2 or any(m["conclusion"] is None for m in fitted):
        names = {m["favourite_label"] for m in fitted}
        if len(names) == 1:
            return f"{rate}. However they are counted, {names.pop()} has the highest score."
        return f"{rate}. Which condition has the highest score depends on how they are counted."
    rival, minimiser = (evidence.labels[votes.items[i]] for i in pair)
    ends = {
        "rival ahead": f"{rival} is ahead of the minimum, {minimiser}",
        "minimiser ahead": f"the minimum, {minimiser}, is ahead of {rival}",
        "open": f"it stays open which of {rival} and the minimum, {minimiser}, is ahead",
    }
    said = {m["conclusion"] for m in fitted}
    if len(said) == 1:
        return f"{rate}. However they are counted, {ends[said.pop()]}."
    parts = [f"with {m['label']} {ends[m['conclusion']]}" for m in fitted]
    return f"{rate}, and the answer depends on how they are counted: {words.joined(parts)}."


def _refused(evidence: Evidence, why: Reason) -> Section:
    said = words.reason_json(why, evidence.voice)
    votes = evidence.votes
    counts: Json = {"n_votes": votes.n_votes, "n_participants": len(votes.people), "n_conditions": 0, "n_scenes": 0}
    side, test = _no_side(evidence, why, counts)
    summary: Json = dict.fromkeys(
        ("tie_rate", "default", "minimiser", "minimiser_label", "rival", "rival_label", "same")
    )
    summary |= {
        "n_ties": int(np.sum(votes.y == 0.5)), "n_votes": votes.n_votes, "n_participants": len(votes.people),
        "models": [], "side": side, "reason": said, "sentence": said["sentence"],
    }  # fmt: skip
    return Section(summary=summary, tests=(test,))
