"""What is not measured in a grid, and how to have it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generation.core import catalogue
from generation.core.confounds.words import joined, short

#: The properties that people see at once: what alarms want at the least.
WANTED = ("mean_luminance", "mean_saturation", "colourfulness", "sharpness", "noise_sigma")


@dataclass(frozen=True)
class Found:
    """A metric on the shown pictures of one grid: how many have a number, and a reason where one has none."""

    key: str
    label: str
    numbers: int
    reason: str = ""


def lacking(*, title: str, slug: str, pictures: int, found: Sequence[Found], wanted: Sequence[str]) -> list[str]:
    """Sentences about ``wanted`` keys that the grid does not ask for, and metrics without all their numbers."""
    # Of pictures made elsewhere the label is what their researcher called the column.
    known = {name for f in found for name in (f.key, f.label)}
    keys = [key for key in wanted if key not in known]
    said = []
    if keys:
        names = joined([short(catalogue.get(key).label) for key in keys])
        are, them = ("is", "it") if len(keys) == 1 else ("are", "them")
        said.append(
            f"{names[:1].upper()}{names[1:]} {are} not measured in the grid “{title}”. Measure {them} on the grid’s "
            f"page, or run: manage.py measure {slug} {' '.join(keys)}"
        )
    short_of: dict[tuple[int, str], list[str]] = {}
    for metric in found:
        if metric.numbers < pictures:
            short_of.setdefault((metric.numbers, metric.reason), []).append(metric.label)
    for (numbers, reason), labels in short_of.items():
        how_many = f"none of the {pictures} pictures" if not numbers else f"only {numbers} of the {pictures} pictures"
        why = reason or f"Measure it on the grid’s page, or run: manage.py measure {slug} METRIC"
        said.append(f"In the grid “{title}” {how_many} have {joined(labels)}. {why}")
    return said
