"""Plans that grow step by step: a step is a second or two of simulation, and what is done is kept."""

from __future__ import annotations

from dataclasses import asdict
from time import monotonic

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from evaluation.core.power import ASSUMED, TIES, WINS, Power, one_more
from evaluation.core.sessions import Design
from evaluation.core.words import MIN_PARTICIPANTS
from evaluation.models import PowerPlan
from evaluation.plan.design import design_of
from evaluation.services import EvaluationError
from generation.core.spec import digest
from studyplatform.voting.models import AuditEntry, Study

#: Nobody waits for more; the answer no longer changes.
MOST_PEOPLE, MOST_NUMBERS, MOST_REPLICATES, FEWEST_REPLICATES = 1000, 12, 10_000, 20
PEOPLE, REPLICATES = "10,20,30,60", 150
#: How long one request may simulate.
STEP_SECONDS = 2.0
PLANNED = "power planned"  # the action in the audit log
# Part of the digest: another number means that the same design and options give other rows.
VERSION = 1


def numbers_of(text: str) -> list[int]:
    """Numbers of participants, rising, each once: '10,20,30'. Raises :class:`EvaluationError` with a sentence."""
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        if not (part.isascii() and part.isdecimal()) or not MIN_PARTICIPANTS <= int(part) <= MOST_PEOPLE:
            raise EvaluationError(
                f"“{part}” is no number of participants from {MIN_PARTICIPANTS} (fewer get no verdict) to "
                f"{MOST_PEOPLE}. Write them like {PEOPLE}."
            )
    found = sorted({int(part) for part in parts})
    if len(found) > MOST_NUMBERS:
        raise EvaluationError(f"{len(found)} numbers of participants are too many: give {MOST_NUMBERS} or fewer.")
    return found


@transaction.atomic
def plan_start(
    *, study: Study, by: User | None, people: list[int], replicates: int = REPLICATES, seed: int = 1
) -> PowerPlan:
    """A plan for the study as it is now, to be simulated by :func:`plan_step`; the planned number of sessions joins
    ``people``.

    The same design and options always give the same rows, so a plan that is there is gone on with. Raises
    :class:`EvaluationError` with a sentence.
    """
    if not FEWEST_REPLICATES <= replicates <= MOST_REPLICATES:
        raise EvaluationError(
            f"{replicates} replicates are out of range: give {FEWEST_REPLICATES} to {MOST_REPLICATES}."
        )
    if seed < 0:
        raise EvaluationError(f"The seed {seed} is negative: give 0 or more.")
    if MIN_PARTICIPANTS <= study.sessions_planned <= MOST_PEOPLE:
        people = [*people, study.sessions_planned]
    design = design_of(study).to_json()
    options = {"people": sorted(set(people)), "wins": list(WINS), "replicates": replicates, "seed": seed}
    assumed = asdict(ASSUMED) | {"ties": TIES}
    plan, made = PowerPlan.objects.get_or_create(
        study=study,
        digest=digest({"version": VERSION, "design": design, "assumed": assumed, "options": options}),
        defaults={"by": by, "design": design, "options": options},
    )
    if made:
        AuditEntry.objects.create(study=study, user=by, action=PLANNED, data=options)
    return plan


def plan_step(*, plan: PowerPlan, number: int, seconds: float = STEP_SECONDS) -> PowerPlan:
    """Go on with a plan for about ``seconds`` and keep what was simulated; returns the plan as it is stored then.

    ``number``: how many studies the caller knows to be done. Where the plan is further, nothing is done: the same step
    asked for twice, by two tabs or again after a lost answer, counts once.
    """
    plan = PowerPlan.objects.select_related("study").get(pk=plan.pk)
    if plan.done != number or plan.finished_at is not None:
        return plan
    # Simulated before the transaction: it must not hold a lock for as long as that takes.
    rows = _simulated(plan, seconds)
    done = sum(row.replicates for row in rows)
    with transaction.atomic():
        stored = PowerPlan.objects.select_for_update().get(pk=plan.pk)
        if stored.done == number:
            stored.rows, stored.done = [asdict(row) for row in rows], done
            stored.finished_at = timezone.now() if done == stored.total else None
            stored.save(update_fields=["rows", "done", "finished_at"])
    stored.study = plan.study
    return stored


def _simulated(plan: PowerPlan, seconds: float) -> list[Power]:
    """The plan's rows, grown by one simulated study or by as many as ``seconds`` allow."""
    until = monotonic() + seconds
    design, seed, replicates = Design.from_json(plan.design), plan.options["seed"], plan.options["replicates"]
    points = [Power(people, win) for people in plan.options["people"] for win in plan.options["wins"]]
    rows = [Power(**row) for row in plan.rows]
    for point in points[max(0, len(rows) - 1) :]:
        if not rows or (rows[-1].participants, rows[-1].win) != (point.participants, point.win):
            rows.append(point)
        while rows[-1].replicates < replicates:
            rows[-1] = one_more(design, rows[-1], seed=seed)
            if monotonic() >= until:
                return rows
    return rows
