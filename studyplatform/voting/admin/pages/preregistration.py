"""The preregistration of a study: what opening will freeze, and what it froze."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase

from studyplatform.voting import services
from studyplatform.voting.admin.pages.registry import StudyPage, register, study_page
from studyplatform.voting.core.preregistration import files, preregister, weak_points
from studyplatform.voting.models import Preregistration, Study
from studyplatform.voting.selectors.preregistration import first_vote_at, prereg_departures

TYPES = {"prereg.json": "application/json", "prereg.md": "text/markdown; charset=utf-8"}


def preregistration(request: HttpRequest, study: Study) -> HttpResponseBase:
    """The form as AsPredicted asks it: a preview of a study that has not opened, else what was frozen."""
    written = Preregistration.objects.filter(study=study).first()
    context: dict[str, Any] = {"written": written}
    if written is not None:
        context |= {
            "form": written.content.get("form") or _early_form(written.content),
            "first_vote": first_vote_at(study),
            "departures": prereg_departures(study),
            "names": list(files(written.content, written.text)),
        }
    else:
        try:
            plan = services.prereg_plan(study=study)
        except services.StudyError as error:
            context["problems"] = error.problems
        else:
            context |= {"form": preregister(plan)[0]["form"], "weak": weak_points(plan)}
    template = "admin/voting/study/pages/preregistration.html"
    return study_page(request, study, template, context, page="preregistration")


def _early_form(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The answers of a preregistration that was frozen before there was a form."""
    asked = [content[key] for key in ("question", "real_or_fake", "hypothesis") if content.get(key)]
    primary = [f"{slug}: {', '.join(keys)}" for slug, keys in content.get("primary_metric", {}).items()]
    rows = {"Question and hypothesis": asked, "Primary metric": primary, "Stopping rule": [content["stopping_rule"]]}
    return [{"question": question, "answer": answer} for question, answer in rows.items() if answer]


def preregistration_file(request: HttpRequest, study: Study, name: str) -> HttpResponseBase:  # noqa: ARG001
    """One file to hand to a registry: the frozen one, byte for byte."""
    written = Preregistration.objects.filter(study=study).first()
    found = files(written.content, written.text) if written is not None else {}
    if name not in found:
        raise Http404(name)
    heading = {"Content-Disposition": f'attachment; filename="{study.slug}-{name}"'}
    return HttpResponse(found[name], content_type=TYPES[name], headers=heading)


register(StudyPage("preregistration", "Preregistration", preregistration, order=30))
register(
    StudyPage(
        "preregistration_file",
        "Preregistration",
        preregistration_file,
        path="preregistration/<str:name>",
        order=30,
        tab=False,
    )
)
