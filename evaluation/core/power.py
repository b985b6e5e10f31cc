"""How often the primary test would find what is true, before anybody votes (specs/evaluation.md 6.2).

The sessions of the study are laid by its own allocator (``evaluation.core.sessions``), a simulated crowd votes on them
(``evaluation.core.simulator``), and the votes are put to the shipped tests over all scenes (E2), in two worlds. One
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
from evaluation.core.scale import inference
from evaluation.core.scale.inference import NotEstimated, Scale
from evaluation.core.sessions import Design, lay
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
class Power:
    """What became of ``replicates`` simulated studies with so many ``participants`` and a truth of size ``win``.

    ``refuted``: how many found that the minimiser is not the favourite, where it is not; ``confirmed``: how many found
    that it is, where it is.
    """

    participants: int
    win: float
    refuted: int = 0
    confirmed: int = 0
    replicates: int = 0

    def share(self, found: str) -> float:
        """Share of the studies that found it; ``found``: 'refuted' or 'confirmed'. Of one replicate or more."""
        return float(getattr(self, found)) / self.replicates

    def error(self, found: str) -> float:
        """Standard error of the share; counted with one study more of each kind, so that none is 0."""
        p = (getattr(self, found) + 1) / (self.replicates + 2)
        return float(np.sqrt(p * (1 - p) / self.replicates))


def reach(replicates: int) -> float:
    """Half-width of the 95 % Monte-Carlo interval of a share near one half, where it is widest."""
    return float(1.96 * 0.5 / np.sqrt(replicates))


def power(
    design: Design,
    people: Sequence[int],
    *,
    wins: Sequence[float] = WINS,
    replicates: int = 150,
    seed: int = 1,
    crowd: Crowd = ASSUMED,
) -> Iterator[Power]:
    """Rows for each number of ``people`` and, within it, each of ``wins``, as they are done."""
    for participants in people:
        for win in wins:
            row = Power(participants, win)
            while row.replicates < replicates:
                row = one_more(design, row, seed=seed, crowd=crowd)
            yield row


def one_more(design: Design, row: Power, *, seed: int, crowd: Crowd = ASSUMED) -> Power:
    """The row with one simulated study more in each world. ``crowd``: its participants and ties are the design's.

    A study is known by ``seed``, its participants and its number, so rows come out the same wherever the counting was
    broken off. All ``wins`` meet the same crowds (common random numbers): their order is no accident of the draw.

    All replicates vote on the same sessions. That is no short cut: a study's plans are laid once, from its seed, before
    anybody takes part, so of all that a repetition of it would vary (who comes, what they like, how they answer) the
    pairs are no part.
    """
    voters = replace(crowd, participants=row.participants, ties=TIES if design.ties else 0.0)
    number = int(np.random.SeedSequence([seed, row.participants, row.replicates]).generate_state(1)[0])
    refuted = _is_refuted(design, another_favourite(design, row.win), voters, number)
    confirmed = _is_confirmed(design, minimiser_favourite(design, row.win), voters, number)
    return replace(
        row,
        refuted=row.refuted + refuted,
        confirmed=row.confirmed + confirmed,
        replicates=row.replicates + 1,
    )


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


def needed(rows: Sequence[Power], win: float, wanted: float = WANTED) -> int | None:
    """Participants with whom 'refuted' reaches ``wanted``, between tested numbers by a straight line; the smallest
    tested number where that has it; None where the largest has not."""
    curve = sorted((row.participants, row.share("refuted")) for row in rows if row.win == win)
    if curve and curve[0][1] >= wanted:
        return curve[0][0]
    for (before, low), (after, high) in pairwise(curve):
        if low < wanted <= high:
            # Rounded first: a share like .6 is no binary fraction, and 30.000000000000004 participants are 30.
            return int(np.ceil(round(before + (after - before) * (wanted - low) / (high - low), 6)))
    return None


def scores(design: Design, utilities: FloatArray, crowd: Crowd, seed: int) -> Scale | None:
    """Human scores over all scenes of one simulated study; None where its votes allow no test of the minimiser."""
    votes = simulator.vote(utilities, crowd, lay(design, crowd.participants).shown, seed=seed)
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
    return scale.p_some_rival_better(h, np.arange(h)) < design.alpha


def _is_confirmed(design: Design, utilities: FloatArray, crowd: Crowd, seed: int) -> bool:
    scale = scores(design, utilities, crowd, seed)
    if scale is None:
        return False
    h = len(scale.items) - 1
    return float(scale.p_each_rival_worse(h, np.arange(h)).max()) < design.alpha


def _logit(p: float) -> float:
    return float(np.log(p / (1 - p)))
