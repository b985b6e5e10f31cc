"""How often the primary test would find what is true, before anybody votes (specs/evaluation.md 6.2).

Studies are drawn by ``evaluation.core.simulator`` and put to the shipped tests over all scenes (E2), in two worlds. One
number says how large the truth is: ``win``, the probability of one picture to win against another in the eyes of
somebody of average taste.

- The minimiser is not the favourite. The favourite beats it with ``win``; the others lie half-way between the two, in
  logits. Found where the verdict is 'refuted'.
- The minimiser is the favourite and beats each of the others with ``win``. Found where the verdict is 'confirmed'.

The minimiser is the last condition and the favourite the second: nearly opposite ends, where tastes differ most.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from evaluation.core import simulator
from evaluation.core.options import Options
from evaluation.core.scale import inference
from evaluation.core.scale.inference import NotEstimated, Scale
from evaluation.core.simulator import Crowd
from studyplatform.voting.core.bradley_terry import FloatArray

#: Win probabilities of the curves.
WINS = (0.55, 0.6, 0.65, 0.7, 0.75)
#: The power that a study is usually planned for.
WANTED = 0.8
#: Who votes: sizes that are assumed, not estimated from data (specs/evaluation.md 5.1).
ASSUMED = Crowd(taste=0.3, axis=0.5, lapse=0.03)
#: Davidson's nu where ties are offered, assumed too: two equal pictures tie in 20 of 100 votes.
TIES = 0.5
#: Multiplier draws of a test; an analysis takes ten times as many, which moves power by about .01.
DRAWS = 999


@dataclass(frozen=True)
class Design:
    """A study's grid and session: ``conditions`` that all ``scenes`` share, and the ``trials`` of one participant under
    one question that compare two of them. ``ties``: whether 'no preference' is offered. ``focused``: whether 70 of 100
    trials show the minimiser.

    Raises ``ValueError`` where there is nothing to compare.
    """

    scenes: int
    conditions: int
    trials: int
    ties: bool = False
    focused: bool = False

    def __post_init__(self) -> None:
        if self.scenes < 1 or self.conditions < 2 or self.trials < 1:
            raise ValueError(
                f"{self.scenes} scenes, {self.conditions} conditions, {self.trials} trials: nothing to compare. "
                "A plan needs a scene, two conditions and a trial."
            )

    @property
    def minimiser(self) -> int:
        """Number of the condition with the minimum loss."""
        return self.conditions - 1

    @property
    def favourite(self) -> int:
        """Number of the favourite, where that is not the minimiser."""
        return min(1, self.conditions - 2)


@dataclass(frozen=True)
class Power:
    """Shares of ``replicates`` studies with so many ``participants`` that found the truth of size ``win``.

    ``refuted``: where the minimiser is not the favourite; ``confirmed``: where it is.
    """

    participants: int
    win: float
    refuted: float
    confirmed: float
    replicates: int


def power(
    design: Design,
    people: Sequence[int],
    *,
    wins: Sequence[float] = WINS,
    replicates: int = 150,
    seed: int = 1,
    crowd: Crowd = ASSUMED,
) -> Iterator[Power]:
    """Rows for each number of ``people`` and, within it, each of ``wins``, as they are done.

    ``crowd``: its participants and ties are set by the design. All ``wins`` meet the same crowds (common random
    numbers), so that their order is not an accident of the draw.
    """
    for participants in people:
        voters = replace(crowd, participants=participants, ties=TIES if design.ties else 0.0)
        seeds = np.random.SeedSequence([seed, participants]).generate_state(replicates).tolist()
        for win in wins:
            refuted = sum(_is_refuted(design, another_favourite(design, win), voters, s) for s in seeds)
            confirmed = sum(_is_confirmed(design, minimiser_favourite(design, win), voters, s) for s in seeds)
            yield Power(participants, win, refuted / replicates, confirmed / replicates, replicates)


def another_favourite(design: Design, win: float) -> FloatArray:
    """(S, K) utilities in logits: the favourite beats the minimiser with ``win``, the others lie half-way."""
    utilities = np.full((design.scenes, design.conditions), _logit(win) / 2)
    utilities[:, design.favourite] = _logit(win)
    utilities[:, design.minimiser] = 0.0
    return utilities


def minimiser_favourite(design: Design, win: float) -> FloatArray:
    """(S, K) utilities in logits: the minimiser beats each of the others with ``win``."""
    utilities = np.zeros((design.scenes, design.conditions))
    utilities[:, design.minimiser] = _logit(win)
    return utilities


def monte_carlo_error(share: float, replicates: int) -> float:
    """Standard error of a share of simulated studies; with one more of each kind, so that none is 0."""
    p = (share * replicates + 1) / (replicates + 2)
    return float(np.sqrt(p * (1 - p) / replicates))


def needed(rows: Sequence[Power], win: float, wanted: float = WANTED) -> int | None:
    """Participants with whom 'refuted' reaches ``wanted``, between tested numbers by a straight line; the smallest
    tested number where that has it; None where the largest has not."""
    curve = sorted((row.participants, row.refuted) for row in rows if row.win == win)
    if curve and curve[0][1] >= wanted:
        return curve[0][0]
    for (before, low), (after, high) in pairwise(curve):
        if low < wanted <= high:
            # Rounded first: a share like .6 is no binary fraction, and 30.000000000000004 participants are 30.
            return int(np.ceil(round(before + (after - before) * (wanted - low) / (high - low), 6)))
    return None


def scores(design: Design, utilities: FloatArray, crowd: Crowd, seed: int) -> Scale | None:
    """Human scores over all scenes of one simulated study; None where its votes allow no test of the minimiser."""
    hub = [design.minimiser] * design.scenes if design.focused else None
    votes = simulator.simulate(utilities, crowd, simulator.Design(design.trials, hub=hub), seed=seed)
    labels = {c: c for c in votes.conditions}
    group = votes.group(np.arange(design.scenes), np.arange(design.conditions))
    scale = inference.estimate(group, labels=labels, group="All scenes", seed=seed, draws=DRAWS)
    if isinstance(scale, NotEstimated) or not scale.testable or votes.conditions[design.minimiser] not in scale.items:
        return None
    return scale


# The p-values of hypotheses.minimum_tests, without the bounds that it also finds and nobody here looks at.


def _is_refuted(design: Design, utilities: FloatArray, crowd: Crowd, seed: int) -> bool:
    scale = scores(design, utilities, crowd, seed)
    if scale is None:
        return False
    # The minimiser is the last condition, also of those that hang together.
    h = len(scale.items) - 1
    return scale.p_some_rival_better(h, np.arange(h)) < Options.alpha


def _is_confirmed(design: Design, utilities: FloatArray, crowd: Crowd, seed: int) -> bool:
    scale = scores(design, utilities, crowd, seed)
    if scale is None:
        return False
    h = len(scale.items) - 1
    return float(scale.p_each_rival_worse(h, np.arange(h)).max()) < Options.alpha


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))
