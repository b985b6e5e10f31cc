"""Loss curves of an analysis, for F2 (specs/evaluation.md, section 4): few enough points for a page."""

from __future__ import annotations

from typing import TypeVar

from evaluation.core.dataset import LossPoint, StudyData
from evaluation.core.sections import Json

T = TypeVar("T")
#: Points of all curves together, and the fewest of one curve.
POINTS, LEAST = 20_000, 8


def curves_json(data: StudyData) -> list[Json]:
    """Points {scene, condition, term, step, raw, weighted} of the first replicate of each picture of the grid. Curves
    with many steps keep some at equal distances, the first and the last among them."""
    shown = {s.id: s for s in data.stimuli if s.role == "grid" and s.replicate == 0}
    curves: dict[tuple[str, str], list[LossPoint]] = {}
    for point in data.curves:
        if point.stimulus in shown and point.raw is not None:
            curves.setdefault((point.stimulus, point.term), []).append(point)
    most = max(LEAST, POINTS // max(1, len(curves)))
    return [
        {"scene": shown[name].scene, "condition": shown[name].condition, "term": term, "step": p.step, "raw": p.raw,
         "weighted": p.raw * p.weight}
        for (name, term), points in curves.items()
        for p in spread(points, most)
        if p.raw is not None
    ]  # fmt: skip


def spread(items: list[T], most: int) -> list[T]:
    """At most ``most`` (2 or more) of ``items`` at equal distances, the first and the last among them."""
    if len(items) <= most:
        return items
    return [items[round(i * (len(items) - 1) / (most - 1))] for i in range(most)]
