"""Which hyper-parameter of a grid matters for its losses, before anybody votes: read from the rows, stored nowhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evaluation.core.dataset import Condition, MetricInfo
from evaluation.core.figures.loss_factors import factor_files
from evaluation.core.weights.factors import LossFactors, loss_factors, loss_sentences
from evaluation.core.weights.factors.results import FactorSize
from evaluation.core.weights.factors.sayings import percent, spoken
from evaluation.core.words import Reason, joined
from evaluation.services import EvaluationError
from generation.core import tasks
from generation.core.csv_text import csv_table
from generation.core.drawing.numbers import short
from generation.core.report.data import Measure, Report
from generation.core.spec import digest
from generation.models import Grid, Metric
from generation.report import gather

#: Numbers of a training run, the same in all of its pictures: what is told unless other metrics are asked for.
OF_RUN = ("train_g", "train_g_l1", "train_g_gan", "val_g", "val_ab_error")
COLUMNS = (
    "metric", "family", "factor", "level", "seeds", "mean", "sd", "change", "ci_low", "ci_high", "share", "rank",
    "p_rank_first", "noise_sd", "noise_source", "noise_range_mean", "noise_range_95", "p_noise", "pooled_sd",
    "p_pooled", "withstands", "status", "reason_code",
)  # fmt: skip
#: The family of the rows that hold the mean over all families.
TOGETHER = "all families"


@dataclass(frozen=True)
class GridFactors:
    """One metric of a grid: its factors or why there are none. ``scenes_left_out``: labels of the scenes in which a
    render lacks the metric."""

    metric: MetricInfo
    found: LossFactors | Reason
    scenes_left_out: tuple[str, ...]

    @property
    def sentences(self) -> list[str]:
        """What it says."""
        said = [self.found.sentence] if isinstance(self.found, Reason) else loss_sentences(self.found)
        if self.scenes_left_out:
            said.append(f"Scenes left out because a render lacks it there: {joined(self.scenes_left_out)}.")
        return said


def grid_factors(grid: Grid, keys: Sequence[str] = ()) -> list[GridFactors]:
    """The factors of ``grid`` in the metrics ``keys``; without keys in those of the training, else in the primary one.

    Raises :class:`EvaluationError` with a sentence.
    """
    report = gather(grid, curves=False)
    if not report.points:
        raise EvaluationError(f"“{grid}” has no conditions yet: lay it out with manage.py render first.")
    rows = list(grid.metrics.select_related("metric"))
    there = [(row, measure) for row, measure in zip(rows, report.measures, strict=True)]
    wanted = list(keys) or [key for key in OF_RUN if any(m.key == key for _, m in there)]
    chosen = [(row, m) for key in wanted for row, m in there if key in (m.key, m.id)]
    if not wanted:
        chosen = [(row, m) for row, m in there if row.is_primary] or there[:1]
    unknown = [key for key in wanted if all(key not in (m.key, m.id) for _, m in there)]
    if not there:
        raise EvaluationError(f"“{grid}” has no metric of any kind. Measure it first: manage.py measure {grid.slug}.")
    if unknown:
        names = ", ".join(m.id for _, m in there)
        raise EvaluationError(f"“{grid}” has no metric “{unknown[0]}”. Its metrics: {names}.")
    conditions = _conditions(grid, report)
    return [_told(report, conditions, row.metric, measure) for row, measure in chosen]


def _conditions(grid: Grid, report: Report) -> list[Condition]:
    task = tasks.get(grid.task) if grid.task in tasks.names() else None
    methods = list(grid.conditions.values_list("condition__method", flat=True))
    found = []
    for i in report.points:
        own = report.conditions[i]
        fixes = task.objective(own.params) if task else own.params
        found.append(
            Condition(
                str(i), own.label, i, methods[i], is_default=own.is_default, objective_id=digest(dict(fixes)),
                params=dict(own.params),
            )
        )  # fmt: skip
    return found


def _told(report: Report, conditions: Sequence[Condition], metric: Metric, measure: Measure) -> GridFactors:
    info = MetricInfo(
        measure.id, metric.key, metric.label, metric.direction, metric.role, metric.comparable_within, unit=metric.unit
    )
    values, left_out = _values(report, measure)
    return GridFactors(info, loss_factors(conditions, values, info), left_out)


def _values(report: Report, measure: Measure) -> tuple[list[list[float]], tuple[str, ...]]:
    """Of each condition its number per seed, the mean over the scenes in which no run lacks it; and the other scenes.

    A run without the metric in any scene (it diverged, it is still to be made) has no number.
    """
    numbers: dict[tuple[int, int], dict[int, float]] = {}
    for run in report.runs:
        value = run.scores.get(measure.id)
        if not run.trouble and isinstance(value, float):
            numbers.setdefault((run.condition, run.seed), {})[run.scene] = value
    everywhere = set.intersection(*(set(own) for own in numbers.values())) if numbers else set()
    values = [
        [
            float(np.mean([own[s] for s in sorted(everywhere)]))
            for (condition, _), own in sorted(numbers.items())
            if condition == i and everywhere
        ]
        for i in report.points
    ]
    some = {scene for own in numbers.values() for scene in own}
    return values, tuple(report.scenes[s] for s in sorted(some - everywhere))


def factor_tables(told: GridFactors) -> list[str]:
    """Lines of a printed table per family."""
    if isinstance(told.found, Reason):
        return []
    lines: list[str] = []
    for family in told.found.families:
        of = "default" if family.base else "mean"
        head = ("factor", "range", f"% of {of}", "95 % interval", "noise alone (95 %)", "P(first)")
        cells = [head, *map(_cells, family.factors)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(head))]
        base = f"default “{family.base}”" if family.base else "mean"
        lines.append(f"{family.name or 'All conditions'}, {base}: {short(family.middle, 4)}")
        for name, *numbers in cells:
            padded = [number.rjust(width) for number, width in zip(numbers, widths[1:], strict=True)]
            lines.append("  ".join([f"  {name.ljust(widths[0])}", *padded]))
    return lines


def _cells(f: FactorSize) -> tuple[str, ...]:
    return (
        spoken(f.factor),
        short(f.size, 4),
        "–" if f.share is None else percent(f.share).removesuffix(" %"),
        "–" if f.low is None or f.high is None else f"{short(f.low, 3)} to {short(f.high, 3)}",
        "not known" if f.expected is None or f.most is None else f"{short(f.expected, 3)} ({short(f.most, 3)})",
        "–" if f.p_first is None else f"{f.p_first:.2f}",
    )


def factor_rows(told: GridFactors) -> Iterator[dict[str, Any]]:
    """Rows of ``factors.csv``: one per level, one per factor (``level`` is empty), and the means over the families."""
    name = told.metric.id
    if isinstance(told.found, Reason):
        yield {"metric": name, "status": "not_computable", "reason_code": told.found.code}
        return
    for family in told.found.families:
        noise = family.noise
        why = {"status": "ok" if noise else "warning", "reason_code": "" if noise else "NC_ONE_SEED"}
        common = {"metric": name, "family": family.name} | why
        for f in family.factors:
            order = {"factor": f.factor, "rank": f.rank, "p_rank_first": f.p_first}
            for level in f.levels:
                yield common | order | {
                    "level": level.level, "seeds": level.n, "mean": level.mean, "sd": level.sd,
                    "change": level.change, "ci_low": level.low, "ci_high": level.high,
                    "share": level.change / abs(family.middle) if family.middle else None,
                }  # fmt: skip
            yield common | order | {
                "level": "", "change": f.size, "ci_low": f.low, "ci_high": f.high, "share": f.share,
                "noise_sd": noise.sd if noise else None, "noise_source": noise.source if noise else "",
                "noise_range_mean": f.expected, "noise_range_95": f.most, "p_noise": f.p_noise,
                "pooled_sd": family.pooled.sd if family.pooled else None, "p_pooled": f.p_pooled,
                "withstands": f.withstands,
            }  # fmt: skip
    for family_name, reason in told.found.refused:
        yield {"metric": name, "family": family_name, "status": "not_computable", "reason_code": reason.code}
    for rank, mean in enumerate(told.found.means, start=1):
        yield {
            "metric": name, "family": TOGETHER, "factor": mean.factor, "level": "", "share": mean.share, "rank": rank,
            "p_rank_first": mean.p_first, "status": "ok" if mean.p_first is not None else "warning",
            "reason_code": "" if mean.p_first is not None else "NC_ONE_SEED",
        }  # fmt: skip


def factors_files(grid: Grid, told: Iterable[GridFactors]) -> dict[str, bytes]:
    """File name -> bytes: ``factors.csv`` and a figure for each metric that says something."""
    each = list(told)
    lines = [[row.get(c) for c in COLUMNS] for one in each for row in factor_rows(one)]
    files = {"factors.csv": csv_table([COLUMNS, *lines])}
    for one in each:
        if not isinstance(one.found, Reason):
            files |= factor_files(grid.title, one.found)
    return files
