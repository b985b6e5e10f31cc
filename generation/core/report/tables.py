"""The report as tables: in the shape of Meng's Tables 1 and 2, the minima, and every render in one long CSV.

Raw and weighted stand beside each other under their own names, because a weighted loss of one weight group and a raw
one of another cannot be told apart by looking (Meng's tables hold weighted values with the two names exchanged).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generation.core.report.axes import levels, others, text, varying
from generation.core.report.data import Axis, Measure, Report, Value, over_scenes, weighted
from generation.core.report.minima import edges, minimum
from generation.core.spec import Scalar

#: Column groups beside each other, and the share of their cells that must be filled, for a grid of rows and columns.
MOST_GROUPS, FILLED = 12, 0.5
Lines = list[list[object]]


@dataclass(frozen=True)
class LossTable:
    """Losses by the first varying parameter (rows) and all others (column groups). ``rows``: label, and per group one
    value per column; ``title``: what the row labels are; ``note``: how to read it."""

    title: str
    groups: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[tuple[Value, ...], ...]], ...]
    note: str


def loss_table(report: Report) -> LossTable:
    """Raw and weighted (raw times the condition's own weight) losses, the mean over scenes and seeds."""
    parts = [m for m in report.shown if m.weight]
    shown = parts or list(report.shown)
    columns = tuple(f"{_bare(m)}, {kind}" for kind in ("raw", "weighted") for m in parts) or tuple(
        m.label for m in shown
    )
    base = [a for a in varying(report) if not a.of]
    axis = _row_axis(base)
    note = "Mean over all scenes and seeds" if len(report.scenes) > 1 or len(report.seeds) > 1 else "The only scene"
    note += "; weighted is raw times the condition's own weight." if parts else "."
    if axis is not None:
        table = _crossed(report, axis, [a for a in base if a is not axis], shown, parts, columns, note)
        if table is not None:
            return table
    rows = tuple((report.conditions[i].label, (_cells(report, i, shown, parts),)) for i in report.points)
    return LossTable("Condition", ("",), columns, rows, note)


def _bare(measure: Measure) -> str:
    """The name of a term without its kind, which stands behind it."""
    return measure.label.removesuffix(" (raw)")


def _row_axis(base: Sequence[Axis]) -> Axis | None:
    return next((a for a in base if a.name == "learning_rate"), base[0] if base else None)


def _crossed(
    report: Report, axis: Axis, beside: Sequence[Axis], shown: Sequence[Measure], parts: Sequence[Measure],
    columns: tuple[str, ...], note: str,
) -> LossTable | None:  # fmt: skip
    """The table with rows by ``axis``; None where the conditions do not fill such a table."""
    at: dict[tuple[str, str], int] = {}
    for i in report.points:
        key = (repr(report.conditions[i].value(axis.name)), others(report, beside, i))
        at[key] = i
    groups = tuple(dict.fromkeys(words for _, words in at))
    there = levels(report, axis)
    apart = len(at) == len(report.points) and all(
        report.conditions[i].value(axis.name) is not None for i in at.values()
    )
    if not apart or len(groups) > MOST_GROUPS or len(at) < FILLED * len(groups) * len(there):
        return None
    nothing: tuple[Value, ...] = ("not in this grid",) * len(columns)
    rows = tuple(
        (
            text(v),
            tuple(_cells(report, at[repr(v), g], shown, parts) if (repr(v), g) in at else nothing for g in groups),
        )
        for v in there
    )
    return LossTable(axis.label, groups, columns, rows, note)


def _cells(report: Report, condition: int, shown: Sequence[Measure], parts: Sequence[Measure]) -> tuple[Value, ...]:
    raw = [over_scenes(report, m, condition) for m in shown]
    return (*raw, *(weighted(report, m, condition, v) for m, v in zip(shown, raw, strict=True) if parts))


def loss_lines(report: Report) -> Lines:
    """The same as lines: a line per row and column group."""
    table = loss_table(report)
    head: list[object] = [table.title, "conditions with", *table.columns]
    lines: Lines = [head]
    for label, row in table.rows:
        for group, cells in zip(table.groups, row, strict=True):
            lines.append([label, group or "nothing else varies", *cells])
    return lines


def minima_lines(report: Report) -> Lines:
    """Where each shown measure is lowest: over all scenes and in each."""
    lines: Lines = [["measure", "scene", "best", "condition", "value", "runner_up", "margin_percent", "edge_of_grid"]]
    scopes: list[int | None] = [*([None] if len(report.scenes) > 1 else []), *range(len(report.scenes))]
    for measure in report.shown:
        for scene in scopes:
            found = minimum(report, measure, scene)
            name = "mean over scenes" if scene is None else report.scenes[scene]
            if found is None:
                lines.append([measure.label, name, measure.best, *["no condition has a value"] * 5])
                continue
            runner = report.conditions[found.next].label if found.next is not None else "no other has a value"
            margin = 100 * found.margin if found.margin is not None else "no runner-up above 0"
            edge = "; ".join(edges(report, found)) or "no"
            label = report.conditions[found.condition].label
            lines.append([measure.label, name, measure.best, label, found.value, runner, margin, edge])
    return lines


def render_lines(report: Report) -> Lines:
    """Every render in a line: all parameters, derived columns, raw and weighted terms, every score, and its hashes.

    A diverged render keeps the scores of its last finite picture; its status and reason say so.
    """
    parts = [m for m in report.measures if m.weight]
    base = [a for a in report.axes if not a.of]
    derived = [a for a in report.axes if a.of]
    networks = sorted({name for r in report.runs for name in r.weights})
    head: list[object] = ["scene", "condition", "role", "seed", "status", "reason"]
    head += [*(a.name for a in base), *(a.name for a in derived)]
    head += [*(m.id for m in report.measures), *(f"{m.id}_weighted" for m in parts)]
    head += ["steps_done", "seconds", "device", "image_sha256", *(f"weights_sha256_{n}" for n in networks)]
    head += ["curve_sha256"]
    lines: Lines = [head]
    for run in report.runs:
        c = report.conditions[run.condition]
        scores: dict[str, Value] = {m.id: run.scores.get(m.id, run.trouble or "not measured") for m in report.measures}
        status = {"nan": "diverged", "planned": "not rendered yet"}.get(run.status, run.status)
        line: list[object] = [
            report.scenes[run.scene],
            c.label,
            c.role,
            run.seed,
            status,
            run.reason or "nothing to report",
        ]
        line += [_or(c.params.get(a.name), "no such parameter") for a in base]
        line += [_or(c.derived.get(a.name), "cannot be derived") for a in derived]
        line += [*scores.values(), *(weighted(report, m, run.condition, scores[m.id]) for m in parts)]
        line += [run.steps, run.seconds if run.seconds > 0 else "not recorded", run.device or "not recorded"]
        line += [run.image or "no picture", *(run.weights.get(n, "not needed") for n in networks)]
        lines.append([*line, run.curve_sha256 or "no curve"])
    return lines


def _or(value: Scalar | None, reason: str) -> Scalar:
    return reason if value is None or value == "" else value
