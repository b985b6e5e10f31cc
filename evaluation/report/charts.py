"""The figures of an analysis on the page: their texts, their files, and the place each belongs to."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.files.storage import storages
from django.urls import reverse

from evaluation.core.figures import chart_texts
from evaluation.models import Analysis
from evaluation.services import figure_name

TOP = "top"
SIZE = re.compile(rb'<svg[^>]* width="([0-9.]+)pt" height="([0-9.]+)pt"')
#: (tab, part of it) of a figure by the beginning of its file stem; without a part it stands at the end of the tab.
PLACES = {
    "fig02": ("scenes", ""),
    "fig04": ("explore", ""),
    "fig05": ("scenes", "pairs"),
    "fig06": ("metrics", "agreement"),
    "fig07": ("weights", "shape"),
    "fig08": ("weights", "learned"),
    "fig09": ("metrics", "regret"),
    "fig10": ("voters", "quality"),
    "fig11": ("voters", "quality"),
    "fig12": ("voters", "flow"),
    "fig13": ("voters", ""),
    "fig14": ("weights", "factors"),
}


@dataclass(frozen=True)
class Chart:
    """A figure on the page: its texts and the addresses of its files."""

    stem: str
    title: str
    caption: str
    alt: str
    wide: str
    narrow: str
    png: str
    csv: str
    wide_size: tuple[int, int] | None
    narrow_size: tuple[int, int] | None


def charts_of(analysis: Analysis, results: Mapping[str, Any], bind: Callable[[Any], Any]) -> list[Chart]:
    """The figures of an analysis in their order."""
    return [_chart(analysis, stem, text) for stem, text in bind(chart_texts(results)).items()]


def place_of(stem: str) -> tuple[str, str]:
    """(tab, part) a figure belongs to: the two main charts on top, panels of scenes with the scenes."""
    if stem in ("fig01_votes", "fig03_loss"):
        return (TOP, "")
    return PLACES.get(stem[:5], ("scenes" if stem.endswith("by_scene") else "metrics", ""))


def _chart(analysis: Analysis, stem: str, text: Mapping[str, str]) -> Chart:
    def address(name: str) -> str:
        return reverse("evaluation:figure", args=[analysis.study.slug, analysis.pk, name])

    return Chart(
        stem=stem,
        title=text["title"],
        caption=text["caption"],
        alt=text["alt"],
        wide=address(f"{stem}.svg"),
        narrow=address(f"{stem}_narrow.svg"),
        png=address(f"{stem}.png"),
        csv=address(f"{stem}.csv"),
        wide_size=_size(analysis, f"{stem}.svg"),
        narrow_size=_size(analysis, f"{stem}_narrow.svg"),
    )


def _size(analysis: Analysis, name: str) -> tuple[int, int] | None:
    """Width and height of an SVG as its head says, so that the page keeps its place free until it is loaded."""
    storage, path = storages["reports"], figure_name(analysis, name)
    if not storage.exists(path):
        return None
    with storage.open(path) as file:
        found = SIZE.search(file.read(1000))
    return (round(float(found[1])), round(float(found[2]))) if found else None
