"""Answers as the rules of data quality see them."""

from collections.abc import Collection
from typing import Any

from django.db.models import FilteredRelation, Q, TextField
from django.db.models.functions import Cast

from studyplatform.voting.core.answers import Answers
from studyplatform.voting.core.flags import Flag, Rules, flags, without_sides
from studyplatform.voting.core.quality import Quality
from studyplatform.voting.models import Study, Trial

_COLUMNS = (
    "participant", "turn", "kind", "vote__choice", "vote__rt_ms", "expected", "repeats", "question", "left", "right",
)  # fmt: skip


def answers_of(study: Study, participants: Collection[int] | None = None) -> Answers:
    """The answers that stand, of everybody in the study or of some, in the order of answering."""
    return Answers.of(_rows(study, participants))


def answers_and_moments(study: Study) -> tuple[Answers, list[str]]:
    """The answers that stand, and when each was stored: an ISO text in UTC, which sorts as the moments do.

    A text, because a hundred thousand of them are counted by the hour and few are told.
    """
    rows = _rows(study, None, Cast("vote__submitted_at", TextField()))
    return Answers.of([row[:-1] for row in rows]), [row[-1] for row in rows]


def _rows(study: Study, participants: Collection[int] | None, *more: Cast) -> list[tuple[Any, ...]]:
    # The join names the study, because the votes' index begins with it.
    of_study = FilteredRelation("votes", condition=Q(votes__study=study))
    trials = Trial.objects.filter(study=study)
    if participants is not None:
        trials = trials.filter(participant__in=participants)
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
