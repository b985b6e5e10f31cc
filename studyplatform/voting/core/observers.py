"""Simulated participants: people with a taste, a habit and limited patience, made of a few numbers and a seed.

The choice is Bradley and Terry's: P(left) = logistic(u(left) - u(right) + side bias), with ``u`` the utility common to
all plus a personal taste; with the lapse rate the answer is a coin. Response times are log-normal and grow with the
difficulty of the pair, as in a drift-diffusion view of two-alternative choice.
"""

from __future__ import annotations

import math
import random
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

# A picture as observers know it, e.g. (scene, condition).
Key = Hashable

# How people answer who do not look: a coin, always left, a coin at once, left and right in turn.
SPAM = ("random", "left", "fast", "alternate")


@dataclass(frozen=True)
class Observers:
    """A crowd: what its people have in common. The same numbers and seed give the same people.

    Parameters
    ----------
    utilities : picture -> utility in logits, common to all. A picture that is missing has utility 0. The pictures of
        practice and catch pairs are pictures like all others: who looks passes as often as their utilities differ.
    taste_sd : standard deviation of a person's own deviation per picture.
    side_bias : mean and standard deviation over people of the pull to the left, in logits.
    lapse : share of answers given without looking.
    median_rt_ms, rt_sigma : of the log-normal response time of an easy pair; a coin-flip pair takes about half longer.
    dropout : probability of leaving before each pair.
    tie_width : where ties are allowed, utilities closer than this are called equal half of the time.
    spammers : share of people who do not look, from their first pair to their last. They never leave and call no tie.
    spam : how they answer: ``random``, ``left`` (always), ``fast`` (random, within 300 to 500 ms) or ``alternate``.

    Raises ``ValueError`` for another ``spam``, or a share that is none.
    """

    utilities: Mapping[Key, float]
    taste_sd: float = 0.5
    side_bias: tuple[float, float] = (0.0, 0.1)
    lapse: float = 0.03
    median_rt_ms: float = 1800.0
    rt_sigma: float = 0.45
    dropout: float = 0.0
    tie_width: float = 0.1
    seed: int = 1
    spammers: float = 0.0
    spam: str = "random"

    def __post_init__(self) -> None:
        if self.spam not in SPAM:
            raise ValueError(f"Nobody spams in the way {self.spam!r}. Choose one of {', '.join(SPAM)}.")
        if not 0 <= self.spammers <= 1:
            raise ValueError(f"spammers = {self.spammers:g} is no share of people. Write a number from 0 to 1.")

    def person(self, number: int) -> Observer:
        """The crowd's member of that number, the same each time."""
        return Observer(self, self.seed * 1_000_003 + number)


@dataclass(frozen=True)
class Answer:
    """A choice (``left``, ``right`` or ``tie``) and how long it took; ``None`` in its place means the person left."""

    choice: str
    rt_ms: int


@dataclass
class Observer:
    """One simulated participant. The same crowd, seed and pairs give the same answers."""

    crowd: Observers
    seed: int
    _taste: dict[Key, float] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        mean, sd = self.crowd.side_bias
        self._bias = self._rng.gauss(mean, sd)
        # A draw of its own, so that all others of a person are the same whatever the share of spammers.
        self.spammer = random.Random(f"{self.seed} spammer").random() < self.crowd.spammers
        self._last = self._rng.choice(("left", "right")) if self.spammer else ""

    def utility(self, key: Key) -> float:
        """What this person thinks of a picture; made up the first time it is seen, kept from then on."""
        if key not in self._taste:
            # Drawn by picture and person, so that it does not depend on the order in which pictures are seen.
            own = random.Random(f"{self.seed} {key!r}").gauss(0.0, self.crowd.taste_sd)
            self._taste[key] = self.crowd.utilities.get(key, 0.0) + own
        return self._taste[key]

    def answer(self, left: Key, right: Key, *, ties: bool = False) -> Answer | None:
        """Look at a pair and choose, or leave (``None``)."""
        people = self.crowd
        if self.spammer:
            return self._spam()
        if self._rng.random() < people.dropout:
            return None
        difference = self.utility(left) - self.utility(right)
        prefers_left = 1 / (1 + math.exp(-max(-60.0, min(60.0, difference + self._bias))))
        if self._rng.random() < people.lapse:
            prefers_left = 0.5
        choice = "left" if self._rng.random() < prefers_left else "right"
        if ties and abs(difference) < people.tie_width and self._rng.random() < 0.5:
            choice = "tie"
        difficulty = 1 + 0.5 * math.exp(-abs(difference))
        rt = people.median_rt_ms * difficulty * math.exp(self._rng.gauss(0.0, people.rt_sigma))
        return Answer(choice, max(250, round(rt)))

    def _spam(self) -> Answer:
        """Choose without looking, in the time of an easy pair or at once."""
        people = self.crowd
        if people.spam == "alternate":
            choice = "right" if self._last == "left" else "left"
        else:
            choice = "left" if people.spam == "left" else self._rng.choice(("left", "right"))
        self._last = choice
        if people.spam == "fast":
            return Answer(choice, self._rng.randint(300, 500))
        return Answer(choice, max(250, round(people.median_rt_ms * math.exp(self._rng.gauss(0.0, people.rt_sigma)))))


def favourite(keys: Mapping[str, set[Key]], label: str, strength: float = 1.5) -> dict[Key, float]:
    """Utilities of a crowd that likes one condition best: ``strength`` for its pictures, less the farther from it.

    ``keys`` maps each condition's label, in the order of the grid, to its pictures. Raises ``KeyError`` with a sentence
    when no condition is called ``label``.
    """
    labels = list(keys)
    if label not in keys:
        raise KeyError(f"No condition is called {label!r}. There are: {', '.join(labels)}.")
    best = labels.index(label)
    return {key: strength - 0.6 * abs(place - best) for place, name in enumerate(labels) for key in keys[name]}
