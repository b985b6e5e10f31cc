"""Rows of a session: its trials as they are laid and laid again, and the log of what happened besides."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from studyplatform.voting.models import Block, Event, Session, Trial

#: A browser may note so much in one session; more says nothing new.
EVENTS_LIMIT = 1000


def trials_lay(*, session: Session, plan: Sequence[dict[str, Any]], block: Block | None) -> None:
    """The whole plan of a session as rows at once."""
    Trial.objects.bulk_create(
        Trial(
            study_id=session.study_id,
            session=session,
            participant_id=session.participant_id,
            block=block,
            position=position,
            turn=position,
            question_id=item["question"],
            kind=item["kind"],
            scene_id=item["scene"],
            left_id=item["left"],
            right_id=item["right"],
            expected=item["expected"],
            repeats=item["repeats"],
            strategy=item["strategy"],
            design_prob=item["design_prob"],
        )
        for position, item in enumerate(plan)
    )


def trial_copy(trial: Trial, **changes: Any) -> Trial:
    """The same pair as a new trial: taken back, begun again, or asked once more."""
    same = ("study", "session", "participant", "question", "block", "scene", "left", "right")
    fields = {f"{name}_id": getattr(trial, f"{name}_id") for name in same}
    fields |= {name: getattr(trial, name) for name in ("kind", "expected", "repeats", "strategy", "design_prob")}
    return Trial.objects.create(**fields, **changes)


@transaction.atomic
def trials_begin_again(*, session: Session) -> None:
    """Ask every answered pair again, in the old order; the first answers stay and are superseded."""
    answered = Trial.objects.filter(session=session, votes__isnull=False).standing().in_turn()
    last = session.trials.aggregate(last=Max("position"))["last"] or 0
    for place, trial in enumerate(answered, start=last + 1):
        trial_copy(trial, position=place, turn=trial.turn, supersedes=trial)


def event_note(*, session: Session, kind: str, data: dict[str, Any], at: datetime | None = None) -> None:
    """Write down something that the server saw."""
    Event.objects.create(session=session, kind=kind, at=at or timezone.now(), data=data)


def events_note(*, session: Session, events: Sequence[dict[str, Any]]) -> int:
    """Write down what the browser noted; returns how many were stored. Beyond the limit the rest is dropped."""
    room = max(0, EVENTS_LIMIT - session.events.count())
    rows = [Event(session=session, **event) for event in events[:room]]
    Event.objects.bulk_create(rows)
    return len(rows)
