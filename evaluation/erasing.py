"""What analyses keep of a participant who is erased: nothing; the numbers that many make together stay."""

import re
from collections.abc import Sequence
from typing import Any

from evaluation.models import Analysis
from studyplatform.voting.core.erased import ERASED, names_found
from studyplatform.voting.models import Study


def analyses_forget(study: Study, names: Sequence[str]) -> None:
    """Take the rows about the participant called one of ``names`` out of all results of the study, and the names."""
    gone, found = frozenset(names), names_found(names)
    for analysis in study.analyses.all():
        kept = _without(analysis.results, gone, found)
        if kept != analysis.results:
            # The record stays what was computed then; only who is no longer there is taken out.
            Analysis.objects.filter(pk=analysis.pk).update(results=kept)


def _without(value: Any, names: frozenset[str], found: re.Pattern[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(inner, names, found) for key, inner in value.items() if key not in names}
    if isinstance(value, list):
        return [_without(inner, names, found) for inner in value if not _is_about(inner, names)]
    return found.sub(ERASED, value) if isinstance(value, str) else value


def _is_about(value: Any, names: frozenset[str]) -> bool:
    return isinstance(value, dict) and any(isinstance(inner, str) and inner in names for inner in value.values())
