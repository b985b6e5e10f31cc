"""Writes of evaluation: run an analysis, once, and keep it with its figures."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db import transaction

from evaluation.core.analysis import SCHEMA, analyse
from evaluation.core.figures import chart_files, chart_texts
from evaluation.core.options import Options
from evaluation.inputs import study_data
from evaluation.models import Analysis
from studyplatform.voting.core.claims import SEED
from studyplatform.voting.models import AuditEntry, Study
from studyplatform.voting.selectors import ANALYSED, UNBLINDED, is_blind
from studyplatform.voting.selectors.preregistration import prereg_departures


class EvaluationError(Exception):
    """An analysis that cannot be run; the text says why and what to do."""


def analysis_run(
    *,
    study: Study,
    options: Options | None = None,
    seed: int = SEED,
    planted: Mapping[str, Any] | None = None,
    by: User | None = None,
    unblind: bool = False,
) -> list[Analysis]:
    """Analyse every question of ``study``; returns one new immutable row per question.

    Without ``options`` level and margin are those that its design fixed; ``seed`` is that of the resamplings. Others
    than the preregistered ones make no test confirmatory, and the report says so.
    ``planted`` is the truth of a rehearsal ({"favourite": label, "agrees_with_loss": bool}) and only taken for a
    simulated study; without it the one of the last analysis holds. A study that still takes votes is refused unless
    ``unblind``, which is written to its audit log. The same data, options and code give the same results: the rows of
    an identical earlier run are returned instead. Raises :class:`EvaluationError` with a sentence.
    """
    _check(study, planted, unblind)
    data = study_data(study)
    if not data.asked or not data.scenes:
        raise EvaluationError(f"“{study}” has no question or no pictures yet: open it before you evaluate it.")
    if is_blind(study):
        AuditEntry.objects.create(study=study, user=by, action=UNBLINDED, data={"data_digest": data.digest})
        # This look itself is not as it was preregistered.
        data = replace(data, departures=tuple(prereg_departures(study)))
    options = replace(options or Options.planned(data, seed=seed), planted=planted or _planted_before(study))
    code = code_version()
    wanted = {"data_digest": data.digest, "options": options.to_json(), "code_version": code}
    questions = list(study.questions.all())
    same = {a.question_id: a for a in study.analyses.filter(**wanted, results__schema=SCHEMA).order_by("-pk")}
    if all(q.pk in same and figures_stored(same[q.pk]) for q in questions):
        return [same[q.pk] for q in questions]
    results = {q.pk: analyse(data, options, question=q.preset) for q in questions}
    files = {pk: chart_files(result) for pk, result in results.items()}
    with transaction.atomic():
        analyses = [
            same.get(pk) or Analysis.objects.create(study=study, question_id=pk, results=result, **wanted)
            for pk, result in results.items()
        ]
        AuditEntry.objects.create(study=study, user=by, action=ANALYSED, data={"data_digest": data.digest})
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
