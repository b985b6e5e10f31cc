"""F11: how each participant answered, a strip of dots per measure, those who were left out in red crosses."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from evaluation.core.dataset import WITHDREW
from evaluation.core.figures import signs
from evaluation.core.figures.chart import Chart, Json, Table, columns, participants, table, texts
from evaluation.core.figures.page import page
from generation.core.drawing import style

STEM = "fig11_participants"
#: Most dots on top of each other; where more participants share a place, a dot stands for several.
TALLEST = 12


@dataclass(frozen=True)
class Measure:
    """One strip. ``key``: column of the table; ``factor`` turns it into the unit of its axis; ``whole``: it counts."""

    key: str
    title: str
    factor: float = 1.0
    whole: bool = False
    reference: float | None = None


MEASURES = (
    Measure("catch_failed", "catch trials failed", whole=True),
    Measure("left_rate", "answers for the left image, %", 100, reference=50),
    Measure("longest_run", "longest run of answers on one side", whole=True),
    Measure("median_rt_ms", "median time per answer, s", 0.001),
    Measure("share_fast", "answers within half a second, %", 100),
    Measure("loo_agreement", "agreement with the others, % (no reason to leave anybody out)", 100, reference=50),
)


def people(result: Json) -> list[Json]:
    """Everybody who answered."""
    return table(result, "participants_quality")


def measures(result: Json) -> list[Measure]:
    """Measures that anybody has a value of; catch trials only where there were any."""
    rows = people(result)
    caught = any(row["n_catch"] for row in rows)
    return [m for m in MEASURES if any(r[m.key] is not None for r in rows) and (m.key != "catch_failed" or caught)]


def _title(result: Json) -> tuple[str, str]:
    return (
        "How each participant answered",
        f"One mark per {participants(result)[:-1]}{_crosses(people(result))}",
    )


def _crosses(rows: Sequence[Json]) -> str:
    return "; left out of the analysis: a cross" if any(not row["included"] for row in rows) else ""


def _draw(result: Json, narrow: bool) -> Figure:
    shown, rows = measures(result), people(result)
    width = style.NARROW if narrow else style.WIDE
    abreast = 1 if narrow else 2
    each = (width - 0.2) / abreast
    across, strip = each - 0.4, 1.35
    bins = 38 if narrow else 40
    handles = [
        Line2D([], [], marker="o", markersize=4.5, color=signs.FAVOURITE, linewidth=0, label="in the analysis"),
        Line2D(
            [], [], marker="x", markersize=6, color=style.MINIMISER, linewidth=0, markeredgewidth=1.6, label="left out"
        ),
    ]
    legend = handles if _crosses(rows) else handles[:1]
    sheet = page(result, *_title(result), math.ceil(len(shown) / abreast) * strip, narrow=narrow, legend=legend)
    for i, measure in enumerate(shown):
        down, place = divmod(i, abreast)
        left = 0.25 + place * each
        per_dot = _per_dot(rows, measure, bins)
        note = f"; a mark: up to {per_dot}" if per_dot > 1 else ""
        title = style.wrap(measure.title + note, across + 0.1, 9.5)
        for j, line in enumerate(title):
            sheet.text(left, down * strip + 0.06 + 0.16 * j, line, fontsize=9)
        head = 0.12 + 0.16 * len(title)
        _strip(sheet.axes(left, down * strip + head, across, strip - head - 0.32), measure, rows, bins, per_dot, across)
    return sheet.figure


def _values(rows: Sequence[Json], measure: Measure) -> list[tuple[float, bool]]:
    return [(row[measure.key] * measure.factor, row["included"]) for row in rows if row[measure.key] is not None]


def _span(values: Sequence[float], measure: Measure) -> tuple[float, float]:
    known = [*values, *([measure.reference] if measure.reference is not None else [])]
    low, high = min(known), max(known)
    if measure.whole:
        return -0.5 if low < 1 else low - 0.5, max(high + 0.5, low + 3.5)
    pad = 0.06 * (high - low) or max(1.0, 0.1 * abs(high))
    return low - pad, high + pad


def _bin(value: float, anchor: float, span: tuple[float, float], bins: int) -> int:
    """Places on each side of the anchor, so that a mark at the anchor (even odds, or the least) stands right there."""
    return round((value - anchor) / (span[1] - span[0]) * bins)


def _places(
    rows: Sequence[Json], measure: Measure, bins: int
) -> tuple[Counter[tuple[float, bool]], tuple[float, float]]:
    """How many participants share each place of the axis, by whether they are in the analysis; and its span."""
    values = _values(rows, measure)
    span = _span([v for v, _ in values], measure)
    step = (span[1] - span[0]) / bins
    anchor = min(v for v, _ in values) if measure.reference is None else measure.reference
    # Counts keep their own places as long as the axis has room for each of them.
    exact = measure.whole and span[1] - span[0] <= bins
    return (
        Counter((v if exact else anchor + step * _bin(v, anchor, span, bins), inside) for v, inside in values),
        span,
    )


def _per_dot(rows: Sequence[Json], measure: Measure, bins: int) -> int:
    counts: Counter[float] = Counter()
    for (place, _), n in _places(rows, measure, bins)[0].items():
        counts[place] += n
    # Two marks are kept for those who are left out and for rounding up.
    return max(1, math.ceil(max(counts.values()) / (TALLEST - 2))) if max(counts.values()) > TALLEST else 1


def _strip(axes: Axes, measure: Measure, rows: Sequence[Json], bins: int, per_dot: int, inches: float) -> None:
    counts, span = _places(rows, measure, bins)
    style.plain_axes(axes)
    axes.set_xlim(*span)
    axes.set_ylim(0, TALLEST + 0.5)
    axes.set_yticks([])
    axes.tick_params(axis="x", length=3, labelsize=8.5)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=int(inches / 0.5), integer=measure.whole, steps=[1, 2, 5, 10]))
    if measure.reference is not None:
        axes.axvline(measure.reference, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    tall: Counter[float] = Counter()
    marks: dict[bool, tuple[list[float], list[float]]] = {False: ([], []), True: ([], [])}
    for (place, inside), n in sorted(counts.items()):  # those who are left out stand at the bottom
        for _ in range(math.ceil(n / per_dot)):
            marks[inside][0].append(place)
            marks[inside][1].append(tall[place] + 0.6)
            tall[place] += 1
    axes.plot(*marks[True], "o", markersize=4.2, color=signs.FAVOURITE, markeredgecolor="white", markeredgewidth=0.4)
    axes.plot(*marks[False], "x", markersize=5, color=style.MINIMISER, markeredgewidth=1.6)


def _text(result: Json) -> dict[str, str]:
    rows = people(result)
    out = [row for row in rows if not row["included"]]
    # A report may be public: what a researcher wrote of somebody stays in participants_quality.csv.
    reasons = Counter(
        {"": "without a vote that counts", WITHDREW: WITHDREW}.get(row["exclusion_reason"], "excluded") for row in out
    )
    why = f" ({'; '.join(f'{reason}: {n}' for reason, n in sorted(reasons.items()))})" if out else ""
    caption = (
        f"{len(rows)} {participants(result)} answered; {len(out) or 'none'} of them {'is' if len(out) < 2 else 'are'} "
        f"left out of the analysis{why}. Dashed: as often as not. Agreement with the others is shown and is never a "
        "reason to leave anybody out."
    )
    said = ", ".join(m.title.split(" (")[0] for m in measures(result))
    return texts(result, _title(result)[0], caption, f"Strips of dots, one per participant: {said}.")


def _rows(result: Json) -> Table:
    """Without names and in the order of their values, for a report may be public."""
    keys = ["n_catch", *(m.key for m in MEASURES), "included"]
    ordered = sorted(people(result), key=lambda row: [(row[key] is not None, row[key] or 0) for key in keys])
    return columns(" ".join(keys), ([row[key] for key in keys] for row in ordered))


CHART = Chart(
    stem=STEM,
    exists=lambda result: bool(people(result)) and bool(measures(result)),
    text=_text,
    draw=_draw,
    rows=_rows,
)
