"""The trainings as lines of CSV files: the table, every condition with every seed, every epoch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from generation.core.report.axes import varying
from generation.core.report.data import Report
from generation.core.report.tables import Lines
from generation.core.report.training.networks import label, networks, styles
from generation.core.report.training.tables import columns, said, table


def table_lines(report: Report) -> Lines:
    """The table as lines: mean and standard deviation of each loss in columns of their own."""
    lines: Lines = [["family", "condition", "seeds"]]
    for head in columns(report).values():
        lines[0] += [_column(head), f"{_column(head)}_sd"]
    lines[0] += ["epochs", "status"]
    for head, rows in table(report):
        for row in rows:
            line: list[object] = [head or "the only one", row.label, row.seeds]
            for key in columns(report):
                one = row.losses[key]
                spread = one.value if isinstance(one.value, str) else "baseline" if row.is_baseline else "one seed"
                line += [one.value, one.sd if one.sd is not None else spread]
            lines.append([*line, row.epochs, row.status])
    return lines


def _column(head: str) -> str:
    """'Colour error, kept apart' -> 'colour_error_kept_apart': what is spelt with underscores stays as it is."""
    return head if "_" in head else head.lower().replace(", ", "_").replace(" ", "_")


def training_lines(report: Report) -> Lines:
    """A line per condition, style and seed: the parameters that vary, how it went, losses, time, device, data."""
    axes = [a for a in varying(report) if not a.of]
    losses = _keys(t.losses for t in report.trainings)
    named = ["style"] if styles(report) else []
    head: list[object] = ["condition", *named, "seed", "status", "reason", *(a.name for a in axes), "epochs", *losses]
    head += ["seconds", "device", "dtype", "photographs_train", "photographs_validation", "photographs_sha256"]
    lines: Lines = [[*head, "training"]]
    pairs = ((c, t) for t in report.trainings for c in t.conditions)
    rows = sorted(pairs, key=lambda row: (row[0], row[1].style, row[1].seed))
    for place, training in rows:
        condition = report.conditions[place]
        style = [training.style or "many"] if named else []
        line: list[object] = [condition.label, *style, training.seed, training.trouble or said(training)]
        line += [training.reason or "nothing to report"]
        line += [v if (v := condition.params.get(a.name)) not in (None, "") else "no such parameter" for a in axes]
        absent = "not part of its loss" if training.finished else training.trouble or "not trained yet"
        line += [training.epochs, *(training.losses.get(key, absent) for key in losses)]
        line += [training.seconds if training.seconds > 0 else "not recorded"]
        line += [training.device or "not recorded", training.dtype or "not recorded"]
        line += [*(n or "not recorded" for n in training.photographs), training.data, training.digest]
        lines.append(line)
    return lines


def curve_lines(report: Report) -> Lines:
    """A line per condition, style, seed and epoch: every loss of the curve."""
    keys = _keys(t.curve for t in report.trainings)
    named = ["style"] if styles(report) else []
    lines: Lines = [["condition", *named, "seed", "epoch", *keys]]
    for network in networks(report):
        for training in network.trainings:
            for epoch in range(max((len(v) for v in training.curve.values()), default=0)):
                style = [training.style or "many"] if named else []
                line: list[object] = [label(report, network), *style, training.seed, epoch + 1]
                for key in keys:
                    values = training.curve.get(key, ())
                    line.append(float(values[epoch]) if epoch < len(values) else "not part of its loss")
                lines.append(line)
    return lines


def _keys(found: Iterable[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(key for one in found for key in one))
