"""Does the primary verdict depend on who is left out? (specs/evaluation.md, E15 and decision 8.)

The same test (E2 of the primary metric, pooled) with more and with fewer participants. Only rules that do not look at
what somebody preferred screen anybody out; weights by agreement with the others are shown as sensitivity only.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from evaluation.core import words
from evaluation.core.ballots import Ballots, analysis_set
from evaluation.core.dataset import WITHDREW, StudyData
from evaluation.core.evidence import POOLED, Evidence, VoteTable, vote_table
from evaluation.core.scale import inference
from evaluation.core.scale.inference import NotEstimated, Scale
from evaluation.core.sections import Json, Section
from evaluation.core.verdict import hypotheses
from evaluation.core.verdict.minimiser import Minimum
from evaluation.core.voters.data_quality import held_out_fit
from evaluation.core.voters.habits import habits, screened_out
from evaluation.core.voters.residuals import item_numbers, scale_leads
from evaluation.core.words import Reason
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

WHO = {
    "all": "everybody who answered, those who were excluded too (not those who withdrew)",
    "analysis": "the analysis set",
    "screened": "those who pass the screening rules",
    "weighted": "those who pass the screening rules, weighted by how well the others predict them (sensitivity only)",
}


@dataclass(frozen=True)
class Decision:
    """The primary test on one set of participants; ``reason`` where there is no verdict."""

    verdict: str
    p: float | None
    n_participants: int
    n_votes: int
    reason: Reason | None = None


def sensitivity_section(evidence: Evidence) -> Section:
    """The verdict of the primary metric on the four sets of participants of :data:`WHO`."""
    voice = evidence.voice
    if evidence.primary is None:
        reason = words.reason_json(words.reason("NC_NO_METRIC"), voice)
        return Section({"rows": [], "depends": False, "reason": reason, "sentence": reason["sentence"]})
    found = evidence.metric(evidence.primary).minima[POOLED]
    rows = [_row(evidence, who, decision) for who, decision in _decisions(evidence, found).items()]
    verdicts = [row["verdict"] for row in rows]
    depends = len(set(verdicts)) > 1
    if set(verdicts) == {"not_computable"}:
        sentence = "There is no verdict with any set of participants."
    elif depends:
        changed = "; ".join(f"{r['verdict_word'].lower()} with {WHO[r['who']]}" for r in rows)
        sentence = f"The verdict depends on exclusions: {changed}."
    else:
        sentence = f"The verdict does not depend on exclusions: {rows[0]['verdict_word'].lower()} with every set."
    return Section({"rows": rows, "depends": depends, "reason": None, "sentence": voice.say(sentence)})


def _decisions(evidence: Evidence, found: Minimum | Reason) -> dict[str, Decision]:
    everybody = _everybody(evidence)
    habit = habits(evidence.data)
    failed = {p for p, out in zip(habit.people, screened_out(habit, evidence.data.screening), strict=True) if out}
    passes = np.array([p not in failed for p in everybody.people], dtype=bool)
    screened = everybody if passes.all() else everybody.where(passes[everybody.person])
    sets = {"all": everybody, "analysis": evidence.votes, "screened": screened}
    # Where nobody is left out two sets are one object, and are fitted once.
    fitted = {id(votes): _scale(evidence, votes, found) for votes in sets.values()}
    scales = {who: fitted[id(votes)] for who, votes in sets.items()}
    scales["weighted"] = _weighted(evidence, screened, found, scales["screened"])
    return {who: decide(scale, found, evidence) for who, scale in scales.items()}


def _everybody(evidence: Evidence) -> VoteTable:
    """The votes of the analysis set as if nobody had been excluded; who withdrew stays out."""
    data: StudyData = evidence.data
    back = tuple(
        p if p.exclusion_reason == WITHDREW else dataclasses.replace(p, exclusion_reason="") for p in data.participants
    )
    if back == data.participants:
        return evidence.votes
    opened = dataclasses.replace(data, participants=back)
    return vote_table(opened, analysis_set(opened, evidence.question)[0])


def decide(scale: Scale | NotEstimated, found: Minimum | Reason, evidence: Evidence) -> Decision:
    """E2 of the minimisers ``found`` on ``scale``, behind the gates of the verdict."""
    options = evidence.options
    counts = scale.n_participants, scale.total_votes
    reason: Reason | None = None
    if isinstance(found, Reason):
        reason = found
    elif isinstance(scale, NotEstimated):
        reason = scale.reason
    elif not set(found.items) <= set(scale.items):
        reason = next(r for r in scale.reasons if r.code == "NC_DISCONNECTED")
    elif not scale.testable:
        reason = words.few_participants(scale.n_participants)
    elif not set(scale.items) - set(found.items):
        reason = words.reason("NC_ONE_CONDITION", group="all scenes")
    if reason is not None or isinstance(found, Reason) or isinstance(scale, NotEstimated):
        return Decision("not_computable", None, *counts, reason)
    tests = hypotheses.minimum_tests(scale, found.items, alpha=options.alpha, delta=options.delta)
    verdict = hypotheses.verdict(tests.p_refute, tests.p_confirm, tests.p_equivalent, alpha=options.alpha)
    p = {"confirmed": tests.p_confirm, "equivalent": tests.p_equivalent}.get(verdict, tests.p_refute)
    return Decision(verdict, p, *counts)


def _inside(evidence: Evidence, found: Minimum | Reason) -> tuple[IntArray, IntArray]:
    """Numbers of the scenes that the minimum rests on, and of the conditions that all scenes share."""
    votes = evidence.votes
    scenes = votes.scenes if isinstance(found, Reason) else found.scenes
    at = np.array([s for s, scene in enumerate(votes.scenes) if scene in scenes], dtype=np.intp)
    return at, np.flatnonzero(votes.shared)


def _scale(evidence: Evidence, votes: VoteTable, found: Minimum | Reason) -> Scale | NotEstimated:
    options = evidence.options
    scenes, items = _inside(evidence, found)
    if votes is evidence.votes and len(scenes) == len(votes.scenes):
        return evidence.scales[POOLED]
    box = votes.group(scenes, items)
    return inference.estimate(box, labels=evidence.labels, group="All scenes", seed=options.seed, draws=options.draws)


def _weighted(
    evidence: Evidence, votes: VoteTable, found: Minimum | Reason, scale: Scale | NotEstimated
) -> Scale | NotEstimated:
    """``scale`` with each participant weighted by :func:`attention`."""
    if isinstance(scale, NotEstimated):
        return scale
    scenes, _ = _inside(evidence, found)
    at, _, held_out = scale_leads(votes, scale, np.isin(votes.scene, scenes))
    number = item_numbers(votes, scale.items)
    person = np.unique(votes.person[at], return_inverse=True)[1].astype(np.intp)
    n, _, loglik = held_out_fit(votes.y[at], held_out, person, scale.n_participants)
    left, right = number[votes.left[at]], number[votes.right[at]]
    box = Ballots(scale.items, scale.n_participants, person, left, right, votes.y[at])
    return weighted_scale(scale, box, attention(n, loglik))


def attention(n: IntArray, loglik: FloatArray) -> FloatArray:
    """(P,) probability, at even odds, that a participant votes by the others' scale rather than by guessing.

    ``n``: votes, ``loglik``: mean log-likelihood of them under the others' scale.
    """
    return np.asarray(expit(n * (loglik - np.log(0.5))))


def weighted_scale(scale: Scale, votes: Ballots, weight: FloatArray) -> Scale:
    """The scores of ``votes`` with participants weighted by ``weight`` (P,), their contributions by CR1.

    theta: root of sum_p w_p g_p; contribution of p: sqrt(P/(P - 1)) H^-1 w_p g_p; model covariance
    H^-1 (sum w_p^2 H_p) H^-1. The bounds by unanimous votes are those without weights.
    """
    k, people = len(votes.items), votes.n_participants
    each = weight[votes.participant]
    wins = bradley_terry.count_wins(k, votes.left, votes.right, votes.y, each)
    fit = bradley_terry.fit(wins, ridge=bradley_terry.RIDGE if bool(np.any(scale.p_unanimous < 1)) else None)
    gauge = bradley_terry.gauge_matrix(fit.component)
    centre = np.eye(k) - gauge
    inverse = centre @ np.linalg.inv(fit.information + fit.ridge * np.eye(k) + gauge) @ centre
    p = expit(fit.theta[votes.left] - fit.theta[votes.right])
    residual = each * (votes.y - p)
    scores = np.bincount(votes.participant * k + votes.left, weights=residual, minlength=people * k)
    scores = scores - np.bincount(votes.participant * k + votes.right, weights=residual, minlength=people * k)
    influence = np.sqrt(people / max(1, people - 1)) * scores.reshape(people, k) @ inverse
    squares = bradley_terry.count_wins(k, votes.left, votes.right, np.ones(votes.n_votes), each**2 * p * (1 - p))
    squares = squares + squares.T
    spread = np.diag(squares.sum(axis=1)) - squares
    return dataclasses.replace(
        scale, theta=fit.theta, cov=influence.T @ influence, cov_model=inverse @ spread @ inverse, influence=influence
    )


def _row(evidence: Evidence, who: str, decision: Decision) -> Json:
    voice = evidence.voice
    word = words.VERDICT_WORDS[decision.verdict]
    said = words.reason_json(decision.reason, voice) if decision.reason else None
    text = f"With {WHO[who]}: {word.lower()}"
    if decision.p is not None:
        text += f" ({words.p_text(decision.p)}, {decision.n_participants} participants, {words.C1_WORDS})"
    return {
        "who": who,
        "verdict": decision.verdict,
        "verdict_word": word,
        "n_participants": decision.n_participants,
        "n_votes": decision.n_votes,
        "p": decision.p,
        "reason": said,
        "sentence": voice.say(f"{text}."),
    }
