"""E14: how much people differ: design effects, tastes, whose own favourite is which, and agreement over pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.linalg import LinearOperator, cg
from scipy.special import expit

from evaluation.core import words
from evaluation.core.clusters import cluster_sums, meat
from evaluation.core.evidence import POOLED, Evidence, VoteTable
from evaluation.core.scale.inference import Scale
from evaluation.core.sections import Json, Section
from evaluation.core.verdict.minimiser import Minimum
from evaluation.core.voters.concordance import both_ways, krippendorff_alpha
from evaluation.core.voters.residuals import item_numbers, leads
from evaluation.core.words import Reason, Voice
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: What is missing where every participant's votes cancel exactly.
BALANCED = "every participant's votes cancel, so that they have no spread"


@dataclass(frozen=True)
class Deff:
    """A design effect (clustered over naive variance) and what the votes are worth: ``n`` / ``deff``."""

    deff: float
    n: int


def deff_json(found: Deff | Reason, voice: Voice) -> Json:
    """The JSON object of the page. Votes that answer each other out (deff 0) are worth no stated number."""
    if isinstance(found, Reason):
        return {"deff": None, "n_votes": None, "effective_votes": None, "reason": words.reason_json(found, voice)}
    worth = found.n / found.deff if found.deff > 0 else None
    none = None if worth is not None else words.reason_json(words.reason("NC_NO_OVERLAP", needed=BALANCED), voice)
    return {"deff": found.deff, "n_votes": found.n, "effective_votes": worth, "reason": none}


def share_deff(credit: FloatArray, person: IntArray) -> Deff | None:
    """Design effect of the mean of ``credit`` (V,), participants ``person`` (V,) as clusters; None without spread."""
    n = len(credit)
    people = len(np.unique(person))
    off = credit - credit.mean() if n else credit
    naive = float(np.sum(off**2))
    if n < 2 or people < 2 or naive == 0:
        return None
    return Deff(float(meat(off, person)[0, 0]) / naive * (n - 1) / n, n)


def contrast_deff(scale: Scale, first: int, second: int) -> Deff:
    """Design effect of theta of ``first`` less that of ``second``: CR3 over the model's variance."""
    e = np.zeros(len(scale.items))
    e[first], e[second] = 1.0, -1.0
    return Deff(float(e @ scale.cov @ e) / float(e @ scale.cov_model @ e), scale.total_votes)


@dataclass(frozen=True)
class Own:
    """Votes between K items as each participant's own material. Arrays of length V; ``residual``: observed less
    expected share of the left, ``weight``: its variance p (1 - p)."""

    people: int
    k: int
    person: IntArray
    left: IntArray
    right: IntArray
    residual: FloatArray
    weight: FloatArray

    def scores(self) -> FloatArray:
        """(P, K) gradient of each participant's own votes."""
        return self._to_items(self.residual)

    def _to_items(self, signed: FloatArray) -> FloatArray:
        size = self.people * self.k
        flat = np.bincount(self.person * self.k + self.left, weights=signed, minlength=size)
        flat = flat - np.bincount(self.person * self.k + self.right, weights=signed, minlength=size)
        return np.asarray(flat.reshape(self.people, self.k))

    def times_information(self, u: FloatArray) -> FloatArray:
        """(P, K) each participant's own information matrix times their row of ``u`` (P, K)."""
        return self._to_items(self.weight * (u[self.person, self.left] - u[self.person, self.right]))


def taste_variance(own: Own) -> float:
    """Variance of a participant's own deviation of one item's score, in logits squared; not below 0.

    Method of moments: two votes v, v' of one person on differences x_v, x_v' have E r_v r_v' = w_v w_v' tau^2 x_v.x_v',
    so tau^2 = sum (x_v.x_v') r_v r_v' / sum (x_v.x_v')^2 w_v w_v' over all such pairs of votes. Linear in tau: an SD of
    .3 is seen as .26, one of .7 as .55.
    """
    top = float(np.sum(own.scores() ** 2) - 2 * np.sum(own.residual**2))
    size = own.people * own.k
    ends = np.concatenate([own.person * own.k + own.left, own.person * own.k + own.right])
    diagonal = np.bincount(ends, weights=np.tile(own.weight, 2), minlength=size)
    low, high = np.minimum(own.left, own.right), np.maximum(own.left, own.right)
    pair = np.unique((own.person * own.k + low) * own.k + high, return_inverse=True)[1]
    between = np.bincount(pair, weights=own.weight)
    bottom = float(np.sum(diagonal**2) + 2 * np.sum(between**2) - 4 * np.sum(own.weight**2))
    return max(0.0, top / bottom) if bottom > 0 else 0.0


def own_deviations(own: Own, variance: float) -> FloatArray:
    """(P, K) each participant's own deviation from the common scores: one shrunken step (H_p + I/variance)^-1 g_p.

    All participants are solved at once by conjugate gradients; no (P, K, K) array is made.
    """
    shape = (own.people, own.k)
    if variance <= 0:
        return np.zeros(shape)

    def times(flat: FloatArray) -> FloatArray:
        u = flat.reshape(shape)
        return np.asarray((own.times_information(u) + u / variance).ravel())

    size = own.people * own.k
    found, _ = cg(LinearOperator((size, size), matvec=times, dtype=np.float64), own.scores().ravel(), rtol=1e-8)
    return np.asarray(found.reshape(shape))


def heterogeneity_section(evidence: Evidence) -> Section:
    """Design effects, taste SD, shares of own favourites, Krippendorff's alpha over pairs."""
    voice, scale = evidence.voice, evidence.scales[POOLED]
    alpha = krippendorff_alpha(pair_counts(evidence.votes))
    lonely = words.reason("NC_NO_OVERLAP", needed="twice, with more than one outcome")
    agreement = deff_json(_agreement_deff(evidence), voice)
    summary: Json = {
        "agreement_deff": agreement,
        "krippendorff_alpha": {"alpha": alpha, "reason": words.reason_json(lonely, voice) if alpha is None else None},
    }
    if not isinstance(scale, Scale):
        said = words.reason_json(scale.reason, voice)
        missing: Json = dict.fromkeys(("contrast_deff", "taste_sd", "own_favourite"))
        return Section(summary | missing | {"reason": said, "sentence": said["sentence"]})
    own = own_material(evidence, scale)
    variance = taste_variance(own)
    best = np.argmax(scale.theta + own_deviations(own, variance), axis=1)
    tied = _minimisers(evidence, scale)
    whose: Json = {
        "favourite": scale.items[int(np.argmax(scale.theta))],
        "is_favourite": float(np.mean(best == np.argmax(scale.theta))),
        "is_minimiser": None if isinstance(tied, Reason) else float(np.mean(np.isin(best, tied))),
        "shares": {c: float(np.mean(best == i)) for i, c in enumerate(scale.items)},
        "n_participants": own.people,
        "reason": words.reason_json(tied, voice) if isinstance(tied, Reason) else None,
    }
    summary |= {
        "contrast_deff": deff_json(_contrast(evidence, scale, tied), voice),
        "taste_sd": float(np.sqrt(variance)),
        "own_favourite": whose,
        "reason": None,
        "sentence": voice.say(_sentence(evidence, agreement, float(np.sqrt(variance)), whose)),
    }
    return Section(summary)


def own_material(evidence: Evidence, scale: Scale) -> Own:
    """The pooled votes against what their scene's scores expect of them, so that no scene passes for a taste."""
    votes = evidence.votes
    number = item_numbers(votes, scale.items)
    at = np.flatnonzero((number[votes.left] >= 0) & (number[votes.right] >= 0))
    p = expit(leads(evidence).full[at])
    people, person = np.unique(votes.person[at], return_inverse=True)
    return Own(
        people=len(people),
        k=len(scale.items),
        person=person.astype(np.intp),
        left=number[votes.left[at]],
        right=number[votes.right[at]],
        residual=votes.y[at] - p,
        weight=p * (1 - p),
    )


def pair_counts(votes: VoteTable) -> FloatArray:
    """(2U, 3) first won, second won, tie, for every pair of pictures that was shown, in both orders."""
    if not votes.n_votes:
        return np.zeros((0, 3))
    k = len(votes.conditions)
    low, high = np.minimum(votes.left, votes.right), np.maximum(votes.left, votes.right)
    first = np.where(votes.left < votes.right, votes.y, 1 - votes.y)
    found, unit = np.unique((votes.scene * k + low) * k + high, return_inverse=True)
    outcome = np.column_stack([first == 1, first == 0, first == 0.5]).astype(np.float64)
    counts = cluster_sums(outcome, unit, len(found))
    return both_ways(counts[:, 0], counts[:, 1], counts[:, 2])


def _agreement_deff(evidence: Evidence) -> Deff | Reason:
    """Design effect of the agreement with the primary metric (E6) over its usable scenes."""
    if evidence.primary is None:
        return words.reason("NC_NO_METRIC")
    metric, votes = evidence.metric(evidence.primary), evidence.votes
    use = metric.usable[votes.scene] & ~np.isnan(metric.difference)
    d, y = metric.difference[use], votes.y[use]
    found = share_deff(np.where(d == 0, 0.5, np.where(d < 0, y, 1 - y)), votes.person[use])
    pooled = metric.minima[POOLED]
    if found is None and isinstance(pooled, Reason):
        return pooled
    return found or words.reason("NC_NO_OVERLAP", needed="by two participants, with more than one outcome")


def _contrast(evidence: Evidence, scale: Scale, tied: IntArray | Reason) -> Deff | Reason:
    """Design effect of the favourite against the minimiser (the best of a tied set)."""
    if isinstance(tied, Reason):
        return tied
    favourite = int(np.argmax(scale.theta))
    if favourite in tied:
        return words.reason("NC_SAME_CONDITION", item=evidence.labels[scale.items[favourite]])
    return contrast_deff(scale, favourite, int(tied[np.argmax(scale.theta[tied])]))


def _minimisers(evidence: Evidence, scale: Scale) -> IntArray | Reason:
    if evidence.primary is None:
        return words.reason("NC_NO_METRIC")
    found: Minimum | Reason = evidence.metric(evidence.primary).minima[POOLED]
    if isinstance(found, Reason):
        return found
    if not set(found.items) <= set(scale.items):
        return next(r for r in scale.reasons if r.code == "NC_DISCONNECTED")
    return np.array([i for i, c in enumerate(scale.items) if c in found.items], dtype=np.intp)


def _sentence(evidence: Evidence, agreement: Json, sd: float, whose: Json) -> str:
    label = evidence.labels[whose["favourite"]]
    if sd > 0:
        text = (
            f"Tastes differ by {sd:.2f} logits (SD of a single score); {label}, the common favourite, is the own "
            f"favourite of {100 * whose['is_favourite']:.0f} % of the participants"
        )
        if whose["is_minimiser"] is not None:
            text += f", the minimum of the loss of {100 * whose['is_minimiser']:.0f} %"
    else:
        text = f"No difference of tastes shows: the best guess of everybody's favourite is the common one, {label}"
    if agreement["effective_votes"] is not None:
        text += (
            f". {agreement['n_votes']} votes are worth {agreement['effective_votes']:.0f} independent ones "
            f"(design effect {agreement['deff']:.1f})"
        )
    return f"{text}."
