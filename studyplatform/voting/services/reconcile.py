"""Codes held against votes: who finished and was not told, who was told and did not finish."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from studyplatform.voting.models import CompletionCode, PanelIdentity, Session, Study, Trial, Vote
from studyplatform.voting.selectors import exit_code, panel_of
from studyplatform.voting.services.participation import session_finish


@dataclass
class Reconciled:
    """What was counted, and a sentence for each thing that does not agree."""

    complete: int
    codes: int
    votes: int
    sentences: list[str] = field(default_factory=list)


def reconcile(*, study: Study, codes: Sequence[str] | None = None, mend: bool = False) -> Reconciled:
    """Hold the completion codes of a study against its stored votes, and against ``codes`` that were handed in.

    Where a panel has one code for everybody, ``codes`` are the ids of those who handed it in.

    ``mend`` completes the sessions whose every pair is answered, as if the browser's last request had arrived.
    """
    issued = dict(CompletionCode.objects.filter(study=study).values_list("participant", "code"))
    sessions = list(study.sessions.filter(withdrew_at=None).select_related("participant", "study"))
    waiting = set(Trial.objects.filter(study=study, votes=None).values_list("session", flat=True))
    found = Reconciled(0, len(issued), Vote.objects.filter(study=study).count())
    for session in sessions:
        answered_all = session.admitted_at is not None and session.pk not in waiting
        open_ended = session.outcome == ""
        if answered_all and open_ended and mend:
            issued[session.participant_id] = session_finish(session=session).code
        elif answered_all and open_ended:
            found.sentences.append(f"{session} answered every pair and was never completed. --mend completes it.")
        if session.outcome == Session.Outcome.COMPLETE:
            found.complete += 1
            if not answered_all:
                found.sentences.append(f"{session} is complete, yet a pair has no vote.")
            if session.participant_id not in issued:
                found.sentences.append(f"{session} is complete and has no code.")
        elif session.participant_id in issued:
            found.sentences.append(f"{session} has a code and is not complete.")
    if codes is not None:
        panel = panel_of(study)
        one_code_for_all = panel is not None and panel.complete_code
        found.sentences += _ids(study, codes) if one_code_for_all else _codes(sessions, issued, codes)
    return found


def _ids(study: Study, ids: Sequence[str]) -> list[str]:
    """Ids that a panel says were handed in, held against the sessions of these people."""
    people = PanelIdentity.objects.filter(study=study).values_list("external_id", "participant__session__outcome")
    outcomes = dict(people)
    complete = {name for name, outcome in outcomes.items() if outcome == Session.Outcome.COMPLETE}
    unknown, unfinished = set(ids) - set(outcomes), set(ids) & set(outcomes) - complete
    return [
        *(f"{name} was handed in and never came here." for name in sorted(unknown)),
        *(f"{n} was handed in; the session here is {outcomes[n] or 'not complete'}." for n in sorted(unfinished)),
        *(f"{name} is complete here and was not handed in." for name in sorted(complete - set(ids))),
    ]


def _codes(sessions: Sequence[Session], issued: dict[int, str], codes: Sequence[str]) -> list[str]:
    """Codes that nobody was given, and codes given to those whom a fault kept from finishing."""
    exits = {exit_code(s.participant.token): s for s in sessions}
    sentences = []
    for code in sorted(set(codes)):
        if code in exits:
            answered = Vote.objects.filter(trial__session=exits[code]).count()
            sentences.append(f"{code} is the way out of {exits[code]}, who answered {answered} pairs.")
        elif code not in issued.values():
            sentences.append(f"{code} was never given out.")
    sentences += [f"{code} was given out and not handed in." for code in sorted(set(issued.values()) - set(codes))]
    return sentences
