"""The report of a study, its figures and its data."""

from collections.abc import Iterator

from csp.decorators import csp_replace
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.core.files.storage import storages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_GET

from evaluation.core.bundle import FORMATS, TABLES, export_name
from evaluation.core.derived import table_csv as derived_csv
from evaluation.explorer import VERSION, pairs_json, pictures_json, thumbnail_webp, votes_json
from evaluation.exports import Export, bundle_zip, export_record, file_name, table_stream, votes_for
from evaluation.models import Analysis
from evaluation.report import report_of
from evaluation.selectors import latest_analyses, readable_studies
from evaluation.services import EvaluationError, figure_name
from evaluation.suggest import suggestion_of
from studyplatform.voting.models import ExportRecord, Stimulus, Study
from studyplatform.voting.selectors import is_sealed, may_download, may_edit

VOTES = "votes_analysis"  # the vote and the losses of its two pictures in one row
CHOICES = ("trials", VOTES)  # tables that tell the direction of the outcome
FOREVER = "private, max-age=31536000, immutable"  # an analysis never changes, nor does a stimulus
CONTENT_TYPES = {"svg": "image/svg+xml", "png": "image/png", "csv": "text/csv; charset=utf-8"}


def _study(request: HttpRequest, slug: str) -> Study:
    """The study if the reader may read its report; for everybody else it does not exist."""
    return get_object_or_404(readable_studies(request.user), slug=slug)


def _analysis(request: HttpRequest, slug: str, pk: int) -> Analysis:
    return get_object_or_404(_study(request, slug).analyses.select_related("study", "question"), pk=pk)


def _sealed_words(study: Study) -> str:
    return (
        f"“{study}” still takes votes ({study.state}). Until it is closed nobody sees who chose what: trials.csv and "
        f"the zip stay sealed. To look all the same, run “manage.py evaluate {study.slug} --unblind”, which is written "
        "to the audit log."
    )


def _sealed_page(request: HttpRequest, study: Study) -> HttpResponse:
    context = {"study": study, "sentence": _sealed_words(study)}
    return render(request, "evaluation/sealed.html", context, status=409)


def _may_download(request: HttpRequest, study: Study) -> User | None:
    user: User | AnonymousUser = request.user
    if not may_download(user, study):
        raise PermissionDenied("The data of this study are for its owner and its analysts.")
    return user if isinstance(user, User) else None


@require_GET
def report(request: HttpRequest, slug: str) -> HttpResponse:
    """The verdict first, then the votes, the losses and the tables."""
    study = _study(request, slug)
    reports = [report_of(analysis) for analysis in latest_analyses(study)]
    sealed = is_sealed(study)
    hidden = CHOICES if sealed else ()
    downloads = may_download(request.user, study)
    context = {
        "study": study,
        "reports": reports,
        "edits": may_edit(request.user, study),
        "unfinished": sealed or study.state == Study.State.DRAFT,
        "tables": [t.name for t in TABLES if t.name not in hidden] if downloads else [],
        "single_votes": downloads and not sealed,
        "sealed": _sealed_words(study) if sealed else "",
    }
    return render(request, "evaluation/report.html", context)


@require_GET
@csp_replace({"default-src": ["'none'"], "style-src": ["'unsafe-inline'"], "sandbox": True})  # type: ignore[arg-type]
def figure(request: HttpRequest, slug: str, analysis: int, name: str) -> HttpResponse:
    """A figure of an analysis. Its SVG carries style attributes, so it is served in a sandbox of its own."""
    found = _analysis(request, slug, analysis)
    content_type = CONTENT_TYPES.get(name.rsplit(".", 1)[-1])
    storage, path = storages["reports"], figure_name(found, name)
    if content_type is None or "/" in name or not storage.exists(path):
        raise Http404("There is no such figure.")
    with storage.open(path) as file:
        response = HttpResponse(file.read(), content_type=content_type)
    response["Cache-Control"] = FOREVER
    if name.endswith(".csv"):
        response["Content-Disposition"] = f'attachment; filename="{_export_name(found.study)}_{name}"'
    return response


@require_GET
def pictures(request: HttpRequest, slug: str, analysis: int) -> HttpResponseBase:
    """Pictures, losses and scores for the explorer."""
    found = _analysis(request, slug, analysis)
    return _unchanging(request, found, "pictures") or _stamped(JsonResponse(pictures_json(found)), found, "pictures")


@require_GET
def pairs(request: HttpRequest, slug: str, analysis: int) -> HttpResponseBase:
    """Who met whom, counted, for the explorer."""
    found = _analysis(request, slug, analysis)
    return _unchanging(request, found, "pairs") or _stamped(JsonResponse(pairs_json(found)), found, "pairs")


def _tag(analysis: Analysis, part: str) -> str:
    return f'"{analysis.pk}-{part}-{VERSION}"'


def _unchanging(request: HttpRequest, analysis: Analysis, part: str) -> HttpResponseBase | None:
    """ "Not modified" for a browser that has this part already."""
    return get_conditional_response(request, etag=_tag(analysis, part))


def _stamped(response: HttpResponse, analysis: Analysis, part: str) -> HttpResponse:
    response["ETag"], response["Cache-Control"] = _tag(analysis, part), "private, no-cache"
    return response


@require_GET
def votes(request: HttpRequest, slug: str, analysis: int) -> HttpResponse:
    """Single votes among the conditions named in the address, for those who may download them."""
    found = _analysis(request, slug, analysis)
    _may_download(request, found.study)
    if is_sealed(found.study):
        return JsonResponse({"sentence": _sealed_words(found.study)}, status=409)
    try:
        scene = int(request.GET.get("scene", "0"))
        conditions = [int(number) for number in request.GET.getlist("condition")]
        if scene < 0 or not conditions or min(conditions) < 0:
            raise IndexError
        content = votes_json(found, scene=scene, conditions=conditions)
    except (ValueError, IndexError):
        raise Http404("There is no such scene or condition.") from None
    response = JsonResponse(content)
    response["Cache-Control"] = "private, no-store"
    return response


@require_GET
def thumbnail(request: HttpRequest, slug: str, name: str) -> HttpResponseBase:
    """A small copy of a stimulus, or the way to the picture itself where none can be made (no file, a full disk)."""
    grid = _study(request, slug).stimuli.filter(role=Stimulus.Role.GRID).select_related("study")
    stimulus = get_object_or_404(grid, public_name=name)
    try:
        response = HttpResponse(thumbnail_webp(stimulus), content_type="image/webp")
    except OSError:
        return redirect(storages["stimuli"].url(stimulus.path))
    response["Cache-Control"] = FOREVER
    return response


@require_GET
def table(request: HttpRequest, slug: str, table: str) -> HttpResponseBase:
    """One table of the study's data as CSV."""
    study = _study(request, slug)
    by = _may_download(request, study)
    if table not in {VOTES, *(t.name for t in TABLES)}:
        raise Http404("There is no such table.")
    if table in CHOICES and is_sealed(study):
        return _sealed_page(request, study)
    _noted(study, f"{table}.csv", by)
    name = f"{_export_name(study)}_{table}.csv"
    return _streamed(table_stream(study, table, sealed=is_sealed(study)), "text/csv; charset=utf-8", name)


@require_GET
def next_grid(request: HttpRequest, slug: str) -> HttpResponse:
    """What to render next, by these votes, as a grid file."""
    study = _study(request, slug)
    _may_download(request, study)
    try:
        name, text = suggestion_of(study)
    except EvaluationError as error:
        return render(request, "evaluation/sealed.html", {"study": study, "sentence": str(error)}, status=409)
    return _attachment(text.encode(), "application/toml; charset=utf-8", name)


@require_GET
def derived(request: HttpRequest, slug: str, analysis: int, table: str) -> HttpResponse:
    """One table of an analysis as CSV."""
    found = _analysis(request, slug, analysis)
    _may_download(request, found.study)
    rows = found.results.get("tables", {}).get(table)
    if rows is None:
        raise Http404("There is no such table.")
    return _attachment(derived_csv(table, rows), "text/csv; charset=utf-8", f"{_export_name(found.study)}_{table}.csv")


@require_GET
def bundle(request: HttpRequest, slug: str) -> HttpResponseBase:
    """All of the study in one zip; ``?choices=no``: everything but the choices, ``?images=yes``: the pictures too."""
    study = _study(request, slug)
    by = _may_download(request, study)
    choices = request.GET.get("choices") != "no"
    if choices and is_sealed(study):
        return _sealed_page(request, study)
    what = "everything" if choices else "everything but the choices"
    record = _noted(study, what, by)
    export = Export(study, choices=choices, images=request.GET.get("images") == "yes")
    parts = [f"e{record.number}" if record else "", "" if choices else "without-choices"]
    name = file_name(study, "_".join(part for part in parts if part))
    return _streamed(bundle_zip(export, record=record), "application/zip", f"{name}.zip")


@require_GET
def other_format(request: HttpRequest, slug: str, question: str, name: str) -> HttpResponseBase:
    """The votes of a question as another tool reads them."""
    study = _study(request, slug)
    by = _may_download(request, study)
    if name not in FORMATS or not study.questions.filter(preset=question).exists():
        raise Http404("There is no such question or format.")
    if is_sealed(study):
        return _sealed_page(request, study)
    _noted(study, f"votes on “{question}” for {name}", by)
    zip_name = f"{_export_name(study)}_{question}_{name}.zip"
    return _streamed(votes_for(study, name, question), "application/zip", zip_name)


def _noted(study: Study, what: str, by: User | None) -> ExportRecord | None:
    return export_record(study=study, contents=what, by=by) if by is not None else None


def _streamed(content: Iterator[bytes], content_type: str, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _export_name(study: Study) -> str:
    return export_name(study.slug, simulated=study.simulated)


def _attachment(content: bytes, content_type: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
