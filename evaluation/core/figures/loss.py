"""F3: human score against the metric. If the metric were right, points would fall from top left to bottom right."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from evaluation.core.figures import scatter, signs
from evaluation.core.figures.chart import (
    Chart,
    Json,
    Table,
    basis,
    columns,
    extreme,
    first_panels,
    minus,
    panels_note,
    pooled,
    primary,
    scenes,
    table,
    texts,
)
from evaluation.core.figures.page import page
from evaluation.core.words import metric_name, p_text
from generation.core.drawing import style


def loss_figure(result: Json, metric: Json, *, narrow: bool, by_scene: bool) -> Figure:
    """Draw the pooled panel, or one panel per scene, for one metric of an analysis."""
    groups = _drawn(result, metric, by_scene=by_scene)
    width = style.NARROW if narrow else style.WIDE
    abreast = 1 if narrow or not by_scene else min(2, len(groups))
    each = (width - 0.2) / abreast
    across = each - 0.72 - 0.1
    body = (2.7 if narrow else 2.5) if by_scene else (3.3 if narrow else 4.0)
    titles = [style.two_lines(g["label"], across, 9.5) if by_scene else [] for g in groups]
    correlated = [rank_correlation(result, metric, g) for g in groups]
    marked = [_named(points(g, metric), across) for g in groups]
    below = 0.05 + 0.17 * (max(map(len, marked)) + any(correlated))
    head = 0.05 + 0.17 * max(map(len, titles)) + below
    panel = head + body + 0.52
    sheet = page(
        result,
        *loss_title(metric, by_scene=by_scene),
        math.ceil(len(groups) / abreast) * panel,
        narrow=narrow,
        legend=_legend(result, metric, groups),
    )
    limits = _limits(groups, metric)
    for i, group in enumerate(groups):
        down, place = divmod(i, abreast)
        left, top = 0.72 + place * each, down * panel + head
        axes = sheet.axes(left, top, across, body)
        scatter.draw(axes, points(group, metric), limits, size=8.5 if by_scene else 9.5)
        _axis_words(axes, metric, pooled=not by_scene, first=place == 0)
        sheet.text(left + across, top - 0.05, correlated[i], fontsize=8.5, color=style.MUTED, va="bottom", ha="right")
        for j, (name, color) in enumerate(reversed(marked[i])):
            up = 0.05 + 0.17 * (j + any(correlated))
            sheet.text(left, top - up, name, fontsize=8.5, fontweight="bold", color=color, va="bottom")
        sheet.text(left, top - below, "\n".join(titles[i]), fontsize=9.5, fontweight="bold", va="bottom")
    return sheet.figure


def rank_correlation(result: Json, metric: Json, group: Json) -> str:
    """'ρ = 0.83 (p = .017; least possible .003)', over all scenes the mean of theirs; empty where there is none."""
    scene = group["scene"] if group["scope"] == "scene" else None
    row = next(
        (
            r
            for r in table(result, "correlations")
            if r["metric_id"] == metric["id"] and (r["scene_id"] if r["scope"] == "scene" else None) == scene
        ),
        None,
    )
    if row is None or row["spearman"] is None:
        return ""
    name = "ρ" if scene is not None or len(scenes(result)) == 1 else "mean ρ"
    tested = "no p-value" if row["p_c3"] is None else p_text(row["p_c3"])
    least = (
        "" if row["p_min_possible"] is None else f"; least possible {p_text(row['p_min_possible'])[2:].lstrip('= ')}"
    )
    value = minus(f"{row['spearman']:.2f}")
    return f"{name} = {value} ({tested}{least})"


def loss_title(metric: Json, *, by_scene: bool) -> tuple[str, str]:
    """Title and subtitle of the chart."""
    where = " in each scene" if by_scene else ""
    return (
        f"Preference against {metric_name(metric['label'], short=True)}{where}",
        "If the metric were right, points would fall from top left to bottom right",
    )


def points(group: Json, metric: Json) -> list[Json]:
    """Conditions of the group with both a human score (``y``) and a z-score of the metric (``x``)."""
    test = next(t for t in metric["tests"] if t["scene"] == group["scene"])
    if not test["minimum"]:
        return []
    group = scored(group, metric)
    z = test["minimum"]["z"]
    return [
        {
            "condition": r["condition"],
            "label": r["label"],
            "value": test["minimum"]["values"][r["condition"]],
            "x": z[r["condition"]],
            "y": r["theta"],
            "low": r["theta_low"],
            "high": r["theta_high"],
            "is_minimum": r["condition"] in test["minimum"]["conditions"],
            "is_favourite": r["condition"] == group["favourite"],
        }
        for r in group["rows"]
        if r["theta"] is not None and r["condition"] in z
    ]


def scored(group: Json, metric: Json) -> Json:
    """The group whose scores the metric is held against: all scenes, or those it is complete in."""
    return (metric.get("group") or group) if group["scope"] == "pooled" else group


def _limits(groups: Sequence[Json], metric: Json) -> tuple[float, float, float, float]:
    every = [p for g in groups for p in points(g, metric)]
    xs = [p["x"] for p in every]
    ys = [v for p in every for v in (p["y"], p["low"], p["high"]) if v is not None]
    # Where all values are one (two scenes that cancel), a unit of room keeps the ticks readable.
    pad_x, pad_y = 0.16 * (max(xs) - min(xs)) or 1.0, 0.1 * (max(ys) - min(ys)) or 1.0
    pad_x, pad_y = max(pad_x, 0.05), max(pad_y, 0.05)
    return min(xs) - pad_x, max(xs) + pad_x, min(ys) - pad_y, max(ys) + pad_y


def _named(shown: Sequence[Json], inches: float) -> list[tuple[str, str]]:
    """Above a crowded panel, the names of its minimisers and of its favourite, each with its colour."""
    if not scatter.crowded(shown):
        return []
    lowest = [p["label"] for p in shown if p["is_minimum"]]
    lines = [(f"○ {', '.join(lowest)}", style.MINIMISER)] if lowest else []
    lines += [(f"★ {p['label']}", signs.FAVOURITE) for p in shown if p["is_favourite"]]
    return [(style.one_line(text, inches, 8.5), color) for text, color in lines]


def _axis_words(axes: Axes, metric: Json, *, pooled: bool, first: bool) -> None:
    better = "higher" if metric["direction"] == "higher_better" else "lower"
    name = metric["label"]
    text = f"←  {better} {metric_name(name, short=True)}"
    axes.set_xlabel(f"{text}  ({'mean ' if pooled else ''}z within scene)", fontsize=9)
    if first:
        axes.set_ylabel("preference score (logit)  →", fontsize=9)


def _legend(result: Json, metric: Json, groups: Sequence[Json]) -> list[Artist]:
    held = [scored(g, metric) for g in groups]
    shown = [points(g, metric) for g in groups]
    handles: list[Artist] = [style.minimum_ring(extreme(metric))]
    if any(p["is_favourite"] for one in shown for p in one):
        handles.append(signs.favourite_star(signs.favourite_words(held, simulated=result["study"]["simulated"])))
    if _bounded(shown):
        handles.append(Line2D([], [], color=style.MUTED, linewidth=1.2, label="95 % interval"))
    if any(map(scatter.ends, shown)):
        dashed: dict[str, Any] = {"color": style.MINIMISER, "linewidth": 1.1, "linestyle": (0, (4, 2.5))}
        handles.append(
            Line2D([], [], marker=">", markersize=5, markevery=[1], label="its height is the regret", **dashed)
        )
    return handles


def _bounded(shown: Sequence[Sequence[Json]]) -> bool:
    return any(p["low"] is not None for one in shown for p in one)


def _groups(result: Json, metric: Json, *, by_scene: bool) -> list[Json]:
    return [g for g in (scenes(result) if by_scene else [pooled(result)]) if points(g, metric)]


def _drawn(result: Json, metric: Json, *, by_scene: bool) -> list[Json]:
    return first_panels(_groups(result, metric, by_scene=by_scene))


def _exists(result: Json, *, by_scene: bool) -> bool:
    metric = primary(result)
    several = len(scenes(result)) > 1 or not by_scene
    return metric is not None and several and bool(_groups(result, metric, by_scene=by_scene))


def _text(result: Json, *, by_scene: bool) -> dict[str, str]:
    metric = primary(result) or {}
    title, _ = loss_title(metric, by_scene=by_scene)
    group = scored(pooled(result), metric)
    where = "" if by_scene or group is pooled(result) else f" {group['label']}."
    groups = _groups(result, metric, by_scene=by_scene)
    bounded = ", with 95 % intervals" if _bounded([points(g, metric) for g in groups]) else ""
    caption = (
        f"Preference score (Bradley–Terry, logit) of each condition against its {metric_name(metric['label'])}"
        f"{bounded}; {basis(group, result)}. {metric['agreement']['sentence']}{where}"
    )
    if any(rank_correlation(result, metric, g) for g in groups):
        caption += (
            " ρ: Spearman's rank correlation within a scene (over all scenes the mean), above 0 where the metric "
            "predicts preference; its p-value asks for more than these images: that it holds for this metric, beyond "
            "these settings."
        )
    if any(scatter.ends(points(g, metric)) for g in groups):
        caption += " The arrow leads from the condition that the metric chooses to the one with the highest score."
    caption += panels_note(len(first_panels(groups)), len(groups))
    alt = f"Scatter plot of preference score against {metric['label']}. {metric['tests'][0]['sentence']}"
    return texts(result, title, caption, alt)


def _rows(result: Json, *, by_scene: bool) -> Table:
    metric = primary(result) or {}
    return columns(
        "scene condition metric value z theta ci_low ci_high is_minimiser has_highest_score is_most_preferred",
        (
            [g["label"], p["label"], metric["label"], p["value"] if by_scene else None, p["x"], p["y"], p["low"],
             p["high"], p["is_minimum"], p["is_favourite"], p["is_favourite"] and scored(g, metric)["favourite_sure"]]
            for g in _groups(result, metric, by_scene=by_scene)
            for p in points(g, metric)
        ),
    )  # fmt: skip


def _draw(result: Json, narrow: bool, *, by_scene: bool) -> Figure:
    return loss_figure(result, primary(result) or {}, narrow=narrow, by_scene=by_scene)


CHART, BY_SCENE = (
    Chart(
        stem="fig03_loss_by_scene" if by_scene else "fig03_loss",
        exists=partial(_exists, by_scene=by_scene),
        text=partial(_text, by_scene=by_scene),
        draw=partial(_draw, by_scene=by_scene),
        rows=partial(_rows, by_scene=by_scene),
    )
    for by_scene in (False, True)
)
