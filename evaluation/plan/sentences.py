"""What the numbers of a plan mean, and what a study's design cannot show however many take part."""

from __future__ import annotations

from collections.abc import Sequence

from evaluation.core.figures.power import odds
from evaluation.core.metrics.claims import MIN_CONDITIONS, MIN_SCENES
from evaluation.core.power import WANTED, Power, needed
from evaluation.core.sessions import Design
from evaluation.core.words import MIN_PARTICIPANTS

#: Below so many scenes a claim about other scenes may be tested but has little power (specs/evaluation.md 6.3).
FEW_SCENES = 10
#: What the sentences are about: a preference that most studies would want to find, and one that few can.
USUAL, SMALL = 0.6, 0.55
#: A session should not be longer.
MOST_MINUTES = 20
#: Participants are judged by their catch pairs from so many on.
MIN_CATCHES = 3
#: A curve that rises and falls has three points at least.
MIN_LEVELS = 3


def plan_sentences(rows: Sequence[Power], planned: int) -> list[str]:
    """What the numbers mean for the study; ``rows``: whole ones, at least of one number of participants."""
    return [*_reached(rows), *_as_planned(rows, planned)]


def plan_warnings(design: Design, *, minutes: int, planned: int, rows: Sequence[Power] = ()) -> list[str]:
    """What the design cannot show, and what its sessions lack; ``rows``: whole ones, where there are some."""
    found = [_too_few(rows, planned), _conditions(design), _scenes(design), _catches(design), _length(minutes)]
    return [*filter(None, found), _inverted_u(design)]


def _reached(rows: Sequence[Power]) -> list[str]:
    people = sorted({row.participants for row in rows})
    found, most = needed(rows, USUAL), people[-1]
    of = f"a favourite that beats the minimiser {odds(USUAL)}"
    often = f"{100 * WANTED:.0f} of 100 studies (power .8)"
    at_most = {row.win: row for row in rows if row.participants == most}
    if found is None:
        said = (
            f"Power .8 at {odds(USUAL)} needs more than {most} participants: {most} find {of} in "
            f"{_count(at_most[USUAL], 'refuted')} studies. More pairs per participant or fewer conditions help too."
        )
    elif found == people[0]:
        said = f"{found} participants are enough to find {of} in {often}."
    else:
        said = f"About {found} participants find {of} in {often}."
    if at_most[SMALL].share("refuted") >= WANTED:
        return [said]
    small = _count(at_most[SMALL], "refuted")
    return [said, f"A preference of {odds(SMALL)} is found in {small} studies with {most}: do not count on it."]


def _as_planned(rows: Sequence[Power], planned: int) -> list[str]:
    there = {row.win: row for row in rows if row.participants == planned}
    if not there:
        why = f"get no verdict: {MIN_PARTICIPANTS} are needed" if planned < MIN_PARTICIPANTS else "were not simulated"
        return [f"The planned {planned} participants {why}."]
    shares = ", ".join(f"{_count(row, 'refuted')} at {odds(win)}" for win, row in sorted(there.items()))
    right = _count(there[USUAL], "confirmed")
    return [
        f"With the planned {planned} participants, “refuted” is said where it is true in {shares}.",
        f"Where the minimiser beats every other condition {odds(USUAL)}, they say “confirmed” in {right}.",
    ]


def _count(row: Power, found: str) -> str:
    """'15 of 100', or '3 of 20' where fewer than 100 studies were simulated: so few give no hundredths."""
    if row.replicates < 100:
        return f"{getattr(row, found)} of {row.replicates}"
    return f"{100 * row.share(found):.0f} of 100"


def _too_few(rows: Sequence[Power], planned: int) -> str:
    there = [row for row in rows if row.participants == planned and row.win == USUAL]
    if not there or there[0].share("refuted") >= WANTED:
        return ""
    enough = needed(rows, USUAL)
    plan = f"plan about {enough}" if enough else "plan more than were simulated, more pairs each or fewer conditions"
    return (
        f"The planned {planned} participants are too few: they find a favourite of {odds(USUAL)} in "
        f"{_count(there[0], 'refuted')} studies, and {100 * WANTED:.0f} of 100 is usual. For that, {plan}."
    )


def _conditions(design: Design) -> str:
    if design.conditions >= MIN_CONDITIONS:
        return ""
    return (
        f"With {design.conditions} conditions no claim can be made about the metric itself, rather than anything "
        f"else that varies along the grid: {MIN_CONDITIONS} are needed."
    )


def _scenes(design: Design) -> str:
    scenes = f"{design.scenes} scene{'' if design.scenes == 1 else 's'}"
    if design.scenes < MIN_SCENES:
        return f"With {scenes} no claim about other scenes can be tested: {MIN_SCENES} are needed."
    if design.scenes < FEW_SCENES:
        return f"With {scenes} a claim about other scenes has little power: plan {FEW_SCENES} or more."
    return ""


def _catches(design: Design) -> str:
    if design.catches >= MIN_CATCHES:
        return ""
    pairs = {0: "no catch pairs", 1: "1 catch pair"}.get(design.catches, f"{design.catches} catch pairs")
    return (
        f"A session has {pairs}, and participants are judged by them from {MIN_CATCHES} on: without them, who clicks "
        f"without looking is found by side and speed alone. Plan {MIN_CATCHES} or more."
    )


def _length(minutes: int) -> str:
    if minutes <= MOST_MINUTES:
        return ""
    return (
        f"A session takes about {minutes} minutes, and attention fades after {MOST_MINUTES}: show fewer pairs to more "
        "participants."
    )


def _inverted_u(design: Design) -> str:
    if design.conditions < MIN_LEVELS:
        return "An inverted U cannot be shown with two conditions."
    if design.levels < MIN_LEVELS:
        return "An inverted U cannot be shown: no parameter has three values in this grid."
    return (
        "An inverted U can only be shown if two settings, one on each side of the expected favourite, are clearly "
        "worse than it."
    )
