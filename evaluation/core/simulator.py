"""Votes of a crowd whose tastes are known: what known-answer tests, calibration and power are made of.

The model (specs/evaluation.md 5.1): person p sees in picture (scene s, condition c) the utility

    u[p, s, c] = theta[s, c] + taste * eps[p, s, c] + axis * a[p] * z[c],   eps, a ~ N(0, 1), z from -1 to 1 on the grid

and a pair of conditions left, right is decided by d = u_left - u_right + side: sigma(d) to the left, with ties as
Davidson (1970) has them. Everything comes from one seed and is drawn as arrays.

This is mathematics for the analysis. The people that vote over HTTP, with response times, dropout and practice, are
``studyplatform.voting.core.observers``: they try the platform, one answer at a time, and know nothing of a study's
design. Both choose by Bradley and Terry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats
from scipy.special import expit

from evaluation.core.dataset import (
    Condition,
    MetricInfo,
    Participant,
    Question,
    Scene,
    Score,
    Stimulus,
    StudyData,
    Trial,
)
from evaluation.core.evidence import BoolArray, VoteTable
from studyplatform.voting.core.bradley_terry import FloatArray, IntArray

#: Thurstone's standard deviation of a difference, in just objectionable differences (Perez-Ortiz and Mantiuk 2017), ...
THURSTONE_JOD = 1.4826
#: ... and in logits: one such difference is 75 : 25 in both models.
THURSTONE_LOGIT = THURSTONE_JOD * float(np.log(3.0))
LINKS = ("logistic", "normal")
#: Utilities of people drawn at a time: bounds the memory at 160 MB.
BLOCK = 10_000_000


@dataclass(frozen=True)
class Crowd:
    """Who votes. Standard deviations, ``side`` (pull to the left) in logits; the others are shares.

    ``ties``: Davidson's nu, 0 for none; two equal pictures tie with probability nu / (2 + nu). ``lapse``: share of
    answers that are a coin's. ``spam_random``, ``spam_left``: shares of the people who answer by coin, or always left.
    ``link``: 'logistic', or 'normal' (Thurstone's case V, scaled so that 75 : 25 is the same difference in both).

    Raises ``ValueError`` for a share that is none or another link.
    """

    participants: int = 30
    taste: float = 0.3
    axis: float = 0.5
    side: float = 0.0
    lapse: float = 0.03
    ties: float = 0.0
    spam_random: float = 0.0
    spam_left: float = 0.0
    link: str = "logistic"

    def __post_init__(self) -> None:
        if self.link not in LINKS:
            raise ValueError(f"No choice model is called {self.link!r}. Choose one of {', '.join(LINKS)}.")
        for name in ("lapse", "spam_random", "spam_left"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} = {getattr(self, name):g} is no share. Write a number from 0 to 1.")
        if self.spam_random + self.spam_left > 1:
            raise ValueError("spam_random and spam_left together are more than everybody.")


@dataclass(frozen=True)
class Design:
    """What each person sees: ``trials`` pairs, dealt from shuffled decks of all pairs of all scenes, random sides.

    ``hub``: condition numbers (S,), one per scene, that a share ``focus`` of the trials contains (the minimiser);
    without it every pair is equally likely.
    """

    trials: int = 30
    hub: Sequence[int] | None = None
    focus: float = 0.7


@dataclass(frozen=True)
class Pairs:
    """Who is shown what: (V,) numbers of persons (sorted), scenes, and conditions on the left and on the right."""

    person: IntArray
    scene: IntArray
    left: IntArray
    right: IntArray


def simulate(utilities: FloatArray, crowd: Crowd, design: Design, *, seed: int) -> VoteTable:
    """The votes of ``crowd`` on pictures of ``utilities`` (S, K), logits; NaN where a scene lacks the condition.

    Raises ``ValueError`` where no scene has two conditions.
    """
    theta = np.atleast_2d(np.asarray(utilities, dtype=np.float64))
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(crowd.participants), design.trials)
    scene, first, second = _pairs(~np.isnan(theta), design, len(person), rng)
    swap = rng.random(len(person)) < 0.5
    shown = Pairs(person, scene, np.where(swap, second, first), np.where(swap, first, second))
    return _votes(theta, crowd, shown, rng)


def vote(utilities: FloatArray, crowd: Crowd, shown: Pairs, *, seed: int) -> VoteTable:
    """The votes of ``crowd`` on pairs that were laid elsewhere; ``utilities`` as in :func:`simulate`."""
    theta = np.atleast_2d(np.asarray(utilities, dtype=np.float64))
    return _votes(theta, crowd, shown, np.random.default_rng(seed))


def _votes(theta: FloatArray, crowd: Crowd, shown: Pairs, rng: np.random.Generator) -> VoteTable:
    n_scenes, k = theta.shape
    person, scene, left, right = shown.person, shown.scene, shown.left, shown.right
    d = theta[scene, left] - theta[scene, right] + _personal(theta.shape, crowd, person, scene, left, right, rng)
    return VoteTable(
        people=_names("p", crowd.participants),
        scenes=_names("s", n_scenes),
        conditions=_names("c", k),
        person=person,
        scene=scene,
        left=left,
        right=right,
        y=_answers(d + crowd.side, person, crowd, rng),
        rt_ms=np.full(len(person), np.nan),
        there=~np.isnan(theta),
    )


def expected_shares(utilities: FloatArray, crowd: Crowd, *, nodes: int = 61) -> FloatArray:
    """(S, K, K) share of the votes that goes to the row against the column in an endless crowd: the truth.

    Tastes are integrated out by Gauss-Hermite quadrature; both sides are equally likely; a tie is half a vote to each;
    1/2 on the diagonal, NaN where a picture is not there. A Bradley-Terry fit to it is what studies estimate, on a
    design in which all pairs are equally likely.
    """
    theta = np.atleast_2d(np.asarray(utilities, dtype=np.float64))
    z = np.linspace(-1, 1, theta.shape[1])
    spread = np.sqrt(2 * crowd.taste**2 + (crowd.axis * (z[:, None] - z[None, :])) ** 2)
    x, weight = np.polynomial.hermite_e.hermegauss(nodes)
    d = (theta[:, :, None] - theta[:, None, :])[..., None] + spread[..., None] * x
    as_left, as_right = _share_left(d + crowd.side, crowd), 1 - _share_left(-d + crowd.side, crowd)
    share = ((as_left + as_right) / 2) @ (weight / weight.sum())
    looking = (1 - crowd.lapse) * (1 - crowd.spam_random - crowd.spam_left)
    return np.asarray(looking * share + (1 - looking) / 2)


def as_study(
    votes: VoteTable,
    metrics: Mapping[str, FloatArray],
    *,
    levels: Mapping[str, Sequence[float]] | None = None,
    simulated: bool = True,
) -> StudyData:
    """The votes as a study with question 'q'. ``metrics``: name -> (S, K) values, lower predicted better, the first one
    the objective. ``levels``: parameter name -> its value in each condition."""
    params = [{name: float(v[c]) for name, v in (levels or {}).items()} for c in range(len(votes.conditions))]
    cells = [(s, c) for s in range(len(votes.scenes)) for c in range(len(votes.conditions)) if votes.there[s, c]]
    picture = {cell: f"{votes.scenes[cell[0]]}{votes.conditions[cell[1]]}" for cell in cells}
    position = _within_person(votes.person)
    choice = {1.0: "left", 0.0: "right", 0.5: "tie"}
    trials = tuple(
        Trial(
            f"{votes.people[p]}t{n:05d}", votes.people[p], "q", int(n), votes.scenes[s], picture[s, i], picture[s, j],
            choice[float(y)],
        )
        for p, n, s, i, j, y in zip(
            votes.person, position, votes.scene, votes.left, votes.right, votes.y, strict=True
        )
    )  # fmt: skip
    return StudyData(
        slug="simulated",
        title="Simulated votes",
        simulated=simulated,
        questions=(Question("q", "Which do you prefer?"),),
        scenes=tuple(Scene(name, name, n) for n, name in enumerate(votes.scenes)),
        conditions=tuple(
            Condition(name, name, n, "simulated", objective_id="o", params=params[n])
            for n, name in enumerate(votes.conditions)
        ),
        stimuli=tuple(Stimulus(picture[s, c], votes.scenes[s], votes.conditions[c]) for s, c in cells),
        metrics=tuple(
            MetricInfo(name, name, name, role="independent" if n else "objective") for n, name in enumerate(metrics)
        ),
        scores=tuple(Score(picture[cell], name, float(v[cell])) for name, v in metrics.items() for cell in cells),
        participants=tuple(Participant(p, is_bot=simulated) for p in votes.people),
        trials=trials,
    )


def _pairs(there: BoolArray, design: Design, n: int, rng: np.random.Generator) -> tuple[IntArray, IntArray, IntArray]:
    """(n,) scenes, first and second conditions of the pairs in the order they are dealt."""
    first, second = np.triu_indices(there.shape[1], 1)
    scene, pair = np.nonzero(there[:, first] & there[:, second])
    if len(scene) == 0:
        raise ValueError("No scene has two conditions: there is nothing to compare.")
    if design.hub is None:
        dealt = _deal(np.arange(len(scene)), n, rng)
    else:
        hub = np.asarray(design.hub)[scene]
        of_hub = (first[pair] == hub) | (second[pair] == hub)
        dealt = np.empty(n, dtype=np.intp)
        focused = rng.random(n) < (1.0 if of_hub.all() else design.focus)
        dealt[focused] = _deal(np.flatnonzero(of_hub), int(focused.sum()), rng)
        dealt[~focused] = _deal(np.flatnonzero(~of_hub), int((~focused).sum()), rng)
    return scene[dealt], first[pair[dealt]], second[pair[dealt]]


def _deal(cards: IntArray, n: int, rng: np.random.Generator) -> IntArray:
    """(n,) cards from as many shuffled decks as it takes: every card is used equally often, but for the last deck."""
    decks = -(-n // max(1, len(cards)))
    return rng.permuted(np.tile(cards, (decks, 1)), axis=1).ravel()[:n]


def _personal(
    shape: tuple[int, ...],
    crowd: Crowd,
    person: IntArray,
    scene: IntArray,
    left: IntArray,
    right: IntArray,
    rng: np.random.Generator,
) -> FloatArray:
    """(V,) what a person's own taste adds to left minus right. ``person`` is sorted."""
    z = np.linspace(-1, 1, shape[1])
    d = crowd.axis * rng.normal(size=crowd.participants)[person] * (z[left] - z[right])
    if crowd.taste > 0:
        step = max(1, BLOCK // (shape[0] * shape[1]))
        for start in range(0, crowd.participants, step):
            eps = rng.normal(size=(min(step, crowd.participants - start), *shape))
            at = slice(*np.searchsorted(person, [start, start + len(eps)]))
            own = person[at] - start
            d[at] += crowd.taste * (eps[own, scene[at], left[at]] - eps[own, scene[at], right[at]])
    return np.asarray(d)


def _answers(d: FloatArray, person: IntArray, crowd: Crowd, rng: np.random.Generator) -> FloatArray:
    """(V,) 1 left, 0 right, 1/2 tie."""
    left, tie = _chances(d, crowd)
    drawn = rng.random(len(d))
    y = np.where(drawn < left, 1.0, np.where(drawn < left + tie, 0.5, 0.0))
    kind = rng.random(crowd.participants)[person]
    always_left = kind < crowd.spam_left
    coin = (rng.random(len(d)) < crowd.lapse) | (kind >= 1 - crowd.spam_random)
    y = np.where(coin, rng.integers(0, 2, size=len(d)).astype(float), y)
    return np.asarray(np.where(always_left, 1.0, y))


def _chances(d: FloatArray, crowd: Crowd) -> tuple[FloatArray, FloatArray]:
    """Probabilities of 'left' and of a tie at a difference ``d``: p, q and nu sqrt(p q) over their sum."""
    p = expit(d) if crowd.link == "logistic" else stats.norm.cdf(d / THURSTONE_LOGIT)
    tie = crowd.ties * np.sqrt(p * (1 - p))
    return np.asarray(p / (1 + tie)), np.asarray(tie / (1 + tie))


def _share_left(d: FloatArray, crowd: Crowd) -> FloatArray:
    left, tie = _chances(d, crowd)
    return left + tie / 2


def _within_person(person: IntArray) -> IntArray:
    """(V,) 0, 1, 2 ... within each person; ``person`` is sorted."""
    return np.arange(len(person)) - np.searchsorted(person, person)


def _names(letter: str, n: int) -> tuple[str, ...]:
    """Names that sort as their numbers do."""
    return tuple(f"{letter}{i:0{len(str(max(0, n - 1)))}d}" for i in range(n))
