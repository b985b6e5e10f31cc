"""F7: the preference score against each numeric parameter, and below it, on a panel of its own, the metric."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import NullFormatter

from evaluation.core.figures import parameters, signs
from evaluation.core.figures.chart import (
    Chart,
    Json,
    Table,
    basis,
    columns,
    extreme,
    minimum,
    pooled,
    primary,
    section,
    short_name,
    texts,
    voters,
)
from evaluation.core.figures.page import page
from generation.core.drawing import style, ticks

STEM = "fig07_dose"
BAND = "#cfe3f0"
FITTED = "#cc79a7"
SHAPES = {
    "inverted_u": "{voters} prefer the middle",
    "increasing": "the more, the better liked",
    "decreasing": "the less, the better liked",
    "flat": "no level matters",
    "undetermined": "shape left open",
}


def curves(result: Json) -> list[Json]:
    """Parameters with scores at three levels or more."""
    return [one for one in section(result, "shape").values() if isinstance(one, dict) and one.get("levels")]


def losses(result: Json, parameter: str) -> list[tuple[float, float, bool]]:
    """Level, mean z of the primary metric over its conditions, and whether the minimiser is among them."""
    found = minimum(primary(result), None)
    if not found:
        return []
    at: dict[float, list[str]] = {}
    for condition in result["conditions"]:
        if condition["id"] in found["z"] and parameters.is_number(condition.get("params", {}).get(parameter)):
            at.setdefault(float(condition["params"][parameter]), []).append(condition["id"])
    return [
        (value, float(np.mean([found["z"][c] for c in at[value]])), bool(set(at[value]) & set(found["conditions"])))
        for value in sorted(at)
    ]


def _title(result: Json) -> tuple[str, str]:
    shown = curves(result)
    below = "; below, the metric" if minimum(primary(result), None) else ""
    band = " with its simultaneous 95 % band" if any(one["band_low"] for one in shown) else ""
    subtitle = f"Score of each level{band}{below}"
    if len(shown) > 1:
        return "Preference over each parameter", subtitle
    said = SHAPES[shown[0]["shape"]].format(voters=voters(result))
    return f"Preference over {shown[0]['label']}: {said}", subtitle


def _draw(result: Json, narrow: bool) -> Figure:
    shown = curves(result)
    width = style.NARROW if narrow else style.WIDE
    abreast = 1 if narrow else min(2, len(shown))
    each = (width - 0.1) / abreast
    upper, lower = (2.1, 0.9) if narrow else (2.5, 1.05)
    lower = lower if minimum(primary(result), None) else 0.0
    head = 0.35 if len(shown) > 1 else 0.05
    panel = head + upper + lower + (0.72 if lower else 0.5)
    sheet = page(
        result, *_title(result), math.ceil(len(shown) / abreast) * panel, narrow=narrow, legend=_legend(result, shown)
    )
    for i, one in enumerate(shown):
        down, place = divmod(i, abreast)
        left, top, across = 0.72 + place * each, down * panel + head, each - 0.85
        if len(shown) > 1:
            said = SHAPES[one["shape"]].format(voters=voters(result))
            text = style.one_line(f"{one['label']}: {said}", across, 9.5)
            sheet.text(left, down * panel + 0.06, text, fontsize=9.5, fontweight="bold")
        axes = sheet.axes(left, top, across, upper)
        _scores(axes, one, pooled(result), across)
        if lower:
            axes.tick_params(labelbottom=False)
            axes.xaxis.set_major_formatter(NullFormatter())
            axes = sheet.axes(left, top + upper + 0.16, across, lower)
            _metric(axes, result, one, across)
        axes.set_xlabel(one["label"], fontsize=9)
    return sheet.figure


def _plain(axes: Axes) -> None:
    style.open_axes(axes)
    axes.axhline(0, color=style.FAINT, linewidth=1, zorder=0)


def _scores(axes: Axes, one: Json, group: Json, inches: float) -> None:
    _plain(axes)
    x, theta = one["levels"], one["theta"]
    if one["band_low"]:
        axes.fill_between(x, one["band_low"], one["band_high"], color=BAND, linewidth=0, zorder=1)
    top = int(np.argmax(theta))
    axes.plot(x, theta, color=signs.FAVOURITE, linewidth=1.2, zorder=3)
    for i, (at, value) in enumerate(zip(x, theta, strict=True)):
        # Where other parameters vary too, the best level is not the favourite condition.
        star = i == top and one["alone"] and group["favourite"] is not None
        look: dict[str, Any] = (
            {"marker": "*", "markersize": 14, "markeredgecolor": style.INK, "markeredgewidth": 0.7}
            if star
            else {"marker": "o", "markersize": 6.5}
        )
        axes.plot(at, value, color=signs.FAVOURITE, zorder=4, **look)
    values = [*theta, *(one["band_low"] or []), *(one["band_high"] or [])]
    if _has_fit(one):
        fine, curve = _fitted(one)
        axes.plot(fine, curve, color=FITTED, linewidth=1.3, linestyle=(0, (5, 2)), zorder=2)
        values += curve
    parameters.scale_x(axes, x, inches)
    pad = 0.08 * (max(values) - min(values)) or 0.5
    foot = min(values) - pad
    if one["peak_inside"] and one["peak_low"] is not None:
        # The interval of the peak lies along the foot of the panel.
        foot -= 1.2 * pad
        axes.plot([one["peak_low"], one["peak_high"]], [foot + pad] * 2, color=FITTED, linewidth=2.4, zorder=3)
        axes.plot(one["peak_x"], foot + pad, "D", markersize=6, color=FITTED, zorder=4)
    axes.set_ylim(foot, max(values) + pad)
    axes.yaxis.set_major_locator(ticks.few(2.2, 0.4))
    _name(axes, "score (logit)  →", inches)


def _name(axes: Axes, text: str, inches: float) -> None:
    """Name the y axis at the same place on both panels, however long their numbers are."""
    axes.set_ylabel(text, fontsize=9)
    axes.yaxis.set_label_coords(-0.5 / inches, 0.5)


def _has_fit(one: Json) -> bool:
    """Whether a quadratic fit describes what the panel shows. Where other parameters vary too it is fitted to other
    votes than the levels (those between images that share the others); where votes are separated it has no bound."""
    return bool(one["quadratic"]) and one["alone"] and bool(np.ptp(_fitted(one)[1]) < 3 * np.ptp(one["theta"]))


def _fitted(one: Json) -> tuple[list[float], list[float]]:
    """The quadratic of the votes over the levels; its height is free, so that it has their mean."""
    place = np.log10(one["levels"]) if one["log"] else np.array(one["levels"], dtype=float)
    b1, b2 = one["quadratic"]["b1"], one["quadratic"]["b2"]
    fine = np.linspace(place.min(), place.max(), 60)
    height = float(np.mean(one["theta"]) - np.mean(b1 * place + b2 * place**2))
    values = 10**fine if one["log"] else fine
    return values.tolist(), (height + b1 * fine + b2 * fine**2).tolist()


def _metric(axes: Axes, result: Json, one: Json, inches: float) -> None:
    _plain(axes)
    found = losses(result, one["parameter"])
    axes.plot(
        [v for v, *_ in found], [z for _, z, _ in found], color=style.INK, linewidth=1.1, marker="o", markersize=4.5
    )
    for value, z, lowest in found:
        if lowest:
            axes.plot(
                value, z, "o", markersize=11, markerfacecolor="none", markeredgecolor=style.MINIMISER, markeredgewidth=2
            )
    parameters.scale_x(axes, one["levels"], inches)
    zs = [z for _, z, _ in found]
    pad = 0.22 * (max(zs) - min(zs)) or 0.5
    axes.set_ylim(min(zs) - pad, max(zs) + pad)
    axes.yaxis.set_major_locator(ticks.few(1.0, 0.34))
    _name(axes, "metric (z)", inches)


def _legend(result: Json, shown: list[Json]) -> list[Artist]:
    metric, group = primary(result), pooled(result)
    handles: list[Artist] = []
    if any(one["band_low"] for one in shown):
        handles.append(Patch(facecolor=BAND, label="simultaneous 95 % band"))
    if any(one["alone"] for one in shown) and group["favourite"] is not None:
        handles.append(signs.favourite_star(signs.favourite_words([group], simulated=result["study"]["simulated"])))
    if any(map(_has_fit, shown)):
        handles.append(Line2D([], [], color=FITTED, linewidth=1.3, linestyle=(0, (5, 2)), label="quadratic fit"))
    if any(one["peak_inside"] and one["peak_low"] is not None for one in shown):
        handles.append(
            Line2D([], [], color=FITTED, linewidth=2.4, marker="D", markersize=6, label="peak of a quadratic fit, 95 %")
        )
    if metric and minimum(metric, None):
        handles.append(style.minimum_ring(extreme(metric)))
    return handles


def _text(result: Json) -> dict[str, str]:
    shown, metric = curves(result), primary(result)
    said = " ".join(one["sentence"] for one in shown)
    below = (
        f" Below: {short_name(metric)} as mean z within scene, lower predicted better."
        if metric and minimum(metric, None)
        else ""
    )
    caption = f"{said} {basis(pooled(result), result)}.{below}"
    peaks = "; ".join(f"{one['label']} highest at {one['levels'][int(np.argmax(one['theta']))]:g}" for one in shown)
    return texts(
        result, _title(result)[0], caption, f"Curve of the preference score over the parameter: {peaks}. {said}"
    )


def _rows(result: Json) -> Table:
    lines = []
    for one in curves(result):
        z = {value: mean for value, mean, _ in losses(result, one["parameter"])}
        for i, value in enumerate(one["levels"]):
            low, high = (one[k][i] if one[k] else None for k in ("band_low", "band_high"))
            lines.append([one["parameter"], value, one["theta"][i], low, high, z.get(value), one["shape"]])
    return columns("parameter value theta band_low band_high mean_z shape", iter(lines))


CHART = Chart(stem=STEM, exists=lambda result: bool(curves(result)), text=_text, draw=_draw, rows=_rows)
