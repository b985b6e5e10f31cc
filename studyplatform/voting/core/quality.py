"""How one participant answered: plain rates on which rules for keeping or leaving out can stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import median

FAST_MS = 500


@dataclass(frozen=True)
class Quality:
    """Rates of one participant's answers; ``None`` where there is nothing to take a rate of.

    left_rate : share of ``left`` among ``left`` and ``right``.
    median_rt_ms : median response time.
    longest_run : most answers in a row on the same side.
    fast_share : share of answers faster than 500 ms, sooner than two pictures can be compared.
    """

    answers: int
    left_rate: float | None
    median_rt_ms: float | None
    longest_run: int
    fast_share: float | None


def quality(choices: Sequence[str], rts_ms: Sequence[int | None]) -> Quality:
    """Describe answers in the order they were given; unknown response times (``None``) are left out of the times."""
    sided = [choice for choice in choices if choice in ("left", "right")]
    times = [rt for rt in rts_ms if rt is not None]
    return Quality(
        answers=len(choices),
        left_rate=sided.count("left") / len(sided) if sided else None,
        median_rt_ms=float(median(times)) if times else None,
        longest_run=max((len(list(run)) for side, run in groupby(choices) if side in ("left", "right")), default=0),
        fast_share=sum(rt < FAST_MS for rt in times) / len(times) if times else None,
    )
