"""Whether a study went as it was preregistered: when the first vote that counts came, and what differs by now."""

from datetime import datetime

from django.db.models import Min, Q, QuerySet

from generation.core.spec import digest, sha256_bytes
from generation.models import GridMetric
from studyplatform.voting.models import Exclusion, Participant, Preregistration, Session, Study, Trial, Vote
from studyplatform.voting.selectors.studies import ANALYSED, EXPORTED, UNBLINDED

#: Kinds of trials whose votes the planned tests are made of.
COUNTING = (Trial.Kind.MAIN, Trial.Kind.REAL_FAKE)


def first_vote_at(study: Study) -> datetime | None:
    """When the first vote that counts was given; none of a pilot or a preview does."""
    votes = Vote.objects.filter(study=study, trial__kind__in=COUNTING, trial__participant__in=_counting(study))
    found: datetime | None = votes.aggregate(first=Min("submitted_at"))["first"]
    return found


def prereg_departures(study: Study) -> list[str]:
    """A sentence on everything that is no longer as ``study`` was preregistered; empty where nothing is."""
    written = Preregistration.objects.filter(study=study).first()
    if written is None:
        return []
    content, found = written.content, []
    intact = digest(content) == written.sha256
    if "text_sha256" in content:
        intact = intact and sha256_bytes(written.text.encode()) == content["text_sha256"]
    if not intact:
        found.append("The stored preregistration is not the one that was frozen: its SHA-256 differs.")
    if study.design is None or digest(study.design) != content["design_sha256"]:
        found.append("The design is not the one that was preregistered: its SHA-256 differs.")
    planned = {slug: sorted(keys) for slug, keys in content.get("primary_metric", {}).items()}
    now: dict[str, list[str]] = {slug: [] for slug in study.grids.values_list("slug", flat=True)}
    primary = GridMetric.objects.filter(grid__studies=study, is_primary=True)
    for slug, key in primary.values_list("grid__slug", "metric__key"):
        now[slug].append(key)
    if planned != {slug: sorted(keys) for slug, keys in now.items()}:
        found.append("The primary metric of the grids is not the one that was preregistered.")
    look = _first_look(study)
    if look is not None:
        found.append("The outcome was looked at before the study closed, which the preregistration rules out.")
    return [*found, *_decided_late(study, look)]


def prereg_remarks(study: Study) -> list[str]:
    """What a reader of the results should know and takes nothing from their being planned.

    Fewer sessions than the stopping rule says: nobody knew the outcome, or the look is a departure of its own. Who
    withdraws after the end takes nothing from what was collected.
    """
    if study.closed_at is None or study.design is None:
        return []
    planned = study.design["study"]["sessions_planned"]
    stayed = Q(withdrew_at=None) | Q(withdrew_at__gt=study.closed_at)
    done = study.sessions.filter(stayed, outcome=Session.Outcome.COMPLETE, participant__in=_counting(study)).count()
    if done >= planned:
        return []
    return [f"{done} of the {planned} sessions that were written down {'was' if done == 1 else 'were'} completed."]


def _counting(study: Study) -> QuerySet[Participant]:
    return study.participants.filter(is_pilot=False, is_preview=False, is_bot=study.simulated)


def _first_look(study: Study) -> datetime | None:
    if study.opened_at is None:
        return None
    looks = study.audit.filter(action=UNBLINDED, at__gte=study.opened_at)
    found: datetime | None = looks.aggregate(first=Min("at"))["first"]
    return found


def _decided_late(study: Study, look: datetime | None) -> list[str]:
    """Who was left out, or taken in again, once the outcome could be known: looked at, analysed, or exported whole."""
    known, when = look, "the outcome was looked at"
    if look is None and study.closed_at is not None:
        told = study.audit.filter(action__in=(ANALYSED, EXPORTED), at__gte=study.closed_at)
        known, when = told.aggregate(first=Min("at"))["first"], "the outcome could be known"
    if known is None:
        return []
    decided = Exclusion.objects.filter(participant__in=_counting(study))
    said = []
    for late, what in ((Q(at__gt=known), "left out"), (Q(undone_at__gt=known), "taken in again")):
        if people := decided.filter(late).values("participant").distinct().count():
            said.append(f"{people} participant{' was' if people == 1 else 's were'} {what} after {when}.")
    return said
