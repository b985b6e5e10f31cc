"""Numbered plans: laid when a study opens, taken by whoever joins next, dealt again when left unfinished."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from studyplatform.voting.core.pairing import KnownPair, Photographed, PlannedTrial, lay_blocks
from studyplatform.voting.models import Block, Participant, Stimulus, Study, Trial, Vote
from studyplatform.voting.services.pictures import is_photograph

# What a session is for; the other kinds are woven in between.
MAIN = (Trial.Kind.MAIN, Trial.Kind.REAL_FAKE)
#: Who has not answered anything after so long has left; so nobody empties a study for hours by starting alone.
FIRST_VOTE = timedelta(minutes=30)
Item = dict[str, Any]


def blocks_lay(
    *,
    study: Study,
    stimuli: list[Stimulus],
    known: Mapping[int, Sequence[tuple[Stimulus, Stimulus]]],
    losses: Mapping[int, float],
) -> int:
    """Lay a plan for each planned session, numbered after those that exist; returns how many.

    Parameters
    ----------
    stimuli : the pictures to compare, and the photographs that are shown beside them.
    known : question's pk -> pairs (better, worse) for practice and catch trials.
    losses : stimulus's pk -> value of the primary metric (lower is better), for the strategy ``focused``.
    """
    # Pairs are dealt among places in the design; row numbers are shuffled and would make every plan unrepeatable.
    shown = sorted(stimuli, key=lambda s: (s.scene_id, s.replicate, s.role, s.position, s.label))
    extra = [stimulus for pairs in known.values() for pair in pairs for stimulus in pair]
    places = {s.pk: len(shown) + n for n, s in enumerate(extra)}
    questions = list(study.questions.all())
    groups = _groups(shown, controls=study.show_photograph)
    plans = lay_blocks(
        scenes=groups,
        questions=[q.pk for q in questions],
        trials=study.trials_per_session,
        sessions=study.sessions_planned,
        seed=study.seed,
        strategy=study.strategy,
        targets=_targets(groups, shown, losses),
        real={q.pk: _photographed(shown) for q in questions if q.asks_which_is_real},
        known={
            question: [KnownPair(better.scene_id, places[better.pk], places[worse.pk]) for better, worse in pairs]
            for question, pairs in known.items()
        },
        practice=study.practice_trials,
        catches=study.catch_trials,
        repeats=study.repeat_trials,
    )
    everything = [*shown, *extra]
    first = _next_number(study)
    Block.objects.bulk_create(
        [
            Block(study=study, number=first + number, plan=[_item(trial, everything) for trial in plan])
            for number, plan in enumerate(plans)
        ],
        batch_size=500,
    )
    return len(plans)


def _groups(shown: list[Stimulus], *, controls: bool) -> list[tuple[int, list[int]]]:
    """For each scene and replicate the places of the stimuli to compare; a control, if any, meets every replicate."""
    places: dict[tuple[int, int], list[int]] = defaultdict(list)
    for place, stimulus in enumerate(shown):
        if stimulus.role != Stimulus.Role.CONTROL:
            places[stimulus.scene_id, stimulus.replicate].append(place)
    beside = [(place, s.scene_id) for place, s in enumerate(shown) if s.role == Stimulus.Role.CONTROL and controls]
    groups = [(scene, [*own, *(c for c, of in beside if of == scene)]) for (scene, _), own in sorted(places.items())]
    return [(scene, members) for scene, members in groups if len(members) > 1]


def _photographed(shown: list[Stimulus]) -> list[Photographed]:
    """For each scene the place of its photograph, and of the pictures of the grid, all replicates together."""
    generated: dict[int, list[int]] = defaultdict(list)
    for place, stimulus in enumerate(shown):
        if stimulus.role == Stimulus.Role.GRID:
            generated[stimulus.scene_id].append(place)
    photographs = {s.scene_id: place for place, s in enumerate(shown) if is_photograph(s)}
    return [Photographed(scene, photographs[scene], own) for scene, own in sorted(generated.items())]


def _targets(
    groups: Sequence[tuple[int, list[int]]], shown: list[Stimulus], losses: Mapping[int, float]
) -> dict[int, int]:
    """For each group the place of the grid picture with the minimum loss; a tie goes to the first in grid order."""
    targets = {}
    for number, (_scene, members) in enumerate(groups):
        measured = [m for m in members if shown[m].role == Stimulus.Role.GRID and shown[m].pk in losses]
        if measured:
            targets[number] = min(measured, key=lambda m: losses[shown[m].pk])
    return targets


def _item(trial: PlannedTrial, stimuli: list[Stimulus]) -> Item:
    return asdict(trial) | {"left": stimuli[trial.left].pk, "right": stimuli[trial.right].pk}


def block_take(*, study: Study, participant: Participant) -> Block | None:
    """The next free block, held for ``participant`` from now on; ``None`` when the study is full.

    PostgreSQL locks the row it reads and skips rows that others have locked; elsewhere the update carries the condition
    and a lost race tries the next one. Neither touches a row that two joins share. What others left comes last, so
    that it can grow to a whole session meanwhile.
    """
    free = Block.objects.filter(study=study, state=Block.State.FREE).order_by("is_remainder", "number")
    until = timezone.now() + min(FIRST_VOTE, timedelta(minutes=study.hold_minutes))
    taken = {"state": Block.State.HELD, "holder": participant, "expires_at": until}
    if connection.features.has_select_for_update_skip_locked:
        # A leftover that is just growing is worth waiting for when there is nothing else.
        block = (
            free.select_for_update(skip_locked=True, no_key=True).first() or free.select_for_update(no_key=True).first()
        )
        if block is not None:
            Block.objects.filter(pk=block.pk).update(**taken)
        return block
    while (block := free.first()) is not None:
        if Block.objects.filter(pk=block.pk, state=Block.State.FREE).update(**taken):
            return block
    return None


def blocks_hold_free(*, study: Study) -> None:
    """Let joins that have taken a block end first, and have all others wait for the end of this transaction.

    Called where the study takes a step, after its row is locked and before anything that a trial refers to is. Who
    waited looks at the study again (:func:`~studyplatform.voting.services.participation.participant_join`).

    The keys stay free, as wherever blocks are locked: PostgreSQL keeps the lock on a block that was taken meanwhile,
    and whoever took it may lay trials that refer to it while the step waits for their session.
    """
    free = Block.objects.filter(study=study, state=Block.State.FREE).order_by("number")
    list(free.select_for_update(no_key=True).values_list("pk", flat=True))


@transaction.atomic
def blocks_release_expired(*, study: Study, now: datetime | None = None) -> int:
    """Deal the unanswered pairs of abandoned blocks again; returns how many were abandoned.

    A block is abandoned when its holder has cast no vote for the study's ``hold_minutes``, or none at all for
    :data:`FIRST_VOTE`. What its holder has answered stays.
    """
    now = now or timezone.now()
    hold = timedelta(minutes=study.hold_minutes)
    expired = Block.objects.filter(study=study, state=Block.State.HELD, expires_at__lte=now).order_by("number")
    if not expired.exists():
        return 0
    deal_alone(study_id=study.pk)
    if connection.features.has_select_for_update_skip_locked:
        expired = expired.select_for_update(skip_locked=True, no_key=True)
    released = 0
    for block in expired:
        last = Vote.objects.filter(study=study, trial__block=block).aggregate(last=Max("submitted_at"))["last"]
        if last is not None and last + hold > now:
            Block.objects.filter(pk=block.pk).update(expires_at=last + hold)
            continue
        block_deal_again(block=block, keep_answered=True)
        released += 1
    return released


def deal_alone(*, study_id: int) -> Study:
    """Until the transaction ends nobody else deals pairs of the study again or numbers new blocks.

    Taken before any block is looked at, so that whoever waited sees what was dealt meanwhile. Votes and joins do not
    wait: the lock leaves the key free, which is all that their rows refer to.
    """
    return Study.everything.select_for_update(no_key=True).get(pk=study_id)


def block_deal_again(*, block: Block, keep_answered: bool) -> None:
    """Close a held block and lay its main pairs anew: those without an answer, or all of them (a withdrawal).

    A pair is dealt again once: its place in the old plan is marked, and a later withdrawal lays only the rest. The
    caller holds :func:`deal_alone` and has read the block since.
    """
    plan: list[Item] = block.plan
    kept = _answered(block) if keep_answered else set()
    mains = [p for p, item in enumerate(plan) if item["kind"] in MAIN]
    again = [p for p in mains if p not in kept and not plan[p].get("dealt_again")]
    marked = [item | {"dealt_again": True} if p in again else item for p, item in enumerate(plan)]
    Block.objects.filter(pk=block.pk).update(state=Block.State.DONE, expires_at=None, plan=marked)
    if again:
        _lay_remainder(block.study, plan, again)


def pairs_deal_again(*, study: Study, participant: Participant, keep_answered: bool) -> None:
    """Deal the pairs of somebody who goes. The caller holds :func:`deal_alone`.

    What a pilot showed was dealt anew to everybody when the study opened or began another pilot; a closed study takes
    nobody.
    """
    now_asked = participant.design_digest == study.design_digest and (
        participant.is_pilot == (study.state == Study.State.PILOT)
    )
    if now_asked and study.state in (Study.State.PILOT, Study.State.OPEN, Study.State.PAUSED):
        for block in Block.objects.filter(holder=participant, trials__participant=participant).distinct():
            block_deal_again(block=block, keep_answered=keep_answered)


def _answered(block: Block) -> set[int]:
    """Places of the plan whose pair has been judged, be it when asked once more after a skip."""
    trials = {t.pk: t for t in Trial.objects.filter(block=block)}
    judged = Vote.objects.filter(trial__block=block).exclude(choice=Vote.Choice.SKIP).values_list("trial", flat=True)
    places = set()
    for pk in judged:
        trial = trials[pk]
        while (earlier := trial.reasks_id or trial.supersedes_id) is not None:
            trial = trials[earlier]
        places.add(trial.position)
    return places


def _lay_remainder(study: Study, plan: list[Item], again: list[int]) -> None:
    """Put main pairs that were left into free blocks of such pairs while these are short, and into new ones.

    So the last participants get whole sessions and not one of two pairs. Practice and catch pairs come along from the
    plan; repeats are left out, for what they repeat may have been answered by somebody else.
    """
    size = sum(item["kind"] in MAIN for item in plan)
    waiting = again
    free = Block.objects.filter(study=study, state=Block.State.FREE, is_remainder=True).order_by("number")
    if connection.features.has_select_for_update_skip_locked:
        free = free.select_for_update(skip_locked=True, no_key=True)
    for block in free:
        held = {_pair(item) for item in block.plan}
        room = max(0, size - sum(item["kind"] in MAIN for item in block.plan))
        fits = [p for p in waiting if _pair(plan[p]) not in held][:room]
        grown = block.plan + [plan[p] for p in fits]
        # Elsewhere than on PostgreSQL the condition is the lock: a block that was taken meanwhile is left alone.
        if fits and Block.objects.filter(pk=block.pk, state=Block.State.FREE).update(plan=grown):
            waiting = [p for p in waiting if p not in fits]
    if waiting:
        along = (Trial.Kind.PRACTICE, Trial.Kind.CATCH)
        left = [item for p, item in enumerate(plan) if p in waiting or item["kind"] in along]
        Block.objects.create(study=study, number=_next_number(study), plan=left, is_remainder=True)


def _pair(item: Item) -> tuple[int, frozenset[int]]:
    return item["question"], frozenset((item["left"], item["right"]))


def _next_number(study: Study) -> int:
    return int(study.blocks.aggregate(last=Max("number"))["last"] or 0) + 1
