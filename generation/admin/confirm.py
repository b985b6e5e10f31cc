"""The page that asks before something is done for good."""

from collections.abc import Sequence

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def confirm(
    request: HttpRequest,
    model: type[Model],
    title: str,
    sentences: Sequence[str],
    *,
    button: str,
    back: str,
    notes: Sequence[str] = (),
) -> HttpResponse:
    """Asks ``title`` with what is to be known; ``button`` posts to the same address, ``back`` leads away."""
    context = {
        **admin.site.each_context(request),
        "opts": model._meta,
        "title": title,
        "sentences": sentences,
        "notes": notes,
        "button": button,
        "back": back,
    }
    return render(request, "generation/admin/confirm.html", context)
