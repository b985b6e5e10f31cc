"""The pages of a study beside its form: one registry gives their addresses, their tabs and who may open them.

Other apps register pages of their own; voting imports none of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.cache import never_cache

from studyplatform.voting.models import Study
from studyplatform.voting.selectors import may_download, may_edit, may_own, studies_visible

View = Callable[..., HttpResponseBase]

# What a page needs of its reader, and the sentence for members who may not.
NEEDS: dict[str, tuple[Callable[[Any, Study], bool], str]] = {
    "view": (lambda user, study: True, ""),
    "edit": (may_edit, "This page is for the owner and editors of the study. Ask one of them to change your role."),
    "download": (
        may_download,
        "The data of this study are for its owner, editors and analysts. Ask one of them to change your role.",
    ),
    "own": (may_own, "This page is for the owner of the study. Ask them, or ask to become one."),
}


@dataclass(frozen=True)
class StudyPage:
    """A page of a study in the admin.

    name : of its address ``admin:voting_study_<name>``, whose first argument is the study's pk.
    title : of its tab and its heading.
    view : called with the request, the study, and what ``path`` captures.
    path : below the study's address; empty: the name.
    order : place among the tabs.
    needs : ``view``, ``edit``, ``download`` or ``own``.
    tab : whether it has a tab of its own.
    """

    name: str
    title: str
    view: View
    path: str = ""
    order: int = 50
    needs: str = "view"
    tab: bool = True


_pages: dict[str, StudyPage] = {}


def register(page: StudyPage) -> None:
    """Add a page; a second one of the same name is a mistake."""
    if page.name in _pages:
        raise ValueError(f"Two study pages are called {page.name!r}.")
    _pages[page.name] = page


def urls(site: admin.AdminSite) -> list[URLPattern]:
    """The addresses of all pages, below that of the study's admin."""
    return [
        path(
            f"<int:pk>/{page.path or page.name + '/'}",
            site.admin_view(never_cache(_opened(page))),
            name=f"voting_study_{page.name}",
        )
        for page in _pages.values()
    ]


def _opened(page: StudyPage) -> View:
    allowed, sentence = NEEDS[page.needs]

    def view(request: HttpRequest, pk: int, **captures: Any) -> HttpResponseBase:
        # For everybody else the study does not exist.
        study = get_object_or_404(studies_visible(request.user), pk=pk)
        if not allowed(request.user, study):
            context = {"sentence": sentence}
            return study_page(request, study, "admin/voting/study/refused.html", context, page=page.name, status=403)
        return page.view(request, study, **captures)

    return view


def study_page(
    request: HttpRequest,
    study: Study,
    template: str,
    context: dict[str, Any] | None = None,
    *,
    page: str,
    status: int = 200,
) -> HttpResponseBase:
    """Render a page of a study with the tabs of all its pages; ``page`` is the name of this one."""
    known = _pages[page]
    frame = {
        **admin.site.each_context(request),
        "opts": Study._meta,
        "study": study,
        "original": study,
        "title": known.title,
        "subtitle": study.title,
        "tabs": tabs(request, study, current=page),
        "edits": may_edit(request.user, study),
    }
    return render(request, template, {**frame, **(context or {})}, status=status)


def tabs(request: HttpRequest, study: Study, *, current: str = "") -> list[dict[str, Any]]:
    """The study's form and the pages that the reader may open, in order."""
    shown = sorted((p for p in _pages.values() if p.tab), key=lambda p: (p.order, p.name))
    links = [("", "Design", reverse("admin:voting_study_change", args=[study.pk]))]
    links += [
        (p.name, p.title, reverse(f"admin:voting_study_{p.name}", args=[study.pk]))
        for p in shown
        if NEEDS[p.needs][0](request.user, study)
    ]
    return [{"title": title, "url": url, "current": name == current} for name, title, url in links]
