"""The bytes of published pictures."""

from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from studyplatform.voting.models import Study
from studyplatform.voting.selectors import studies_visible


@require_GET
def stimulus(request: HttpRequest, folder: str, name: str) -> HttpResponse:  # noqa: ARG001
    """The bytes of a published picture. Its name says all, for ever: no date, no tag that would order the renders."""
    response = _picture(folder, name)
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@require_GET
def preview_stimulus(request: HttpRequest, folder: str, name: str) -> HttpResponse:
    """A picture of a preview, for the signed-in researchers of its study."""
    get_object_or_404(Study.everything, token=folder, preview_of__in=studies_visible(request.user))
    response = _picture(folder, name)
    response["Cache-Control"] = "private, max-age=3600"
    return response


def _picture(folder: str, name: str) -> HttpResponse:
    storage = storages["stimuli"]
    path = f"{folder}/{name}.png"
    if not storage.exists(path):
        raise Http404("There is no such picture.")
    with storage.open(path) as file:
        response = HttpResponse(file.read(), content_type="image/png")
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response
