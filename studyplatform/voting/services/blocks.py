"""Numbered plans: laid when a study opens, taken by whoever joins next, dealt again when left unfinished."""

from collections import defaultdict
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from studyplatform.voting.core.pairing import PlannedTrial, lay_blocks
from studyplatform.voting.models import Block, Participant, Stimulus, Study, Trial, Vote

# A block whose holder has cast no vote for so long is dealt again.
HOLD = timedelta(hours=6)


def blocks_lay(*, study: Study, stimuli: list[Stimulus]) -> int:
    """Lay a plan for each planned session, numbered after those that exist; returns how many."""
    # Pairs are dealt among places in the design; row numbers are shuffled and would make every plan unrepeatable.
    shown = sorted(stimuli, key=lambda s: (s.scene_id, s.replicate, s.role, s.position, s.label))
    plans = lay_blocks(
        scenes=_groups(shown),
        questions=[q.pk for q in study.questions.all()],
        trials=study.trials_per_session,
        sessions=study.sessions_planned,
        seed=study.seed,
    )
    first = _next_number(study)
    Block.objects.bulk_create(
        [
            Block(study=study, number=first + number, plan=[_item(trial, shown) for trial in plan])
            for number, plan in enumerate(plans)
        ],
        batch_size=500,
    )
    return len(plans)


def _groups(shown: list[Stimulus]) -> list[tuple[int, list[int]]]:
    """For each scene and replicate the places of the stimuli to compare; a control meets every replicate."""
    places: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, stimulus in enumerate(shown):
        if stimulus.role != Stimulus.Role.CONTROL:
            places[stimulus.scene_id, stimulus.replicate].append(place)
    controls = [(place, s.scene_id) for place, s in enumerate(shown) if s.role == Stimulus.Role.CONTROL]
    groups = [(scene, [*own, *(c for c, of in controls if of == scene)]) for (scene, _), own in sorted(places.items())]
    return [(scene, members) for scene, members in groups if len(members) > 1]


def _item(trial: PlannedTrial, shown: list[Stimulus]) -> dict[str, Any]:
    return asdict(trial) | {"left": shown[trial.left].pk, "right": shown[trial.right].pk}


def block_take(*, study: Study, participant: Participant) -> Block | None:
    """The next free block, held for ``participant`` from now on; ``None`` when the study is full.

    PostgreSQL locks the row it reads and skips rows that others have locked; elsewhere the update carries the condition
    and a lost race tries the next one. Neither touches a row that two joins share.
    """
    free = Block.objects.filter(study=study, state=Block.State.FREE).order_by("number")
    taken = {"state": Block.State.HELD, "holder": participant, "expires_at": timezone.now() + HOLD}
    if connection.features.has_select_for_update_skip_locked:
        block = free.select_for_update(skip_locked=True).first()
        if block is not None:
            Block.objects.filter(pk=block.pk).update(**taken)
        return block
    while (block := free.first()) is not None:
        if Block.objects.filter(pk=block.pk, state=Block.State.FREE).update(**taken):
            return block
    return None


@transaction.atomic
def blocks_release_expired(*, study: Study, now: datetime | None = None) -> int:
    """Deal the unanswered pairs of abandoned blocks again, each as a new block; returns how many were abandoned.

    A block is abandoned when its holder has cast no vote for :data:`HOLD`. What its holder has answered stays.
    """
    now = now or timezone.now()
    expired = Block.objects.filter(study=study, state=Block.State.HELD, expires_at__lte=now).order_by("number")
    if not expired.exists():
        return 0
    deal_alone(study_id=study.pk)
    if connection.features.has_select_for_update_skip_locked:
        expired = expired.select_for_update(skip_locked=True)
    released = 0
    for block in expired:
        last = Vote.objects.filter(study=study, trial__block=block).aggregate(last=Max("submitted_at"))["last"]
        if last is not None and last + HOLD > now:
            Block.objects.filter(pk=block.pk).update(expires_at=last + HOLD)
            continue
        block_deal_again(block=block, keep_answered=True)
        released += 1
    return released


def deal_alone(*, study_id: int) -> Study:
    """Until the transaction ends nobody else deals pairs of the study again or numbers new blocks.

    Taken before any block is looked at, so that whoever waited sees what was dealt meanwhile. Votes and joins do not
    wait: the lock leaves the key free, which is all that their rows refer to.
    """
    return Study.objects.select_for_update(no_key=True).only("state").get(pk=study_id)


def block_deal_again(*, block: Block, keep_answered: bool) -> None:
    """Close a held block and lay its pairs anew: those without a vote, or all of them (a withdrawal).

    A pair is dealt again once: its place in the old plan is marked, and a later withdrawal lays only the rest. The
    caller holds :func:`deal_alone` and has read the block since.
    """
    answered = set(Trial.objects.filter(block=block, votes__isnull=False).values_list("position", flat=True))
    plan: list[dict[str, Any]] = block.plan
    kept = answered if keep_answered else set()
    again = [p for p, item in enumerate(plan) if p not in kept and not item.get("dealt_again")]
    marked = [item | {"dealt_again": True} if p in again else item for p, item in enumerate(plan)]
    Block.objects.filter(pk=block.pk).update(state=Block.State.DONE, expires_at=None, plan=marked)
    if again:
        new = [plan[p] for p in again]
        Block.objects.create(study_id=block.study_id, number=_next_number(block.study), plan=new)


def _next_number(study: Study) -> int:
    return int(study.blocks.aggregate(last=Max("number"))["last"] or 0) + 1
