"""The log of a study: who did what, when, and why, in words."""

from urllib.parse import urlencode

from django import forms
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase

from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.core.log_words import log_words
from studyplatform.voting.models import Study

ENTRIES = 50  # on a page


def log(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The entries, newest first; one action or some words may be asked for."""
    actions = study.audit.order_by("action").values_list("action", flat=True).distinct()
    form = _Asked(request.GET or None, actions=list(actions))
    asked = form.cleaned_data if form.is_valid() else {}
    entries = study.audit.select_related("user")
    if asked.get("action"):
        entries = entries.filter(action=asked["action"])
    if words := asked.get("words"):
        entries = entries.filter(
            Q(action__icontains=words) | Q(comment__icontains=words) | Q(user__username__icontains=words)
        )
    page = Paginator(entries, ENTRIES).get_page(request.GET.get("page"))
    shown = [{"entry": entry, "words": log_words(entry.data)} for entry in page]
    context = {
        "form": form,
        "entries": shown,
        "page_of": page,
        "kept": urlencode({k: v for k, v in asked.items() if v}),
    }
    return study_page(request, study, "admin/voting/study/pages/log.html", context, page="log")


class _Asked(forms.Form):
    """Which entries to show."""

    action = forms.ChoiceField(required=False, label="What")
    words = forms.CharField(required=False, max_length=100, label="Words in action, comment or name", strip=True)

    def __init__(self, *args: object, actions: list[str]) -> None:
        """``actions``: those that occur."""
        super().__init__(*args)  # type: ignore[arg-type]
        self.fields["action"].choices = [("", "everything"), *((action, action) for action in actions)]  # type: ignore[attr-defined]


register(StudyPage("log", "Log", log, order=90))
