"""E6, ceilings: how often could any metric be right about these votes?

A bracket, not one number (specs/evaluation.md, decision 9): the consensus of all others predicts a held-out person
('loo', from below), the in-sample majority bounds from above, and 'human' is how often another person says the same: a
reference that a good metric exceeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.core import clusters, words
from evaluation.core.evidence import BoolArray, Evidence, VoteTable
from evaluation.core.metrics import claims
from evaluation.core.sections import OK, Json, Section, refused
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Up to here a held-out person's scores are refitted; above, one Newton step from everyone's: what one of 300 adds is
#: so little that the two agree to three decimals of the ceiling.
EXACT_PARTICIPANTS = 300
#: Scores closer than this predict nothing.
SAME = 1e-9
#: Participants refitted at once: bounds the memory of the stacked tables.
BATCH = 64
KINDS = ("loo", "majority", "human")


@dataclass(frozen=True)
class Ceilings:
    """The three references, None where the votes do not allow them; ``se``, ``low``, ``high`` belong to ``loo``."""

    loo: float | None
    majority: float | None
    human: float | None
    se: float | None
    low: float | None
    high: float | None
    n_votes: int
    n_participants: int

    @property
    def agreed(self) -> bool:
        """Whether participants demonstrably agree with each other: the interval of ``loo`` leaves one half out."""
        return self.low is not None and self.low > 0.5


def ceilings(votes: VoteTable, held_out: FloatArray) -> Ceilings:
    """The references over ``votes``; ``held_out``: (V,) what :func:`held_out_credit` gave for these votes.

    The interval of ``loo`` is the t(P - 1) interval of a mean over participants, predictions held fixed.
    """
    n = votes.n_votes
    if n == 0:
        return Ceilings(None, None, None, None, None, None, 0, 0)
    people, who = np.unique(votes.person, return_inverse=True)
    same, every = _other_people(votes)
    loo = se = low = high = None
    if len(people) > 1:
        given = np.bincount(who).astype(float)
        earned = clusters.sums_of(held_out, who, len(people))
        loo = float(earned.sum() / n)
        if len(people) >= words.MIN_PARTICIPANTS:
            se = claims.ratio_se(earned, given)
            low, high = clusters.share_interval(loo, se, len(people) - 1)
    return Ceilings(loo, _majority(votes), same / every if every else None, se, low, high, n, len(people))


def held_out_credit(votes: VoteTable) -> FloatArray:
    """(V,) credit of predicting each vote by the scores of everyone else in its scene; 1/2 where they are level."""
    credit = np.full(votes.n_votes, 0.5)
    for s in range(len(votes.scenes)):
        here = np.flatnonzero(votes.scene == s)
        if len(here) == 0:
            continue
        lead = held_out_lead(votes.person[here], votes.left[here], votes.right[here], votes.y[here])
        toward = np.where(np.abs(lead) < SAME, 0.0, np.sign(lead))
        credit[here] = 0.5 + toward * (votes.y[here] - 0.5)
    return credit


def held_out_lead(person: IntArray, left: IntArray, right: IntArray, y: FloatArray) -> FloatArray:
    """(V,) theta_left - theta_right of each vote of one scene, estimated (ridge .05) without its participant.

    Exact refits up to :data:`EXACT_PARTICIPANTS` participants, above that one Newton step with everyone's information.
    """
    items, number = np.unique(np.concatenate([left, right]), return_inverse=True)
    people, who = np.unique(person, return_inverse=True)
    left, right = number[: len(left)], number[len(left) :]
    if len(people) < 2:
        return np.zeros(len(y))
    k = len(items)
    wins = bradley_terry.count_wins(k, left, right, y)
    fit = bradley_terry.fit(wins, ridge=bradley_terry.RIDGE)
    if len(people) > EXACT_PARTICIPANTS:
        score = y - _sigmoid(fit.theta[left] - fit.theta[right])
        size = len(people) * k
        gradient = np.bincount(who * k + left, weights=score, minlength=size)
        gradient -= np.bincount(who * k + right, weights=score, minlength=size)
        own = gradient.reshape(len(people), k) @ np.linalg.inv(fit.information + bradley_terry.RIDGE * np.eye(k))
        return np.asarray(fit.theta[left] - own[who, left] - (fit.theta[right] - own[who, right]))
    lead = np.empty(len(y))
    for start in range(0, len(people), BATCH):
        some = np.flatnonzero((who >= start) & (who < start + BATCH))
        row = who[some] - start
        others = np.repeat(wins[None], min(BATCH, len(people) - start), axis=0)
        np.subtract.at(others, (row, left[some], right[some]), y[some])
        np.subtract.at(others, (row, right[some], left[some]), 1.0 - y[some])
        theta = bradley_terry.fit_many(np.maximum(others, 0.0), start=fit.theta)
        lead[some] = theta[row, left[some]] - theta[row, right[some]]
    return lead


def pair_numbers(votes: VoteTable) -> IntArray:
    """(V,) number of each vote's scene and unordered pair of conditions."""
    k = len(votes.conditions)
    low, high = np.minimum(votes.left, votes.right), np.maximum(votes.left, votes.right)
    return np.asarray((votes.scene * k + low) * k + high)


def _sides(votes: VoteTable, groups: IntArray) -> tuple[FloatArray, FloatArray]:
    """Wins of the first and of the second condition of the pair within ``groups`` (V,) numbers 0 to G - 1."""
    first = np.where(votes.left < votes.right, votes.y, 1.0 - votes.y)
    n = int(groups.max()) + 1
    return clusters.sums_of(first, groups, n), clusters.sums_of(1.0 - first, groups, n)


def _majority(votes: VoteTable) -> float:
    pair = np.unique(pair_numbers(votes), return_inverse=True)[1]
    return float(np.maximum(*_sides(votes, pair)).sum() / votes.n_votes)


def _other_people(votes: VoteTable) -> tuple[float, float]:
    """Agreeing and all ordered pairs of votes on the same pair by two different people."""
    pair = np.unique(pair_numbers(votes), return_inverse=True)[1]
    own = np.unique(pair * len(votes.people) + votes.person, return_inverse=True)[1]
    same = every = 0.0
    for groups, sign in ((pair, 1), (own, -1)):
        one, other = _sides(votes, groups)
        same += sign * float((one**2 + other**2).sum())
        every += sign * float(((one + other) ** 2).sum())
    return same, every


def _sigmoid(x: FloatArray) -> FloatArray:
    return np.asarray(np.exp(-np.logaddexp(0.0, -x)))


def ceilings_section(evidence: Evidence) -> Section:
    """The references over all scenes and in each. Summary: the fields of :class:`Ceilings`, 'agreed', 'reason' and
    'sentence'."""
    votes, voice = evidence.votes, evidence.voice
    held_out = held_out_credit(votes)
    pooled = ceilings(votes, held_out)
    rows = _rows("pooled", "", pooled)
    for s, scene in enumerate(votes.scenes):
        here: BoolArray = votes.scene == s
        rows += _rows("scene", scene, ceilings(votes.where(here), held_out[here]))
    summary: Json = {kind: getattr(pooled, kind) for kind in KINDS}
    summary |= {"se": pooled.se, "low": pooled.low, "high": pooled.high, "n_votes": pooled.n_votes}
    summary |= {"n_participants": pooled.n_participants, "reason": None, "agreed": pooled.agreed}
    if pooled.loo is None or pooled.low is None or pooled.high is None:
        reason = _why_not(pooled)
        summary |= {"reason": words.reason_json(reason, voice), "sentence": voice.say(reason.sentence)}
        return Section(summary, {"ceilings": rows})
    sentence = (
        f"The consensus of all others predicts {100 * pooled.loo:.0f} of 100 votes of a held-out participant "
        f"(95 % CI {100 * pooled.low:.0f}–{100 * pooled.high:.0f})"
    )
    sentence += f"; knowing every vote in advance, the majority is right in {100 * (pooled.majority or 0):.0f} of 100."
    if not pooled.agreed:
        sentence += f" {words.reason('NC_NO_AGREEMENT').sentence}"
    return Section(summary | {"sentence": voice.say(sentence)}, {"ceilings": rows})


def _why_not(found: Ceilings) -> words.Reason:
    if found.n_votes == 0:
        return words.reason("NC_NO_VOTES", group="All scenes")
    return words.few_participants(found.n_participants)


def _rows(scope: str, scene: str, found: Ceilings) -> list[Json]:
    rows = []
    for kind in KINDS:
        value = getattr(found, kind)
        reason = None
        if value is None:
            alone = found.n_votes > 0 and found.n_participants > 1
            reason = (
                words.reason("NC_NOT_ASKED", what="the same pair to two participants") if alone else _why_not(found)
            )
        loo = kind == "loo"
        state = refused(reason) if reason is not None else OK
        if loo and value is not None and found.low is None:
            state = {"status": "warning", "reason_code": "NC_FEW_PARTICIPANTS"}
        rows.append(
            {"scope": scope, "scene_id": scene, "kind": kind, "value": value}
            | {"se": found.se if loo else None, "ci_low": found.low if loo else None}
            | {"ci_high": found.high if loo else None, "n_votes": found.n_votes}
            | {"n_participants": found.n_participants}
            | {key: state[key] for key in ("status", "reason_code")}
        )
    return rows
