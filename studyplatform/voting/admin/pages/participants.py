"""The participants of a study: looked for, left out and paid; and the button of the preregistered rules."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from studyplatform.voting import services
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import Exclusion, Participant, PayDecision, Study
from studyplatform.voting.selectors import may_edit
from studyplatform.voting.selectors.live import STATUSES
from studyplatform.voting.selectors.people_list import NONE, Wanted, people_found, people_shown, rules_say

ON_A_PAGE = 50
FLAGS = [("any", "any flag"), *((c.value, c.label) for c in list(Exclusion.Code)[:4])]
FILTERS: dict[str, tuple[str, list[tuple[str, str]]]] = {
    "status": ("Status", [(s, s) for s in STATUSES]),
    "flag": ("Flag", FLAGS),
    "excluded": ("Left out", [("yes", "left out"), ("no", "not left out")]),
    "pay": ("Pay", [*((d.value, d.label) for d in PayDecision.Decision), (NONE, "not decided")]),
    "device": ("Device", [*((d.value, d.label) for d in Participant.Device), (NONE, "unknown")]),
}


def participants(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The list; a POST decides about those who are ticked."""
    refused = None
    if request.method == "POST":
        refused = _decide(request, study)
        if refused is None:
            return redirect(request.get_full_path())
    asked = {name: request.GET.get(name, "") for name in FILTERS}
    # What is not offered asks for nothing.
    wanted = {name: value for name, value in asked.items() if value in dict(FILTERS[name][1])}
    # An id holds no NUL, which PostgreSQL would refuse.
    search = request.GET.get("search", "").replace("\0", "")
    # Who somebody is at the panel is for those who pay.
    meant = Wanted(**wanted, search=search, panel_ids=may_edit(request.user, study))
    page = Paginator(people_found(study, meant), ON_A_PAGE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    filters = [
        {"name": name, "title": title, "options": [(v, words, v == wanted.get(name)) for v, words in options]}
        for name, (title, options) in FILTERS.items()
    ]
    context = {
        "people": people_shown(study, list(page)),
        "page": page,
        "query": query.urlencode(),
        "filters": filters,
        "search": search,
        "filtered": bool(wanted or search),
        "codes": Exclusion.Code.choices,
        # What was refused comes back as it was sent.
        "ticked": _ticked(request) if refused else [],
        "reason": request.POST.get("reason", "") if refused else "",
        "code": request.POST.get("code", "") if refused else Exclusion.Code.OTHER,
    }
    return study_page(request, study, "admin/voting/study/pages/participants.html", context, page="participants")


def _ticked(request: HttpRequest) -> list[int]:
    return [int(pk) for pk in request.POST.getlist("who") if pk.isdecimal() and len(pk) < 16]


def _decide(request: HttpRequest, study: Study) -> str | None:
    """Leave those who are ticked out, or approve their pay; returns why that was refused, which is said too."""
    if not may_edit(request.user, study):
        messages.error(request, "Only the owner and editors of a study decide who is left out and who is paid.")
        return None
    user: Any = request.user
    people = list(study.participants.filter(pk__in=_ticked(request)).select_related("study").order_by("pk"))
    reason, code = request.POST.get("reason", ""), request.POST.get("code", "")
    bots = 0
    try:
        if not people:
            raise services.StudyError("Tick somebody first.")
        if request.POST.get("do") not in ("exclude", "approve"):
            raise services.StudyError("Press the button that says what to do with those who are ticked.")
        if request.POST["do"] == "exclude":
            done = services.participants_exclude(study=study, excluded=[(p, code, reason) for p in people], by=user)
            what = "left out"
        else:
            done = services.pay_decide_all(
                study=study, participants=people, decision=PayDecision.Decision.APPROVE, by=user, reason=reason
            )
            what = "approved for pay"
            bots = sum(p.is_bot for p in people)
    except services.StudyError as error:
        messages.error(request, str(error))
        return str(error)
    before = len(people) - done - bots
    rest = f" The decision about {before} more stood already." if before else ""
    if bots:
        rest += f" {bots} simulated, whom nobody pays, {'is' if bots == 1 else 'are'} left aside."
    messages.success(request, f"{done} of {len(people)} participants {what}.{rest}")
    return None


def flagged(request: HttpRequest, study: Study) -> HttpResponseBase:
    """Whom the preregistered rules flag; a POST leaves them all out in one logged step."""
    rules = rules_say(study)
    meant = [rule for rule in rules if not rule.spared]
    if request.method == "POST":
        # Only those who stood on the page: whoever finished meanwhile has been looked at by nobody.
        seen = set(request.POST.getlist("who"))
        excluded = [
            (r.participant, r.flags[0].code, "; ".join(f.words for f in r.flags))
            for r in meant
            if str(r.participant.pk) in seen
        ]
        done = services.participants_exclude(
            study=study,
            excluded=excluded,
            by=request.user,  # type: ignore[arg-type]
            action="flagged by the preregistered rules: left out",
        )
        messages.success(
            request, f"{done} participant{'' if done == 1 else 's'} left out by the rules written down before."
        )
        return redirect(reverse("admin:voting_study_participants", args=[study.pk]))
    context = {"rules": rules, "meant": len(meant)}
    return study_page(request, study, "admin/voting/study/pages/flagged.html", context, page="flagged")


register(StudyPage("participants", "Participants", participants, order=45, needs="download"))
register(StudyPage("flagged", "Flagged", flagged, path="participants/flagged/", needs="edit", tab=False))
