"""A study once more, as a draft: everything that was decided about it, and nothing that happened to it."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from studyplatform.voting.models import Panel, Question, Quota, Study
from studyplatform.voting.services.design import DESIGN_FIELDS, FREE_FIELDS
from studyplatform.voting.services.studies import audit

# The address is another's, and the dates belong to one run of a study.
NOT_COPIED = ("slug", "opens_at", "ends_at")
OPTIONS = tuple(name for name in (*DESIGN_FIELDS, *FREE_FIELDS) if name not in NOT_COPIED)
# Of a panel, what belongs to the panel and not to one study there: its codes and its way back are secrets of one study.
PANEL_OPTIONS = ("provider", "id_parameter", "captured")
QUOTA_OPTIONS = ("kind", "parameter", "value", "most")


@transaction.atomic
def study_copy(*, study: Study, by: User) -> Study:
    """A draft of ``by`` with every option, question, quota and grid of ``study``, and what it leaves out.

    The panel comes without its codes and its way back; members and dates are not copied. Written in both logs.
    """
    copy = slugged(study.slug, lambda slug: design_copy(study=study, owner=by, slug=slug))
    panel = Panel.objects.filter(study=study).first()
    if panel is not None:
        Panel.objects.create(study=copy, **{name: getattr(panel, name) for name in PANEL_OPTIONS})
    Quota.objects.bulk_create(
        Quota(study=copy, **{name: getattr(quota, name) for name in QUOTA_OPTIONS}) for quota in study.quotas.all()
    )
    audit(study=copy, by=by, action="copied from another study", comment=study.slug)
    audit(study=study, by=by, action="copied", comment=copy.slug)
    return copy


def design_copy(*, study: Study, owner: User, slug: str, **fields: Any) -> Study:
    """A new study with the options, questions, grids and left-out scenes and conditions of ``study``."""
    options: dict[str, Any] = {name: getattr(study, name) for name in OPTIONS}
    copy = Study.objects.create(**(options | {"owner": owner, "slug": slug} | fields))
    for question in study.questions.all():
        Question.objects.create(study=copy, position=question.position, preset=question.preset)
    for name in ("grids", "left_out_scenes", "left_out_conditions"):
        getattr(copy, name).set(getattr(study, name).all())
    return copy


def slugged(slug: str, make: Callable[[str], Study]) -> Study:
    """The study that ``make`` stores under the first free slug; under the next, where somebody takes it meanwhile."""
    while True:
        free = slug_free(slug)
        try:
            with transaction.atomic():
                return make(free)
        except IntegrityError:
            if slug_free(free) == free:  # it was not for the slug
                raise


def slug_free(slug: str) -> str:
    """``slug`` if no study has it, else the first of ``slug-2``, ``slug-3`` … that is free."""
    number, free = 1, slug
    while Study.everything.filter(slug=free).exists():
        number += 1
        free = f"{slug[: 79 - len(str(number))]}-{number}"
    return free
