"""What the human scores expect of each vote, with and without the participant who cast it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evaluation.core.evidence import POOLED, BoolArray, Evidence, VoteTable
from evaluation.core.scale.inference import Scale
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray


@dataclass(frozen=True)
class Leads:
    """(V,) lead of the left condition over the right in logits, NaN where neither the scene nor all scenes have scores.

    ``full``: by everybody's votes. ``held_out``: by the votes of everybody else (one-step jackknife, so that nobody
    is held against a scale that they made).
    """

    full: FloatArray
    held_out: FloatArray

    @property
    def known(self) -> BoolArray:
        """(V,) votes with a lead."""
        return ~np.isnan(self.full)


def leads(evidence: Evidence) -> Leads:
    """The lead of each vote by the scores of its scene, or by the pooled ones where the scene has none."""
    votes = evidence.votes
    full, held_out = np.full(votes.n_votes, np.nan), np.full(votes.n_votes, np.nan)
    parts = [(scene, votes.scene == s) for s, scene in enumerate(votes.scenes)]
    for name, inside in [(POOLED, np.ones(votes.n_votes, dtype=bool)), *parts]:
        scale = evidence.scales[name]
        if isinstance(scale, Scale):
            at, everybody, others = scale_leads(votes, scale, inside)
            full[at], held_out[at] = everybody, others
    return Leads(full, held_out)


def scale_leads(votes: VoteTable, scale: Scale, inside: BoolArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """Numbers of the votes ``inside`` (V,) between items of ``scale``, their leads, and those held out.

    ``scale`` rests on exactly these votes. theta without p is theta - f_p sqrt(P/(P - 1)), f_p the contribution of p
    (:func:`evaluation.core.scale.jackknife.covariance`).
    """
    number = item_numbers(votes, scale.items)
    at = np.flatnonzero(inside & (number[votes.left] >= 0) & (number[votes.right] >= 0))
    left, right = number[votes.left[at]], number[votes.right[at]]
    row = np.unique(votes.person[at], return_inverse=True)[1]
    full = scale.theta[left] - scale.theta[right]
    people = scale.n_participants
    own = scale.influence[row, left] - scale.influence[row, right]
    return at, full, full - own * np.sqrt(people / max(1, people - 1))


def item_numbers(votes: VoteTable, items: tuple[str, ...]) -> IntArray:
    """(K,) number of each condition of the study among ``items``, -1 where it is not one of them."""
    at = {c: i for i, c in enumerate(items)}
    return np.array([at.get(c, -1) for c in votes.conditions], dtype=np.intp)
