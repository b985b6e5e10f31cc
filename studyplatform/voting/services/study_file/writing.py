"""A study written as one file."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Field

from generation.models import Grid, GridCondition
from studyplatform.voting.models import Study
from studyplatform.voting.selectors import panel_of
from studyplatform.voting.services.study_file import form


def study_file(study: Study) -> str:
    """The file of a study: the same study gives the same text, on any machine that has its grids.

    In it is what was decided, and nothing that happened: no participant, no vote, no member, no code of a panel.
    """
    panel = panel_of(study)
    grids = list(study.grids.order_by("slug"))
    data = {
        "format": form.FORMAT,
        "version": form.VERSION,
        "study": {name: _plain(study, name) for name in form.STUDY_OPTIONS},
        "questions": [question.preset for question in study.questions.all()],
        "panel": None if panel is None else {name: getattr(panel, name) for name in form.PANEL_OPTIONS},
        "quotas": [
            {name: getattr(quota, name) for name in form.QUOTA_OPTIONS}
            for quota in study.quotas.order_by("kind", "parameter", "value")
        ],
        "left_out": {"scenes": _scenes(study), "conditions": _conditions(study, grids)},
        "grids": [{name: getattr(grid, name) for name in form.GRID} for grid in grids],
    }
    return json.dumps(data, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _plain(study: Study, name: str) -> Any:
    """An option as JSON: moments in UTC, money as text with its cents."""
    field = Study._meta.get_field(name)
    assert isinstance(field, Field)  # noqa: S101  (tells the type checker; a study file names no relations)
    value = field.to_python(getattr(study, name))
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return f"{value:.2f}" if isinstance(value, Decimal) else value


def _scenes(study: Study) -> list[dict[str, str]]:
    left_out = study.left_out_scenes.order_by("label", "digest")
    return [{"digest": scene.digest, "label": scene.label} for scene in left_out]


def _conditions(study: Study, grids: list[Grid]) -> list[dict[str, str]]:
    """Conditions have no label of their own; theirs is what the first of the study's grids calls them."""
    called: dict[int, str] = {}
    for condition, label in (
        GridCondition.objects.filter(grid__in=grids).order_by("grid__slug").values_list("condition", "label")
    ):
        called.setdefault(condition, label)
    rows = [(called.get(c.pk, str(c)), c.digest) for c in study.left_out_conditions.all()]
    return [{"digest": digest, "label": label} for label, digest in sorted(rows)]
