"""Human scores of each scene with what each participant adds to them, and one-step draws from them.

A refit of every bootstrap draw costs 5 to 79 times the score method (specs/evaluation.md 5.4), so a draw is one step
from the estimate: theta* = theta + (w - 1)' influence, with w how often each participant was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from evaluation.core.evidence import Evidence, MetricValues
from evaluation.core.scale.inference import Scale
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Draws of a bootstrap over participants; a spread needs no more.
BOOTSTRAP_DRAWS = 999


@dataclass(frozen=True)
class SceneScores:
    """The scored conditions of one scene. ``scene``, ``items`` (k,) and ``people`` (p,) are numbers of the vote table;
    row i of ``scale.influence`` belongs to ``people[i]``."""

    scene: int
    items: IntArray
    people: IntArray
    scale: Scale

    @property
    def theta(self) -> FloatArray:
        """(k,) logits, mean zero."""
        return self.scale.theta

    def without(self) -> FloatArray:
        """(p, k) scores of all but one participant, by one step."""
        n = max(2, len(self.people))
        return np.asarray(self.theta - self.scale.influence * np.sqrt(n / (n - 1)))

    def values(self, metric: MetricValues) -> FloatArray:
        """(k,) the metric, lower predicted better."""
        return np.asarray(metric.cells[self.scene, self.items])

    def minimisers(self, metric: MetricValues) -> IntArray:
        """Positions in ``items`` of the lowest value (several where they tie); empty where the metric has none here."""
        values = self.values(metric)
        if not metric.usable[self.scene] or np.isnan(values).any() or values.min() == values.max():
            return np.array([], dtype=np.intp)
        row = metric.cells[self.scene]
        # The scene's own minimiser may be a condition without a score: then it is not among these.
        return np.flatnonzero(values == np.nanmin(row))

    def draws(self, weights: npt.NDArray[np.float32]) -> FloatArray:
        """(B, k) scores under ``weights`` (B, P), participants by columns: what each adds, times its weight, on top."""
        return np.asarray(self.theta + weights[:, self.people] @ self.scale.influence)


def scene_scores(evidence: Evidence) -> list[SceneScores]:
    """Scores of every scene that has them, in order."""
    votes = evidence.votes
    at = {c: i for i, c in enumerate(votes.conditions)}
    found = []
    order = np.argsort(votes.scene, kind="stable")
    border = np.searchsorted(votes.scene[order], np.arange(len(votes.scenes) + 1))
    for s, scene in enumerate(votes.scenes):
        scale = evidence.scales[scene]
        if not isinstance(scale, Scale):
            continue
        items = np.array([at[c] for c in scale.items], dtype=np.intp)
        inside = np.zeros(len(votes.conditions), dtype=bool)
        inside[items] = True
        here = order[border[s] : border[s + 1]]
        people = np.unique(votes.person[here[inside[votes.left[here]] & inside[votes.right[here]]]])
        found.append(SceneScores(s, items, people.astype(np.intp), scale))
    return found


def bootstrap_weights(people: int, *, seed: int, draws: int) -> npt.NDArray[np.float32]:
    """(B, P) how often each participant is drawn, less one; the same draw of people serves all scenes."""
    rng = np.random.default_rng(seed)
    rows = [
        np.bincount(rng.integers(people, size=people), minlength=people) for _ in range(min(draws, BOOTSTRAP_DRAWS))
    ]
    return np.asarray(rows, dtype=np.float32) - 1


def half_signs(people: int, *, seed: int, splits: int) -> npt.NDArray[np.float32]:
    """(splits, P) +1 for a random half of the participants, -1 for the other."""
    half = np.where(np.arange(people) < people / 2, np.float32(1), np.float32(-1))
    return np.random.default_rng(seed).permuted(np.tile(half, (splits, 1)), axis=1)


def random_signs(people: int, *, seed: int, draws: int) -> npt.NDArray[np.float32]:
    """(B, P) +1 or -1 for each participant: multipliers that keep everybody's taste and cancel what is common."""
    signs = np.random.default_rng(seed).integers(0, 2, size=(min(draws, BOOTSTRAP_DRAWS), people), dtype=np.int8)
    return signs.astype(np.float32) * 2 - 1
