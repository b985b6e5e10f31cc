"""A study's steps from state to state in the admin: buttons above its form, a page that asks before it opens."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone

from generation.core.spec import digest
from studyplatform.voting import services
from studyplatform.voting.admin.pages import registry
from studyplatform.voting.models import Panel, Stimulus, Study
from studyplatform.voting.selectors import may_edit, studies_visible
from studyplatform.voting.selectors.confounds import confounds_of
from studyplatform.voting.selectors.live import people_going
from studyplatform.voting.services import DESIGN_FIELDS, FREE_FIELDS, PICTURE_FIELDS, StudyError

if TYPE_CHECKING:
    StepsBase = admin.ModelAdmin[Study]
else:
    StepsBase = object

# These steps are final: they are asked about first.
ENDS = (Study.State.CLOSED, Study.State.ARCHIVED)
# Where opening fixes the design; from a pause it only goes on.
OPENS_FROM = (Study.State.DRAFT, Study.State.PILOT)

STEP_WORDS = {
    "draft": "Back to draft",
    "pilot": "Start a pilot",
    "open": "Open",
    "paused": "Pause",
    "closed": "Close",
    "archived": "Archive",
}


def row_token(study: Study) -> str:
    """A digest of what the form shows: whoever saves a form made from another row would undo what came between."""
    shown: dict[str, Any] = {name: str(getattr(study, name)) for name in (*DESIGN_FIELDS, *FREE_FIELDS)}
    for name in PICTURE_FIELDS:
        shown[name] = list(getattr(study, name).order_by("pk").values_list("pk", flat=True))
    shown["questions"] = list(study.questions.order_by("pk").values("pk", "position", "preset"))
    shown["panel"] = list(Panel.objects.filter(study=study).values())
    return digest(shown)


class StudySteps(StepsBase):
    """The part of the study's admin that moves it through its states."""

    def transition(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take the study to another state (POST), or ask before it opens (GET)."""
        study = get_object_or_404(studies_visible(request.user), pk=pk)
        asked = request.POST if request.method == "POST" else request.GET
        to, comment = asked.get("to", ""), asked.get("comment", "")
        if request.method == "POST" or (to and not may_edit(request.user, study)):
            return self._step(request, study, to, comment, seen=asked.get("seen", ""))
        if to == Study.State.OPEN and study.state in OPENS_FROM:
            return self._confirm(request, study, comment)
        if to in ENDS and to in Study.TRANSITIONS[Study.State(study.state)]:
            return self._confirm_end(request, study, to, comment)
        return redirect("admin:voting_study_change", pk)

    def _confirm(self, request: HttpRequest, study: Study, comment: str) -> HttpResponse:
        """What opening fixes, and a button; what stands in the way is said at once."""
        try:
            pictures = services.pictures_of(study)
        except StudyError as error:
            for problem in error.problems:
                messages.error(request, problem)
            return self._back(study, comment)
        context = {
            **self.admin_site.each_context(request),
            "study": study,
            "opts": self.opts,
            "title": "Open a study",
            "comment": comment,
            "questions": study.questions.all(),
            "grids": study.grids.order_by("pk"),
            "session": services.session_plan(study, pictures),
            "pictures": sum(p.role in (Stimulus.Role.GRID, Stimulus.Role.CONTROL) for p in pictures),
            "references": sum(p.role == Stimulus.Role.REFERENCE for p in pictures),
            "scenes": len({p.scene.pk for p in pictures}),
            "pairs": services.offer_words(study, pictures),
            "known_again": services.known_again(study, pictures),
            "confounds": confounds_of(study),
        }
        return render(request, "admin/voting/study/open.html", context)

    def _confirm_end(self, request: HttpRequest, study: Study, to: str, comment: str) -> HttpResponse:
        """What closing or archiving ends, and a button."""
        until = study.votes_until if study.votes_until is not None else timezone.now() + services.grace_of(study)
        context = {
            **self.admin_site.each_context(request),
            "study": study,
            "opts": self.opts,
            "title": f"{STEP_WORDS[to]} a study",
            "to": to,
            "comment": comment,
            "going": people_going(study),
            "until": until,
            "zone": timezone.get_current_timezone_name(),
            "takes_votes": until > timezone.now(),
        }
        return render(request, "admin/voting/study/end.html", context)

    def _step(self, request: HttpRequest, study: Study, to: str, comment: str, *, seen: str = "") -> HttpResponse:
        """Take the step; what stands in the way is said, one sentence each."""
        if not may_edit(request.user, study):
            messages.error(request, "Only the owner and editors of a study can change its state.")
            return self._back(study)
        try:
            services.study_transition(study=study, to=to, by=request.user, comment=comment, seen=seen)  # type: ignore[arg-type]
        except StudyError as error:
            for problem in error.problems:
                messages.error(request, problem)
            return self._back(study, comment)
        words = "a pilot" if study.state == Study.State.PILOT else study.get_state_display()
        words = "a draft" if study.state == Study.State.DRAFT else words
        messages.success(request, f"“{study}” is {words} now.")
        return redirect("admin:voting_study_live", study.pk) if to == Study.State.OPEN else self._back(study)

    def _back(self, study: Study, comment: str = "") -> HttpResponse:
        """To the study's form; the comment of a step that was not taken stands there again."""
        query = f"?{urlencode({'_comment': comment})}" if comment else ""
        return redirect(reverse("admin:voting_study_change", args=[study.pk]) + query)

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> Any:
        """The form, with the steps that are open from here."""
        study = self._studied(request, object_id)
        context = dict(extra_context or {})
        if study is not None:
            steps = Study.TRANSITIONS[Study.State(study.state)] if may_edit(request.user, study) else ()
            context["steps"] = [(str(step), STEP_WORDS[str(step)]) for step in steps]
            context["comment"] = request.POST.get("_comment", request.GET.get("_comment", ""))
            context["tabs"] = registry.tabs(request, study)
            context["row_token"] = row_token(study)
            context["kept"] = services.deletion_refusal(study) if may_edit(request.user, study) else ""
        with transaction.atomic():
            if study is not None and request.method == "POST":
                # Whether the design is frozen is decided once, for the fields and the rows beside them.
                study = Study.objects.select_for_update().get(pk=study.pk)
                if (seen := request.POST.get("_state", "")) and seen != study.state and may_edit(request.user, study):
                    return self._stale(request, study, seen)
                shown = request.POST.get("_row", "")
                if shown and shown != row_token(study) and may_edit(request.user, study):
                    return self._stale(request, study, study.state)
            response = super().changeform_view(request, object_id, form_url, context)
        # A step is taken once what was typed is saved, and after the transaction: it may decode many pictures.
        if study is None or not getattr(request, "stepping", False):
            return response
        study.refresh_from_db()
        to, comment, seen = request.POST["_step"], request.POST.get("_comment", ""), request.POST.get("_state", "")
        if to in ENDS or (to == Study.State.OPEN and study.state in OPENS_FROM):
            query = urlencode({"to": to, "comment": comment})
            return redirect(f"{reverse('admin:voting_study_transition', args=[study.pk])}?{query}")
        return self._step(request, study, to, comment, seen=seen)

    def _studied(self, request: HttpRequest, object_id: str | None) -> Study | None:
        """The study of the form; none for a new one, and for somebody else's."""
        known = studies_visible(request.user)
        return known.filter(pk=object_id).first() if object_id and object_id.isdecimal() else None

    def _stale(self, request: HttpRequest, study: Study, seen: str) -> HttpResponse:
        """A page that shows the study as it was saves nothing; what was typed into it is shown to be copied."""
        typed = []
        for name in (*DESIGN_FIELDS, *FREE_FIELDS):
            value, now = request.POST.get(name), getattr(study, name)
            if value and not isinstance(now, bool) and value != str(now).replace("\n", "\r\n") and value != str(now):
                typed.append((Study._meta.get_field(name).verbose_name, value))  # type: ignore[union-attr]
        last = study.audit.filter(action="edited").first() if seen == study.state else None
        context: dict[str, Any] = {"seen": seen, "last": last, "typed": typed}
        context["comment"] = request.POST.get("_comment", "")
        context |= {"title": "Nothing was saved", "study": study, "opts": self.opts}
        context |= {**self.admin_site.each_context(request), "tabs": registry.tabs(request, study)}
        return render(request, "admin/voting/study/stale.html", context, status=409)

    def response_change(self, request: HttpRequest, obj: Study) -> HttpResponse:
        """A button of the steps saves the form first; if that was refused, the step is not taken."""
        if "_step" not in request.POST:
            return super().response_change(request, obj)
        request.stepping = not getattr(request, "refused", False)  # type: ignore[attr-defined]
        return redirect("admin:voting_study_change", obj.pk)
