"""F3: human score against the metric. If the metric were right, points would fall from top left to bottom right."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from functools import partial

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import Bbox

from evaluation.core.figures import style
from evaluation.core.figures.chart import Chart, Json, Table, basis, columns, pooled, primary, scenes, texts
from evaluation.core.figures.labels import place_labels
from evaluation.core.words import metric_name


def loss_figure(result: Json, metric: Json, *, narrow: bool, by_scene: bool) -> Figure:
    """Draw the pooled panel, or one panel per scene, for one metric of an analysis."""
    groups = [g for g in result["groups"] if (g["scope"] == "scene") == by_scene and points(g, metric)]
    width = style.NARROW if narrow else style.WIDE
    columns = 1 if narrow or not by_scene else min(2, len(groups))
    title, subtitle = loss_title(metric, by_scene=by_scene)
    simulated = result["study"]["simulated"]
    top = style.header_height(width, title, subtitle, simulated=simulated)
    lines = math.ceil(len(groups) / columns)
    panel = (2.7 if narrow else 2.5) if by_scene else (3.3 if narrow else 4.0)
    foot, gap = 0.5, (0.3 if by_scene else 0.1)
    legend = 0.3 * (2 if narrow else 1) + 0.1
    height = top + lines * (panel + foot + gap) + legend
    figure = style.new_figure(width, height)
    style.header(figure, title, subtitle, simulated=simulated)
    margin, right = 0.72, 0.2
    each = (width - right) / columns
    limits = _limits(groups, metric)
    for i, group in enumerate(groups):
        line, column = divmod(i, columns)
        bottom = height - top - (line + 1) * (panel + gap) - line * foot
        box = ((margin + column * each) / width, bottom / height, (each - margin - 0.1) / width, panel / height)
        axes = figure.add_axes(box)
        _panel(axes, group, metric, limits, size=8.5 if by_scene else 9.5)
        _axis_words(axes, metric, pooled=not by_scene, first=column == 0)
        if by_scene:
            axes.set_title(
                style.one_line(group["label"], each - margin - 0.1, 9.5),
                fontsize=9.5,
                fontweight="bold",
                loc="left",
                pad=6,
            )
    star = style.favourite_words([scored(g, metric) for g in groups], simulated=simulated)
    _legend(figure, width, height, metric, star=star, narrow=narrow)
    return figure


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


def _panel(axes: Axes, group: Json, metric: Json, limits: tuple[float, float, float, float], *, size: float) -> None:
    axes.set_xlim(limits[0], limits[1])
    axes.set_ylim(limits[2], limits[3])
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=3, labelsize=size - 1)
    axes.axhline(0, color=style.FAINT, linewidth=1, zorder=0)
    shown = points(group, metric)
    for p in shown:
        _point(axes, p, size)
    obstacles = [box for p in shown for box in _footprint(axes, p)]
    # Labels of the two that matter are placed first, so that they get the best places.
    order = sorted(shown, key=lambda p: not (p["is_minimum"] or p["is_favourite"]))
    heavy = [p for p in order if p["is_minimum"] or p["is_favourite"]]
    light = [p for p in order if not (p["is_minimum"] or p["is_favourite"])]
    boxes = place_labels(
        axes,
        [(p["x"], p["y"]) for p in heavy],
        [_folded(p["label"]) for p in heavy],
        obstacles,
        fontsize=size,
        fontweight="bold",
        must=True,
    )
    place_labels(
        axes, [(p["x"], p["y"]) for p in light], [_folded(p["label"]) for p in light], obstacles + boxes, fontsize=size,
        color=style.MUTED,
    )  # fmt: skip


def _folded(label: str) -> str:
    """A long label on two lines or more."""
    return "\n".join(textwrap.wrap(label, 16))


def _point(axes: Axes, p: Json, size: float) -> None:
    if p["low"] is not None:
        axes.plot([p["x"], p["x"]], [p["low"], p["high"]], color=style.MUTED, linewidth=1.1, zorder=2)
    if p["is_minimum"]:
        axes.plot(
            p["x"],
            p["y"],
            "o",
            markersize=size + 6,
            markerfacecolor="white",
            markeredgecolor=style.MINIMISER,
            markeredgewidth=2,
            zorder=3,
        )
    if p["is_favourite"]:
        axes.plot(
            p["x"],
            p["y"],
            "*",
            markersize=size + 4,
            color=style.FAVOURITE,
            markeredgecolor=style.INK,
            markeredgewidth=0.7,
            zorder=5,
        )
    else:
        axes.plot(
            p["x"], p["y"], "o", markersize=size - 3, color=style.MINIMISER if p["is_minimum"] else style.INK, zorder=4
        )


def _footprint(axes: Axes, p: Json) -> list[Bbox]:
    """Pixels that a point and its whisker cover."""
    x, y = axes.transData.transform((p["x"], p["y"]))
    reach = 9.0 * axes.figure.dpi / 72 if p["is_minimum"] or p["is_favourite"] else 5.0 * axes.figure.dpi / 72
    boxes = [Bbox.from_bounds(x - reach, y - reach, 2 * reach, 2 * reach)]
    if p["low"] is not None:
        low, high = (axes.transData.transform((p["x"], v))[1] for v in (p["low"], p["high"]))
        boxes.append(Bbox.from_extents(x - 1.5, low, x + 1.5, high))
    return boxes


def _axis_words(axes: Axes, metric: Json, *, pooled: bool, first: bool) -> None:
    better = "higher" if metric["direction"] == "higher_better" else "lower"
    name = metric["label"]
    text = f"←  {better} {metric_name(name, short=True)}"
    axes.set_xlabel(f"{text}  ({'mean ' if pooled else ''}z within scene)", fontsize=9)
    if first:
        axes.set_ylabel("preference score (logit)  →", fontsize=9)


def _legend(figure: Figure, width: float, height: float, metric: Json, *, star: str, narrow: bool) -> None:
    extreme = "highest" if metric["direction"] == "higher_better" else "lowest"
    name = metric_name(metric["label"], short=True)
    handles = [
        style.minimum_ring(f"{extreme} {name}"),
        style.favourite_star(star),
        Line2D([], [], color=style.MUTED, linewidth=1.2, label="95 % interval"),
    ]
    figure.legend(
        handles=handles, loc="lower left", bbox_to_anchor=(0.1 / width, 0.03 / height), ncols=2 if narrow else 3,
        frameon=False, fontsize=8 if narrow else 9, handlelength=1.6, columnspacing=1.2, borderaxespad=0.2,
    )  # fmt: skip


def _groups(result: Json, metric: Json, *, by_scene: bool) -> list[Json]:
    return [g for g in (scenes(result) if by_scene else [pooled(result)]) if points(g, metric)]


def _exists(result: Json, *, by_scene: bool) -> bool:
    metric = primary(result)
    several = len(scenes(result)) > 1 or not by_scene
    return metric is not None and several and bool(_groups(result, metric, by_scene=by_scene))


def _text(result: Json, *, by_scene: bool) -> dict[str, str]:
    metric = primary(result) or {}
    title, _ = loss_title(metric, by_scene=by_scene)
    group = scored(pooled(result), metric)
    where = "" if by_scene or group is pooled(result) else f" {group['label']}."
    caption = (
        f"Preference score (Bradley–Terry, logit) of each condition against its {metric_name(metric['label'])}, "
        f"with 95 % intervals; {basis(group, result)}. {metric['agreement']['sentence']}{where}"
    )
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
