"""What happened in one participant's session, in order of time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from studyplatform.voting.core.flags import CATCH_FAILED
from studyplatform.voting.models import Event, Participant, Trial, Vote
from studyplatform.voting.selectors.studies import is_sealed

#: A longer silence is named.
SILENCE = timedelta(minutes=2)
_KNOWN = (Trial.Kind.PRACTICE, Trial.Kind.CATCH)


@dataclass(frozen=True)
class Moment:
    """One thing that happened: when, what, the number that belongs to it, and what else there is to say."""

    at: datetime
    what: str
    number: str = ""
    words: str = ""
    mark: str = ""


def timeline(participant: Participant) -> list[Moment]:
    """The session from start to end, with silences. While the study is sealed no answer says which picture it chose."""
    moments = sorted([*_steps(participant), *_answers(participant), *_events(participant)], key=lambda m: m.at)
    told: list[Moment] = []
    for moment in moments:
        if told and moment.at - told[-1].at >= SILENCE:
            told.append(Moment(told[-1].at, "nothing happened", _long(moment.at - told[-1].at), mark="gap"))
        told.append(moment)
    return told


def _steps(participant: Participant) -> Iterator[Moment]:
    session = participant.session
    steps = (
        (session.started_at, "started"),
        (session.consented_at, "agreed to take part"),
        (session.admitted_at, "admitted to the pairs"),
        (session.instructed_at, "read the instructions"),
        (session.finished_at, "complete"),
        (session.debriefed_at, "answered the last two questions"),
        (session.withdrew_at, "withdrew"),
    )
    yield from (Moment(at, what, mark="step") for at, what in steps if at is not None)


def _events(participant: Participant) -> Iterator[Moment]:
    turns = dict(participant.trials.values_list("position", "turn"))
    for event in participant.session.events.all():
        yield Moment(event.received_at, event.get_kind_display(), words=_event_words(event, turns))


def _event_words(event: Event, turns: Mapping[int, int]) -> str:
    """What an event holds, in words; the numbers are the browser's, which may leave any of them out."""
    data = event.data
    said = []
    if (done := data.get("done")) is not None:
        said.append(f"after {done:g} pair{'' if done == 1 else 's'}")
    if (ms := data.get("ms")) is not None:
        said.append(f"for {ms / 1000:.1f} s")
    if (minutes := data.get("minutes")) is not None:
        said.append(f"of {minutes:g} min")
    if (position := data.get("position")) is not None:
        said.append(f"pair {turns.get(int(position), int(position)) + 1}")
    if (letters := data.get("letters")) is not None:
        said.append("on" if letters else "off")
    return ", ".join(said)


def _answers(participant: Participant) -> Iterator[Moment]:
    sealed = is_sealed(participant.study)
    votes = Vote.objects.filter(study=participant.study_id, trial__participant=participant)
    for vote in votes.select_related("trial__scene", "trial__left", "trial__right"):
        trial = vote.trial
        rt = f"{vote.rt_ms / 1000:.1f} s" if vote.rt_ms is not None else ""
        words = str(trial.scene)
        mark = ""
        if vote.choice in (Vote.Choice.SKIP, Vote.Choice.TIMEOUT):
            words += f": {vote.get_choice_display()}"
        elif trial.kind in _KNOWN:
            passed = vote.choice == trial.expected
            words += ": passed" if passed else ": failed"
            mark = "" if passed or trial.kind == Trial.Kind.PRACTICE else CATCH_FAILED
        elif not sealed:
            words += f": {trial.left.label} beside {trial.right.label}, chose {_chosen(vote)}"
        yield Moment(vote.submitted_at, f"pair {trial.turn + 1}, {trial.get_kind_display()}", rt, words, mark)


def _chosen(vote: Vote) -> str:
    sides = {Vote.Choice.LEFT: vote.trial.left.label, Vote.Choice.RIGHT: vote.trial.right.label}
    return sides.get(Vote.Choice(vote.choice), "neither")


def _long(time: timedelta) -> str:
    minutes = round(time.total_seconds() / 60)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"
