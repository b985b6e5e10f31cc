"""Whether participants are paid, apart from whether their votes are analysed (ITU-T P.910: accept, and use)."""

from collections.abc import Iterable

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from studyplatform.voting.models import Participant, PayDecision, Study
from studyplatform.voting.selectors import participant_hash
from studyplatform.voting.services.errors import StudyError
from studyplatform.voting.services.studies import audit, words


@transaction.atomic
def pay_decide(*, participant: Participant, decision: str, by: User, reason: str = "") -> PayDecision:
    """Decide that a participant is paid, or for a reason that they are not.

    Raises :class:`StudyError` for a rejection without a reason, and where a decision stands already.
    """
    _known(decision, reason)
    if participant.is_bot:
        raise StudyError("This participant is simulated: there is nobody to pay.")
    _decide_alone(participant.study_id)
    try:
        with transaction.atomic():
            made = PayDecision.objects.create(
                participant=participant, decision=decision, reason=words(reason, 200), by=by
            )
    except IntegrityError as error:
        raise StudyError("There is a decision on the pay already. Undo it to take another.") from error
    audit(
        study=participant.study,
        by=by,
        action=f"pay: {made.get_decision_display()}",
        comment=made.reason,
        data={"participants": [participant_hash(participant.study, participant.token)]},
    )
    return made


@transaction.atomic
def pay_undo(*, participant: Participant, by: User) -> None:
    """Take the decision on the pay back; it stays in the history."""
    _decide_alone(participant.study_id)
    if not participant.pay_decisions.filter(undone_at=None).update(undone_at=timezone.now()):
        raise StudyError("There is no decision on the pay to undo.")
    named = participant_hash(participant.study, participant.token)
    audit(study=participant.study, by=by, action="pay: undone", data={"participants": [named]})


@transaction.atomic
def pay_decide_all(
    *, study: Study, participants: Iterable[Participant], decision: str, by: User, reason: str = ""
) -> int:
    """Decide the same for several; those on whom a decision stands keep it, and simulated ones are left aside.

    Returns how many were decided.
    """
    _known(decision, reason)
    _decide_alone(study.pk)
    decided = set(
        PayDecision.objects.filter(participant__study=study, undone_at=None).values_list("participant", flat=True)
    )
    new = [p for p in participants if p.pk not in decided and not p.is_bot]
    made = [PayDecision(participant=p, decision=decision, reason=words(reason, 200), by=by) for p in new]
    PayDecision.objects.bulk_create(made, batch_size=500)
    if new:
        audit(
            study=study,
            by=by,
            action=f"pay: {PayDecision.Decision(decision).label}",
            comment=words(reason, 200),
            data={"participants": [participant_hash(study, p.token) for p in new]},
        )
    return len(new)


def _known(decision: str, reason: str) -> None:
    if decision not in PayDecision.Decision.values:
        raise StudyError("Choose whether to pay or not to pay.")
    if decision == PayDecision.Decision.REJECT and not words(reason):
        raise StudyError("Say why somebody is not paid; panels ask for the reason.")


def _decide_alone(study: int) -> None:
    """Until the transaction ends nobody else decides on the pay of anybody in the study."""
    Study.everything.select_for_update(no_key=True).get(pk=study)
