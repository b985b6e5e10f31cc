"""The votes and the losses of one question as arrays: what every estimand of specs/evaluation.md section 2 works on.

NaN marks a missing score inside these arrays and never leaves them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from evaluation.core.ballots import (
    SHARE_LEFT,
    Ballots,
    FlowStep,
    analysis_set,
    asks_which_is_real,
    grid_conditions,
    real_or_fake_set,
)
from evaluation.core.dataset import METRIC_ROLES, MetricInfo, StudyData, Trial
from evaluation.core.options import Options, departures
from evaluation.core.scale import inference
from evaluation.core.scale.inference import NotEstimated, Scale
from evaluation.core.verdict import minimiser
from evaluation.core.verdict.minimiser import Minimum
from evaluation.core.words import Reason, Voice
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]
#: The key of the pooled group among the scenes.
POOLED = None


@dataclass(frozen=True)
class VoteTable:
    """The main votes of one question between grid pictures of two different conditions.

    ``people`` (P ids), ``scenes`` (S ids with grid pictures, in order) and ``conditions`` (K ids of the grid, in grid
    order) name the numbers in the arrays of length V: ``person``, ``scene``, ``left``, ``right`` (conditions),
    ``y`` (share of the vote that goes left: 1, 0, or 1/2 for a tie), ``rt_ms`` (NaN where unknown). ``there``: (S, K)
    whether the condition has a picture in the scene.
    """

    people: tuple[str, ...]
    scenes: tuple[str, ...]
    conditions: tuple[str, ...]
    person: IntArray
    scene: IntArray
    left: IntArray
    right: IntArray
    y: FloatArray
    rt_ms: FloatArray
    there: BoolArray

    @property
    def n_votes(self) -> int:
        """Number of votes."""
        return len(self.y)

    @cached_property
    def shared(self) -> BoolArray:
        """(K,) conditions that have a picture in every scene: those that scenes can be pooled by."""
        return np.asarray(self.there.all(axis=0))

    def wins(self, keep: BoolArray | None = None) -> FloatArray:
        """(S, K, K) table of wins, row over column, of all votes or of those in ``keep`` (V,)."""
        use = np.ones(self.n_votes, dtype=bool) if keep is None else keep
        s, k = len(self.scenes), len(self.conditions)
        at, left, right, y = self.scene[use], self.left[use], self.right[use], self.y[use]
        flat = np.bincount((at * k + left) * k + right, weights=y, minlength=s * k * k)
        flat = flat + np.bincount((at * k + right) * k + left, weights=1.0 - y, minlength=s * k * k)
        return np.asarray(flat.reshape(s, k, k))

    def where(self, keep: BoolArray) -> VoteTable:
        """The same study with the votes in ``keep`` (V,) only; people, scenes and conditions keep their numbers."""
        arrays = ("person", "scene", "left", "right", "y", "rt_ms")
        return replace(self, **{name: getattr(self, name)[keep] for name in arrays})

    def group(self, scenes: IntArray, items: IntArray) -> Ballots:
        """The votes of ``scenes`` (numbers) between ``items`` (condition numbers), pooled by condition."""
        number = np.full(len(self.conditions), -1, dtype=np.intp)
        number[items] = np.arange(len(items))
        keep = np.isin(self.scene, scenes) & (number[self.left] >= 0) & (number[self.right] >= 0)
        people, person = np.unique(self.person[keep], return_inverse=True)
        return Ballots(
            items=tuple(self.conditions[i] for i in items),
            n_participants=len(people),
            participant=person.astype(np.intp),
            left=number[self.left[keep]],
            right=number[self.right[keep]],
            y=self.y[keep],
        )


@dataclass(frozen=True)
class MetricValues:
    """A metric over the study, oriented so that lower is predicted better (``info.sign`` times the stored value).

    ``left``, ``right``: (V,) value of the picture that was shown on each side, NaN where it is missing. ``cells``:
    (S, K) mean over replicates, NaN where missing or not there. ``minima``: scene id (:data:`POOLED` for all) -> its
    minimiser or why there is none. ``usable``: (S,) scenes in which the metric is complete and comparable.
    """

    info: MetricInfo
    left: FloatArray
    right: FloatArray
    cells: FloatArray
    minima: Mapping[str | None, Minimum | Reason]
    usable: BoolArray

    @cached_property
    def difference(self) -> FloatArray:
        """(V,) left minus right; negative predicts that the left picture wins."""
        return np.asarray(self.left - self.right)

    @cached_property
    def z(self) -> FloatArray:
        """(S, K) within-scene z-scores (population SD); NaN outside usable scenes, 0 in one without spread."""
        z = np.full_like(self.cells, np.nan)
        for s in np.flatnonzero(self.usable):
            row = self.cells[s]
            there = ~np.isnan(row)
            spread = row[there].std()
            z[s, there] = (row[there] - row[there].mean()) / spread if spread > 0 else 0.0
        return z


@dataclass(frozen=True)
class Evidence:
    """Everything an estimand may ask for: one question of a study.

    ``data``: in canonical order. ``flow``: to the votes, or to those on the photograph where all are. ``metrics``: the
    primary one first. ``scales``: scene id (:data:`POOLED` first) -> human scores or why there are none.
    ``primary``: id of the metric that carries the verdict, or None.
    """

    data: StudyData
    question: str
    votes: VoteTable
    flow: tuple[FlowStep, ...]
    metrics: tuple[MetricValues, ...]
    scales: Mapping[str | None, Scale | NotEstimated]
    primary: str | None
    options: Options
    voice: Voice

    @cached_property
    def labels(self) -> dict[str, str]:
        """Condition id -> label."""
        return {c.id: c.label for c in self.data.conditions}

    @cached_property
    def scene_labels(self) -> dict[str, str]:
        """Scene id -> label."""
        return {s.id: s.label for s in self.data.scenes}

    @cached_property
    def asks_which_is_real(self) -> bool:
        """Whether no two conditions met under this question, but each met the photograph."""
        return asks_which_is_real(self.data, self.question)

    @cached_property
    def departures(self) -> tuple[str, ...]:
        """A sentence on everything that is not as it was preregistered."""
        return departures(self.data, self.options)

    @property
    def as_planned(self) -> bool:
        """Whether the design was frozen before anybody answered, and study and analysis went as it says."""
        return self.data.frozen_first and not self.departures

    @property
    def confirmatory(self) -> bool:
        """Whether tests of the primary metric were planned: :attr:`as_planned`, with a primary metric."""
        return self.data.confirmatory and not self.departures

    @cached_property
    def people(self) -> tuple[str, ...]:
        """Ids of the participants with a vote that counts."""
        if self.asks_which_is_real:
            return tuple(sorted({t.participant for t in real_or_fake_set(self.data, self.question)[0]}))
        return self.votes.people

    def metric(self, name: str) -> MetricValues:
        """The metric called ``name``; ``KeyError`` where there is none."""
        return next(m for m in self.metrics if m.info.id == name)


def gather(data: StudyData, question: str, options: Options) -> Evidence:
    """The evidence on one question of ``data`` (in canonical order): votes, losses, minimisers and human scores."""
    trials, flow = analysis_set(data, question)
    if asks_which_is_real(data, question):
        flow = real_or_fake_set(data, question)[1]
    votes = vote_table(data, trials)
    metrics = [metric_values(data, m, votes, trials) for m in _ordered(data)]
    labels = {c.id: c.label for c in data.conditions}
    everything = np.arange(len(votes.scenes))
    scales: dict[str | None, Scale | NotEstimated] = {
        POOLED: _scale(votes, everything, np.flatnonzero(votes.shared), labels, "All scenes", options)
    }
    for s, scene in enumerate(votes.scenes):
        name = next(f"Scene {x.label}" for x in data.scenes if x.id == scene)
        items = np.flatnonzero(votes.there[s])
        scales[scene] = _scale(votes, np.array([s]), items, labels, name, options)
    return Evidence(
        data=data,
        question=question,
        votes=votes,
        flow=tuple(flow),
        metrics=tuple(metrics),
        scales=scales,
        primary=_primary(data, metrics),
        options=options,
        voice=Voice(data.simulated),
    )


def vote_table(data: StudyData, trials: Sequence[Trial]) -> VoteTable:
    """``trials`` of the analysis set as arrays; ``data`` in canonical order."""
    scenes = tuple(s.id for s in data.scenes if grid_conditions(data, s.id))
    conditions = tuple(c.id for c in data.conditions if c.role == "grid")
    people = tuple(sorted({t.participant for t in trials}))
    at_scene, at = {s: i for i, s in enumerate(scenes)}, {c: i for i, c in enumerate(conditions)}
    at_person = {p: i for i, p in enumerate(people)}
    shown = {s.id: at[s.condition] for s in data.stimuli if s.role == "grid"}
    there = np.zeros((len(scenes), len(conditions)), dtype=bool)
    for s in data.stimuli:
        if s.role == "grid":
            there[at_scene[s.scene], at[s.condition]] = True
    return VoteTable(
        people=people,
        scenes=scenes,
        conditions=conditions,
        person=np.array([at_person[t.participant] for t in trials], dtype=np.intp),
        scene=np.array([at_scene[t.scene] for t in trials], dtype=np.intp),
        left=np.array([shown[t.left] for t in trials], dtype=np.intp),
        right=np.array([shown[t.right] for t in trials], dtype=np.intp),
        y=np.array([SHARE_LEFT[t.choice] for t in trials], dtype=np.float64),
        rt_ms=np.array([np.nan if t.rt_ms is None else t.rt_ms for t in trials], dtype=np.float64),
        there=there,
    )


def metric_values(data: StudyData, info: MetricInfo, votes: VoteTable, trials: Sequence[Trial]) -> MetricValues:
    """Values of one metric beside the votes, and its minimisers."""
    value = {s.stimulus: info.sign * s.value for s in data.scores if s.metric == info.id and s.value is not None}
    cells = np.full(votes.there.shape, np.nan)
    table = minimiser.cells(data, info)
    at_scene = {s: i for i, s in enumerate(votes.scenes)}
    at = {c: i for i, c in enumerate(votes.conditions)}
    for (scene, condition), mean in table.items():
        if mean is not None:
            cells[at_scene[scene], at[condition]] = info.sign * mean
    label = {s.id: s.label for s in data.scenes}
    shared = [c for c, everywhere in zip(votes.conditions, votes.shared, strict=True) if everywhere]
    minima: dict[str | None, Minimum | Reason] = {
        POOLED: minimiser.pooled_minimum(data, info, table, votes.scenes, shared, "all scenes")
    }
    for s, scene in enumerate(votes.scenes):
        items = [votes.conditions[i] for i in np.flatnonzero(votes.there[s])]
        minima[scene] = minimiser.scene_minimum(data, info, table, scene, items, f"scene {label[scene]}")
    return MetricValues(
        info=info,
        left=np.array([value.get(t.left, np.nan) for t in trials], dtype=np.float64),
        right=np.array([value.get(t.right, np.nan) for t in trials], dtype=np.float64),
        cells=cells,
        minima=minima,
        usable=np.array([_comparable(minima[s]) for s in votes.scenes], dtype=bool),
    )


def _scale(
    votes: VoteTable, scenes: IntArray, items: IntArray, labels: Mapping[str, str], name: str, options: Options
) -> Scale | NotEstimated:
    group = votes.group(scenes, items)
    return inference.estimate(group, labels=labels, group=name, seed=options.seed, draws=options.draws)


def _comparable(found: Minimum | Reason) -> bool:
    """A constant metric has no minimiser but may be compared: every pair of it is a tie."""
    return isinstance(found, Minimum) or found.code == "NC_CONSTANT_METRIC"


def _ordered(data: StudyData) -> list[MetricInfo]:
    """The metrics that are held against the votes, so no descriptors: the primary one first, then by role and name."""
    tested = [m for m in data.metrics if m.role != "descriptor"]
    return sorted(tested, key=lambda m: (m.id != data.primary_metric, METRIC_ROLES.index(m.role), m.label, m.id))


def _primary(data: StudyData, metrics: Sequence[MetricValues]) -> str | None:
    """The declared primary metric; else the first objective whose values may be compared over this grid.

    Chosen by design (scope), never by outcome.
    """
    if any(m.info.id == data.primary_metric for m in metrics):
        return data.primary_metric
    within = [m for m in metrics if not (isinstance(f := m.minima[POOLED], Reason) and f.code == "NC_SCOPE")]
    first = next(iter(within or metrics), None)
    return first.info.id if first is not None else None
