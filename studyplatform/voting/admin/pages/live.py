"""How a study goes while it runs, by itself up to date. No table, number or figure of it says which pictures win."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, HttpResponseBase, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone

from studyplatform.voting import services
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.core.answers import Rate
from studyplatform.voting.core.bars import MOST, bars, histogram
from studyplatform.voting.core.told import LEAST, TOGETHER
from studyplatform.voting.models import Stimulus, Study
from studyplatform.voting.selectors import is_blind
from studyplatform.voting.selectors.live import Live, live_of
from studyplatform.voting.services.pictures import pairs_offered

#: Seconds between two looks of the page.
EVERY = 15
DAYS_FROM = timedelta(hours=72)


def live(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The page as it stands; its script asks :func:`live_data` for what changed."""
    now = _live(study)
    context = {**shown(study, now), "live": now, "blind": is_blind(study), "every": EVERY}
    return study_page(request, study, "admin/voting/study/pages/live.html", context, page="live")


def live_data(request: HttpRequest, study: Study) -> HttpResponseBase:  # noqa: ARG001
    """What the page shows, as JSON: values by name, rows of tables, addresses of figures."""
    return JsonResponse(shown(study, _live(study)))


def live_bars(request: HttpRequest, study: Study) -> HttpResponseBase:  # noqa: ARG001
    """A figure of counts that the page has reckoned already: they stand in the address, so nothing is read twice."""
    try:
        counts = [int(n) for n in request.GET.get("n", "").split(",")]
    except ValueError:
        counts = []
    if not counts or len(counts) > MOST or min(counts) < 0 or max(counts) > 10**9:
        return HttpResponseBadRequest("Give the counts as n=3,5,4.")
    words = (request.GET.get("first", "")[:40], request.GET.get("last", "")[:40])
    return HttpResponse(bars(counts, *words), content_type="image/svg+xml")


def unblind(request: HttpRequest, study: Study) -> HttpResponseBase:
    """Unseal the outcome before its time, for a reason that goes into the log."""
    if request.method == "POST":
        try:
            services.study_unblind(study=study, by=request.user, reason=request.POST.get("reason", ""))  # type: ignore[arg-type]
        except services.StudyError as error:
            messages.error(request, str(error))
        else:
            messages.warning(request, "The outcome is unsealed. It stands in the log, and reports say so.")
    return redirect("admin:voting_study_live", study.pk)


def _live(study: Study) -> Live:
    pictures = study.stimuli.filter(role__in=(Stimulus.Role.GRID, Stimulus.Role.CONTROL)).select_related("scene")
    known = list(pictures)
    return live_of(study, offered=sum(pairs_offered(study, question, known) for question in study.questions.all()))


def shown(study: Study, now: Live) -> dict[str, Any]:
    """The page's values, rows and figures in words."""
    h = now.habits
    sides = _Sides(now)
    values = {
        "started": now.started,
        **{status.replace(" ", "_"): n for status, n in now.statuses.items()},
        "left_out": now.left_out,
        "flagged": now.flagged,
        "apart": ", ".join(f"{n} {kind}" for kind, n in sorted(now.apart.items())) or "nobody",
        "answers": h.answers,
        "pairs": _pairs(h.pairs),
        "sides": _sides(h.uneven_sides) if h.answers else "no votes yet",
        "left": sides.rate(h.left, "no votes yet"),
        "left_band": sides.band(h.left),
        "rt": f"{h.median_rt_ms / 1000:.2f} s" if h.median_rt_ms is not None else "no times yet",
        "catches": _rate(h.catches, "none answered yet" if study.catch_trials else "the study has none"),
        "repeats": sides.rate(h.repeats, "none answered yet") if study.repeat_trials else "the study has none",
        "ties": sides.rate(h.ties, "no votes yet") if study.allow_ties else "not offered",
        "places": f"{now.places} of {study.sessions_planned}",
        "projection": _when(study, now),
        "how": now.projection.sentence,
    }
    rows = [
        [
            reverse("admin:voting_study_participant", args=[study.pk, g.pk]),
            g.name,
            str(g.answered),
            _said(g.last_seen),
        ]
        for g in now.going
    ]
    return {
        "values": {name: str(value) for name, value in values.items()},
        "going": rows,
        "figures": _figures(study, now),
    }


def _figures(study: Study, now: Live) -> dict[str, dict[str, str]]:
    found = {}
    if now.habits.answers:
        counts, low, high = histogram(now.habits.pairs)
        found["pairs"] = _figure(study, counts, _votes(low), _votes(high) if high > low else "")
    if now.hours:
        counts, first, last = _over_time(now)
        found["votes"] = _figure(study, counts, first, last)
    return found


def _figure(study: Study, counts: list[int], first: str, last: str) -> dict[str, str]:
    query = urlencode({"n": ",".join(map(str, counts)), "first": first, "last": last}, safe=",")
    words = f"{first} to {last}" if last else first
    return {
        "src": f"{reverse('admin:voting_study_live_bars', args=[study.pk])}?{query}",
        "alt": f"From {words}: {counts}",
    }


def _over_time(now: Live) -> tuple[list[int], str, str]:
    """Votes per hour, or per day where they spread over more than three days: counts, first and last of them."""
    hours: Counter[datetime] = Counter()
    for hour, n in now.hours.items():
        hours[timezone.localtime(hour)] += n
    step, words = timedelta(hours=1), "%Y-%m-%d %H:00"
    if max(hours) - min(hours) > DAYS_FROM:
        days: Counter[datetime] = Counter()
        for hour, n in hours.items():
            days[hour.replace(hour=0)] += n
        hours, step, words = days, timedelta(days=1), "%Y-%m-%d"
    first, last = min(hours), max(hours)
    every = -(-(round((last - first) / step) + 1) // MOST)
    counts = [0] * (round((last - first) / step) // every + 1)
    for at, n in hours.items():
        counts[round((at - first) / step) // every] += n
    unit = "per day" if step.days else "per hour"
    unit = unit if every == 1 else f"{every} {unit[4:]}s each"
    return counts, f"{first:{words}}, {unit}", f"{last:{words}}" if last > first else ""


def _pairs(counts: tuple[int, ...]) -> str:
    if not counts or not counts[-1]:
        return "no votes yet"
    middle = (counts[(len(counts) - 1) // 2] + counts[len(counts) // 2]) / 2
    return f"{counts[0]} / {middle:g} / {counts[-1]}"


def _sides(most: int) -> str:
    return "as often left as right in every pair" if not most else f"{most} more on one side, in the most uneven pair"


def _rate(rate: Rate, nothing: str) -> str:
    return f"{100 * rate.share:.1f} %" if rate.share is not None else nothing


class _Sides:
    """Rates that tell sides: while the choices are sealed, of groups of complete sessions and in whole percent."""

    def __init__(self, now: Live) -> None:
        self.told_of, self.digits = now.told_of, 1 if now.told_of is None else 0

    def rate(self, rate: Rate, nothing: str) -> str:
        if self.told_of == 0:
            return f"told from {TOGETHER} complete sessions with {LEAST} answers on"
        return f"{100 * rate.share:.{self.digits}f} %" if rate.share is not None else nothing

    def band(self, rate: Rate) -> str:
        if self.told_of == 0:
            return "the choices are sealed"
        if rate.low is None or rate.high is None:
            return "two participants with answers are needed for a band"
        low, high = (f"{100 * end:.{self.digits}f}" for end in (rate.low, rate.high))
        of = f", of {self.told_of} complete sessions" if self.told_of else ""
        return f"95 % band over participants: {low} to {high} %{of}"


def _votes(n: int) -> str:
    return "1 vote" if n == 1 else f"{n} votes"


def _when(study: Study, now: Live) -> str:
    if study.state in (Study.State.CLOSED, Study.State.ARCHIVED):
        return "closed"
    if now.statuses["complete"] - now.left_out >= study.sessions_planned:
        return "complete"
    return _said(now.projection.at) if now.projection.at is not None else "not yet known"


def _said(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local:%Y-%m-%d %H:%M}"


register(StudyPage("live", "Live", live, order=40))
register(StudyPage("live_data", "Live", live_data, path="live/data.json", tab=False))
register(StudyPage("live_bars", "Live", live_bars, path="live/bars.svg", tab=False))
register(StudyPage("unblind", "Unblind", unblind, needs="edit", tab=False))
