"""The sentences at the head of a report: what the grid is, how it went, and where each number is lowest."""

from __future__ import annotations

from collections import Counter

from generation.core.drawing.numbers import short
from generation.core.report.axes import follows, levels, numeric, one_to_one, text, varying
from generation.core.report.data import Measure, Report, Run
from generation.core.report.minima import edge_words, edges, margin_words, minimum
from generation.core.spec import Scalar


def about(report: Report) -> list[str]:
    """What the grid is: its size, what varies, its preset, departures and redundancies, its features."""
    n = len(report.points)
    size = [count(len(report.scenes), "scene"), count(n, "condition")]
    size += [count(len(report.seeds), "seed")] if len(report.seeds) > 1 else []
    words = [f"{' × '.join(size)}: {count(sum(1 for r in report.runs if r.condition in report.points), 'picture')}."]
    axes = _axes(report)
    words += [f"What varies: {'; '.join(axes)}."] if axes else []
    controls = [c.label for c in report.conditions if c.role == "control"]
    words += [f"Beside them stands, for comparison only: {', '.join(controls)}."] if controls else []
    words += [f"Preset: {report.preset}."] if report.preset else []
    return [*words, *report.notes]


def _axes(report: Report) -> list[str]:
    """Each varying parameter with its values; those that move together (weight groups) as one. What only follows from
    another choice (the options of each optimiser) is not told."""
    words: list[str] = []
    there = varying(report)
    left = [axis for axis in there if not follows(report, axis, there)]
    while left:
        axis = left.pop(0)
        with_it = [] if axis.of else [a for a in left if not a.of and one_to_one(report, axis, a)]
        left = [a for a in left if a not in with_it]
        if not with_it:
            words.append(_axis(axis.label, levels(report, axis), numbers=numeric(report, axis)))
            continue
        together = [axis, *with_it]
        names = " and ".join(a.label[0].lower() + a.label[1:] for a in together)
        rows = dict.fromkeys(
            ", ".join(text(report.conditions[i].value(a.name)) for a in together) for i in report.points
        )
        words.append(f"{names} together: {', '.join(f'({row})' for row in rows)}")
    return words


def _axis(label: str, found: list[Scalar], *, numbers: bool) -> str:
    name = label[0].lower() + label[1:]
    if numbers and len(found) > 6:
        return f"{name} {text(found[0])} to {text(found[-1])} ({len(found)} values)"
    return f"{name} {', '.join(text(v) for v in found)}"


def progress(report: Report) -> list[str]:
    """How many are rendered, diverged, failed or still to come, the time they took and the devices."""
    states = Counter(r.status for r in report.runs)
    total = len(report.runs)
    words = [f"{states['ok']} of {count(total, 'picture')} rendered"]
    words += [f"{states['nan']} diverged" if states["nan"] else "none diverged"]
    words += [f"{states['failed']} failed"] if states["failed"] else []
    words += [f"{states['planned']} not rendered yet"] if states["planned"] else []
    timed = [r for r in report.runs if r.seconds > 0]
    seconds = sum(r.seconds for r in timed)
    controls = total - sum(1 for r in report.runs if r.condition in report.points)
    of_them = f" ({controls} of them for comparison only)" if controls else ""
    sentences = [f"{', '.join(words)}{of_them}."]
    if timed:
        devices = ", ".join(sorted({r.device for r in timed if r.device})) or "a device that was not recorded"
        each = duration(seconds / len(timed))
        sentences.append(f"Rendering took {duration(seconds)} of wall time in total, {each} per picture, on {devices}.")
    return sentences


def duration(seconds: float) -> str:
    """'34.3 min': a time in the unit that keeps it readable."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{short(seconds, 2)} s"


def minima(report: Report) -> list[str]:
    """One sentence per shown measure: where it is lowest, its margin, in how many scenes, and at which edges."""
    return [_minimum(report, measure) for measure in report.shown]


def _minimum(report: Report, measure: Measure) -> str:
    found = minimum(report, measure)
    if found is None:
        return f"{measure.label}: no condition has a value in every scene ({_reason(report, measure)})."
    label = report.conditions[found.condition].label
    several = len(report.scenes) > 1
    mean = f", mean over {len(report.scenes)} scenes" if several else ""
    sentence = f"{measure.label} is {measure.best} at {label} ({short(found.value, 4)}{mean})"
    if found.next is not None:
        sentence += f", {margin_words(report, found)}"
    if several:
        where = (
            "in every scene" if found.scenes == found.of_scenes else f"in {found.scenes} of {found.of_scenes} scenes"
        )
        sentence += f"; the same condition is the {'minimum' if measure.lower else 'maximum'} {where}"
    at = edges(report, found)
    edge = edge_words(measure)
    return f"{sentence}. {edge[0].upper()}{edge[1:]}: {'; '.join(at)}." if at else f"{sentence}."


def _reason(report: Report, measure: Measure) -> str:
    reasons = {r.trouble or str(r.scores.get(measure.id, "not measured")) for r in report.runs if _without(r, measure)}
    return "; ".join(sorted(r.rstrip(".") for r in reasons)) or "there is no render"


def _without(run: Run, measure: Measure) -> bool:
    return bool(run.trouble) or isinstance(run.scores.get(measure.id, ""), str)


def excluded(report: Report) -> list[str]:
    """Conditions without a final picture somewhere, in words; they are in no mean over scenes."""
    words = []
    for i in report.points:
        bad = [r for r in report.runs if r.condition == i and r.trouble]
        if bad:
            scenes = list(dict.fromkeys(report.scenes[r.scene] for r in bad))
            where = "in every scene" if len(scenes) == len(report.scenes) else f"in {', '.join(scenes)}"
            states = ", ".join(dict.fromkeys(r.trouble.partition(":")[0] for r in bad))
            words.append(f"{report.conditions[i].label} {states} {where} and is in no mean over scenes.")
    return words


def count(n: int, noun: str) -> str:
    """'1 scene', '2 scenes'."""
    return f"{n} {noun}{'s' * (n != 1)}"
