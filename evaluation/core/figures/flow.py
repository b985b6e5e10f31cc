"""F12: from the pairs that were laid out to the votes that count, as the flow diagrams of CONSORT do."""

from __future__ import annotations

from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from evaluation.core.figures import signs
from evaluation.core.figures.chart import Chart, Json, Table, columns, participants, texts
from evaluation.core.figures.page import page
from generation.core.drawing import style

STEM, TITLE = "fig12_flow", "From pairs laid out to votes that count"
SIZE, LINE, GAP = 9.5, 0.19, 0.3


def steps(result: Json) -> list[Json]:
    """The steps that are drawn: the first, the last and every one that left something out."""
    flow = result["flow"]
    kept = [later for before, later in pairwise(flow) if later["n_trials"] < before["n_trials"]]
    if kept and kept[-1] is flow[-1]:
        kept.pop()
    return [flow[0], *kept, flow[-1]]


def _draw(result: Json, narrow: bool) -> Figure:
    width = style.NARROW if narrow else style.WIDE
    shown = steps(result)
    box = width - 0.4 if narrow else 5.2
    said = [_lines(result, step, box - 0.3) for step in shown]
    heights = [0.2 + LINE * (len(bold) + len(plain)) for bold, plain in said]
    gaps = [max(GAP, 0.2 + LINE * len(_left_out(result, a, b, narrow))) for a, b in pairwise(shown)]
    body = sum(heights) + sum(gaps) + 0.1
    sheet = page(result, TITLE, "Trials and participants after each step", body, narrow=narrow)
    axes = sheet.axes(0, 0, sheet.width, body)
    axes.set_xlim(0, sheet.width)
    axes.set_ylim(body, 0)
    axes.axis("off")
    top = 0.05
    for i, ((bold, plain), height) in enumerate(zip(said, heights, strict=True)):
        last = i == len(shown) - 1
        _box(axes, 0.2, top, box, height, signs.FAVOURITE if last or not i else style.MUTED, heavy=last)
        for j, line in enumerate([*bold, *plain]):
            weight = "bold" if line in bold else "normal"
            down = top + 0.1 + LINE * (j + 0.5)
            axes.text(0.35, down, line, va="center", fontsize=SIZE, fontweight=weight)
        top += height
        if not last:
            _step(axes, result, shown[i], shown[i + 1], 0.2 + box / 2, top, gaps[i], narrow)
            top += gaps[i]
    return sheet.figure


def _lines(result: Json, step: Json, room: float) -> tuple[list[str], list[str]]:
    """What stands in a box: the numbers, and what has been asked of these trials."""
    flow = result["flow"]
    text = step["words"]
    if step is flow[-1]:
        asked = len(flow) > 1 and step["n_trials"] < flow[-2]["n_trials"]
        text = f"in the analysis: {text}" if asked else "in the analysis"
    return style.wrap(_count(result, step), room, SIZE + 0.8), style.wrap(text, room, SIZE)


def _step(axes: Axes, result: Json, a: Json, b: Json, x: float, top: float, gap: float, narrow: bool) -> None:
    """The arrow to the next box, and beside it what was left out on the way."""
    arrow = {"arrowstyle": "-|>", "color": style.MUTED, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (x, top + gap), (x, top), arrowprops=arrow)
    lines = _left_out(result, a, b, narrow)
    for j, line in enumerate(lines):
        down = top + gap / 2 + LINE * (j - (len(lines) - 1) / 2)
        axes.text(x + 0.15, down, line, va="center", fontsize=SIZE - 0.5, color=style.MINIMISER)


def _left_out(result: Json, a: Json, b: Json, narrow: bool) -> list[str]:
    trials, people = a["n_trials"] - b["n_trials"], a["n_participants"] - b["n_participants"]
    if not trials:
        return []
    text = f"left out: {_number(trials, 'trial')}"
    if people:
        text += f", among them all those of {_number(people, participants(result)[:-1])}"
    return style.wrap(text, 2.0 if narrow else 5.5, SIZE)


def _count(result: Json, step: Json) -> str:
    return f"{_number(step['n_trials'], 'trial')}, {_number(step['n_participants'], participants(result)[:-1])}"


def _number(n: int, word: str) -> str:
    return f"{n} {word}{'' if n == 1 else 's'}"


def _box(axes: Axes, left: float, top: float, width: float, height: float, edge: str, *, heavy: bool) -> None:
    axes.add_patch(
        FancyBboxPatch(
            (left, top),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.05",
            facecolor="#eef5fa" if heavy else "white",
            edgecolor=edge,
            linewidth=1.8 if heavy else 1.0,
        )
    )


def _text(result: Json) -> dict[str, str]:
    flow, shown = result["flow"], steps(result)
    silent = [step["words"] for step in flow if step not in shown]
    caption = f"{_count(result, flow[0])} at the start; {_count(result, flow[-1])} in the analysis."
    if silent:
        caption += f" Nothing was left out by the other steps: {'; '.join(silent)}."
    alt = "Flow of trials. " + "; ".join(f"{step['words']}: {_count(result, step)}" for step in shown) + "."
    return texts(result, TITLE, caption, alt)


def _rows(result: Json) -> Table:
    return columns(
        "step words n_trials n_participants",
        ([step["step"], step["words"], step["n_trials"], step["n_participants"]] for step in result["flow"]),
    )


CHART = Chart(
    stem=STEM,
    exists=lambda result: bool(result["flow"]) and result["flow"][0]["n_trials"] > 0,
    text=_text,
    draw=_draw,
    rows=_rows,
)
