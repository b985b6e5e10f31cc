"""One participant: what happened, how they answered, whether their votes count and whether they are paid."""

from collections.abc import Callable

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect

from studyplatform.voting import services
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.core.flags import SAME_SIDE_RUN, SIDE_BIAS, side_p
from studyplatform.voting.models import CompletionCode, Exclusion, PanelIdentity, Study
from studyplatform.voting.selectors import is_sealed, may_edit
from studyplatform.voting.selectors.people_list import Person, Wanted, people_found, people_shown
from studyplatform.voting.selectors.timeline import timeline


def participant(request: HttpRequest, study: Study, participant: int) -> HttpResponseBase:
    """The page; a POST decides."""
    row = get_object_or_404(people_found(study, Wanted()), pk=participant)
    edits = may_edit(request.user, study)
    if request.method == "POST":
        if edits:
            _decide(request, row)
        else:
            messages.error(request, "Only the owner and editors of a study decide who is left out and who is paid.")
        return redirect("admin:voting_study_participant", study.pk, row.pk)
    (person,) = people_shown(study, [row])
    exclusions = list(row.exclusions.select_related("by", "undone_by").order_by("-at", "-pk"))
    pays = list(row.pay_decisions.select_related("by").order_by("-at", "-pk"))
    sealed = is_sealed(study)
    context = {
        "person": person,
        "subtitle": person.name,
        "session": row.session,
        "numbers": _numbers(person, study, sealed=sealed),
        "moments": timeline(row),
        "sealed": sealed,
        "exclusions": exclusions,
        "excluded": next((e for e in exclusions if e.undone_at is None), None),
        "pays": pays,
        "pay": next((p for p in pays if p.undone_at is None), None),
        "codes": Exclusion.Code.choices,
        "suggested": person.flags[0] if person.flags else None,
        # Who is paid at the panel is told to those who pay.
        "identity": PanelIdentity.objects.filter(participant=row).first() if edits else None,
        "code": CompletionCode.objects.filter(participant=row).first(),
    }
    return study_page(request, study, "admin/voting/study/pages/participant.html", context, page="participant")


def _decide(request: HttpRequest, row: object) -> None:
    who: dict[str, object] = {"participant": row, "by": request.user}
    reason = request.POST.get("reason", "")
    steps: dict[str, Callable[[], object]] = {
        "exclude": lambda: services.participant_exclude(**who, reason=reason, code=request.POST.get("code", "other")),  # type: ignore[arg-type]
        "include": lambda: services.participant_include(**who, reason=reason),  # type: ignore[arg-type]
        "approve": lambda: services.pay_decide(**who, decision="approve", reason=reason),  # type: ignore[arg-type]
        "reject": lambda: services.pay_decide(**who, decision="reject", reason=reason),  # type: ignore[arg-type]
        "undo_pay": lambda: services.pay_undo(**who),  # type: ignore[arg-type]
    }
    step = steps.get(request.POST.get("do", ""))
    try:
        if step is not None:
            step()
    except services.StudyError as error:
        messages.error(request, str(error))


def _numbers(person: Person, study: Study, *, sealed: bool) -> list[tuple[str, str, str]]:
    """How somebody answered: name, number, and the rule that was written down.

    While the choices are sealed no number tells sides: those of known pairs are the choices.
    """
    found = person.found
    if found is None:
        return []

    def percent(share: float | None) -> str:
        return "nothing to tell from" if share is None else f"{100 * share:.0f} %"

    left = percent(found.left_rate)
    if found.left_rate is not None:
        left += f" of {found.sided}, p = {side_p(round(found.left_rate * found.sided), found.sided):.3g}"
    run = str(found.longest_run)
    if sealed:
        broken = {flag.code for flag in person.flags}
        left, run = (_flagged(code in broken, person.complete) for code in (SIDE_BIAS, SAME_SIDE_RUN))
    passed = f"{found.catches - found.catches_failed} of {found.catches}" if found.catches else "none answered"
    median = "unknown" if found.median_rt_ms is None else f"{found.median_rt_ms / 1000:.2f} s"
    return [
        ("Answers", str(found.answers), "practice and repeats included"),
        ("Catch pairs passed", passed, f"two or more failed and under {100 * study.flag_catch_rate:g} % passed"),
        ("Left chosen", left, f"p below {study.flag_side_p:g}"),
        ("Longest run of one side", run, f"{study.flag_run} or more"),
        ("Under 500 ms", percent(found.fast_share), f"more than {100 * study.flag_fast_share:g} %"),
        ("Median time", median, "no rule"),
    ]


def _flagged(broken: bool, complete: bool) -> str:
    return ("flagged" if broken else "not flagged") if complete else "judged once the session is complete"


register(
    StudyPage(
        "participant", "Participant", participant, path="participants/<int:participant>/", needs="download", tab=False
    )
)
