"""A printed table as a study without votes, and its minimisers as lines of the page."""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.core.dataset import Condition, MetricInfo, Question, Scene, Score, Stimulus, StudyData
from evaluation.core.verdict import minimiser
from evaluation.core.words import Reason, joined

ROOT = Path(__file__).parents[2]
Row = Mapping[str, str]


@dataclass(frozen=True)
class Column:
    """A number of the table: what it is called, how it is read from a row, and within what it may be compared."""

    label: str
    value: Callable[[Row], float]
    scope: str = "objective"


def rows(name: str) -> list[Row]:
    """A table of ``fixtures/seeds`` as printed."""
    with (ROOT / "fixtures" / "seeds" / f"{name}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def study(name: str, table: Sequence[Row], label: Callable[[Row], str], objective: Callable[[Row], str],
          columns: Sequence[Column]) -> StudyData:  # fmt: skip
    """The table as a study without votes: one scene, a condition per row, a metric per column."""
    place = range(len(table))
    return StudyData(
        slug=name,
        title=name,
        simulated=False,
        questions=(Question("natural", "Which looks more natural?"),),
        scenes=(Scene("paper", "as printed"),),
        conditions=tuple(Condition(f"c{i}", label(table[i]), i, objective_id=objective(table[i])) for i in place),
        stimuli=tuple(Stimulus(f"s{i}", "paper", f"c{i}") for i in place),
        metrics=tuple(
            MetricInfo(f"m{j}", f"m{j}", column.label, comparable_within=column.scope)
            for j, column in enumerate(columns)
        ),
        scores=tuple(
            Score(f"s{i}", f"m{j}", column.value(table[i])) for i in place for j, column in enumerate(columns)
        ),
        participants=(),
        trials=(),
    ).canonical()


def minima(data: StudyData) -> list[str]:
    """One line of a table per metric: its minimiser, the value, the margin to the next; or why there is none."""
    lines = ["| column | smallest | value | next | margin |", "|---|---|---|---|---|"]
    conditions = [c.id for c in data.conditions]
    for metric in data.metrics:
        found = minimiser.scene_minimum(
            data, metric, minimiser.cells(data, metric), "paper", conditions, "the printed table"
        )
        if isinstance(found, Reason):
            lines.append(f"| {metric.label} | not said | | | {found.sentence} |")
            continue
        best = found.items[0]
        others = {c: v for c, v in found.values.items() if c not in found.items}
        second = min(others, key=lambda c: others[c])
        share = 100 * found.margin / abs(found.values[best])
        name = joined([data.condition[c].label for c in found.items])
        lines.append(
            f"| {metric.label} | {name} | {number(found.values[best])} | {data.condition[second].label} | "
            f"{number(found.margin)} ({share:.2g} %) |"
        )
    return lines


def number(value: float) -> str:
    """1,234.5; 0.0123; as many digits as the papers print."""
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.5g}"


def weighted(column: str) -> Callable[[Row], float]:
    """The number as printed."""
    return lambda row: float(row[column])


def rate(row: Row) -> str:
    return f"lr {float(row['learning_rate']):g}"
