"""Codes held against votes: who finished and was not told, who was told and did not finish."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction

from studyplatform.voting.core.submissions import Submission
from studyplatform.voting.models import CompletionCode, Panel, PanelIdentity, Session, Study, Trial, Vote
from studyplatform.voting.selectors import exit_code, panel_of, participant_hash
from studyplatform.voting.selectors.people_list import who_count
from studyplatform.voting.services.errors import NotTakingPart
from studyplatform.voting.services.participation import session_finish
from studyplatform.voting.services.studies import audit


@dataclass(frozen=True)
class Disagreement:
    """A thing that does not agree, in a sentence; ``participant`` is whom it is about, where that is known.

    ``mendable``: whether completing the session mends it.
    """

    sentence: str
    participant: int | None = None
    mendable: bool = False


@dataclass
class Reconciled:
    """What was counted, and what does not agree; ``mended`` are those whose session was completed just now."""

    complete: int
    codes: int
    votes: int
    found: list[Disagreement] = field(default_factory=list)
    mended: list[int] = field(default_factory=list)

    @property
    def sentences(self) -> list[str]:
        """A sentence for each thing that does not agree."""
        return [one.sentence for one in self.found]


def has_one_code(study: Study) -> bool:
    """Whether the study's panel has one completion code for everybody, so that ids say who handed in."""
    panel = panel_of(study)
    return panel is not None and bool(panel.complete_code)


def reconcile(
    *, study: Study, handed_in: Sequence[Submission] | None = None, mend: bool = False, by: User | None = None
) -> Reconciled:
    """Hold the completion codes of a study against its stored votes, and against what was ``handed_in`` at the panel.

    Those who count are looked at: previews, simulated people among real ones and pilots of an open study are owed no
    hand-in. Where a panel has one code for everybody, its ids say who handed in; else the codes do.

    ``mend`` completes the sessions whose every pair is answered, as if the browser's last request had arrived; for each
    the study's log says that ``by`` did it. Whoever withdraws or is erased meanwhile is left as they are.
    """
    people = study.participants.filter(**who_count(study))
    given = CompletionCode.objects.filter(study=study)
    issued = dict(given.filter(participant__in=people).values_list("participant", "code"))
    apart = dict(given.exclude(participant__in=people).values_list("code", "participant"))
    going = study.sessions.filter(withdrew_at=None, participant__in=people)
    sessions = list(going.select_related("participant", "study").order_by("pk"))
    waiting = set(Trial.objects.filter(study=study, votes=None).values_list("session", flat=True))
    result = Reconciled(0, len(issued), Vote.objects.filter(study=study, trial__participant__in=people).count())
    for session in sessions:
        who, pk = _name(study, session), session.participant_id
        answered_all = session.admitted_at is not None and session.pk not in waiting
        open_ended = session.outcome == ""
        if answered_all and open_ended and mend:
            if code := _complete(session, by):
                issued[pk] = code
                result.mended.append(pk)
        elif answered_all and open_ended:
            result.found.append(Disagreement(f"{who} answered every pair and was never completed.", pk, mendable=True))
        if session.outcome == Session.Outcome.COMPLETE:
            result.complete += 1
            if not answered_all:
                result.found.append(Disagreement(f"{who} is complete, yet a pair has no vote.", pk))
            if pk not in issued:
                result.found.append(Disagreement(f"{who} is complete and has no code.", pk))
        elif pk in issued:
            result.found.append(Disagreement(f"{who} has a code and is not complete.", pk))
    if handed_in is not None:
        by_id = has_one_code(study)
        result.found += _ids(study, handed_in) if by_id else _codes(study, sessions, issued, apart, handed_in)
    return result


@transaction.atomic
def _complete(session: Session, by: User | None) -> str:
    """The code of a session that is completed now and logged, both or neither; empty if it can no longer be."""
    try:
        code = session_finish(session=session).code
    except NotTakingPart:
        return ""
    study = session.study
    who = participant_hash(study, session.participant.token)
    audit(study=study, by=by, action="session completed", data={"participant": who})
    return code


def _name(study: Study, session: Session) -> str:
    return f"Participant {participant_hash(study, session.participant.token)}"


def _ids(study: Study, handed_in: Sequence[Submission]) -> list[Disagreement]:
    """Ids that a panel says were handed in, held against the sessions of these people, and their codes with ours."""
    people = PanelIdentity.objects.filter(study=study).select_related("participant__session")
    known = {identity.external_id: identity.participant for identity in people}
    ids = Counter(s.who for s in handed_in if s.who)
    found = [Disagreement(f"{who} was handed in and never came here.") for who in sorted(set(ids) - set(known))]
    complete, owed = set(), set(people.filter(**_of(study)).values_list("external_id", flat=True))
    for who, participant in sorted(known.items()):
        session = participant.session
        if session.withdrew_at is None and session.outcome == Session.Outcome.COMPLETE:
            complete.add(who)
        elif who in ids:
            state = "withdrawn" if session.withdrew_at else session.get_outcome_display() or "not complete"
            found.append(Disagreement(f"{who} was handed in; the session here is {state}.", participant.pk))
    found += [
        Disagreement(f"{who} is complete here and was not handed in.", known[who].pk)
        for who in sorted((complete & owed) - set(ids))
    ]
    found += [Disagreement(f"{who} was handed in {n} times.") for who, n in sorted(ids.items()) if n > 1]
    return found + _wrong_codes(study, handed_in, {who: known[who].pk for who in complete})


def _of(study: Study) -> dict[str, bool]:
    return {f"participant__{field}": value for field, value in who_count(study).items()}


def _wrong_codes(study: Study, handed_in: Sequence[Submission], complete: dict[str, int]) -> list[Disagreement]:
    """Those who are complete and handed in another code than that of complete sessions."""
    panel: Panel | None = panel_of(study)
    right = panel.complete_code if panel is not None else ""
    return [
        Disagreement(f"{s.who} handed in the code {s.code}; that of complete sessions is {right}.", complete[s.who])
        for s in handed_in
        if s.who in complete and s.code and s.code != right
    ]


def _codes(
    study: Study,
    sessions: Sequence[Session],
    issued: dict[int, str],
    apart: dict[str, int],
    handed_in: Sequence[Submission],
) -> list[Disagreement]:
    """Codes that nobody was given, and codes given to those whom a fault kept from finishing."""
    keys = [
        settings.SECRET_KEY,
        *settings.SECRET_KEY_FALLBACKS,
    ]  # a code that was shown stays good
    exits = {exit_code(s.participant.token, key=key): s for s in sessions for key in keys}
    owners = {code: pk for pk, code in issued.items()}
    known = {*exits, *apart, *owners}
    # The study's own codes are given out in capitals, and typed as people type.
    codes = Counter(s.code.upper() if s.code.upper() in known else s.code for s in handed_in if s.code)
    found = []
    for code, times in sorted(codes.items()):
        if code in exits:
            session = exits[code]
            answered = Vote.objects.filter(study=study, trial__session=session).count()
            words = f"{code} is the way out of {_name(study, session)}, who answered {answered} pairs."
            found.append(Disagreement(words, session.participant_id))
        elif code in apart:
            words = (
                f"{code} was given out to somebody who does not count: a pilot, a preview or a simulated participant."
            )
            found.append(Disagreement(words, apart[code]))
        elif code not in owners:
            found.append(Disagreement(f"{code} was never given out."))
        if times > 1:
            found.append(Disagreement(f"{code} was handed in {times} times.", owners.get(code)))
    missing = sorted(set(owners) - set(codes))
    return found + [Disagreement(f"{code} was given out and not handed in.", owners[code]) for code in missing]
