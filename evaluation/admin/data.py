"""The page from which the data of a study are taken, in every state, and where it is listed what was."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse

from evaluation.core.bundle import FORMATS, TABLES
from evaluation.core.dictionary import dictionary
from evaluation.views import CHOICES, VOTES
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import ExportRecord, Study
from studyplatform.voting.selectors import UNBLINDED, is_blind, is_sealed, may_edit
from studyplatform.voting.services import StudyError, study_unblind, study_update

NAME = "data"
LICENCES = ("CC0-1.0", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0")
#: What the other formats are for.
READERS = {
    "arena": "arena-rank and other readers of chatbot arenas (model_a, model_b, winner)",
    "choix": "choix (Python)",
    "pwcmp": "pwcmp (MATLAB)",
}


class LicenceForm(forms.ModelForm):  # type: ignore[type-arg]
    """Under what the data may be used."""

    class Meta:
        model = Study
        fields = ["data_licence"]
        widgets = {"data_licence": forms.TextInput(attrs={"list": "licences", "size": 24})}


def data(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The button, what goes with it, and what has left the house."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101  (the registry lets nobody else in)
    edits = may_edit(user, study)
    if request.method == "POST":
        refused = None if edits else "Only the owner and editors of the study may do this. Ask one of them."
        if refused:
            messages.error(request, refused)
        elif request.POST.get("do") == "licence":
            _licence(request, study, user)
        elif request.POST.get("do") == "unblind":
            return _unblinded(request, study, user)
        return redirect(f"admin:voting_study_{NAME}", study.pk)
    return study_page(request, study, "evaluation/admin/data.html", _context(study, edits), page=NAME)


def _licence(request: HttpRequest, study: Study, user: User) -> None:
    form = LicenceForm(request.POST, instance=Study.objects.get(pk=study.pk))
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
        return
    study_update(study=study, by=user, data_licence=form.cleaned_data["data_licence"])
    messages.success(request, "Saved. It stands in every export from now on.")


def _unblinded(request: HttpRequest, study: Study, user: User) -> HttpResponseBase:
    try:
        study_unblind(study=study, by=user, reason=request.POST.get("reason", ""))
    except StudyError as error:
        messages.error(request, str(error))
        return redirect(f"admin:voting_study_{NAME}", study.pk)
    images = {"images": "yes"} if request.POST.get("images") == "yes" else {}
    return redirect(f"{reverse('evaluation:bundle', args=[study.slug])}?{urlencode(images)}".rstrip("?"))


def _context(study: Study, edits: bool) -> dict[str, Any]:
    sealed = is_sealed(study)
    tables = [t.name for t in TABLES] + [VOTES]
    about = {table["table"]: table["row"] for table in dictionary()}
    return {
        "sealed": sealed,
        "unblinded": is_blind(study) and not sealed and study.audit.filter(action=UNBLINDED).first(),
        "edits_licence": edits,
        "form": LicenceForm(instance=study),
        "licences": LICENCES,
        "tables": [(name, about[name]) for name in tables if not (sealed and name in CHOICES)],
        "hidden": CHOICES if sealed else (),
        "formats": [(name, READERS[name]) for name in sorted(FORMATS)],
        "questions": list(study.questions.all()),
        "exports": _exports(study),
        "erased": study.tombstones.count(),
        "dictionary": dictionary(),
    }


def _exports(study: Study) -> list[tuple[ExportRecord, str]]:
    """What was taken, newest first, each with how its data compare to those before."""
    first: dict[str, int] = {}
    found = []
    for row in study.exports.select_related("by").order_by("number"):
        said = ""
        if row.data_digest:
            same = first.setdefault(row.data_digest, row.number)
            said = f"the data of export {same}" if same != row.number else "data not exported before"
        elif row.contents.startswith("everything"):
            said = "broken off"
        found.append((row, said))
    return found[::-1]


register(StudyPage(NAME, "Data", data, order=70, needs="download"))
