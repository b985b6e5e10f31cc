"""What the trainings say in sentences: how far they are, where the losses are lowest, what a grey picture would score,
and how much of it may be the luck of the seed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from statistics import stdev

from generation.core.drawing.numbers import short
from generation.core.report.axes import text
from generation.core.report.data import Report
from generation.core.report.minima import percent
from generation.core.report.sentences import count, duration
from generation.core.report.training.networks import (
    APART,
    ERROR,
    KEPT_APART,
    Network,
    baseline,
    colours,
    label,
    loss_word,
    minimised,
    networks,
    objectives,
    ranked,
)


def sentences(report: Report) -> list[str]:
    """Everything that is said above the table."""
    found = [_progress(report), *_photographs(report)]
    groups, loss = objectives(report), minimised(report)
    units = [_units(group, groups) for group in groups]
    for group, where in zip(groups, units, strict=True):
        found += _lowest(report, group, loss, APART + loss, f"{where}{loss_word(report)}")
    found += _lowest(report, networks(report), ERROR, KEPT_APART, "The colour error")
    found += _against_grey(report)
    for group, where in zip(groups, units, strict=True):
        found += _luck(report, group, where)
    return found


def _progress(report: Report) -> str:
    trainings = report.trainings
    states = Counter(t.trouble or t.status for t in trainings)
    words = [f"{states['ok']} of {count(len(trainings), 'network')} trained"]
    words += [f"{states[name]} {name}" for name in ("diverged", "given up", "failed") if states[name]]
    words += [f"{states['planned']} not trained yet"] if states["planned"] else []
    seconds = sum(t.seconds for t in trainings)
    devices = ", ".join(sorted({t.device for t in trainings if t.device})) or "a device that was not recorded"
    took = f" Training took {duration(seconds)} of wall time in total, on {devices}." if seconds > 0 else ""
    return f"{', '.join(words)}.{took}"


def _photographs(report: Report) -> list[str]:
    packs = dict.fromkeys(t.photographs for t in report.trainings if all(t.photographs))
    return [f"Trained on {train} squares of {_what(report)}, {kept} more were kept apart." for train, kept in packs]


def _what(report: Report) -> str:
    """What is trained on; a texture with defects need not be a photograph."""
    return "photographs" if colours(report) else "pictures"


def _units(group: Sequence[Network], groups: Sequence[Sequence[Network]]) -> str:
    """'With ab_scale 110: ': what tells the losses of an objective from the others; empty for the only one."""
    objective, *others = (one[0].units for one in (group, *groups))
    own = {n: v for n, v in objective.items() if any(other.get(n) != v for other in others)}
    return f"With {', '.join(f'{name} {text(value)}' for name, value in own.items())}: " if own else ""


def _lowest(report: Report, group: Sequence[Network], trained: str, kept: str, name: str) -> list[str]:
    """Where a loss is lowest in training and on what was kept apart, and whether the two agree."""
    first, second = ranked(group, trained), ranked(group, kept)
    if len(first) < 2 or not second:
        return []
    sentence = f"{name} is lowest in training at {_best(report, first)}"
    if first[0][1] is second[0][1]:
        sentence += f", and there on the {_what(report)} kept apart as well ({short(second[0][0], 4)}): the two agree"
    else:
        sentence += f"; on the {_what(report)} kept apart at {_best(report, second)}: the two do not agree"
    return [f"{sentence}."]


def _best(report: Report, found: Sequence[tuple[float, Network]]) -> str:
    """'U-Net (6.627), 7.8 % below the next (U-Net, lr 0.0002)'."""
    value, network = found[0]
    words = f"{label(report, network)} ({short(value, 4)})"
    if len(found) > 1 and found[1][0] > 0:
        by = 1 - value / found[1][0]
        words += f", {percent(by)} below the next ({label(report, found[1][1])})" if by > 0 else ", as at the next"
    return words


def _against_grey(report: Report) -> list[str]:
    """Which networks do no better than a picture without colour, or with one colour for all."""
    found = []
    for key, reference, where in (
        (ERROR, "grey_ab_error", "in training"),
        (KEPT_APART, "grey_val_ab_error", "on the photographs kept apart"),
        (KEPT_APART, "median_val_ab_error", "on the photographs kept apart"),
    ):
        there = [(v, n, b) for v, n in ranked(networks(report), key) if (b := baseline(n, reference)) is not None]
        if not there:
            continue
        what = "one colour for all pictures" if reference.startswith("median") else "the grey picture"
        level = short(there[0][2], 4) if len({b for *_, b in there}) == 1 else "its own photographs' each"
        beaten = sorted((n.condition, v, n) for v, n, b in there if v >= b)
        names = "; ".join(f"{label(report, n)} ({short(v, 4)})" for _, v, n in beaten)
        verb = "does" if len(beaten) == 1 else "do"
        said = f"{names} {verb} not beat" if beaten else "Every trained network beats"
        found.append(f"{said} {what} {where} ({level} Lab units).")
    return found


def _luck(report: Report, group: Sequence[Network], where: str) -> list[str]:
    """How large the spread of the default's seeds is beside the range of the conditions."""
    loss, word = minimised(report), loss_word(report)
    there = ranked(group, loss)
    reference = next((n for _, n in there if report.conditions[n.condition].is_default), None)
    reference = reference or min((n for _, n in there), key=lambda n: n.condition, default=None)
    if reference is None or len(there) < 2:
        return []
    name = label(report, reference)
    values = [t.losses[loss] for t in reference.finished if loss in t.losses]
    low, high = there[0][0], there[-1][0]
    span = f"from {short(low, 4)} to {short(high, 4)} over the conditions"
    if len(values) < 2:
        return [
            f"{where}{word} in training goes {span}. {name} has one trained seed, so how much of that is the luck of "
            "the seed cannot be told."
        ]
    spread = max(values) - min(values)
    share = f"{percent(spread / (high - low))} of that range" if high > low else "and the conditions do not differ"
    return [
        f"{where}{word} in training goes {span}; the {len(values)} seeds of {name} alone go from "
        f"{short(min(values), 4)} to {short(max(values), 4)} (SD {short(stdev(values), 2)}), {share}."
    ]
