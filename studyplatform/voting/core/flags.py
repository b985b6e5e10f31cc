"""Rules that were written down before the first vote and say whose answers deserve a second look.

They look at how somebody answered and never at what they preferred: leaving out those who agree least with the others
raises the error of a test from 5 to 26-40 % (specs/evaluation.md, 5.5). A flag leaves nobody out by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Self

from studyplatform.voting.core.quality import FAST_MS, Quality

CATCH_FAILED, SIDE_BIAS, SAME_SIDE_RUN, TOO_FAST = "catch_failed", "side_bias", "same_side_run", "too_fast"
#: Flags whose numbers tell sides, which are the choices; by their kind.
SIDED = {SIDE_BIAS: "side bias", SAME_SIDE_RUN: "long run of one side"}
#: One slip is human: fewer failed catch pairs flag nobody.
LEAST_FAILED = 2


@dataclass(frozen=True)
class Rules:
    """What a study wrote down.

    catch_rate : least share of catch pairs passed.
    side_p : p of the left rate below which a side is preferred.
    run : answers in a row on one side.
    fast_share : share of answers under 500 ms above which somebody is too fast.
    """

    catch_rate: float = 0.7
    side_p: float = 0.001
    run: int = 12
    fast_share: float = 0.5

    @classmethod
    def planned(cls, options: Mapping[str, Any]) -> Self:
        """The rules among the options of a frozen design; those of the house where it is older than they are."""
        names = {"catch_rate", "side_p", "run", "fast_share"}
        return cls(**{name: options[f"flag_{name}"] for name in names if f"flag_{name}" in options})


@dataclass(frozen=True)
class Flag:
    """A rule that somebody broke: its code, and how in words."""

    code: str
    words: str


def without_sides(broken: list[Flag]) -> list[Flag]:
    """Flags as they may be told while the choices are sealed: those about sides by their kind only."""
    return [replace(flag, words=SIDED.get(flag.code, flag.words)) for flag in broken]


@lru_cache(maxsize=4096)
def side_p(left: int, sided: int) -> float:
    """Two-sided exact binomial p of ``left`` of ``sided`` answers against one half; 1 where nothing is sided."""
    fewer = min(left, sided - left)
    tail = sum(math.comb(sided, k) for k in range(fewer + 1))
    return float(min(1.0, 2 * tail / 2**sided))


def flags(found: Quality, rules: Rules) -> list[Flag]:
    """The rules that a participant broke, the one about catch pairs first."""
    broken = []
    passed = found.catches - found.catches_failed
    if found.catches_failed >= LEAST_FAILED and passed < rules.catch_rate * found.catches:
        words = f"failed {found.catches_failed} of {found.catches} catch pairs: passed fewer than the "
        broken.append(Flag(CATCH_FAILED, f"{words}{rules.catch_rate:.0%} written down before".replace("%", " %")))
    if found.left_rate is not None:
        p = side_p(round(found.left_rate * found.sided), found.sided)
        if p < rules.side_p:
            words = f"chose left in {found.left_rate:.0%} of {found.sided} answers".replace("%", " %")
            broken.append(Flag(SIDE_BIAS, f"{words}: p is below the {rules.side_p:g} written down before"))
    if found.longest_run >= rules.run:
        words = f"chose one side {found.longest_run} times in a row"
        broken.append(Flag(SAME_SIDE_RUN, f"{words}: {rules.run} were written down before"))
    if found.fast_share is not None and found.fast_share > rules.fast_share:
        words = f"answered {found.fast_share:.0%} of the pairs in under {FAST_MS} ms: more than the "
        broken.append(Flag(TOO_FAST, f"{words}{rules.fast_share:.0%} written down before".replace("%", " %")))
    return broken
