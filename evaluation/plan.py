"""The power of a study's own grid before it has votes. Reads the design only, never a vote; nothing is stored."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from math import comb
from typing import Any

from evaluation.core.figures.power import odds, power_files
from evaluation.core.metrics.claims import MIN_CONDITIONS, MIN_SCENES
from evaluation.core.power import ASSUMED, TIES, WANTED, Design, Power, monte_carlo_error, needed
from evaluation.core.words import MIN_PARTICIPANTS
from evaluation.services import EvaluationError
from generation.core.csv_text import csv_bytes, csv_cell
from generation.models import Cell
from generation.models import Condition as GridCondition
from studyplatform.voting.models import Stimulus, Study

#: Below so many scenes a claim about other scenes may be tested but has little power (specs/evaluation.md 6.3).
FEW_SCENES = 10
#: What the sentences are about: a preference that most studies would want to find, and one that few can.
USUAL, SMALL = 0.6, 0.55


def design_of(study: Study) -> Design:
    """Scenes, shared conditions and trials of ``study``: of the frozen design where there is one, else of its grids.

    Trials are those of one participant under one question between two shared conditions: pairs with the photograph or
    with a condition that some scene lacks do not count, nor do questions that ask for the real photograph. Raises
    :class:`EvaluationError` with a sentence.
    """
    if not study.grids.exists():
        raise EvaluationError(f"“{study}” has no grid yet: choose at least one in the admin, then plan.")
    questions = list(study.questions.all())
    if questions and all(question.asks_which_is_real for question in questions):
        raise EvaluationError(
            f"“{study}” asks only which picture is the real photograph, and the plan is for questions that compare "
            "pictures of the grid. Add such a question, or plan by the share you expect to be called real."
        )
    shown, controls = _cells(study)
    conditions: dict[int, set[int]] = defaultdict(set)
    for scene, condition, _ in shown:
        conditions[scene].add(condition)
    shared = set.intersection(*conditions.values()) if conditions else set()
    if len(shared) < 2:
        raise EvaluationError(
            f"The scenes of “{study}” share {len(shared)} condition{'' if len(shared) == 1 else 's'}, and the primary "
            "test compares two or more over all scenes. Choose grids that give every scene the same conditions."
        )
    groups = Counter((scene, replicate) for scene, _, replicate in shown)
    counted = Counter((scene, replicate) for scene, condition, replicate in shown if condition in shared)
    every = sum(comb(n + controls[scene], 2) for (scene, _), n in groups.items())
    useful = sum(comb(n, 2) for n in counted.values())
    all_pairs = study.strategy == Study.Strategy.ALL_PAIRS
    trials = useful if all_pairs else round(study.trials_per_session * useful / every / max(1, len(questions)))
    return Design(
        scenes=len(conditions),
        conditions=len(shared),
        trials=max(1, trials),
        ties=study.allow_ties,
        focused=study.strategy == Study.Strategy.FOCUSED,
    )


def _cells(study: Study) -> tuple[set[tuple[int, int, int]], Counter[int]]:
    """(scene, condition, replicate) of the grid's pictures, and how many controls are shown in each scene."""
    if study.design is not None:
        of = study.stimuli.filter(role__in=[Stimulus.Role.GRID, Stimulus.Role.CONTROL])
        rows = list(of.values_list("role", "scene", "render__condition", "replicate"))
    else:
        cells = Cell.objects.filter(grid__studies=study)
        rows = list(cells.values_list("condition__role", "scene", "condition", "replicate"))
    control = GridCondition.Role.CONTROL
    shown = {(scene, condition, replicate) for role, scene, condition, replicate in rows if role != control}
    controls = {(scene, condition) for role, scene, condition, _ in rows if role == control}
    count = Counter(scene for scene, _ in controls)
    if not study.show_photograph:
        return shown, Counter()
    # The photograph joins a scene that has no control of its own when the study opens.
    return shown, Counter({scene: max(1, count[scene]) for scene, _, _ in shown})


def plan_json(study: Study, design: Design, rows: Sequence[Power], *, replicates: int, seed: int) -> dict[str, Any]:
    """The plan as the figure and ``power.csv`` read it."""
    assumed = {"taste": ASSUMED.taste, "axis": ASSUMED.axis, "lapse": ASSUMED.lapse}
    return {
        "study": {"slug": study.slug, "title": study.title, "simulated": study.simulated},
        "design": asdict(design),
        "assumed": assumed | {"ties": TIES if design.ties else 0.0},
        "planned": study.sessions_planned,
        "replicates": replicates,
        "seed": seed,
        "rows": [asdict(row) for row in rows],
    }


def plan_files(plan: dict[str, Any]) -> dict[str, bytes]:
    """File name -> bytes: the figure F13, and ``power.csv`` with a line per number of participants and win probability.

    Its columns: the design, the assumptions (``nu``: of Davidson's ties), then the shares with their errors.
    """
    assumed = {"nu" if name == "ties" else name: value for name, value in plan["assumed"].items()}
    constants = plan["design"] | assumed | {"seed": plan["seed"], "replicates": plan["replicates"]}
    lines: list[list[Any]] = [[*constants, "participants", "win", "refuted", "refuted_se", "confirmed", "confirmed_se"]]
    for row in plan["rows"]:
        shares = [(row[share], monte_carlo_error(row[share], row["replicates"])) for share in ("refuted", "confirmed")]
        lines.append([*constants.values(), row["participants"], row["win"], *shares[0], *shares[1]])
    return power_files(plan) | {"power.csv": csv_bytes([csv_cell(v) for v in line] for line in lines)}


def plan_tables(rows: Sequence[Power]) -> list[str]:
    """Lines of the two printed tables, in percent of the simulated studies."""
    wins = sorted({row.win for row in rows})
    people = sorted({row.participants for row in rows})
    lines = []
    for share, title in (
        ("refuted", "“Refuted” in % of studies, by how often the favourite beats the minimiser"),
        ("confirmed", "“Confirmed” in % of studies, by how often the minimiser beats each other condition"),
    ):
        at = {(row.participants, row.win): getattr(row, share) for row in rows}
        lines += [title, "participants" + "".join(f"{odds(win):>9}" for win in wins)]
        lines += [f"{n:>12}" + "".join(f"{100 * at[n, win]:>9.0f}" for win in wins) for n in people]
    return lines


def plan_sentences(design: Design, rows: Sequence[Power], planned: int) -> list[str]:
    """What the numbers mean for the study, and what its grid cannot show however many take part."""
    return [*_reached(rows), *_as_planned(rows, planned), *_limits(design)]


def _reached(rows: Sequence[Power]) -> list[str]:
    people = sorted({row.participants for row in rows})
    found, most = needed(rows, USUAL), people[-1]
    of = f"a favourite that beats the minimiser {odds(USUAL)}"
    often = f"{100 * WANTED:.0f} of 100 studies (power .8)"
    at_most = {row.win: row.refuted for row in rows if row.participants == most}
    if found is None:
        share = f"{100 * at_most[USUAL]:.0f} of 100"
        said = (
            f"Power .8 at {odds(USUAL)} needs more than {most} participants: {most} find {of} in {share} studies. More "
            "pairs per participant or fewer conditions help too."
        )
    elif found == people[0]:
        said = f"{found} participants are enough to find {of} in {often}."
    else:
        said = f"About {found} participants find {of} in {often}."
    if at_most[SMALL] >= WANTED:
        return [said]
    small = f"{100 * at_most[SMALL]:.0f} of 100"
    return [said, f"A preference of {odds(SMALL)} is found in {small} studies with {most}: do not count on it."]


def _as_planned(rows: Sequence[Power], planned: int) -> list[str]:
    there = {row.win: row for row in rows if row.participants == planned}
    if not there:
        why = f"get no verdict: {MIN_PARTICIPANTS} are needed" if planned < MIN_PARTICIPANTS else "were not simulated"
        return [f"The planned {planned} participants {why}."]
    shares = ", ".join(f"{100 * row.refuted:.0f} of 100 at {odds(win)}" for win, row in sorted(there.items()))
    right = f"{100 * there[USUAL].confirmed:.0f} of 100"
    return [
        f"With the planned {planned} participants, “refuted” is said where it is true in {shares}.",
        f"Where the minimiser beats every other condition {odds(USUAL)}, they say “confirmed” in {right}.",
    ]


def _limits(design: Design) -> list[str]:
    said = []
    if design.conditions < MIN_CONDITIONS:
        said.append(
            f"With {design.conditions} conditions no claim can be made about the metric itself, rather than anything "
            f"else that varies along the grid: {MIN_CONDITIONS} are needed."
        )
    scenes = f"{design.scenes} scene{'' if design.scenes == 1 else 's'}"
    if design.scenes < MIN_SCENES:
        said.append(f"With {scenes} no claim about other scenes can be tested: {MIN_SCENES} are needed.")
    elif design.scenes < FEW_SCENES:
        said.append(f"With {scenes} a claim about other scenes has little power: plan {FEW_SCENES} or more.")
    said.append(
        "An inverted U cannot be shown with two conditions."
        if design.conditions == 2
        else "An inverted U can only be shown if two settings, one on each side of the expected favourite, are clearly "
        "worse than it."
    )
    return said
