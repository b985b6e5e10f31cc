"""F13: power against participants for the grid of a study that has no votes yet, a curve per win probability.

Drawn from the JSON of a plan (``evaluation/plan``): it is no figure of an analysis.
"""

from __future__ import annotations

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evaluation.core.figures import signs
from evaluation.core.figures.chart import Chart, Json, Table, columns, participants, texts
from evaluation.core.figures.files import files_of
from evaluation.core.figures.page import page
from evaluation.core.power import WANTED, Power
from generation.core.drawing import style, ticks

STEM = "fig13_power"
#: Of each panel: its share in the rows of a plan, its title, and the truth that is to be found.
PANELS = (
    ("refuted", "Chance of “refuted”", "where another condition is the favourite"),
    ("confirmed", "Chance of “confirmed”", "where the minimiser is the favourite"),
)
LOOKS = (("#56b4e9", "o"), ("#0072b2", "s"), ("#009e73", "D"), ("#e69f00", "^"), ("#d55e00", "v"))
PANEL, HEAD, FOOT = 2.5, 0.5, 0.6


def power_files(plan: Json) -> dict[str, bytes]:
    """File name -> bytes of the figure: wide and narrow SVG, PNG, and a CSV of its data."""
    return style.styled(lambda: dict(files_of(CHART, plan)))


def grid_words(plan: Json) -> str:
    """'5 scenes x 6 conditions, 30 pairs per participant': those that count, of one question."""
    design = plan["design"]
    scenes = f"{design['scenes']} scene{'' if design['scenes'] == 1 else 's'}"
    pairs = f"{design['pairs']:g} pair{'' if design['pairs'] == 1 else 's'}"
    return f"{scenes} × {design['conditions']} conditions, {pairs} per {participants(plan)[:-1]}"


def assumed_words(plan: Json) -> str:
    """What the simulated crowd is like, and that nobody has measured it."""
    assumed = plan["assumed"]
    parts = [f"taste {assumed['taste']:g}", f"axis {assumed['axis']:g}", f"lapse {assumed['lapse']:g}"]
    parts += [f"ties {assumed['ties']:g} (Davidson's nu)"] if assumed["ties"] else []
    return f"{', '.join(parts)} are assumed, not estimated"


def odds(win: float) -> str:
    """0.6 -> '60 : 40'."""
    return f"{100 * win:.0f} : {100 * (1 - win):.0f}"


def _wins(plan: Json) -> list[float]:
    return sorted({row.win for row in _points(plan)})


def _points(plan: Json) -> list[Power]:
    return [Power(**row) for row in plan["rows"]]


def _title(plan: Json) -> tuple[str, str]:
    return (
        f"How many {participants(plan)} this study needs",
        f"{grid_words(plan)}. A curve per win probability: how often the better of two images wins",
    )


def _draw(plan: Json, narrow: bool) -> Figure:
    width = style.NARROW if narrow else style.WIDE
    abreast = 1 if narrow else len(PANELS)
    each = (width - 0.1) / abreast
    tall = HEAD + PANEL + FOOT
    sheet = page(plan, *_title(plan), tall * len(PANELS) / abreast, narrow=narrow, legend=_legend(plan))
    for i, (share, title, truth) in enumerate(PANELS):
        down, place = divmod(i, abreast)
        left, across = 0.62 + place * each, each - 0.82
        sheet.text(left, down * tall + 0.03, title, fontsize=9.5, fontweight="bold")
        sheet.text(left, down * tall + 0.21, truth, fontsize=9, color=style.MUTED)
        axes = sheet.axes(left, down * tall + HEAD, across, PANEL)
        _curves(axes, plan, share)
        _scales(axes, plan, across)
    return sheet.figure


def _curves(axes: Axes, plan: Json, share: str) -> None:
    axes.axhline(WANTED, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    if _shows_planned(plan):
        axes.axvline(plan["planned"], color=signs.SIMULATED, linewidth=1, linestyle=(0, (1, 2)), zorder=1)
    for win, (color, marker) in zip(_wins(plan), LOOKS, strict=True):
        rows = _of(plan, win)
        x, y = [row.participants for row in rows], [row.share(share) for row in rows]
        reach = [1.96 * row.error(share) for row in rows]
        axes.errorbar(x, y, yerr=reach, color=color, fmt="none", elinewidth=0.9, alpha=0.7, zorder=2)
        axes.plot(x, y, color=color, marker=marker, markersize=5.5, linewidth=1.5, zorder=3, clip_on=False)


def _scales(axes: Axes, plan: Json, inches: float) -> None:
    style.open_axes(axes)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1], ["0", "20", "40", "60", "80", "100 %"])
    people = sorted({row.participants for row in _points(plan)})
    last = 1.04 * people[-1]
    axes.set_xlim(0, last)
    labels = [str(n) for n in people]
    shown = ticks.roomy([n / last * inches for n in people], labels, 8.5)
    axes.set_xticks([people[i] for i in shown], [labels[i] for i in shown])
    axes.set_xlabel(participants(plan), fontsize=9)


def _legend(plan: Json) -> list[Artist]:
    handles: list[Artist] = [
        Line2D([], [], color=color, marker=marker, markersize=5.5, linewidth=1.5, label=odds(win))
        for win, (color, marker) in zip(_wins(plan), LOOKS, strict=True)
    ]
    wanted = f"{100 * WANTED:.0f} of 100 studies"
    handles.append(Line2D([], [], color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), label=wanted))
    if _shows_planned(plan):
        label = f"planned: {plan['planned']}"
        handles.append(Line2D([], [], color=signs.SIMULATED, linewidth=1, linestyle=(0, (1, 2)), label=label))
    return handles


def _shows_planned(plan: Json) -> bool:
    return bool(plan["planned"] <= max(row.participants for row in _points(plan)))


def _of(plan: Json, win: float) -> list[Power]:
    return sorted((row for row in _points(plan) if row.win == win), key=lambda row: row.participants)


def _text(plan: Json) -> dict[str, str]:
    design = plan["design"]
    focus = " 70 of 100 pairs show the minimiser." if design["focused"] else ""
    caption = (
        f"{grid_words(plan)}.{focus} Each point: {plan['replicates']} simulated studies put to the primary test over "
        f"all scenes at level {design['alpha']:g}; bars: 95 % Monte-Carlo interval. Left (above): the favourite beats "
        "the minimiser with the win probability of the curve, the others lie half-way. Right (below): the minimiser "
        "beats each of the others with it. Sessions are laid as the study lays them; "
        f"{assumed_words(plan)}. No vote of the study was looked at."
    )
    most = max(row.participants for row in _points(plan))
    last = [row for row in _points(plan) if row.participants == most]
    ends = [f"{odds(row.win)} in {100 * row.share('refuted'):.0f} %" for row in last]
    alt = (
        f"Curves of power over the number of {participants(plan)}. With {most}, a favourite that is not the minimiser "
        f"is found at {', '.join(ends)} of the studies."
    )
    return texts(plan, _title(plan)[0], caption, alt)


def _rows(plan: Json) -> Table:
    return columns(
        "verdict participants win power mc_se",
        (
            [share, row.participants, row.win, row.share(share), row.error(share)]
            for share, _, _ in PANELS
            for win in _wins(plan)
            for row in _of(plan, win)
        ),
    )


CHART = Chart(stem=STEM, exists=lambda plan: bool(plan.get("rows")), text=_text, draw=_draw, rows=_rows)
