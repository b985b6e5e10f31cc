"""F6: how often the voters' choice has the better value of each metric, and how often any metric could be right."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy import stats

from evaluation.core.figures import forest, signs
from evaluation.core.figures.chart import Chart, Json, Table, columns, metric_label, participants, table, texts, voters
from evaluation.core.figures.page import names, page
from generation.core.drawing import style, ticks

STEM = "fig06_agreement"
HUMAN = "#cc79a7"
BAND, BAND_EDGE = "#dff0ea", "#8fc7b3"


def rows(result: Json) -> list[Json]:
    """Metrics with an agreement over all pairs, the best first."""
    found = [r for r in table(result, "metric_agreement") if r["subset"] == "all" and r["accuracy"] is not None]
    return sorted(found, key=lambda r: (-r["accuracy"], metric_label(result, r["metric_id"])))


def other_scenes(row: Json) -> forest.Bounds:
    """95 % interval over participants and scenes (Cameron, Gelbach and Miller), t with min(P, S) - 1 df."""
    if row["se_c2"] is None:
        return None, None
    half = float(stats.t.ppf(0.975, min(row["n_participants"], row["n_scenes"]) - 1)) * row["se_c2"]
    return max(0.0, row["accuracy"] - half), min(1.0, row["accuracy"] + half)


def _title(result: Json) -> tuple[str, str]:
    who, top = voters(result), _fullest(rows(result))
    known = top["ceiling_loo"] is not None and top["ceiling_majority"] is not None
    band = ", the band brackets the most that any metric can reach" if known else ""
    return (
        f"Agreement of each metric with {who}",
        f"Share of votes for the image with the better value; 50 % is chance{band}",
    )


def _draw(result: Json, narrow: bool) -> Figure:
    shown = rows(result)
    width = style.NARROW if narrow else style.WIDE
    starred = {
        t["metric_id"]
        for t in table(result, "hypothesis_tests")
        if t["hypothesis"] == "agreement" and t["confirmatory"]
    }
    labels = [metric_label(result, r["metric_id"]) + (" ★" if r["metric_id"] in starred else "") for r in shown]
    column = names(labels, width, line=0.42)
    top = _fullest(shown)
    sheet = page(
        result,
        *_title(result),
        len(shown) * column.line + 0.38,
        narrow=narrow,
        legend=_legend(result, shown, bool(starred)),
    )
    across = width - column.width - (0.3 if narrow else 1.5)
    axes = sheet.axes(column.width, 0.05, across, len(shown) * column.line)
    values = [
        0.5,
        *(
            v
            for r in shown
            for v in (r["accuracy"], r["ci_low_c1"], r["ci_high_c1"], *other_scenes(r))
            if v is not None
        ),
    ]
    values += [top[name] for name in ("ceiling_loo", "ceiling_majority", "human_human") if top[name] is not None]
    forest.forest_axes(axes, len(shown), *forest.limits(values, least=0.05))
    column.write(axes, labels)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f} %")
    axes.xaxis.set_major_locator(ticks.few(across, 0.62))
    axes.axvline(0.5, color=style.MUTED, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    if top["ceiling_loo"] is not None and top["ceiling_majority"] is not None:
        # With an edge, because the two may be one.
        ends = sorted((top["ceiling_loo"], top["ceiling_majority"]))
        axes.axvspan(*ends, facecolor=BAND, edgecolor=BAND_EDGE, zorder=0, linewidth=1)
    if top["human_human"] is not None:
        axes.axvline(top["human_human"], color=HUMAN, linewidth=1.4, linestyle=(0, (1, 1.5)), zorder=1)
    for i, row in enumerate(shown):
        low, high = row["ci_low_c1"], row["ci_high_c1"]
        forest.interval(axes, i, other_scenes(row), style.INK, thick=False)
        forest.interval(axes, i, (low, high), signs.FAVOURITE, thick=True)
        sure = low is not None and not low <= 0.5 <= high
        forest.dot(axes, i, row["accuracy"], signs.FAVOURITE, sure=sure)
        if not narrow:
            down = 0.05 + (i + 0.5) * column.line
            sheet.text(width - 1.38, down, percent(row["accuracy"], low, high), va="center", fontsize=9)
    return sheet.figure


def _fullest(shown: Sequence[Json]) -> Json:
    """The row whose ceilings rest on the most votes."""
    return max(shown, key=lambda r: int(r["n_votes"]))


def percent(value: float, low: float | None, high: float | None) -> str:
    """'58 % [55, 61]'."""
    interval = f" [{100 * low:.0f}, {100 * high:.0f}]" if low is not None and high is not None else ""
    return f"{100 * value:.0f} %{interval}"


def _legend(result: Json, shown: Sequence[Json], starred: bool) -> list[Artist]:
    handles: list[Artist] = []
    if any(r["ci_low_c1"] is not None for r in shown):
        handles.append(Line2D([], [], color=signs.FAVOURITE, linewidth=3.6, label="95 %, for these images"))
    if any(r["se_c2"] is not None for r in shown):
        handles.append(Line2D([], [], color=style.INK, linewidth=1.3, label="95 %, for other scenes too"))
    top = _fullest(shown)
    if top["ceiling_loo"] is not None and top["ceiling_majority"] is not None:
        handles.append(
            Patch(facecolor=BAND, edgecolor=BAND_EDGE, label="ceiling: from the others' consensus to the majority")
        )
    if top["human_human"] is not None:
        who = "another simulated voter" if result["study"]["simulated"] else "another person"
        handles.append(Line2D([], [], color=HUMAN, linewidth=1.4, linestyle=(0, (1, 1.5)), label=who))
    if starred:
        handles.append(
            Line2D([], [], marker="*", markersize=9, color=style.INK, linewidth=0, label="named before the first vote")
        )
    return handles


def _text(result: Json) -> dict[str, str]:
    shown = rows(result)
    n = f"{max(r['n_votes'] for r in shown)} votes by {max(r['n_participants'] for r in shown)} {participants(result)}"
    bounded = any(r["ci_low_c1"] is not None for r in shown)
    filled = "; filled where the interval over participants leaves 50 % out" if bounded else ""
    reasons = [m["agreement"]["reason"] for m in result["metrics"]]
    caption = (
        f"{n}. Dot: share of votes for the image that the metric calls better (a tie counts half){filled}. "
        + " ".join(dict.fromkeys(r["sentence"] for r in reasons if r))
    ).strip()
    said = "; ".join(f"{metric_label(result, r['metric_id'])} {100 * r['accuracy']:.0f} %" for r in shown)
    return texts(result, _title(result)[0], caption, f"Forest plot of agreement with the votes. {said}.")


def _rows(result: Json) -> Table:
    return columns(
        "metric accuracy ci_low_c1 ci_high_c1 ci_low_c2 ci_high_c2 ceiling_loo ceiling_majority human_human n_votes "
        "n_participants",
        (
            [metric_label(result, r["metric_id"]), r["accuracy"], r["ci_low_c1"], r["ci_high_c1"], *other_scenes(r),
             r["ceiling_loo"], r["ceiling_majority"], r["human_human"], r["n_votes"], r["n_participants"]]
            for r in rows(result)
        ),
    )  # fmt: skip


CHART = Chart(stem=STEM, exists=lambda result: bool(rows(result)), text=_text, draw=_draw, rows=_rows)
