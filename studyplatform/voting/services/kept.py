"""Answers of complete sessions kept in one row each, for pages that look at all of them (models/kept.py)."""

from dataclasses import dataclass

from django.db import transaction

from studyplatform.voting.core.kept import FORM, Moments, packed
from studyplatform.voting.models import KeptAnswers, Session, Study
from studyplatform.voting.selectors.answers import in_parts, moments_of


@dataclass
class Held:
    """How many complete sessions were looked at; whose answers were not kept, and whose otherwise than they are.

    Those whose answers cannot be kept, because a number is too large, count as looked at alone.
    """

    complete: int = 0
    missing: int = 0
    wrong: int = 0


def answers_keep(*, session: Session) -> None:
    """Keep the answers of a session that is being completed. The caller holds its row."""
    answers = packed(moments_of(session.study, [session.participant_id]).of)
    if answers is not None:
        _keep([KeptAnswers(session=session, form=FORM, answers=answers)])


def answers_hold(*, study: Study) -> Held:
    """Hold what is kept of the complete sessions against their rows, and keep anew what is missing or differs.

    A few hundred sessions in one transaction, so that nobody waits for it long.
    """
    held = Held()
    complete = study.sessions.filter(outcome=Session.Outcome.COMPLETE)
    for some in in_parts(list(complete.order_by("pk").values_list("pk", flat=True))):
        with transaction.atomic():
            # Whoever changes an answer meanwhile waits for these rows, and drops what is kept here.
            sessions = list(complete.filter(pk__in=some).select_for_update(of=("self",)).order_by("pk"))
            _hold(study, sessions, held)
    return held


def _hold(study: Study, sessions: list[Session], held: Held) -> None:
    before = {kept.pk: kept for kept in KeptAnswers.objects.filter(session__in=sessions)}
    found = moments_of(study, [session.participant_id for session in sessions]).of
    anew = []
    for session in sessions:
        its = found.answers.participant == session.participant_id
        answers = packed(Moments(found.answers.where(its), found.hour[its]))
        kept = before.get(session.pk)
        held.complete += 1
        if answers is None:
            KeptAnswers.objects.filter(session=session).delete()
        elif kept is None or kept.form != FORM:
            held.missing += 1
        elif bytes(kept.answers) != answers:
            held.wrong += 1
        else:
            continue
        if answers is not None:
            anew.append(KeptAnswers(session=session, form=FORM, answers=answers))
    _keep(anew)


def _keep(rows: list[KeptAnswers]) -> None:
    """Store them in the place of what was kept before."""
    KeptAnswers.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["session"], update_fields=["form", "answers"]
    )
