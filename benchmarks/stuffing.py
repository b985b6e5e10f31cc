"""Who finds a cheater, and who is taken for one? `python benchmarks/stuffing.py` (some minutes on two cores).

Draws studies of 40 people with tastes, lapses and a preferred side (studyplatform/voting/core/observers.py), and two
among them who cheat in one way; then asks the rules that a study writes down (core/flags.py, as the analysis applies
them) and the analysis's warnings (evaluation/core/voters/oddities.py) whom they find. Writes docs/stuffing.md.

--studies N   for each kind of cheater and each length (60)
--seed N      of the first study; the same numbers every time (1)
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from math import sqrt
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from evaluation.core.dataset import (  # noqa: E402
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
from evaluation.core.evidence import gather  # noqa: E402
from evaluation.core.options import Options  # noqa: E402
from evaluation.core.voters.habits import habits, screened_out  # noqa: E402
from evaluation.core.voters.oddities import WORDS, oddities  # noqa: E402
from evaluation.core.voters.residuals import leads  # noqa: E402
from studyplatform.voting.core.flags import Rules  # noqa: E402
from studyplatform.voting.core.observers import Answer, Key, Observer, Observers  # noqa: E402

DOCUMENT = ROOT / "docs" / "stuffing.md"
BEGIN, END = "<!-- rates: begin -->", "<!-- rates: end -->"
HONEST, CHEATERS = 40, 2
SCENES, CONDITIONS = 3, 9
LENGTHS = (20, 40, 80)
#: Every sixth pair is a catch pair, as in the specification's simulations.
CATCH_EVERY = 6
PAIRS = [(s, i, j) for s in range(SCENES) for i, j in itertools.combinations(range(CONDITIONS), 2)]
#: The condition that a target-only cheater pushes: of middling quality.
TARGET = CONDITIONS // 2

Shown = tuple[str, str, str]  # scene, left, right
#: Somebody's answers to what they were shown; ``victim``: what an honest person was shown and answered.
Cheat = Callable[[random.Random, list[Shown], Observer, list[tuple[Shown, Answer]]], list[Answer]]


def spam(kind: str) -> Cheat:
    """Somebody of the observers who does not look."""

    def answers(rng: random.Random, shown: list[Shown], _me: Observer, _victim: object) -> list[Answer]:
        crowd = Observers({}, spammers=1.0, spam=kind, seed=rng.randrange(2**31))
        return _looked(crowd.person(0), shown)

    return answers


def fixed_time(rng: random.Random, shown: list[Shown], _me: Observer, _victim: object) -> list[Answer]:
    """A bot that waits a second and a half."""
    return [Answer(rng.choice(("left", "right")), 1500 + rng.randint(-20, 20)) for _ in shown]


def copied_sides(
    rng: random.Random, shown: list[Shown], me: Observer, victim: list[tuple[Shown, Answer]]
) -> list[Answer]:
    """The keys of another session pressed again, one slip in twenty."""
    mine = _looked(me, shown)
    return [
        own if rng.random() < 0.05 else replace(own, choice=was.choice)
        for own, (_, was) in zip(mine, victim, strict=True)
    ]


def copied_pictures(
    rng: random.Random, shown: list[Shown], me: Observer, victim: list[tuple[Shown, Answer]]
) -> list[Answer]:
    """What another chose, where the same pair comes; honest elsewhere."""
    won = {(s, *sorted((a, b))): a if was.choice == "left" else b for (s, a, b), was in victim}
    found = []
    for (s, a, b), own in zip(shown, _looked(me, shown), strict=True):
        other = won.get((s, *sorted((a, b))))
        copies = other is not None and rng.random() >= 0.05
        found.append(replace(own, choice="left" if other == a else "right") if copies else own)
    return found


def target_only(_rng: random.Random, shown: list[Shown], me: Observer, _victim: object) -> list[Answer]:
    """Always the condition that is to win, honest elsewhere."""
    goal = f"c{TARGET}"
    return [
        replace(own, choice="left" if a == goal else "right") if goal in (a, b) else own
        for (_, a, b), own in zip(shown, _looked(me, shown), strict=True)
    ]


def fan(rng: random.Random, shown: list[Shown], me: Observer, _victim: object) -> list[Answer]:
    """Honest, and very fond of one condition (two logits)."""
    liked = f"c{rng.randrange(CONDITIONS)}"
    for s in range(SCENES):
        me._taste[(f"s{s}", liked)] = me.utility((f"s{s}", liked)) + 2.0
    return _looked(me, shown)


def honest(_rng: random.Random, shown: list[Shown], me: Observer, _victim: object) -> list[Answer]:
    """Like all others."""
    return _looked(me, shown)


KINDS: dict[str, Cheat] = {
    "honest": honest,
    "honest, fond of one condition": fan,
    "random": spam("random"),
    "always left": spam("left"),
    "left and right in turn": spam("alternate"),
    "fastest (under half a second)": spam("fast"),
    "bot with a fixed time": fixed_time,
    "sides of another session": copied_sides,
    "pictures of another session": copied_pictures,
    "target only": target_only,
}


@dataclass
class Rate:
    """How many of those who were looked at were found."""

    found: int = 0
    n: int = 0

    def add(self, odd: bool) -> None:
        self.found, self.n = self.found + odd, self.n + 1

    @property
    def share(self) -> float:
        return self.found / self.n if self.n else 0.0

    @property
    def words(self) -> str:
        """The share with Wilson's 95 % interval (Wilson 1927), in percent."""
        z, p, n = 1.96, self.share, max(1, self.n)
        middle, half = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        low, high = ((middle + sign * half) / (1 + z * z / n) for sign in (-1, 1))
        return f"{100 * p:.0f} ({100 * max(0.0, low):.0f} to {100 * min(1.0, high):.0f})"


@dataclass
class Rates:
    """Of one kind and length: found by the flags written down, the same without catch pairs, each warning, any."""

    flags: Rate = field(default_factory=Rate)
    without_catches: Rate = field(default_factory=Rate)
    warnings: Rate = field(default_factory=Rate)
    either: Rate = field(default_factory=Rate)
    rules: dict[str, Rate] = field(default_factory=lambda: {code: Rate() for code in WORDS})


def rates(kind: str, length: int, studies: int, seed: int = 1) -> tuple[Rates, Rates]:
    """The rates of the cheaters of ``kind``, and those of the honest among whom they sit."""
    theirs, others = Rates(), Rates()
    for number in range(studies):
        data, cheaters = study(kind, length, seed * 100_003 + number)
        found = habits(data)
        strict = dict(zip(found.people, screened_out(found, Rules()), strict=True))
        loose = dict(zip(found.people, screened_out(found, Rules(catch_rate=0.0)), strict=True))
        evidence = gather(data, "q", Options(draws=99))
        odd = oddities(evidence, leads(evidence))
        for who in found.people:
            into = theirs if who in cheaters else others
            into.flags.add(bool(strict[who]))
            into.without_catches.add(bool(loose[who]))
            into.warnings.add(who in odd)
            into.either.add(bool(strict[who]) or who in odd)
            for code, rate in into.rules.items():
                rate.add(code in odd.get(who, ()))
    return theirs, others


def study(kind: str, length: int, seed: int) -> tuple[StudyData, frozenset[str]]:
    """Forty honest people and two of ``kind``; who these are."""
    rng = random.Random(seed)
    utilities: dict[Key, float] = {
        (f"s{s}", f"c{c}"): rng.gauss(0, 0.7) for s in range(SCENES) for c in range(CONDITIONS)
    }
    for s in range(SCENES):
        utilities[f"s{s}", f"c{TARGET}"] = 0.0
        utilities |= {(f"s{s}", "good"): 8.0, (f"s{s}", "broken"): -8.0}
    crowd = Observers(utilities, taste_sd=0.3, seed=seed)
    trials, sessions = list[Trial](), list[list[tuple[Shown, Answer]]]()
    for number in range(HONEST + CHEATERS):
        shown, me = list(_plan(rng, length)), crowd.person(number)
        how = KINDS[kind] if number >= HONEST else honest
        given = how(rng, shown, me, sessions[number - HONEST] if number >= HONEST else [])
        sessions.append(list(zip(shown, given, strict=True)))
        trials += _trials(f"p{number:03d}", sessions[-1])
    return _data(tuple(trials)), frozenset(f"p{number:03d}" for number in range(HONEST, HONEST + CHEATERS))


def _plan(rng: random.Random, length: int) -> Iterator[Shown]:
    pairs = rng.sample(PAIRS, length)
    for place, (s, i, j) in enumerate(pairs):
        two = ["good", "broken"] if place % CATCH_EVERY == CATCH_EVERY - 1 else [f"c{i}", f"c{j}"]
        rng.shuffle(two)
        yield f"s{s}", two[0], two[1]


def _looked(me: Observer, shown: list[Shown]) -> list[Answer]:
    given = [me.answer((s, a), (s, b)) for s, a, b in shown]
    return [answer for answer in given if answer is not None]  # nobody leaves: dropout is 0


def _trials(who: str, session: list[tuple[Shown, Answer]]) -> Iterator[Trial]:
    for place, ((s, a, b), answer) in enumerate(session):
        catch = {"good", "broken"} == {a, b}
        yield Trial(
            f"{who}_{place:03d}", who, "q", place, s, f"{s}{a}", f"{s}{b}", answer.choice, rt_ms=answer.rt_ms,
            kind="catch" if catch else "main", expected=("left" if a == "good" else "right") if catch else "",
        )  # fmt: skip


def _data(trials: tuple[Trial, ...]) -> StudyData:
    grid = [Condition(f"c{c}", f"setting {c}", c, "gatys", objective_id="o") for c in range(CONDITIONS)]
    known = [Condition(c, c, CONDITIONS + n, "catch", role="catch") for n, c in enumerate(("good", "broken"))]
    cells = [(s, c) for s in range(SCENES) for c in (*grid, *known)]
    return StudyData(
        slug="stuffing",
        title="Stuffing",
        simulated=False,
        networks=("vgg19",),
        questions=(Question("q", "Which looks more natural?"),),
        scenes=tuple(Scene(f"s{s}", f"S{s}", s) for s in range(SCENES)),
        conditions=(*grid, *known),
        stimuli=tuple(Stimulus(f"s{s}{c.id}", f"s{s}", c.id, role=c.role) for s, c in cells),
        metrics=(MetricInfo("total", "total", "Total loss", role="objective", comparable_within="scene"),),
        scores=tuple(Score(f"s{s}{c.id}", "total", float(c.position)) for s, c in cells if c.role == "grid"),
        participants=tuple(Participant(who) for who in sorted({t.participant for t in trials})),
        trials=trials,
    ).canonical()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--studies", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    lines = [
        "| who | pairs | flags written down | the same without catch pairs | warnings | either | which warnings |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind, length in itertools.product(KINDS, LENGTHS):
        # Of the honest everybody is looked at, of the others the two.
        theirs, others = rates(kind, length, asked.studies, asked.seed)
        r = others if kind == "honest" else theirs
        which = ", ".join(f"{code} {100 * rate.share:.1f}" for code, rate in r.rules.items() if rate.found) or "none"
        cells = (r.flags, r.without_catches, r.warnings, r.either)
        lines.append(f"| {kind} | {length} | {' | '.join(rate.words for rate in cells)} | {which} |")
        print(lines[-1], flush=True)
    of = f"{HONEST * asked.studies} honest people, {CHEATERS * asked.studies} of each other kind."
    text = DOCUMENT.read_text(encoding="utf-8")
    head, tail = text.partition(BEGIN)[0], text.partition(END)[2]
    table = "\n".join((BEGIN, f"Percent found, with 95 % intervals. {of}", "", *lines, END))
    DOCUMENT.write_text(head + table + tail, encoding="utf-8")


if __name__ == "__main__":
    main()
