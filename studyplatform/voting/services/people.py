"""What a researcher does with a participant: leave out of the analysis, take in again, erase for good."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from studyplatform.voting.models import (
    Block,
    CompletionCode,
    Event,
    Exclusion,
    PanelIdentity,
    Participant,
    Session,
    Tombstone,
    Trial,
    Vote,
)
from studyplatform.voting.services.blocks import deal_alone, pairs_deal_again
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.studies import audit


@transaction.atomic
def participant_exclude(*, participant: Participant, by: User, reason: str) -> Exclusion:
    """Leave a participant out of the analysis; the pairs go to somebody else. The votes stay, and it can be undone.

    Raises :class:`StudyError` without a reason, or for somebody who is left out already.
    """
    if not reason.strip():
        raise StudyError("Say why the participant is left out; the reason stands in the exports.")
    study = deal_alone(study_id=participant.study_id)
    try:
        with transaction.atomic():
            exclusion = Exclusion.objects.create(participant=participant, reason=reason.strip()[:200], by=by)
    except IntegrityError as error:
        raise StudyError(f"{participant} is left out already. Take them in again to change the reason.") from error
    pairs_deal_again(study=study, participant=participant, keep_answered=False)
    audit(study=study, by=by, action="participant excluded", comment=reason.strip()[:200])
    return exclusion


@transaction.atomic
def participant_include(*, participant: Participant, by: User) -> None:
    """Undo an exclusion. What was dealt again meanwhile stays dealt: a pair answered twice harms nobody."""
    if not participant.exclusions.filter(undone_at=None).update(undone_at=timezone.now()):
        raise StudyError(f"{participant} is not left out.")
    audit(study=participant.study, by=by, action="participant included again")


@transaction.atomic
def participant_erase(*, participant: Participant, by: User | None = None) -> Tombstone:
    """Delete everything about a participant, votes and panel id included, and leave a tombstone: day and counts."""
    study = deal_alone(study_id=participant.study_id)
    pairs_deal_again(study=study, participant=participant, keep_answered=False)
    # A plan says nothing of its holder once the holder is gone; its pairs live on where they were dealt again.
    trials = Trial.objects.filter(participant=participant)
    votes, _ = Vote.objects.filter(study=study, trial__in=trials).delete()
    # The chains of taken-back and skipped trials point at each other.
    trials.update(supersedes=None, reasks=None)
    laid, _ = trials.delete()
    Block.objects.filter(holder=participant).delete()
    Event.objects.filter(session__participant=participant).delete()
    Session.objects.filter(participant=participant).delete()
    for rows in (CompletionCode, Exclusion, PanelIdentity):
        rows.objects.filter(participant=participant).delete()
    participant.delete()
    audit(study=study, by=by, action="participant erased", data={"trials": laid, "votes": votes})
    return Tombstone.objects.create(study=study, day=timezone.localdate(), trials=laid, votes=votes)
