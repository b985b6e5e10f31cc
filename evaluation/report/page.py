"""One question's part of the page: the verdict on top, the votes, and the tabs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from evaluation.core.words import C1_WORDS
from evaluation.models import Analysis
from evaluation.report.charts import TOP, Chart, charts_of, place_of
from evaluation.report.contents import CEILINGS, names_of, tables_of
from evaluation.report.numbers import interval, percent, signed, signed_interval, unbroken
from evaluation.report.pictures import Shown, pictures_of
from evaluation.report.sentences import plainly
from evaluation.report.tables import Column, Table, number, span, table_of, words
from evaluation.report.tabs import Tab, is_real_or_fake, tabs_of
from evaluation.report.verdicts import BADGES, metric_row, scene_rows

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Report:
    """One question's part of the page."""

    analysis: Analysis
    results: Json
    badge: str
    level: str
    c1: str
    scene: str
    scene_place: str
    scene_note: str
    strength: str
    pictures: list[Shown]
    charts: list[Chart]
    votes: Table | None
    metrics: list[dict[str, Any]]
    scenes: list[dict[str, Any]]
    ceilings: list[tuple[str, str]]
    tabs: list[Tab]
    derived: list[tuple[str, str]]
    explorer: Mapping[str, str]


def report_of(analysis: Analysis) -> Report:
    """Everything the page says about one analysis."""
    bind = unbroken([c["label"] for c in analysis.results["conditions"]])
    results: Json = bind(analysis.results)
    scenes = [g for g in results["groups"] if g["scope"] == "scene"]
    charts = charts_of(analysis, results, bind)
    votes = _votes(results)
    metrics, scene_verdicts = [metric_row(metric, results) for metric in results["metrics"]], scene_rows(results)
    if is_real_or_fake(results):
        # No two conditions met: there is nothing to say of who is preferred, over all scenes or in one.
        votes, metrics, scene_verdicts = next(iter(tables_of("fooling", results)), None), [], []
        charts = [chart for chart in charts if chart.stem != "fig01_votes"]
    return Report(
        analysis=analysis,
        results=results,
        badge=BADGES[results["headline"]["verdict"]],
        level=C1_WORDS if results["headline"]["p"] is not None else "",
        c1=C1_WORDS,
        scene=scenes[0]["label"],
        scene_place=f"Scene 1 of {len(scenes)}" if len(scenes) > 1 else "The scene",
        scene_note=_scene_note(scenes, scene_verdicts),
        strength=_strength(results),
        pictures=pictures_of(analysis, results, scenes[0]["scene"]),
        charts=[chart for chart in charts if place_of(chart.stem)[0] == TOP],
        votes=votes,
        metrics=metrics,
        scenes=scene_verdicts,
        ceilings=_ceilings(results),
        tabs=tabs_of(results, charts),
        derived=[
            (name, reverse("evaluation:derived", args=[analysis.study.slug, analysis.pk, name]))
            for name, rows in sorted((results.get("tables") or {}).items())
            if rows
        ],
        explorer={
            part: reverse(f"evaluation:{part}", args=[analysis.study.slug, analysis.pk])
            for part in ("pictures", "pairs", "votes")
        },
    )


def _scene_note(scenes: list[Json], verdicts: list[dict[str, Any]]) -> str:
    """The pictures are of one scene and their labels of all: what that scene says by itself."""
    if len(scenes) < 2 or not verdicts or not verdicts[0]["tested"]:
        return ""
    return f" The labels are those of all scenes together; this scene alone: {verdicts[0]['verdict'].lower()}."


def _strength(results: Json) -> str:
    """Agreement with the primary metric among the visibly changed pictures: a photograph that was hardly changed looks
    natural whatever the loss."""
    found = ((results.get("sections") or {}).get("strength") or {}).get("metrics") or {}
    said = (found.get(results["primary"]) or {}).get("agreement") or {}
    return plainly(said["sentence"]) if said.get("accuracy") is not None else ""


def _votes(results: Json) -> Table | None:
    """Every condition over all scenes: its share of the votes, its score, whether it could be the favourite."""
    could_be = {True: "yes", False: "no"}
    columns = [
        words("Condition", "condition", names_of(results)),
        number("Meetings won", "share", percent),
        span("95 % interval", "low", "high", interval),
        number("Votes it was in", "n_votes"),
        number("Score (logit)", "theta", signed),
        span("95 % interval of the score", "theta_low", "theta_high", signed_interval),
        Column("Could be the favourite", lambda row: could_be.get(row["in_favourite_set"]), numeric=False),
    ]
    return table_of(results["groups"][0]["rows"], columns, title="Votes per condition")


def _ceilings(results: Json) -> list[tuple[str, str]]:
    found = results.get("ceilings") or {}
    return [(text, percent(found.get(key)) or "not enough votes") for key, text in CEILINGS.items()]
