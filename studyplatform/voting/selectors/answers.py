"""Answers as the rules of data quality see them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import FilteredRelation, Q, TextField
from django.db.models.functions import Cast

from studyplatform.voting.core.answers import Answers
from studyplatform.voting.core.flags import Flag, Rules, flags, without_sides
from studyplatform.voting.core.kept import FORM, Moments, together, unpacked
from studyplatform.voting.core.quality import Quality
from studyplatform.voting.models import Session, Study, Trial
from studyplatform.voting.models.kept import triggers_stand

_COLUMNS = (
    "participant", "turn", "kind", "vote__choice", "vote__rt_ms", "expected", "repeats", "question", "left", "right",
)  # fmt: skip
#: So many people are asked of at once: a statement takes only so many parameters.
AT_ONCE = 500


@dataclass(frozen=True)
class Told:
    """The answers of a study with their hours, and of whoever is not over when the last one was stored.

    last : an ISO text in UTC by participant; of those alone whose answers are not kept.
    """

    of: Moments
    last: dict[int, str]


def answers_of(study: Study, participants: Collection[int] | None = None) -> Answers:
    """The answers that stand, of everybody in the study or of some, in the order of answering."""
    told = answers_told(study) if participants is None else moments_of(study, participants)
    return told.of.answers


def answers_told(study: Study) -> Told:
    """The answers that stand, of everybody in the study: of complete sessions as they are kept, of others by row.

    What is kept goes as soon as a row changes that it was made of (models/kept.py); those sessions are read by row.
    """
    kept, others = [], []
    for participant, outcome, form, answers in _sessions(study):
        if outcome == Session.Outcome.COMPLETE and form == FORM:
            kept.append((participant, bytes(answers)))
        else:
            others.append(participant)
    told = [moments_of(study, some) for some in in_parts(others)]
    last = {pk: text for part in told for pk, text in part.last.items()}
    whole = unpacked([pk for pk, _ in kept], [answers for _, answers in kept])
    return Told(together([whole, *(part.of for part in told)]), last)


def _sessions(study: Study) -> list[tuple[Any, ...]]:
    """Of every session its participant, in order, its outcome, and what is kept of it, if anything.

    One statement decides which sessions are read by row: none is missed or counted twice that is completed meanwhile.
    """
    if not triggers_stand(connection):
        return [(pk, "", None, None) for pk in sorted(study.sessions.values_list("participant", flat=True))]
    # Not ordered by the database, which would write the bytes to its disk to sort them.
    found = study.sessions.values_list("participant", "outcome", "kept__form", "kept__answers")
    return sorted(found, key=itemgetter(0))


def in_parts(people: Sequence[int]) -> Iterator[Sequence[int]]:
    """The same people, so many together as a statement asks of at once."""
    return (people[start : start + AT_ONCE] for start in range(0, len(people), AT_ONCE))


def moments_of(study: Study, participants: Collection[int]) -> Told:
    """The answers of some participants, read from the votes themselves."""
    # A text, because a hundred thousand of them are counted by the hour and few are told.
    rows = _rows(study, participants, Cast("vote__submitted_at", TextField()))
    hours = {text: _hour(text) for text in {row[-1][:13] for row in rows}}
    hour = np.fromiter((hours[row[-1][:13]] for row in rows), np.int64, len(rows))
    last = {row[0]: row[-1] for row in rows}  # in order: the last one stays
    return Told(Moments(Answers.of([row[:-1] for row in rows]), hour), last)


def _hour(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}:00").replace(tzinfo=UTC).timestamp()) // 3600


def _rows(study: Study, participants: Collection[int], *more: Cast) -> list[tuple[Any, ...]]:
    # The join names the study, because the votes' index begins with it.
    of_study = FilteredRelation("votes", condition=Q(votes__study=study))
    trials = Trial.objects.filter(study=study, participant__in=participants)
    answered = trials.annotate(vote=of_study).filter(vote__isnull=False).order_by("participant", "turn")
    # Only an answer replaces one: what was asked again and never answered again leaves the first standing.
    asked_again = answered.filter(Q(supersedes__isnull=False) | Q(reasks__isnull=False))
    replaced = {pk for pair in asked_again.values_list("supersedes", "reasks") for pk in pair}
    if not replaced:
        return list(answered.values_list(*_COLUMNS, *more))
    return [row[1:] for row in answered.values_list("pk", *_COLUMNS, *more) if row[0] not in replaced]


def rules_of(study: Study) -> Rules:
    """The rules that the study wrote down."""
    return Rules(study.flag_catch_rate, study.flag_side_p, study.flag_run, study.flag_fast_share)


def flags_of(study: Study, found: Quality | None, *, complete: bool, sealed: bool) -> list[Flag]:
    """The rules that somebody broke; judged once the session is complete, because a rate of three answers is none.

    While the choices are ``sealed`` a flag about sides says its kind only.
    """
    broken = flags(found, rules_of(study)) if complete and found is not None else []
    return without_sides(broken) if sealed else broken
