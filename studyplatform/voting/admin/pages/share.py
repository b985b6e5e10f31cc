"""The page with the participant link of a study: to copy, as a QR code, and for its panel."""

import ipaddress
from io import BytesIO

import segno
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import panel_of
from studyplatform.voting.selectors.links import panel_link, start_sentence

# Width of a module of the code in a picture that is printed or shown on a slide, in pixels.
PNG_SCALE = 16


def participant_link(request: HttpRequest, study: Study) -> str:
    """The absolute address of the study's first page."""
    return request.build_absolute_uri(reverse("voting:landing", args=[study.slug]))


def share(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The link in every form; it stands here before the study is open too."""
    link, panel = participant_link(request, study), panel_of(study)
    context = {
        "link": link,
        "sentence": start_sentence(study),
        "panel_link": panel_link(panel, link) if panel is not None else None,
        "only_here": is_only_here(request.get_host()),
    }
    return study_page(request, study, "admin/voting/study/pages/share.html", context, page="share")


def is_only_here(host: str) -> bool:
    """Whether an address at ``host`` leads nobody but this computer to the study."""
    name = host.rsplit(":", 1)[0].strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def code(request: HttpRequest, study: Study, kind: str) -> HttpResponseBase:
    """The participant link as a QR code (ISO/IEC 18004, 15 % of it may be unreadable); a PNG to download."""
    out = BytesIO()
    made = segno.make(participant_link(request, study), micro=False, error="m", boost_error=False)
    # Scanners want dark on light, in dark mode too.
    made.save(out, kind=kind, scale=PNG_SCALE if kind == "png" else 8, border=4, light="white")
    response = HttpResponse(out.getvalue(), content_type={"svg": "image/svg+xml", "png": "image/png"}[kind])
    if kind == "png":
        response["Content-Disposition"] = f'attachment; filename="{study.slug}-link.png"'
    return response


def code_svg(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The code as the page shows it."""
    return code(request, study, "svg")


def code_png(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The code to print."""
    return code(request, study, "png")


register(StudyPage("share", "Link", share, order=38))
register(StudyPage("share_svg", "QR code", code_svg, path="share/code.svg", tab=False))
register(StudyPage("share_png", "QR code", code_png, path="share/code.png", tab=False))
