"""The sessions of a study that nobody has taken part in yet, laid by the allocator of the live study.

``studyplatform.voting.core.pairing`` deals the pairs, as it will when the study opens; here they become arrays that a
simulated crowd can vote on. Only the main trials of the first question that compares pictures of the grid are votes of
the primary test: practice, catch and repeat trials, pairs with a control, and questions about the real photograph take
their places in the session and do not count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from evaluation.core.options import Options
from evaluation.core.simulator import Pairs
from studyplatform.voting.core import pairing
from studyplatform.voting.core.pairing import KnownPair, Photographed
from studyplatform.voting.core.pairing.plans import MAIN
from studyplatform.voting.core.pairing.strategies import BALANCED, Focused

#: The condition of a picture that enters no test of the minimiser: a control, or one that some scene lacks.
UNCOUNTED = -1
#: So many sessions say how many pairs of one count, where that differs between them.
SAMPLED = 40


@dataclass(frozen=True)
class Design:
    """What a study shows and how its sessions are laid, as far as its power depends on that.

    pictures : (scene, condition) of each picture, numbers from 0; the conditions that count are those that all scenes
        share, in grid order, the others are :data:`UNCOUNTED`.
    groups : pictures (their places in ``pictures``) that are compared with one another: of one scene and replicate.
    photographed : of each scene the photograph and the generated pictures, for questions that ask which is real.
    real : of each question, in their order, whether it asks that.
    trials, strategy, practice, catches, repeats, seed : of the study, as :func:`pairing.lay_blocks` takes them.
    ties : whether 'no preference' is offered.
    alpha : level of the tests.
    levels : the most values that a numeric parameter has among the conditions that count.

    Raises ``ValueError`` where there is nothing to compare.
    """

    pictures: tuple[tuple[int, int], ...]
    groups: tuple[tuple[int, ...], ...]
    trials: int
    photographed: tuple[tuple[int, tuple[int, ...]], ...] = ()
    real: tuple[bool, ...] = (False,)
    strategy: str = BALANCED
    practice: int = 0
    catches: int = 0
    repeats: int = 0
    seed: int = 1
    ties: bool = False
    alpha: float = Options.alpha
    levels: int = 0

    def __post_init__(self) -> None:
        if self.scenes < 1 or self.conditions < 2 or self.trials < 1 or all(self.real):
            raise ValueError(
                f"{self.scenes} scenes, {self.conditions} conditions, {self.trials} trials: nothing to compare. "
                "A plan needs a scene, two conditions, a trial and a question that compares pictures."
            )

    @property
    def scenes(self) -> int:
        """How many scenes there are."""
        return len({scene for scene, _condition in self.pictures})

    @property
    def conditions(self) -> int:
        """How many conditions all scenes share."""
        return len({condition for _, condition in self.pictures} - {UNCOUNTED})

    @property
    def minimiser(self) -> int:
        """Number of the condition that has the minimum loss, as the plan assumes."""
        return self.conditions - 1

    @property
    def favourite(self) -> int:
        """Number of the favourite, where that is not the minimiser."""
        return min(1, self.conditions - 2)

    def to_json(self) -> dict[str, Any]:
        """The JSON object that is stored with the numbers that were computed from it."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Design:
        """The design that :meth:`to_json` wrote, also when it went through text."""
        return cls(**{name: _tuples(value) for name, value in stored.items()})


def factorial(scenes: int, conditions: int, trials: int, **more: Any) -> Design:
    """The design of a plain study: ``scenes`` x ``conditions``, one picture each, and ``trials`` of one question."""
    cells = [(scene, condition) for scene in range(scenes) for condition in range(conditions)]
    groups = tuple(tuple(range(s * conditions, (s + 1) * conditions)) for s in range(scenes))
    return Design(tuple(cells), groups, trials, **{"levels": conditions, **more})


@dataclass(frozen=True)
class Sessions:
    """Laid sessions: the pairs that count, and how many pairs of all kinds one person is shown."""

    shown: Pairs
    length: int


@lru_cache(maxsize=8)
def lay(design: Design, sessions: int) -> Sessions:
    """The first ``sessions`` plans of the study, the same that opening it with this seed lays.

    Plans are dealt one after the other, so those of fewer participants are the first ones of more. Raises
    ``ValueError`` with a sentence where no plan can be laid.
    """
    asked = design.real.index(False)
    scene_of = [scene for scene, _ in design.pictures]
    plans = pairing.lay_blocks(
        scenes=[(scene_of[members[0]], members) for members in design.groups],
        questions=range(len(design.real)),
        trials=design.trials,
        sessions=sessions,
        seed=design.seed,
        strategy=design.strategy,
        targets=_targets(design),
        real={q: _photographed(design) for q, real in enumerate(design.real) if real},
        known=_known(design),
        practice=design.practice,
        catches=design.catches,
        repeats=design.repeats,
    )
    conditions = np.array([condition for _, condition in design.pictures])
    trials = [
        (person, trial.scene, trial.left, trial.right)
        for person, plan in enumerate(plans)
        for trial in plan
        if trial.kind == MAIN and trial.question == asked
    ]
    person, scene, left, right = np.array(trials, dtype=np.intp).reshape(-1, 4).T
    left, right = conditions[left], conditions[right]
    counts = (left != UNCOUNTED) & (right != UNCOUNTED) & (left != right)
    return Sessions(Pairs(person[counts], scene[counts], left[counts], right[counts]), max(map(len, plans)))


def pairs_counted(design: Design) -> float:
    """Pairs of one person that count for the primary test, on average."""
    return len(lay(design, SAMPLED).shown.person) / SAMPLED


def _targets(design: Design) -> dict[int, int]:
    """Group -> the picture of the minimiser, which a focused study shows more often."""
    if design.strategy != Focused.name:
        return {}
    last = {place for place, (_, condition) in enumerate(design.pictures) if condition == design.minimiser}
    found = {number: [place for place in members if place in last] for number, members in enumerate(design.groups)}
    return {number: places[0] for number, places in found.items() if places}


def _photographed(design: Design) -> list[Photographed]:
    return [Photographed(design.pictures[photo][0], photo, made) for photo, made in design.photographed]


def _known(design: Design) -> dict[int, list[KnownPair]]:
    """One pair with a known answer in each scene, of pictures beyond those that are compared."""
    if not design.practice + design.catches:
        return {}
    beyond = len(design.pictures)
    scenes = sorted({scene for scene, _ in design.pictures})
    pairs = [KnownPair(scene, beyond + 2 * n, beyond + 2 * n + 1) for n, scene in enumerate(scenes)]
    return dict.fromkeys(range(len(design.real)), pairs)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(part) for part in value) if isinstance(value, list | tuple) else value
