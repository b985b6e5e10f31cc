"""What the panel says was handed in, held against the stored votes; and the lists that the panel is given back."""

from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from studyplatform.voting import services
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.core import submissions
from studyplatform.voting.models import PanelIdentity, PayDecision, Study
from studyplatform.voting.selectors import panel_of

#: A list of submissions is no larger.
MOST_BYTES = 5_000_000


def reconcile(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The page; a POST compares what was pasted or uploaded, and completes what can be completed if asked to."""
    context: dict[str, Any] = {"panel": panel_of(study), "by_id": services.has_one_code(study)}
    context["paid"] = {d.value: _paid(study, d.value).count() for d in PayDecision.Decision}
    if request.method == "POST":
        text = request.POST.get("text", "")
        try:
            uploaded = _uploaded(request)
            text = text if uploaded is None else uploaded
            read = submissions.read(text, ids=context["by_id"]) if text.strip() else None
            handed_in, user = read.handed_in if read else None, cast(User, request.user)
            result = services.reconcile(study=study, handed_in=handed_in, mend="mend" in request.POST, by=user)
            context |= {"result": result, "read_as": read.read_as if read else "", "text": text}
        except ValueError as error:
            messages.error(request, str(error))
            context["text"] = text
    return study_page(request, study, "admin/voting/study/pages/reconcile.html", context, page="reconcile")


def _uploaded(request: HttpRequest) -> str | None:
    """The text of the uploaded file, if there is one. Raises ``ValueError`` with a sentence for what is no text."""
    file = request.FILES.get("file")
    if file is None:
        return None
    if (file.size or 0) > MOST_BYTES:
        raise ValueError(f"The file “{file.name}” is larger than 5 MB. Export the submissions of this study alone.")
    return submissions.decoded(file.read(), file.name or "")


def _paid(study: Study, decision: str) -> Any:
    """The panel's ids of those about whom this decision on the pay stands."""
    stands = PayDecision.objects.filter(participant__study=study, undone_at=None, decision=decision)
    people = PanelIdentity.objects.filter(study=study, participant__in=stands.values("participant"))
    return people.order_by("pk").values_list("external_id", flat=True)


def paid(request: HttpRequest, study: Study, decision: str) -> HttpResponseBase:  # noqa: ARG001
    """The ids to approve, or to reject, one on a line, as panels take them."""
    if decision not in PayDecision.Decision.values:
        raise Http404("There is no such list.")
    lines = "".join(f"{who}\n" for who in _paid(study, decision))
    response = HttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{study.slug}_{decision}.csv"'
    return response


register(StudyPage("reconcile", "Reconcile", reconcile, order=46, needs="edit"))
register(StudyPage("paid", "Paid", paid, path="reconcile/<slug:decision>.csv", needs="edit", tab=False))
