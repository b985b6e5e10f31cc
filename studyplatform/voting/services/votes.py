"""The vote path: one statement that carries every condition, and words for each way it can find nothing to store.

Checking first and inserting then loses to the next request in between; so ownership, consent, the state of the study
and the order of the trials stand in the WHERE of the INSERT itself, and the unique keys of the table do the rest.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Field
from django.utils import timezone
from django.utils.translation import gettext as _

from studyplatform.voting.models import Study, Trial, Vote
from studyplatform.voting.selectors import takes_votes
from studyplatform.voting.services.errors import VoteRefused, VoteStored
from studyplatform.voting.services.participation import state_sentence

# The same text for PostgreSQL and SQLite.
INSERT = """
INSERT INTO voting_vote (study_id, uuid, trial_id, choice, rt_ms, shown_at, submitted_at, late, client)
SELECT t.study_id, %(uuid)s, t.id, %(choice)s, %(rt_ms)s, %(shown_at)s, %(now)s, s.state = 'closed', %(client)s
FROM voting_trial t
JOIN voting_participant p ON p.id = t.participant_id
JOIN voting_session e ON e.id = t.session_id
JOIN voting_study s ON s.id = t.study_id
WHERE t.id = %(trial)s AND p.token = %(participant)s AND s.slug = %(study)s
  AND e.consented_at IS NOT NULL AND e.withdrew_at IS NULL
  AND (s.state IN ('pilot', 'open') OR (s.state = 'closed' AND s.votes_until >= %(now)s))
  AND (%(choice)s IN ('left', 'right') OR s.allow_ties)
  AND NOT EXISTS (
    SELECT 1 FROM voting_trial earlier
    WHERE earlier.participant_id = t.participant_id AND earlier.position < t.position
      AND NOT EXISTS (SELECT 1 FROM voting_vote v WHERE v.study_id = earlier.study_id AND v.trial_id = earlier.id)
  )
ON CONFLICT DO NOTHING
RETURNING late
"""

CHOICES = (Vote.Choice.LEFT, Vote.Choice.RIGHT, Vote.Choice.TIE)


def vote_cast(
    *,
    study: str,
    participant: str,
    trial: int,
    uuid: UUID,
    choice: str,
    rt_ms: int | None = None,
    shown_at: datetime | None = None,
    client: dict[str, Any] | None = None,
) -> VoteStored | VoteRefused:
    """Store the answer to a trial, or say what stands instead.

    Parameters
    ----------
    study, participant : the study's slug and the participant's token; a trial of anybody else is not found.
    uuid : made once per trial by the browser, so that sending again after a lost answer is the same vote.
    """
    now = timezone.now()
    values = {"uuid": uuid, "choice": choice, "rt_ms": rt_ms, "shown_at": shown_at, "submitted_at": now}
    values["client"] = client or {}
    prepared = {name: _column(name).get_db_prep_value(value, connection) for name, value in values.items()}
    prepared["now"] = prepared.pop("submitted_at")
    parameters = {**prepared, "trial": trial, "participant": participant, "study": study}
    for _attempt in range(3):
        with connection.cursor() as cursor:
            cursor.execute(INSERT, parameters)
            rows = cursor.fetchall()
        if rows:
            return VoteStored(trial, str(uuid), choice, now.isoformat(), bool(rows[0][0]), replayed=False)
        answer = _look(study=study, participant=participant, trial=trial, uuid=uuid, choice=choice)
        if answer is not None:
            return answer
    # Every condition held each time it was looked at, and yet nothing was stored: others are changing it right now.
    return VoteRefused(503, "busy", _("The study is busy. Your vote will be sent again."))


def _column(name: str) -> "Field[Any, Any]":
    field = Vote._meta.get_field(name)
    assert isinstance(field, Field)  # noqa: S101  (tells the type checker; Vote has no generic relation)
    return field


def _look(*, study: str, participant: str, trial: int, uuid: UUID, choice: str) -> VoteStored | VoteRefused | None:
    """What stands for the trial after an INSERT stored nothing; ``None`` if nothing does and nothing forbids it."""
    row = (
        Trial.objects.select_related("session", "study")
        .filter(pk=trial, participant__token=participant, study__slug=study)
        .first()
    )
    if row is None:
        return VoteRefused(404, "not_found", _("There is no such pair in your session."))
    vote = Vote.objects.filter(study=row.study_id, trial=row).first()
    if vote is not None:
        if vote.choice != choice:
            return VoteRefused(409, "conflict", _("You have already answered this pair; your first answer stands."))
        return VoteStored(row.pk, str(vote.uuid), vote.choice, vote.submitted_at.isoformat(), vote.late, replayed=True)
    return _refusal(row, uuid, choice)


def _refusal(trial: Trial, uuid: UUID, choice: str) -> VoteRefused | None:
    session, study = trial.session, trial.study
    if session.withdrew_at is not None:
        return VoteRefused(410, "withdrawn", _("You have withdrawn from this study."))
    if session.consented_at is None:
        return VoteRefused(403, "consent", _("Please read and accept the consent page first."))
    if not takes_votes(study):
        if study.state == Study.State.PAUSED:
            return VoteRefused(409, "paused", state_sentence(study.state))
        return VoteRefused(410, "closed", state_sentence(study.state))
    if choice not in (Vote.Choice.LEFT, Vote.Choice.RIGHT) and not study.allow_ties:
        return VoteRefused(400, "choice", _("Please choose one of the two pictures."))
    expected = Trial.objects.filter(session=session, votes=None).order_by("position").first()
    if expected is not None and expected.pk != trial.pk:
        return VoteRefused(409, "out_of_order", _("Another pair comes first."), expected.pk)
    if Vote.objects.filter(study=study, uuid=uuid).exists():
        return VoteRefused(409, "uuid", _("This ballot number has been used for another pair."))
    return None
