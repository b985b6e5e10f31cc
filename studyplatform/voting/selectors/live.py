"""How a study goes while it runs: who is where, how they answer, how evenly. Blind: nothing here has a direction."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db.models import Case, Exists, OuterRef, Q, QuerySet, When
from django.utils import timezone

from studyplatform.voting.core.answers import Habits, IntArray, habits, qualities
from studyplatform.voting.core.flags import flags
from studyplatform.voting.core.pace import Projection, projection
from studyplatform.voting.core.told import sealed, told_of
from studyplatform.voting.models import AuditEntry, Block, Exclusion, Session, Study
from studyplatform.voting.selectors.answers import answers_told, rules_of
from studyplatform.voting.selectors.links import places_left
from studyplatform.voting.selectors.results import participant_hash
from studyplatform.voting.selectors.studies import UNBLINDED, is_blind

#: As many of those who are at it are listed.
GOING_SHOWN = 20
IN_PROGRESS, STOPPED, WITHDRAWN = "in progress", "stopped", "withdrawn"
STATUSES = (IN_PROGRESS, STOPPED, "complete", "screened out", "no consent", "failed", WITHDRAWN)


@dataclass(frozen=True)
class Going:
    """Somebody in the middle of their session."""

    pk: int
    name: str
    answered: int
    last_seen: datetime


@dataclass(frozen=True)
class Live:
    """A study as it stands.

    started : participants who count: no previews, bots only in a rehearsal, pilots only while the study is a pilot.
    statuses : how many of them are where, by :data:`STATUSES`.
    left_out, flagged : of those who are complete: left out of the analysis; breaking a rule that was written down.
    apart : previews, pilots and simulated participants beside them.
    going : who is at it, the latest first.
    habits : the answers of everybody who counts and is neither withdrawn nor left out.
    told_of : while the choices are sealed, of how many complete sessions alone the left rate, ties and repeats are.
    places : sessions that nobody holds.
    hours : votes in each hour (UTC) that saw one.
    """

    started: int
    statuses: Mapping[str, int]
    left_out: int
    flagged: int
    apart: Mapping[str, int]
    going: tuple[Going, ...]
    habits: Habits
    told_of: int | None
    places: int
    hours: Mapping[datetime, int]
    projection: Projection
    unblinded: AuditEntry | None


def people_with_standing(study: Study) -> QuerySet[Any]:
    """Everybody who joined, with ``left_out`` (of the analysis) and ``holds`` (pairs that are theirs to answer)."""
    left_out = Exists(Exclusion.objects.filter(participant=OuterRef("pk"), undone_at=None))
    holds = Exists(Block.objects.filter(holder=OuterRef("pk"), state=Block.State.HELD))
    return study.participants.annotate(left_out=left_out, holds=holds)


def people_going(study: Study) -> int:
    """How many of those who count are in the middle of their pairs."""
    people = people_with_standing(study).filter(holds=True, session__outcome="", session__withdrew_at=None)
    pilot = study.state == Study.State.PILOT
    return people.filter(is_preview=False, is_pilot=pilot, is_bot=study.simulated).count()


def status_of(outcome: str, withdrew: bool, holds: bool) -> str:
    """Where a session is, by one of :data:`STATUSES`. Stopped: so long ago that the pairs were given to others."""
    if withdrew:
        return WITHDRAWN
    return Session.Outcome(outcome).label if outcome else IN_PROGRESS if holds else STOPPED


def live_of(study: Study, *, offered: int) -> Live:
    """The study as it stands, in a fixed number of queries; ``offered``: how many pairs its questions can be asked of.

    The people are read once and the answers once: of complete sessions as they are kept.
    """
    # When they began is asked of those alone who are not over: a hundred thousand moments take their time to be read.
    began = Case(When(session__outcome="", then="session__started_at"))
    withdrew_at = Q(session__withdrew_at__isnull=False)
    rows = people_with_standing(study).annotate(withdrew=withdrew_at, began=began).order_by("pk")
    people = list(
        rows.values_list(
            "pk", "token", "is_pilot", "is_preview", "is_bot", "session__outcome", "withdrew", "session__finished_at",
            "began", "left_out", "holds",
        )
    )  # fmt: skip
    now = timezone.now()
    told = answers_told(study)
    answers, last = told.of.answers, told.last
    found = qualities(answers)
    statuses: Counter[str] = Counter()
    apart: Counter[str] = Counter()
    counted, kept, finished, going = set(), [], [], []
    rules = rules_of(study)
    to_end: list[tuple[datetime, int]] = []
    gone: set[int] = set()
    left_out = flagged = 0
    for pk, token, pilot, preview, bot, outcome, withdrew, finished_at, started_at, out, holds in people:
        if preview or pilot != (study.state == Study.State.PILOT) or bot != study.simulated:
            apart["previews" if preview else "simulated" if bot else "pilots"] += 1
            continue
        counted.add(pk)
        status = status_of(outcome, withdrew, holds)
        statuses[status] += 1
        complete = outcome == Session.Outcome.COMPLETE and not withdrew
        left_out += complete and out
        if outcome == Session.Outcome.COMPLETE:
            to_end.append((finished_at, pk))
            gone |= {pk} if withdrew else set()
        if complete and not out:
            finished.append(finished_at)
            flagged += pk in found and bool(flags(found[pk], rules))
        if status == IN_PROGRESS:
            going.append((_moment(last[pk]) if pk in last else started_at, pk, token))
        if not withdrew and not out:
            kept.append(pk)
    looks = study.audit.filter(action=UNBLINDED).select_related("user")
    if study.opened_at is not None:
        looks = looks.filter(at__gte=study.opened_at)
    unblinded = looks.order_by("at").first()
    crowd, sides = habits(answers.of_people(kept), offered), None
    if unblinded is None and is_blind(study):
        sides = told_of(answers, [pk for _, pk in sorted(to_end)], frozenset(gone))
        crowd = sealed(crowd, answers, sides)
    return Live(
        started=len(counted),
        statuses={status: statuses[status] for status in STATUSES},
        left_out=left_out,
        flagged=flagged,
        apart=apart,
        going=tuple(
            Going(pk, participant_hash(study, token), found[pk].answers if pk in found else 0, at)
            for at, pk, token in sorted(going, reverse=True)[:GOING_SHOWN]
        ),
        habits=crowd,
        told_of=None if sides is None else len(sides),
        places=places_left(study, now),
        hours=_hours(told.of.hour[answers.whose(counted)]),
        projection=projection(now=now, wanted=study.sessions_planned, finished=finished, ends_at=study.ends_at),
        unblinded=unblinded,
    )


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _hours(hours: IntArray) -> dict[datetime, int]:
    """How many answers lie in each hour that saw one; ``hours`` (V,) counted from 1970."""
    found, n = np.unique(hours, return_counts=True)
    each = zip(found.tolist(), n.tolist(), strict=True)
    return {datetime.fromtimestamp(3600 * hour, UTC): times for hour, times in each}
