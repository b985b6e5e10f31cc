"""What a list of studies shows of each: read for all of them at once, in a constant number of queries."""

from collections import defaultdict
from collections.abc import Iterable

from django.core.files.storage import storages
from django.db.models import Count, Exists, F, OuterRef, Q, Window
from django.db.models.functions import RowNumber

from studyplatform.voting.models import Exclusion, Participant, Session, Stimulus, Study, Trial, Vote
from studyplatform.voting.selectors.studies import Counts, Pair

#: A picture that did not load or a time that ran out is no vote.
CHOICES = (Vote.Choice.LEFT, Vote.Choice.RIGHT, Vote.Choice.TIE)


def study_counts(study: Study) -> Counts:
    """How far a study is."""
    return counts_of([study])[study.pk]


def counts_of(studies: Iterable[Study]) -> dict[int, Counts]:
    """How far each of ``studies`` is, in three queries."""
    shown = {study.pk: study for study in studies}
    pilots = [pk for pk, study in shown.items() if study.state == Study.State.PILOT]
    rehearsals = [pk for pk, study in shown.items() if study.simulated]

    def counting(participant: str) -> Q:
        kept = Q(**{f"{participant}is_preview": False})
        for field, where in (("is_pilot", pilots), ("is_bot", rehearsals)):
            there, so = Q(study__in=where), Q(**{f"{participant}{field}": True})
            kept &= (there & so) | (~there & ~so)
        return kept

    people = counting("")
    complete = Q(session__outcome=Session.Outcome.COMPLETE, session__withdrew_at=None)
    took_part = Participant.objects.filter(study__in=shown).values("study").order_by()
    rows = took_part.annotate(
        started=Count("pk", filter=people),
        finished=Count("pk", filter=people & complete),
        previews=Count("pk", filter=~people),
    )
    found = {pk: numbers for pk, *numbers in rows.values_list("study", "started", "finished", "previews")}
    voted = Vote.objects.filter(counting("trial__participant__"), study__in=shown, choice__in=CHOICES)
    voted = voted.filter(trial__kind__in=(Trial.Kind.MAIN, Trial.Kind.REAL_FAKE), trial__session__withdrew_at=None)
    left_out = Exclusion.objects.filter(participant=OuterRef("trial__participant"), undone_at=None)
    standing = voted.filter(~Exists(left_out)).values("study").order_by()
    # Only an answer replaces one: what was taken back and never answered again stands. The few that are replaced are
    # found by their index; asked of each vote, it cost as much as all else. They are read first: votes only grow.
    replaced = standing.filter(trial__superseded_by__votes__isnull=False).annotate(votes=Count("pk"))
    few = dict(replaced.values_list("study", "votes"))
    votes = dict(standing.annotate(votes=Count("pk")).values_list("study", "votes"))
    counts: dict[int, Counts] = {}
    for pk, study in shown.items():
        started, finished, previews = found.get(pk, (0, 0, 0))
        counts[pk] = Counts(started, finished, votes.get(pk, 0) - few.get(pk, 0), study.sessions_planned, previews)
    return counts


def votes_said(study: Study, votes: int) -> str:
    """The votes of a study, and which are counted."""
    words, counts = ("vote", "counts") if votes == 1 else ("votes", "count")
    return f"{votes} {words} {'of the pilot' if study.state == Study.State.PILOT else f'that {counts}'}"


def pairs_of(studies: Iterable[Study]) -> dict[int, Pair]:
    """Two published pictures of each study that has them, as :func:`study_pair` has them for one."""
    place = Window(
        RowNumber(), partition_by=F("study"), order_by=[F("scene").asc(), F("role").desc(), F("public_name").asc()]
    )
    compared = Stimulus.objects.filter(study__in=list(studies), role__in=(Stimulus.Role.GRID, Stimulus.Role.CONTROL))
    found: dict[int, list[Stimulus]] = defaultdict(list)
    for stimulus in compared.annotate(place=place).filter(place__lte=2).select_related("study"):
        found[stimulus.study_id].append(stimulus)
    url = storages["stimuli"].url
    in_order = {pk: sorted(two, key=lambda s: s.public_name) for pk, two in found.items() if len(two) == 2}
    return {pk: Pair(url(left.path), url(right.path)) for pk, (left, right) in in_order.items()}
