"""What `benchmarks/calibration.py` repeats: one simulated study of a known truth, and what our procedures say of it.

A case draws a study in one world (null hypotheses N0 to N3, or a known effect), calls the shipped functions and
answers for each of its rows 1 or 0: did the test reject, did the interval hold the truth. A share stands for several
intervals of one study; a row that says nothing of this study (a gate was in the way) is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.core.evidence import VoteTable
from evaluation.core.scale import inference
from evaluation.core.scale.inference import Scale
from evaluation.core.simulator import Crowd, Design, expected_shares, simulate
from studyplatform.voting.core import bradley_terry
from studyplatform.voting.core.bradley_terry import FloatArray

ALPHA = 0.05
SCENES = 5
#: Of every resampling inside a replicate. A multiple of 1 / alpha less one, so that a Monte-Carlo p can hold its level.
DRAWS = 999
TASTES: dict[str, Any] = {"taste": 0.3, "axis": 0.8}
NO_TASTES: dict[str, Any] = {"taste": 0.0, "axis": 0.0}
#: World -> its words.
WORLDS = {
    "N0": "indifferent",
    "N1": "tastes differ along the grid, mean 0",
    "N2": "real utilities, metric unrelated, scenes independent",
    "N3": "as N2, one profile shared by all scenes",
}
Answers = dict[str, float]


@dataclass(frozen=True)
class Row:
    """A procedure. ``kind``: 'level' (share of rejections, at most alpha) or 'coverage' (at least 1 - alpha).

    ``judged``: the worlds in which that is promised; elsewhere the number is a warning, printed in italics.
    """

    key: str
    words: str
    judged: tuple[str, ...] = ()
    kind: str = "level"


@dataclass(frozen=True)
class Case:
    """A table: ``rows`` by ``worlds``, a number for each of ``cells`` (participants, conditions)."""

    name: str
    title: str
    words: str
    rows: tuple[Row, ...]
    worlds: dict[str, str]
    replicate: Callable[[str, int, int, int], Answers]
    cells: tuple[tuple[int, int], ...] = tuple((p, k) for p in (10, 30, 60) for k in (3, 5, 9))


@dataclass(frozen=True)
class World:
    """A simulated study: its ``votes``, the utilities and the crowd behind them, and a metric (S, K), lower better."""

    votes: VoteTable
    utilities: FloatArray
    crowd: Crowd
    metric: FloatArray

    @property
    def truth(self) -> FloatArray:
        """(S, K, K) what an endless crowd would say."""
        return expected_shares(self.utilities, self.crowd)

    @property
    def minimiser(self) -> int:
        """The condition with the lowest mean of the metric over scenes."""
        return int(self.metric.mean(axis=0).argmin())

    def scale(self, *scenes: int) -> Scale | None:
        """The shipped scores of ``scenes`` (all, where none is named), or None behind a gate."""
        box = self.votes.group(np.array(scenes or range(SCENES)), np.arange(len(self.votes.conditions)))
        labels = {c: c for c in self.votes.conditions}
        found = inference.estimate(box, labels=labels, group="here", seed=1, draws=DRAWS)
        return found if isinstance(found, Scale) and len(found.items) == len(box.items) else None


def world(kind: str, participants: int, k: int, seed: int) -> World:
    """A study of 5 scenes and 30 trials per person in one of :data:`WORLDS`."""
    rng = np.random.default_rng([seed, 1])
    per_scene = kind == "N2"
    shape = (SCENES if per_scene else 1, k)
    theta = rng.normal(scale=0.7, size=shape) if kind in ("N2", "N3") else np.zeros(shape)
    # Tastes that differ along the grid are worst for a metric that goes along the grid.
    metric = np.linspace(-1, 1, k)[None] if kind == "N1" else rng.normal(size=shape)
    crowd = Crowd(participants, **(NO_TASTES if kind == "N0" else TASTES))
    utilities = np.broadcast_to(theta, (SCENES, k))
    votes = simulate(utilities, crowd, Design(30), seed=seed)
    return World(votes, utilities, crowd, np.broadcast_to(metric, (SCENES, k)))


def pooled_scores(truth: FloatArray) -> FloatArray:
    """(K,) scores of an endless crowd over the scenes of ``truth`` (S, K, K)."""
    wins = truth.sum(axis=0)
    np.fill_diagonal(wins, 0.0)
    return np.asarray(bradley_terry.fit(wins, ridge=0.0).theta)


def credit_of(study: World) -> FloatArray:
    """(V,) the vote where the left picture has the lower metric, else its complement."""
    votes = study.votes
    left_lower = study.metric[votes.scene, votes.left] < study.metric[votes.scene, votes.right]
    return np.where(left_lower, votes.y, 1 - votes.y)


def inside(low: float | None, truth: float, high: float | None) -> float:
    """1 where the interval holds the truth, else 0; the interval must have been printed."""
    assert low is not None
    assert high is not None
    return float(low <= truth <= high)
