"""What stands behind the named tabs: of every part of an analysis its sentences, its figures and its tables.

A part that an analysis of an earlier version does not have is not shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from evaluation.report.charts import Chart, place_of
from evaluation.report.contents import tables_of
from evaluation.report.sentences import sentences_of
from evaluation.report.tables import Table

Json = Mapping[str, Any]

TABS = {
    "scenes": "Scene by scene",
    "metrics": "Metrics",
    "weights": "Weights and shape",
    "voters": "Voters",
    "explore": "Explore",
    "tests": "All tests",
}
#: Part of an analysis -> (tab, heading), in reading order.
PARTS = {
    "head_to_head": ("metrics", "The minimiser against its rivals"),
    "agreement": ("metrics", "How often votes agree with a metric"),
    "ceilings": ("metrics", "What the votes themselves allow"),
    "regret": ("metrics", "What choosing by a metric costs"),
    "top1": ("metrics", "How often a metric picks the favourite"),
    "discrimination": ("metrics", "Different or similar, better or worse"),
    "correlation": ("metrics", "Correlation with preference"),
    "comparison": ("metrics", "Metric against metric"),
    "strength": ("metrics", "Among clearly changed pictures only"),
    "fooling": ("metrics", "Taken for real"),
    "learned": ("weights", "The weights these votes would choose"),
    "shape": ("weights", "Preference over a parameter"),
    "factors": ("weights", "Which setting matters"),
    "regression": ("weights", "Several metrics at once"),
    "heterogeneity": ("voters", "Do voters agree with each other?"),
    "sensitivity": ("voters", "Does the verdict depend on who is counted?"),
    "flips": ("voters", "How many votes would turn the result?"),
    "goodness": ("voters", "Does one scale describe the votes?"),
    "ties": ("voters", "Ties"),
    "quality": ("voters", "Quality of the answers"),
    "flow": ("voters", "From pairs laid out to votes counted"),
    "pairs": ("scenes", "Pair by pair"),
    "tests": ("tests", "Over all scenes"),
    "scene_tests": ("tests", "In single scenes"),
}


@dataclass(frozen=True)
class Block:
    """A heading with what belongs under it: sentences, figures, tables."""

    title: str
    sentences: Sequence[str]
    charts: Sequence[Chart]
    tables: Sequence[Table]


@dataclass(frozen=True)
class Tab:
    """A named part of the page; ``charts`` stand at its end."""

    key: str
    title: str
    blocks: list[Block] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)


def is_real_or_fake(results: Json) -> bool:
    """Whether the question showed generated pictures beside the photograph only, and no two of them together."""
    return bool(results["question"].get("kind") == "real_fake")


def tabs_of(results: Json, charts: Sequence[Chart]) -> list[Tab]:
    """The tabs in their order, each with the blocks that this analysis has."""
    tabs = {key: Tab(key, title) for key, title in TABS.items()}
    sections: Json = results.get("sections") or {}
    unnamed = {name: ("metrics", name.replace("_", " ").capitalize()) for name in sorted(set(sections) - set(PARTS))}
    placed: set[str] = set()
    for name, (tab, title) in (PARTS | unnamed).items():
        tables = tables_of(name, results)
        sentences = sentences_of(sections.get(name), results, tabled=bool(tables))
        own = [chart for chart in charts if place_of(chart.stem) == (tab, name)]
        if sentences or tables or own:
            tabs[tab].blocks.append(Block(title, sentences, own, tables))
            placed.update(chart.stem for chart in own)
    for chart in charts:
        tab = place_of(chart.stem)[0]
        if tab in tabs and chart.stem not in placed:
            tabs[tab].charts.append(chart)
    if is_real_or_fake(results):
        del tabs["explore"]  # it holds losses against preference
    return list(tabs.values())
