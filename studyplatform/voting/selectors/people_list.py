"""The participants of a study as its researchers look for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import OuterRef, Q, QuerySet, Subquery

from studyplatform.voting.core.answers import qualities
from studyplatform.voting.core.flags import Flag
from studyplatform.voting.core.quality import Quality
from studyplatform.voting.models import Exclusion, Participant, PayDecision, Session, Study
from studyplatform.voting.selectors.answers import answers_of, flags_of
from studyplatform.voting.selectors.live import IN_PROGRESS, STOPPED, WITHDRAWN, people_with_standing, status_of
from studyplatform.voting.selectors.results import participant_hash, participants_named
from studyplatform.voting.selectors.studies import is_sealed

NONE = "none"  # of a filter: those without


@dataclass(frozen=True)
class Wanted:
    """Whom to list; an empty field asks for nothing.

    status : as :func:`~studyplatform.voting.selectors.live.status_of` has it.
    flag : a code of a flag, or ``any``.
    excluded : ``yes`` or ``no``.
    pay : ``approve``, ``reject`` or ``none``.
    search : a completion code, an id of the exports, or, with ``panel_ids``, an id at the panel.
    """

    status: str = ""
    flag: str = ""
    excluded: str = ""
    pay: str = ""
    device: str = ""
    search: str = ""
    panel_ids: bool = False


@dataclass(frozen=True)
class Person:
    """A participant in the list, how they answered, and what was decided."""

    pk: int
    name: str
    kind: str
    status: str
    complete: bool
    started_at: datetime
    device: str
    language: str
    found: Quality | None
    flags: tuple[Flag, ...]
    excluded: str
    pay: str


def who_count(study: Study) -> dict[str, bool]:
    """Fields of the participants who count: no previews, bots only in a rehearsal, pilots only while it is a pilot."""
    return {"is_preview": False, "is_pilot": study.state == Study.State.PILOT, "is_bot": study.simulated}


def people_found(study: Study, wanted: Wanted) -> QuerySet[Any]:
    """Those who are wanted, the latest first, with their session and what was decided about them."""
    reason = Exclusion.objects.filter(participant=OuterRef("pk"), undone_at=None).values("reason")
    decision = PayDecision.objects.filter(participant=OuterRef("pk"), undone_at=None).values("decision")
    people: QuerySet[Any] = people_with_standing(study).select_related("session").order_by("-pk")
    people = people.annotate(excluded=Subquery(reason[:1]), pay=Subquery(decision[:1]))
    if wanted.status:
        people = people.filter(_of_status(wanted.status))
    if wanted.excluded:
        people = people.filter(left_out=wanted.excluded == "yes")
    if wanted.pay:
        people = people.filter(pay__isnull=True) if wanted.pay == NONE else people.filter(pay=wanted.pay)
    if wanted.device:
        people = people.filter(device="" if wanted.device == NONE else wanted.device)
    if wanted.search:
        named = participants_named(study, wanted.search.strip(), panel=wanted.panel_ids)
        people = people.filter(pk__in=[p.pk for p in named])
    if wanted.flag:
        people = people.filter(pk__in=flagged(study, wanted.flag))
    return people


def _of_status(status: str) -> Q:
    goes = Q(session__withdrew_at=None)
    if status == WITHDRAWN:
        return ~goes
    if status in (IN_PROGRESS, STOPPED):
        return goes & Q(session__outcome="", holds=status == IN_PROGRESS)
    outcomes = {str(o.label): o.value for o in Session.Outcome}
    return goes & Q(session__outcome=outcomes.get(status, status))


def flagged(study: Study, code: str = "any") -> dict[int, list[Flag]]:
    """Participants with a complete session that breaks the rule ``code`` (or any rule), and the rules they break."""
    complete = set(
        study.sessions.filter(outcome=Session.Outcome.COMPLETE, withdrew_at=None).values_list("participant", flat=True)
    )
    sealed, answered = is_sealed(study), qualities(answers_of(study))
    found = {pk: flags_of(study, q, complete=pk in complete, sealed=sealed) for pk, q in answered.items()}
    return {pk: flags for pk, flags in found.items() if any(code in ("any", flag.code) for flag in flags)}


def people_shown(study: Study, people: Sequence[Participant]) -> list[Person]:
    """Rows of :func:`people_found` with how they answered."""
    found = qualities(answers_of(study, [p.pk for p in people]))
    sealed = is_sealed(study)
    return [_person(study, p, found.get(p.pk), sealed) for p in people]


def _person(study: Study, p: Participant, found: Quality | None, sealed: bool) -> Person:
    session = p.session
    complete = session.outcome == Session.Outcome.COMPLETE and session.withdrew_at is None
    kinds = [word for word, is_it in (("preview", p.is_preview), ("pilot", p.is_pilot), ("bot", p.is_bot)) if is_it]
    return Person(
        pk=p.pk,
        name=participant_hash(study, p.token),
        kind=", ".join(kinds),
        status=status_of(session.outcome, session.withdrew_at is not None, p.holds),  # type: ignore[attr-defined]
        complete=complete,
        started_at=session.started_at,
        device=p.device,
        language=p.language,
        found=found,
        flags=tuple(flags_of(study, found, complete=complete, sealed=sealed)),
        excluded=p.excluded or "",  # type: ignore[attr-defined]
        pay=PayDecision.Decision(p.pay).label if p.pay else "",  # type: ignore[attr-defined]
    )


@dataclass(frozen=True)
class Rule:
    """Somebody whom a preregistered rule flags, and why the rules' button leaves them alone, if it does."""

    participant: Participant
    name: str
    flags: list[Flag]
    spared: str


def rules_say(study: Study) -> list[Rule]:
    """All who count, are flagged and not left out. Who was taken in again by hand is spared."""
    broken = flagged(study)
    counted = study.participants.filter(pk__in=broken, **who_count(study))
    here = counted.exclude(exclusions__in=_in_force()).order_by("pk")
    again = set(
        Exclusion.objects.filter(participant__in=here, undone_at__isnull=False).values_list("participant", flat=True)
    )
    words = "was taken in again by hand"
    return [Rule(p, participant_hash(study, p.token), broken[p.pk], words if p.pk in again else "") for p in here]


def _in_force() -> QuerySet[Exclusion]:
    return Exclusion.objects.filter(undone_at=None)
