"""The vote path: one statement that carries every condition, and words for each way it can find nothing to store.

Checking first and inserting then loses to the next request in between; so ownership, consent, the state of the study
and the order of the trials stand in the WHERE of the INSERT itself, and the unique keys of the table do the rest.
"""

from contextlib import nullcontext
from datetime import datetime
from typing import Any
from uuid import UUID
from weakref import WeakSet

from django.db import connection, transaction
from django.db.models import Field, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from studyplatform.voting.core.previews import previewed
from studyplatform.voting.models import Event, Session, Study, Trial, Vote
from studyplatform.voting.selectors import pair_of, preview_is_over, state_sentence, takes_votes, trial_to_undo
from studyplatform.voting.services.errors import NotTakingPart, VoteRefused, VoteStored
from studyplatform.voting.services.trials import event_note, trial_copy

# The same text for PostgreSQL and SQLite. Turns have no gaps, and nothing is answered before the turn before it is; so
# the trials of that one turn tell whether all earlier ones are answered, also those that an undo asked again.
INSERT = """
INSERT INTO voting_vote (study_id, uuid, trial_id, choice, rt_ms, shown_at, submitted_at, late, client)
SELECT t.study_id, %(uuid)s, t.id, %(choice)s, %(rt_ms)s, %(shown_at)s, %(now)s,
  s.state IN ('closed', 'archived'), %(client)s
FROM voting_trial t
JOIN voting_participant p ON p.id = t.participant_id
JOIN voting_session e ON e.id = t.session_id
JOIN voting_study s ON s.id = t.study_id
WHERE t.id = %(trial)s AND p.token = %(participant)s AND s.slug = %(study)s
  AND e.admitted_at IS NOT NULL AND e.withdrew_at IS NULL AND e.outcome IN ('', 'failed')
  AND (s.state IN ('pilot', 'open') OR (s.state IN ('closed', 'archived') AND s.votes_until >= %(now)s))
  AND (%(choice)s IN ('left', 'right', 'skip') OR s.allow_ties)
  AND NOT EXISTS (
    SELECT 1 FROM voting_trial before
    WHERE before.participant_id = t.participant_id AND before.turn = t.turn - 1
      AND NOT EXISTS (SELECT 1 FROM voting_vote v WHERE v.study_id = before.study_id AND v.trial_id = before.id)
  )
ON CONFLICT DO NOTHING
RETURNING late, (
  SELECT told.expected FROM voting_trial told JOIN voting_study teller ON teller.id = told.study_id
  WHERE told.id = trial_id AND told.kind = 'practice' AND teller.practice_feedback
)
"""

# PostgreSQL plans the statement once per connection: planning it costs more than twice what running it does.
PARAMETERS = {
    "uuid": "uuid", "choice": "text", "rt_ms": "integer", "shown_at": "timestamptz", "now": "timestamptz",
    "client": "jsonb", "trial": "bigint", "participant": "text", "study": "text",
}  # fmt: skip
PREPARE = f"PREPARE eyeballot_vote ({', '.join(PARAMETERS.values())}) AS " + INSERT % {
    name: f"${place}" for place, name in enumerate(PARAMETERS, 1)
}
EXECUTE = f"EXECUTE eyeballot_vote ({', '.join(f'%({name})s' for name in PARAMETERS)})"
_prepared: WeakSet[Any] = WeakSet()

# What a participant may send; `skip` says that a picture did not load.
CHOICES = (Vote.Choice.LEFT, Vote.Choice.RIGHT, Vote.Choice.TIE, Vote.Choice.SKIP)
#: How often a pair whose pictures do not load is asked again.
REASKED = 2


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
        # A skip and the pair that is asked again for it are stored together; any other vote is one statement.
        with transaction.atomic() if choice == Vote.Choice.SKIP else nullcontext(), connection.cursor() as cursor:
            if choice == Vote.Choice.SKIP:
                # Nobody else appends trials to the session meanwhile.
                mine = Session.objects.filter(participant__token=participant, study__slug=study)
                mine.select_for_update(of=("self",)).first()
            cursor.execute(_statement(), parameters)
            rows = cursor.fetchall()
            appended = _reask(trial) if rows and choice == Vote.Choice.SKIP else None
        if rows:
            late, expected = rows[0]
            correct = choice == expected if expected else None
            return VoteStored(trial, str(uuid), choice, now.isoformat(), bool(late), False, correct, appended)
        answer = _look(study=study, participant=participant, trial=trial, uuid=uuid, choice=choice)
        if answer is not None:
            return answer
    # Every condition held each time it was looked at, and yet nothing was stored: others are changing it right now.
    return VoteRefused(503, "busy", _("The study is busy. Your vote will be sent again."))


def _statement() -> str:
    """The one statement as this connection takes it.

    Behind a pooler that hands out connections by transaction nothing can be prepared; Django's own setting for that,
    ``?disable_server_side_cursors=true`` in DATABASE_URL, says so here too.
    """
    if connection.vendor != "postgresql" or connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS"):
        return INSERT
    if connection.connection not in _prepared:
        with connection.wrap_database_errors, connection.connection.cursor() as bare:
            bare.execute(PREPARE)
        _prepared.add(connection.connection)
    return EXECUTE


def _reask(number: int) -> dict[str, Any] | None:
    """The skipped trial's pair once more at the end of the plan, unless it has been asked often enough."""
    skipped = Trial.objects.get(pk=number)
    again, root = 1, skipped
    while root.reasks_id is not None:
        again, root = again + 1, Trial.objects.get(pk=root.reasks_id)
    if again > REASKED:
        return None
    # At the end, practice would come too late to teach anything.
    if skipped.kind == Trial.Kind.PRACTICE:
        return None
    last = Trial.objects.filter(participant=skipped.participant_id).aggregate(
        position=Max("position"), turn=Max("turn")
    )
    return pair_of(trial_copy(skipped, position=last["position"] + 1, turn=last["turn"] + 1, reasks=skipped))


@transaction.atomic
def vote_undo(*, session: Session) -> Trial:
    """Ask the last pair again: a new trial takes its turn, and its answer replaces the first one. Logged.

    Asking twice gives the same trial. Each answer can be taken back once, the last one only, and only before the
    session is complete. Raises :class:`NotTakingPart` (``nothing_to_undo``).
    """
    session = Session.objects.select_for_update(of=("self",)).select_related("study").get(pk=session.pk)
    trial = trial_to_undo(session)
    if trial is None:
        raise NotTakingPart("nothing_to_undo", _("There is no answer to take back now."))
    waiting = Trial.objects.filter(supersedes=trial).first()
    if waiting is not None:
        return waiting
    last = session.trials.aggregate(last=Max("position"))["last"]
    event_note(session=session, kind=Event.Kind.UNDO, data={"position": trial.position})
    return trial_copy(trial, position=last + 1, turn=trial.turn, supersedes=trial)


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
    if row is None and previewed(study) is not None:
        return VoteRefused(410, "preview_over", preview_is_over())
    if row is None:
        return VoteRefused(404, "not_found", _("There is no such pair in your session."))
    vote = Vote.objects.filter(study=row.study_id, trial=row).first()
    if vote is not None:
        if vote.choice != choice:
            return VoteRefused(409, "conflict", _("You have already answered this pair; your first answer stands."))
        return _stored_before(row, vote)
    return _refusal(row, uuid, choice)


def _stored_before(trial: Trial, vote: Vote) -> VoteStored:
    told = trial.kind == Trial.Kind.PRACTICE and trial.study.practice_feedback
    again = Trial.objects.filter(reasks=trial).first()
    return VoteStored(
        trial.pk,
        str(vote.uuid),
        vote.choice,
        vote.submitted_at.isoformat(),
        vote.late,
        replayed=True,
        correct=vote.choice == trial.expected if told else None,
        appended=pair_of(again) if again else None,
    )


def _refusal(trial: Trial, uuid: UUID, choice: str) -> VoteRefused | None:
    session, study = trial.session, trial.study
    if session.withdrew_at is not None:
        return VoteRefused(410, "withdrawn", _("You have withdrawn from this study."))
    if session.consented_at is None:
        return VoteRefused(403, "consent", _("Please read and accept the consent page first."))
    if session.outcome not in ("", Session.Outcome.FAILED):
        return VoteRefused(410, "ended", _("Your session in this study is over."))
    if session.admitted_at is None:
        return VoteRefused(403, "checks", _("Please do the checks of your screen first."))
    if not takes_votes(study):
        if study.state == Study.State.PAUSED:
            return VoteRefused(409, "paused", state_sentence(study.state))
        return VoteRefused(410, "closed", state_sentence(study.state))
    if choice == Vote.Choice.TIE and not study.allow_ties:
        return VoteRefused(400, "choice", _("Please choose one of the two pictures."))
    expected = Trial.objects.filter(session=session, votes=None).in_turn().first()
    if expected is not None and expected.pk != trial.pk:
        return VoteRefused(409, "out_of_order", _("Another pair comes first."), expected.pk)
    if Vote.objects.filter(study=study, uuid=uuid).exists():
        return VoteRefused(409, "uuid", _("This ballot number has been used for another pair."))
    return None
