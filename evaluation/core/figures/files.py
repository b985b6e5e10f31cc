"""All files of the figures of one analysis, with their titles, captions and alternative texts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evaluation.core.bundle import csv_bytes, csv_cell
from evaluation.core.figures import style
from evaluation.core.figures.loss import loss_figure, loss_title, points, scored
from evaluation.core.figures.votes import minimisers, votes_figure, votes_title
from evaluation.core.words import metric_name

Json = Mapping[str, Any]

VOTES, VOTES_SCENES = "fig01_votes", "fig01_votes_by_scene"
LOSS, LOSS_SCENES = "fig03_loss", "fig03_loss_by_scene"


def chart_texts(result: Json) -> dict[str, dict[str, str]]:
    """Title, caption and alternative text of each figure that this analysis has, by file stem."""
    texts = {VOTES: _votes_text(result, by_scene=False)}
    n_scenes = sum(g["scope"] == "scene" for g in result["groups"])
    if n_scenes > 1:
        texts[VOTES_SCENES] = _votes_text(result, by_scene=True)
    metric = _primary(result)
    if metric is not None and points(result["groups"][0], metric):
        texts[LOSS] = _loss_text(result, metric, by_scene=False)
    scenes = [g for g in result["groups"] if g["scope"] == "scene"]
    if metric is not None and n_scenes > 1 and any(points(g, metric) for g in scenes):
        texts[LOSS_SCENES] = _loss_text(result, metric, by_scene=True)
    return texts


def chart_files(result: Json) -> dict[str, bytes]:
    """File name -> bytes: per figure a wide SVG, a narrow SVG for phones, a PNG for print and a CSV of its data."""
    return style.styled(lambda: _draw_all(result))


def _draw_all(result: Json) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    metric = _primary(result)
    for stem, text in chart_texts(result).items():
        by_scene = stem.endswith("by_scene")
        for narrow in (False, True):
            if stem.startswith(VOTES):
                figure = votes_figure(result, narrow=narrow, by_scene=by_scene)
            else:
                figure = loss_figure(result, metric or {}, narrow=narrow, by_scene=by_scene)
            files[f"{stem}{'_narrow' if narrow else ''}.svg"] = style.svg(figure, text["title"], text["alt"])
            if not narrow:
                files[f"{stem}.png"] = style.png(figure, text["title"], text["alt"])
        rows = _votes_rows(result, by_scene) if stem.startswith(VOTES) else _loss_rows(result, metric or {}, by_scene)
        files[f"{stem}.csv"] = _csv(rows)
    return files


def _primary(result: Json) -> Json | None:
    return next((m for m in result["metrics"] if m["id"] == result["primary"]), None)


def _votes_text(result: Json, *, by_scene: bool) -> dict[str, str]:
    title, _ = votes_title(result, by_scene=by_scene)
    pooled = result["groups"][0]
    voters = "simulated participants" if result["study"]["simulated"] else "participants"
    head = "SIMULATED. " if result["study"]["simulated"] else ""
    caption = (
        f"{head}{pooled['n_votes']} votes by {pooled['n_participants']} {voters}. Bars: share of meetings won, "
        f"each rival weighing the same; dashed: no preference. {result['bar_chart_warning']}"
    )
    shares = "; ".join(
        f"{r['label']} {100 * r['share']:.0f} %" if r["share"] is not None else f"{r['label']} not shown"
        for r in pooled["rows"]
    )
    alt = f"{head}Bar chart of the share of meetings each condition won. {shares}. {result['headline']['sentence']}"
    return {"title": title, "caption": caption, "alt": alt}


def _loss_text(result: Json, metric: Json, *, by_scene: bool) -> dict[str, str]:
    title, _ = loss_title(metric, by_scene=by_scene)
    pooled = scored(result["groups"][0], metric)
    where = "" if by_scene or pooled is result["groups"][0] else f" {pooled['label']}."
    voters = "simulated participants" if result["study"]["simulated"] else "participants"
    head = "SIMULATED. " if result["study"]["simulated"] else ""
    caption = (
        f"{head}Preference score (Bradley–Terry, logit) of each condition against its {metric_name(metric['label'])}, "
        f"with 95 % intervals; {pooled['n_votes']} votes by {pooled['n_participants']} {voters}. "
        f"{metric['agreement']['sentence']}{where}"
    )
    alt = f"{head}Scatter plot of preference score against {metric['label']}. {metric['tests'][0]['sentence']}"
    return {"title": title, "caption": caption, "alt": alt}


def _votes_rows(result: Json, by_scene: bool) -> list[list[Any]]:
    rows: list[list[Any]] = [
        ["scene", "condition", "share", "ci_low", "ci_high", "n_votes", "n_participants", "is_minimiser",
         "has_highest_score", "is_most_preferred", "in_favourite_set"]
    ]  # fmt: skip
    for g in result["groups"]:
        if (g["scope"] == "scene") == by_scene:
            lowest = minimisers(result, g)
            rows += [
                [g["label"], r["label"], r["share"], r["low"], r["high"], r["n_votes"], r["n_participants"],
                 r["condition"] in lowest, r["condition"] == g["favourite"],
                 r["condition"] == g["favourite"] and g["favourite_sure"], r["in_favourite_set"]]
                for r in g["rows"]
            ]  # fmt: skip
    return rows


def _loss_rows(result: Json, metric: Json, by_scene: bool) -> list[list[Any]]:
    rows: list[list[Any]] = [
        [
            "scene",
            "condition",
            "metric",
            "value",
            "z",
            "theta",
            "ci_low",
            "ci_high",
            "is_minimiser",
            "has_highest_score",
            "is_most_preferred",
        ]
    ]
    for g in result["groups"]:
        if (g["scope"] == "scene") == by_scene:
            rows += [
                [g["label"], p["label"], metric["label"], p["value"] if by_scene else None, p["x"], p["y"], p["low"],
                 p["high"], p["is_minimum"], p["is_favourite"],
                 p["is_favourite"] and scored(g, metric)["favourite_sure"]]
                for p in points(g, metric)
            ]  # fmt: skip
    return rows


def _csv(rows: Iterable[list[Any]]) -> bytes:
    return csv_bytes([csv_cell(v) for v in row] for row in rows)
