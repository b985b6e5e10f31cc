"""A figure of the report as one small object, and what the words of all figures share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from matplotlib.figure import Figure

from evaluation.core.words import metric_name

Json = Mapping[str, Any]
T = TypeVar("T")
#: The data of a figure: a line of column names, then one line per mark.
Table = list[list[Any]]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """One figure of an analysis' JSON. ``exists``: whether it has something to show there; the others may only be
    called where it has. ``text``: title, caption and alt (see :func:`texts`); ``draw(result, narrow)``; ``rows``."""

    stem: str
    exists: Callable[[Json], bool]
    text: Callable[[Json], dict[str, str]]
    draw: Callable[[Json, bool], Figure]
    rows: Callable[[Json], Table]


def texts(result: Json, title: str, caption: str, alt: str) -> dict[str, str]:
    """Title, caption and alternative text of a figure; those of a rehearsal begin with SIMULATED."""
    head = "SIMULATED. " if result["study"]["simulated"] else ""
    return {"title": title, "caption": head + caption, "alt": head + alt}


def basis(group: Json, result: Json) -> str:
    """'1200 votes by 40 participants': what a figure rests on; ``group``: has n_votes and n_participants."""
    return f"{group['n_votes']} votes by {group['n_participants']} {participants(result)}"


def participants(result: Json) -> str:
    """Who took part, in the plural."""
    return "simulated participants" if result["study"]["simulated"] else "participants"


def voters(result: Json) -> str:
    """Who is said to prefer: never people in a rehearsal."""
    return "simulated voters" if result["study"]["simulated"] else "people"


def table(result: Json, name: str) -> list[Json]:
    """Rows of a table of the analysis; none where it has no such table."""
    return list(result.get("tables", {}).get(name, ()))


def section(result: Json, name: str) -> Json:
    """Summary of a part of the analysis; empty where it has no such part."""
    found: Json = result.get("sections", {}).get(name) or {}
    return found


def primary(result: Json) -> Json | None:
    """The metric that carries the verdict, or None."""
    return next((m for m in result["metrics"] if m["id"] == result["primary"]), None)


def metric_label(result: Json, name: str) -> str:
    """A metric's label, its id where the analysis does not list it."""
    return next((str(m["label"]) for m in result["metrics"] if m["id"] == name), name)


def short_name(metric: Json) -> str:
    """A metric's label inside a sentence, without what stands in its parentheses."""
    return metric_name(metric["label"], short=True)


def extreme(metric: Json) -> str:
    """'lowest total loss': what the metric's minimiser has."""
    return f"{'highest' if metric['direction'] == 'higher_better' else 'lowest'} {short_name(metric)}"


def pooled(result: Json) -> Json:
    """The group of all scenes."""
    group: Json = result["groups"][0]
    return group


def scenes(result: Json) -> list[Json]:
    """The groups of single scenes, in their order."""
    return [g for g in result["groups"] if g["scope"] == "scene"]


def condition_labels(result: Json) -> dict[str, str]:
    """Condition id -> label, in grid order."""
    return {c["id"]: c["label"] for c in result["conditions"]}


def minimum(metric: Json | None, scene: str | None) -> Json | None:
    """Where the metric is lowest in a scene (None: over all), or None where it has no minimum there."""
    tests = metric["tests"] if metric else []
    found: Json | None = next((t["minimum"] for t in tests if t["scene"] == scene), None)
    return found


def minus(text: str) -> str:
    """A printed number with a real minus sign, and without one where it rounds to zero."""
    return text.lstrip("-+") if float(text) == 0 else text.replace("-", "−")


#: Panels of a figure that has one per scene, and rows over all of its panels; the CSV has every scene.
MOST_PANELS, MOST_ROWS = 12, 100


def first_panels(groups: Sequence[T], rows: int = 1) -> list[T]:
    """As many of ``groups`` as a figure can hold and a reader can take in, where each is a panel of ``rows`` rows."""
    return list(groups[: max(2, min(MOST_PANELS, MOST_ROWS // max(1, rows)))])


def panels_note(drawn: int, there: int) -> str:
    """The sentence of a caption that says which scenes are drawn; empty where all are."""
    return f" The first {drawn} of {there} scenes are drawn; the CSV has all." if drawn < there else ""


def columns(names: str, lines: Iterator[list[Any]]) -> Table:
    """A table of ``names`` (separated by blanks) and ``lines``."""
    return [names.split(), *lines]
