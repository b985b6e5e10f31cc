"""Writes of evaluation: run an analysis, once, and keep it with its figures."""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction

from evaluation.core import bundle
from evaluation.core.analysis import SCHEMA, analyse
from evaluation.core.dataset import StudyData
from evaluation.core.derived import NAME, schemas, votes_analysis
from evaluation.core.derived import files as derived_files
from evaluation.core.figures import chart_files, chart_texts
from evaluation.core.options import Options
from evaluation.inputs import study_data
from evaluation.models import Analysis
from evaluation.selectors import latest_analyses
from studyplatform.voting.models import AuditEntry, ExportRecord, Study
from studyplatform.voting.selectors import UNBLINDED, is_blind


class EvaluationError(Exception):
    """An analysis that cannot be run; the text says why and what to do."""


def analysis_run(
    *,
    study: Study,
    options: Options | None = None,
    planted: Mapping[str, Any] | None = None,
    by: User | None = None,
    unblind: bool = False,
) -> list[Analysis]:
    """Analyse every question of ``study``; returns one new immutable row per question.

    ``planted`` is the truth of a rehearsal ({"favourite": label, "agrees_with_loss": bool}) and only taken for a
    simulated study; without it the one of the last analysis holds. A study that still takes votes is refused unless
    ``unblind``, which is written to its audit log. The same data, options and code give the same results: the rows of
    an identical earlier run are returned instead. Raises :class:`EvaluationError` with a sentence.
    """
    _check(study, planted, unblind)
    options = replace(options or Options(), planted=planted or _planted_before(study))
    data = study_data(study)
    if not data.questions or not data.scenes:
        raise EvaluationError(f"“{study}” has no question or no pictures yet: open it before you evaluate it.")
    code = code_version()
    wanted = {"data_digest": data.digest, "options": options.to_json(), "code_version": code}
    questions = list(study.questions.all())
    same = {a.question_id: a for a in study.analyses.filter(**wanted, results__schema=SCHEMA).order_by("-pk")}
    if is_blind(study):
        AuditEntry.objects.create(study=study, user=by, action=UNBLINDED, data={"data_digest": data.digest})
    if all(q.pk in same and figures_stored(same[q.pk]) for q in questions):
        return [same[q.pk] for q in questions]
    results = {q.pk: analyse(data, options, question=q.preset) for q in questions}
    files = {pk: chart_files(result) for pk, result in results.items()}
    with transaction.atomic():
        analyses = [
            same.get(pk) or Analysis.objects.create(study=study, question_id=pk, results=result, **wanted)
            for pk, result in results.items()
        ]
    for analysis in analyses:
        figures_store(analysis=analysis, files=files[analysis.question_id])
    return analyses


def figures_store(*, analysis: Analysis, files: Mapping[str, bytes]) -> None:
    """Write the figures of an analysis into the `reports` storage, in a folder of its own."""
    storage = storages["reports"]
    for name, content in files.items():
        storage.save(figure_name(analysis, name), ContentFile(content))


def figures_stored(analysis: Analysis) -> bool:
    """Whether the figures of an analysis are still there (its last file is)."""
    last = f"{list(chart_texts(analysis.results))[-1]}.csv"
    return storages["reports"].exists(figure_name(analysis, last))


def figure_name(analysis: Analysis, name: str) -> str:
    """Where a figure lies in the `reports` storage."""
    return f"{analysis.study.token}/{analysis.pk}/{name}"


def bundle_zip(*, study: Study, by: User | None = None) -> bytes:
    """The study's data and the tables of the last analysis of these data as one zip, the same bytes for the same; the
    export is written down."""
    data = study_data(study)
    if by is not None:
        export_record(study=study, data=data, by=by)
    folder = bundle.export_name(data.slug, simulated=data.simulated)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        files = bundle.write(data) | {NAME: votes_analysis(data)} | _analysed(study, data)
        for name, content in sorted(bundle.described(files, data, schemas(files)).items()):
            # A fixed date: the zip format has no room for "none" and a real one would change the bytes.
            archive.writestr(zipfile.ZipInfo(f"{folder}/{name}", (1980, 1, 1, 0, 0, 0)), content)
    return out.getvalue()


def _analysed(study: Study, data: StudyData) -> dict[str, bytes]:
    """Tables of the analyses that are of exactly these data, a folder per question."""
    return {
        f"{analysis.results['question']['id']}/{name}": content
        for analysis in latest_analyses(study)
        if analysis.data_digest == data.digest and analysis.results["schema"] == SCHEMA
        for name, content in derived_files(analysis.results, data).items()
        # With one question its votes are those beside study.json.
        if name != NAME or len(data.questions) > 1
    }


@transaction.atomic
def export_record(*, study: Study, data: StudyData, by: User) -> ExportRecord | None:
    """Number and note an export of people's votes that leaves the house; a rehearsal is free and not noted."""
    if study.simulated:
        return None
    locked = Study.objects.select_for_update().get(pk=study.pk)
    number = locked.exports.count() + 1
    return ExportRecord.objects.create(study=locked, number=number, by=by, data_digest=data.digest)


def code_version() -> str:
    """The version of the installed code; ``unreleased`` from a bare checkout."""
    try:
        return version("eyeballot")
    except PackageNotFoundError:
        return "unreleased"


def _planted_before(study: Study) -> Mapping[str, Any] | None:
    """The truth that was planted when this rehearsal was last analysed."""
    last = study.analyses.order_by("-created_at", "-pk").first()
    return (last.options.get("planted") if last is not None else None) or None


def _check(study: Study, planted: Mapping[str, Any] | None, unblind: bool) -> None:
    if planted and not study.simulated:
        raise EvaluationError("A planted truth belongs to a simulated study; this one asks people.")
    if is_blind(study) and not unblind:
        raise EvaluationError(
            f"“{study}” still takes votes ({study.state}), and its outcome stays hidden until it is closed. "
            "Close it first, or pass --unblind, which is written to its audit log."
        )
