"""What a study costs its participants in time and its researcher in money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from evaluation.core.sessions import SAMPLED, Design, lay
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import minutes_of

CENT = Decimal("0.01")
NO_REWARD = "No reward is set, so no cost is given: set one in the study’s form."
REHEARSAL = "A rehearsal takes nobody’s time and costs no money."


@dataclass(frozen=True)
class Cost:
    """Of so many ``participants``: ``minutes`` of one of them, ``hours`` of all together, ``money`` with the panel's
    fee (None where no reward is set)."""

    participants: int
    minutes: int
    hours: float
    money: Decimal | None


def cost_of(study: Study, design: Design, participants: int) -> Cost:
    """Time by the pairs of a whole session, practice, catch and repeat pairs included; money by the study's reward."""
    minutes = minutes_of(lay(design, SAMPLED).length)
    return Cost(participants, minutes, participants * minutes / 60, _money(study, participants))


def money_words(money: Decimal, currency: str) -> str:
    """'EUR 1,234.50'."""
    return f"{currency} {money:,.2f}"


def cost_sentences(study: Study, costs: Sequence[Cost]) -> list[str]:
    """Time and money of each number of participants in words, or why there are none."""
    if study.simulated:
        return [REHEARSAL]
    each = f"A session takes about {costs[0].minutes} minute{'' if costs[0].minutes == 1 else 's'}."
    spent = [
        f"{cost.participants} participants: {cost.hours:.1f} hours"
        + (f", {money_words(cost.money, study.currency)}." if cost.money is not None else ".")
        for cost in costs
    ]
    return [each, *spent] + ([NO_REWARD] if study.reward is None else [])


def _money(study: Study, participants: int) -> Decimal | None:
    if study.reward is None:
        return None
    # Through its text: 33.3 percent is 33.3 and not the nearest binary fraction.
    fee = Decimal(str(study.panel_fee_percent)) / 100
    return (participants * Decimal(study.reward) * (1 + fee)).quantize(CENT, ROUND_HALF_UP)
