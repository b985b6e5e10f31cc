"""A plan as JSON, tables and files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evaluation.core.figures.power import odds, power_files
from evaluation.core.power import ASSUMED, TIES, Power
from evaluation.core.sessions import Design, pairs_counted
from evaluation.models import PowerPlan
from generation.core.csv_text import csv_bytes, csv_cell

TABLES = (
    ("refuted", "“Refuted” in % of studies, by how often the favourite beats the minimiser"),
    ("confirmed", "“Confirmed” in % of studies, by how often the minimiser beats each other condition"),
)


def whole_rows(plan: PowerPlan) -> list[Power]:
    """The rows of those numbers of participants that are simulated to the end."""
    replicates, wins = plan.options["replicates"], plan.options["wins"]
    rows = [row for row in (Power(**row) for row in plan.rows) if row.replicates == replicates]
    points = {people: sum(row.participants == people for row in rows) for people in plan.options["people"]}
    return [row for row in rows if points[row.participants] == len(wins)]


def plan_json(plan: PowerPlan) -> dict[str, Any]:
    """The plan as the figure and ``power.csv`` read it; ``rows``: the whole ones, with counts of studies.

    ``design``: scenes, conditions, ``pairs`` (of one participant that count, on average), ties, focused, alpha.
    """
    study, design = plan.study, Design.from_json(plan.design)
    assumed = {"taste": ASSUMED.taste, "axis": ASSUMED.axis, "lapse": ASSUMED.lapse}
    return {
        "study": {"slug": study.slug, "title": study.title, "simulated": study.simulated},
        "design": {
            "scenes": design.scenes,
            "conditions": design.conditions,
            "pairs": round(pairs_counted(design), 1),
            "ties": design.ties,
            "focused": design.strategy == "focused",
            "alpha": design.alpha,
        },
        "assumed": assumed | {"ties": TIES if design.ties else 0.0},
        "planned": study.sessions_planned,
        "replicates": plan.options["replicates"],
        "seed": plan.options["seed"],
        "rows": [vars(row) for row in whole_rows(plan)],
    }


def plan_files(plan: dict[str, Any]) -> dict[str, bytes]:
    """File name -> bytes: the figure F13, and ``power.csv`` with a line per number of participants and win probability.

    ``plan``: of :func:`plan_json`, with rows. Columns: the design, the assumptions (``nu``: of Davidson's ties), then
    the shares with their errors.
    """
    assumed = {"nu" if name == "ties" else name: value for name, value in plan["assumed"].items()}
    constants = plan["design"] | assumed | {"seed": plan["seed"], "replicates": plan["replicates"]}
    lines: list[list[Any]] = [[*constants, "participants", "win", "refuted", "refuted_se", "confirmed", "confirmed_se"]]
    for row in (Power(**row) for row in plan["rows"]):
        shares = [(row.share(name), row.error(name)) for name, _title in TABLES]
        lines.append([*constants.values(), row.participants, row.win, *shares[0], *shares[1]])
    return power_files(plan) | {"power.csv": csv_bytes([csv_cell(v) for v in line] for line in lines)}


def plan_tables(rows: Sequence[Power]) -> list[dict[str, Any]]:
    """The two tables in percent of the simulated studies: ``title``, ``heads`` (odds) and ``lines`` (participants,
    numbers)."""
    wins = sorted({row.win for row in rows})
    people = sorted({row.participants for row in rows})
    at = {(row.participants, row.win): row for row in rows}
    return [
        {
            "title": title,
            "heads": [odds(win) for win in wins],
            "lines": [(n, [f"{100 * at[n, win].share(name):.0f}" for win in wins]) for n in people],
        }
        for name, title in TABLES
    ]
