"""What a researcher does with a participant: leave out of the analysis, take in again, erase for good."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from django.conf import settings
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone

from studyplatform.voting.core.erased import names_found, without_names
from studyplatform.voting.models import (
    AuditEntry,
    Block,
    CompletionCode,
    Event,
    Exclusion,
    PanelIdentity,
    Participant,
    PayDecision,
    Session,
    Study,
    Tombstone,
    Trial,
    Vote,
)
from studyplatform.voting.selectors import panel_hash, participant_hash
from studyplatform.voting.services.blocks import deal_alone, pairs_deal_again
from studyplatform.voting.services.erasures import mark_leave, marked
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.participation import session_withdraw
from studyplatform.voting.services.studies import audit, words

#: What a panel sent along is taken for a name of the participant from this length on.
SHORTEST_NAME = 8
#: How often erasing begins anew because something arrived that was on its way: a vote, or what a researcher decided.
ARRIVING = 5


@transaction.atomic
def participant_exclude(
    *, participant: Participant, by: User, reason: str, code: str = Exclusion.Code.OTHER
) -> Exclusion:
    """Leave a participant out of the analysis; the pairs go to somebody else. The votes stay, and it can be undone.

    ``code``: one of :class:`Exclusion.Code`, which exports name beside the reason. Raises :class:`StudyError` without a
    reason, for an unknown code, or for somebody who is left out already.
    """
    _reason_given(reason, code)
    study = deal_alone(study_id=participant.study_id)
    if not Participant.objects.filter(pk=participant.pk).exists():
        raise StudyError("This participant has been erased meanwhile, and nobody can be left out.")
    try:
        with transaction.atomic():
            exclusion = _exclude(study, participant, by, code, reason)
    except IntegrityError as error:
        raise StudyError(f"{participant} is left out already. Take them in again to change the reason.") from error
    audit(
        study=study,
        by=by,
        action="participant excluded",
        comment=exclusion.reason,
        data={"participant": participant_hash(study, participant.token), "code": str(code)},
    )
    return exclusion


@transaction.atomic
def participants_exclude(
    *, study: Study, excluded: Sequence[tuple[Participant, str, str]], by: User, action: str = "participants excluded"
) -> int:
    """Leave several out in one logged step: ``excluded`` has a code and a reason for each. Returns how many were.

    Those who are left out already stay so for their old reason.
    """
    for _participant, code, reason in excluded:
        _reason_given(reason, code)
    study = deal_alone(study_id=study.pk)
    gone = set(Exclusion.objects.filter(participant__study=study, undone_at=None).values_list("participant", flat=True))
    here = set(Participant.objects.filter(study=study).values_list("pk", flat=True))  # less who was erased meanwhile
    new = [(who, code, reason) for who, code, reason in excluded if who.pk in here - gone]
    for who, code, reason in new:
        _exclude(study, who, by, code, reason)
    if new:
        listed = [
            {"participant": participant_hash(study, who.token), "code": str(code), "reason": words(reason)}
            for who, code, reason in new
        ]
        audit(study=study, by=by, action=action, comment=f"{len(new)} left out", data={"participants": listed})
    return len(new)


def _reason_given(reason: str, code: str) -> None:
    if not words(reason):
        raise StudyError(
            "Say why the participant is left out; the reason stands in the log, and its code in the exports."
        )
    if code not in Exclusion.Code.values:
        raise StudyError(f"{code!r} is no code of an exclusion. Choose one of {', '.join(Exclusion.Code.values)}.")


def _exclude(study: Study, participant: Participant, by: User, code: str, reason: str) -> Exclusion:
    """The row, and the pairs dealt again. The caller holds :func:`deal_alone`."""
    made = Exclusion.objects.create(participant=participant, code=code, reason=words(reason, 200), by=by)
    pairs_deal_again(study=study, participant=participant, keep_answered=False)
    return made


@transaction.atomic
def participant_include(*, participant: Participant, by: User, reason: str) -> None:
    """Undo an exclusion, for a reason; the history keeps both.

    What was dealt again meanwhile stays dealt: a pair answered twice harms nobody. Raises :class:`StudyError` without a
    reason, or for somebody who is not left out.
    """
    if not words(reason):
        raise StudyError("Say why the participant is taken in again; it stands in the history.")
    undone = {"undone_at": timezone.now(), "undone_by": by, "undo_reason": words(reason, 200)}
    if not participant.exclusions.filter(undone_at=None).update(**undone):
        raise StudyError(f"{participant} is not left out.")
    study = participant.study
    audit(
        study=study,
        by=by,
        action="participant included again",
        comment=words(reason, 200),
        data={"participant": participant_hash(study, participant.token)},
    )


# What other apps keep of a participant, and how it goes: called with the study and the names that the house gave.
ERASERS: list[Callable[[Study, Sequence[str]], None]] = []


def participant_erase(*, participant: Participant, by: User | None = None) -> Tombstone:
    """Delete everything about a participant, votes and panel id included, and leave a tombstone: day and counts.

    In the log, the participant's names are replaced by “erased”. Copies that have left the house before are listed
    among the exports.
    """
    pk = participant.pk
    # Withdrawn first, in a step of its own: from then on no vote is taken, and nobody finishes.
    session_withdraw(session=participant.session)
    mark_leave(participant.token)
    for _attempt in range(ARRIVING):
        with suppress(ProtectedError, IntegrityError):
            return _erase(pk, by)
    return _erase(pk, by)


def erasures_repeat() -> int:
    """Erase again whoever was erased before and is here, as when an older backup came back; returns how many."""
    back = marked(dict(Participant.objects.values_list("token", "pk")))
    for participant in Participant.objects.filter(pk__in=back).select_related("session", "study"):
        participant_erase(participant=participant)
    return len(back)


@transaction.atomic
def _erase(pk: int, by: User | None) -> Tombstone:
    participant = Participant.objects.select_related("study").get(pk=pk)
    study = deal_alone(study_id=participant.study_id)
    # A request that is finishing the session or leaving its mark is let through first.
    Session.objects.select_for_update().get(participant=participant)
    given, sent = _names(study, participant)
    # A plan says nothing of its holder once the holder is gone; its pairs live on where they were dealt again.
    trials = Trial.objects.filter(participant=participant)
    votes, _ = Vote.objects.filter(study=study, trial__in=trials).delete()
    # The chains of taken-back and skipped trials point at each other.
    trials.update(supersedes=None, reasks=None)
    laid, _ = trials.delete()
    Block.objects.filter(holder=participant).delete()
    Event.objects.filter(session__participant=participant).delete()
    Session.objects.filter(participant=participant).delete()
    for rows in (CompletionCode, Exclusion, PayDecision, PanelIdentity):
        rows.objects.filter(participant=participant).delete()
    participant.delete()
    _log_forget(study, [*given, *sent])
    for forget in ERASERS:
        forget(study, given)
    audit(study=study, by=by, action="participant erased", data={"trials": laid, "votes": votes})
    return Tombstone.objects.create(study=study, day=timezone.localdate(), trials=laid, votes=votes)


def _names(study: Study, participant: Participant) -> tuple[list[str], list[str]]:
    """All that a participant is known by: what the house gave them, and what their panel sent.

    A panel's id may be as short as “2”: it is a name only where people write about people, in the log. What others
    brought along too, like the panel's name of the study, is nobody's name.
    """
    given, sent = [participant.token, participant_hash(study, participant.token)], []
    others = PanelIdentity.objects.filter(study=study).exclude(participant=participant)
    shared = {str(value) for captured in others.values_list("captured", flat=True) for value in captured.values()}
    for identity in PanelIdentity.objects.filter(participant=participant):
        keys = (None, *settings.SECRET_KEY_FALLBACKS)
        given += [panel_hash(study, identity.provider, identity.external_id, key=key) for key in keys]
        captured = {str(value) for value in identity.captured.values()} - shared
        sent += [identity.external_id, *(value for value in captured if len(value) >= SHORTEST_NAME)]
    given += CompletionCode.objects.filter(participant=participant).values_list("code", flat=True)
    return given, sent


def _log_forget(study: Study, names: Sequence[str]) -> None:
    """Take the names out of the study's log; who did what to the study stays."""
    found = names_found(names)
    for entry in study.audit.all():
        comment, data = without_names(entry.comment, found), without_names(entry.data, found)
        if (comment, data) != (entry.comment, entry.data):
            AuditEntry.objects.filter(pk=entry.pk).update(comment=comment, data=data)
